/*
 * kafka - what Seatline's producers share: a configuration, and messages that are acknowledged.
 *
 * Owns     a kafka_producer owns its librdkafka handle and the thread that serves delivery reports.
 * Threads  kafka_producer_send and _send_all from any thread; open and close from one.
 * Errors   ERR_UNAVAILABLE: not known to be stored; it may still be (`*ret_maybe_stored`).
 *          ERR_INVALID: the broker will never take this message (too large).
 * Source   librdkafka 2.0 INTRODUCTION.md, "Message reliability"; acks=all, no idempotent producer
 *          (it can enter a fatal state for good, the worker deduplicates by booking id).
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "kafka_security.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KAFKA_HEADERS_MAX 16
#define KAFKA_CLUSTER_ID_BYTES_MAX 128

DEFINE_CLEANUP(rd_kafka_conf_t *, rd_kafka_conf_destroy)
DEFINE_CLEANUP(rd_kafka_topic_partition_list_t *, rd_kafka_topic_partition_list_destroy)

struct kafka_header {
	const char *name;
	const char *value; /* NULL: the header is left out                     */
	size_t len;        /* of a value that may hold NULs; 0: value is text */
};

struct kafka_message {
	int32_t partition; /* RD_KAFKA_PARTITION_UA: librdkafka chooses by key */
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len;
	struct kafka_header headers[KAFKA_HEADERS_MAX]; /* up to the first with a NULL name */
};

struct kafka_producer_config {
	const char *brokers;
	const char *client_id;
	const char *topic;
	const struct kafka_security *security; /* NULL: plain text, without a user */
	int64_t linger_ms;
	int64_t message_timeout_ms; /* librdkafka gives a message up after this       */
	int64_t ack_wait_ms;        /* a sender waits at most this; > message_timeout */
	int64_t queue_messages_max; /* bound of the local queue                       */
	int64_t in_flight_max;      /* requests to one broker at once; 0: any number  */
};

struct kafka_producer;

/* A client configuration with our common settings (client.id, reconnect bounds, log callback that
 * writes JSON lines); the caller owns it until a handle takes it. Who the client is comes on top:
 * kafka_security_apply. */
err_code kafka_conf_new(const char *brokers, const char *client_id, rd_kafka_conf_t **ret,
			struct err *err) _must_check_;
err_code kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
			struct err *err) _must_check_;

/* Does not wait for a broker. */
err_code kafka_producer_open(const struct kafka_producer_config *config,
			     struct kafka_producer **ret, struct err *err) _must_check_;
/* Waits up to flush_ms for what is under way. Ignores NULL. */
void kafka_producer_close(struct kafka_producer *producer, int64_t flush_ms);

/* Partitions of the topic, fetched once and kept: the number never changes in a topic's life,
 * because a booking's later commands must find its partition. ERR_UNAVAILABLE until a broker told.
 */
err_code kafka_producer_partitions(struct kafka_producer *producer, int64_t wait_ms, int32_t *ret,
				   struct err *err) _must_check_;

/* Which cluster the brokers say they are: another one when Kafka was set up anew. ERR_UNAVAILABLE
 * until a broker told. */
err_code kafka_producer_cluster_id(struct kafka_producer *producer, int64_t wait_ms,
				   char ret[static KAFKA_CLUSTER_ID_BYTES_MAX],
				   struct err *err) _must_check_;

/*
 * Returns ERR_OK only after the broker acknowledged (acks=all). While Kafka is known to be away,
 * all but one prober at a time are refused at once, so that an outage cannot pile up waiting
 * threads.
 */
err_code kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message,
			     bool *ret_maybe_stored, struct err *err) _must_check_;

/* All of them or ERR_UNAVAILABLE: then some may be stored, and the caller sends all again. */
err_code kafka_producer_send_all(struct kafka_producer *producer,
				 const struct kafka_message *messages, size_t count,
				 struct err *err) _must_check_;

/* What the last delivery report said, or the last metadata request, made each second while down or
 * without reports; true before the first. */
bool kafka_producer_is_up(const struct kafka_producer *producer);
