/*
 * batch - the messages a lane is working on, decoded: from taking them to their durable outcome.
 *
 * The lane settles a prefix at a time (batch_drop_first): most often all of it.
 * Owns     its items; the messages are the source's until released.
 * Threads  one.
 */
#pragma once

#include "command.h"
#include "decide.h"
#include "source.h"

#include <stdbool.h>

#define BATCH_REASON_BYTES_MAX 192

struct batch_item {
	const struct source_message *message;
	bool is_command; /* else `reason` says why not */
	bool lettered;   /* stored among the dead letters */
	struct command command;
	char request_id[REQUEST_ID_BYTES_MAX]; /* "" when none came along */
	char reason[BATCH_REASON_BYTES_MAX];
	struct outcome outcome; /* of a command, once decided */
};

struct batch {
	struct source_batch source;
	struct batch_item *items; /* [first..source.count) are not settled */
	size_t first;
	size_t max;
};

void batch_init(struct batch *batch, size_t max);
void batch_done(struct batch *batch);

/* Messages that are not settled, and the items for them. */
size_t batch_count(const struct batch *batch);
struct batch_item *batch_items(const struct batch *batch);
/* The offset after the first `count` unsettled messages. */
int64_t batch_next_offset(const struct batch *batch, size_t count);
void batch_drop_first(struct batch *batch, size_t count);

/* Decodes all messages of batch->source. */
void batch_decode(struct batch *batch);
/* One message; never fails: what cannot be decoded has its reason. */
void batch_decode_item(const struct source_message *message, struct batch_item *ret);
