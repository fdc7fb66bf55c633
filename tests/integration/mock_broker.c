#include "mock_broker.h"

#include "kafka_topic.h"

#include <criterion/criterion.h>

#define READ_WAIT_MS    60000
#define FAILURES_MAX    64
#define HIGHEST_REQUEST 60

void mock_broker_open(struct mock_broker *mock)
{
	/* It connects to nothing; the cluster only keeps its books in it. */
	mock->client = kafka_topic_client_of("", RD_KAFKA_PRODUCER);
	mock->cluster = rd_kafka_mock_cluster_new(mock->client, MOCK_BROKERS);
	cr_assert(mock->cluster);
	mock->brokers = rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void mock_broker_close(struct mock_broker *mock)
{
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->client);
}

void mock_broker_topic(struct mock_broker *mock, const char *topic)
{
	cr_assert_eq(
		rd_kafka_mock_topic_create(mock->cluster, topic, MOCK_PARTITIONS, MOCK_BROKERS),
		RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_broker_fail(struct mock_broker *mock, int16_t request, rd_kafka_resp_err_t failure,
		      size_t count)
{
	rd_kafka_resp_err_t failures[FAILURES_MAX];

	cr_assert_leq(count, FAILURES_MAX);
	for (size_t i = 0; i < count; i++)
		failures[i] = failure;
	rd_kafka_mock_push_request_errors_array(mock->cluster, request, count, failures);
}

void mock_broker_heal(struct mock_broker *mock)
{
	for (int16_t i = 0; i <= HIGHEST_REQUEST; i++)
		rd_kafka_mock_clear_request_errors(mock->cluster, i);
	cr_assert_eq(rd_kafka_mock_broker_set_rtt(mock->cluster, MOCK_ALL, 0),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	cr_assert_eq(rd_kafka_mock_broker_set_up(mock->cluster, MOCK_ALL),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_broker_read(struct mock_broker *mock, const char *topic,
		      void (*show)(void *ctx, const rd_kafka_message_t *message), void *ctx)
{
	mock_broker_heal(mock);
	kafka_topic_read(kafka_topic_client_of(mock->brokers, RD_KAFKA_CONSUMER), topic,
			 MOCK_PARTITIONS, READ_WAIT_MS, show, ctx);
}
