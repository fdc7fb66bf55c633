/*
 * dead_letter_reader - reads messages of the dead-letter topic, for people who look after them.
 *
 * Owns     nothing between two calls: each connects anew, which suits what happens rarely.
 * Threads  any; one at a time, the others wait up to the bound of all of it.
 * Errors   ERR_UNAVAILABLE: Kafka did not tell in time, or another one is at it for too long.
 * Source   librdkafka 2.0, "Simple Consumer (legacy)": it needs no group, so no rights to one.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "kafka_security.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define DEAD_LETTER_WAIT_MS 3000 /* for all of a call */

struct dead_letter_reader;

struct dead_letter_config {
	const char *brokers;
	const char *client_id;
	const char *topic;
	const struct kafka_security *security; /* NULL: plain text, without a user */
};

struct dead_letter_reader *dead_letter_reader_new(const struct dead_letter_config *config);
/* Ignores NULL. */
void dead_letter_reader_free(struct dead_letter_reader *reader);

/* A place in the topic; those of one partition follow each other, and so do partitions. */
struct dead_letter_place {
	int64_t partition;
	int64_t offset;
};

typedef void dead_letter_visit(void *ctx, const rd_kafka_message_t *message);

/* Visits at most `most` messages from *place on, and moves it to where to go on; *ret_more: there
 * is something. */
err_code dead_letter_read(struct dead_letter_reader *reader, struct dead_letter_place *place,
			  int64_t most, dead_letter_visit *visit, void *ctx, bool *ret_more,
			  struct err *err) _must_check_;

/* Visits the one message at this place. ERR_NOT_FOUND: there is none. */
err_code dead_letter_read_one(struct dead_letter_reader *reader, struct dead_letter_place place,
			      dead_letter_visit *visit, void *ctx, struct err *err) _must_check_;

/* A header of a message, NUL-terminated in buf; false: there is none, or it is longer. */
bool dead_letter_header(const rd_kafka_message_t *message, const char *name, char *buf,
			size_t size);
