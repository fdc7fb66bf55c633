/*
 * mock_broker - librdkafka's own mock cluster, inside the test: brokers that fail as they are told.
 *
 * A real broker cannot be made to answer one request with a given error; these speak the same
 * protocol over the same sockets, so that what is tested is what ships.
 * Owns     the cluster, until mock_broker_close. Clients of it are closed before.
 * Threads  any.
 * Errors   what a test cannot go on without fails the test.
 * Source   librdkafka 2.0.2, rdkafka_mock.h.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stddef.h>
#include <stdint.h>

#define MOCK_BROKERS    3
#define MOCK_PARTITIONS 4
#define MOCK_ALL        (-1) /* all brokers */

/* Kafka's numbers of requests. */
#define MOCK_PRODUCE   0
#define MOCK_FETCH     1
#define MOCK_HEARTBEAT 12

struct mock_broker {
	rd_kafka_t *client; /* which the cluster lives in */
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers;
};

void mock_broker_open(struct mock_broker *mock);
void mock_broker_close(struct mock_broker *mock);

void mock_broker_topic(struct mock_broker *mock, const char *topic);
/* The next `count` requests of that kind fail so. */
void mock_broker_fail(struct mock_broker *mock, int16_t request, rd_kafka_resp_err_t failure,
		      size_t count);
/* From now on no request fails, and all brokers answer at once. */
void mock_broker_heal(struct mock_broker *mock);

/* Heals the cluster and shows each message of the topic, each partition in its order. */
void mock_broker_read(struct mock_broker *mock, const char *topic,
		      void (*show)(void *ctx, const rd_kafka_message_t *message), void *ctx);
