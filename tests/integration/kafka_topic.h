/*
 * kafka_topic - a topic for one test, on the servers of TEST_KAFKA_BROKERS.
 *
 * Errors   what Kafka refuses fails the test.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#define KAFKA_TOPIC_BYTES_MAX 64

/* "prefix_<pid>_<ms>": no other run has it. */
void kafka_topic_name(const char *prefix, char buf[static KAFKA_TOPIC_BYTES_MAX]);
/* The broker knows it, and each of its partitions, from then on: it tells so after it was made. */
void kafka_topic_create(const char *name, int partitions);
void kafka_topic_delete(const char *name);

/* A client on the test's servers; a consumer belongs to no group that matters, and tells where a
 * partition ends. The caller destroys it. */
rd_kafka_t *kafka_topic_client(rd_kafka_type_t type);
/* The same, on other servers. */
rd_kafka_t *kafka_topic_client_of(const char *brokers, rd_kafka_type_t type);

/* Reads a topic from its beginning to its end; a message lives as long as `show` runs. The
 * consumer is destroyed. */
void kafka_topic_read(rd_kafka_t *consumer, const char *topic, int partitions, int64_t within_ms,
		      void (*show)(void *ctx, const rd_kafka_message_t *message), void *ctx);
