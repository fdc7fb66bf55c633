/*
 * source_kafka - a lane's member of the consumer group.
 *
 * Each owned partition has a queue of its own, so that a batch is of one partition and the
 * partitions have turns. Kafka's stored offsets are written for lag tools and never read.
 *
 * Owns     its consumer.
 * Threads  one lane; source_kafka_is_up and source_kafka_lag from any.
 * Source   librdkafka 2.0.2; the eager protocol (cooperative-sticky had crashes).
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "kafka_security.h"
#include "source.h"

struct source_kafka;

struct source_kafka_config {
	const char *brokers;
	const char *client_id;
	const char *topic;
	const char *group;
	const struct kafka_security *security; /* NULL: plain text, without a user */
	int64_t session_timeout_ms;
	size_t batch_max; /* of a take */
};

/* Does not wait for a broker. */
err_code source_kafka_open(const struct source_kafka_config *config, struct source_kafka **ret,
			   struct err *err) _must_check_;
/* Ends a wait for messages, once; from any thread. */
void source_kafka_wake(struct source_kafka *source);
/* Leaves the group, so that the others need not wait for the time-out; nothing can be taken any
 * more. */
void source_kafka_leave(struct source_kafka *source);
/* Leaves, if that was not done before. Ignores NULL. */
void source_kafka_close(struct source_kafka *source);
struct source source_kafka_ops(struct source_kafka *source);

/* A broker was reached, and not all have been lost since. */
bool source_kafka_is_up(const struct source_kafka *source);
/* Messages that wait in the owned partitions, as of the last look. */
int64_t source_kafka_lag(const struct source_kafka *source);
