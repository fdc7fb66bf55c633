/*
 * topic - the commands' log and its consumer group: the sources of the lanes.
 *
 * Partitions keep messages in order. The group knows members by when they last polled; one that
 * has not for session_ms is given up, and its partitions go to others, while it goes on believing
 * that they are its own until it polls again, or later still.
 * Owns     the messages.
 * Source   worker/source.h; worker/source_kafka.c.
 */
#pragma once

#include "command.h"
#include "source.h"
#include "world.h"

#define TOPIC_MESSAGES_MAX    160
#define TOPIC_VALUE_BYTES_MAX 512

struct topic_message {
	bool is_command;
	struct command command;
	char value[TOPIC_VALUE_BYTES_MAX];
	int64_t visible_us;
	int letters; /* stored among the dead letters so often */
};

void topic_begin(void);
/* NULL as command: what cannot be decoded. */
void topic_append(int partition, const struct command *command);
int64_t topic_high(int partition);
struct topic_message *topic_message(int partition, int64_t offset);

struct member; /* of the group */

struct member *member_join(void);
/* In good order, or as a process that is gone: then the others notice late. */
void member_leave(struct member *member, bool is_crash);
struct source member_source(struct member *member);
/* All partitions are given out anew. */
void topic_rebalance(void);
/* Time has passed: who is to be given up? */
void topic_watch_group(void);
/* Gives up some member, as a broker that lost its heartbeat does. */
void topic_evict_some(void);
