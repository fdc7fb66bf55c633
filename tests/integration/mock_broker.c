#include "mock_broker.h"

#include "clock.h"
#include "kafka.h"

#include <criterion/criterion.h>

#define READ_WAIT_MS    60000
#define FAILURES_MAX    64
#define HIGHEST_REQUEST 60

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *brokers)
{
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;
	struct err err = { 0 };
	char text[256];

	cr_assert_eq(kafka_conf_new(brokers, "test", &conf, &err), ERR_OK, "%s", err.text);
	if (type == RD_KAFKA_CONSUMER) {
		cr_assert_eq(kafka_conf_set(conf, "group.id", "reader", &err), ERR_OK);
		cr_assert_eq(kafka_conf_set(conf, "enable.auto.commit", "false", &err), ERR_OK);
		cr_assert_eq(kafka_conf_set(conf, "enable.partition.eof", "true", &err), ERR_OK);
	}
	rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
	cr_assert(client, "%s", text);
	(void)STEAL(conf); /* rd_kafka_new took it. */
	return client;
}

void mock_broker_open(struct mock_broker *mock)
{
	/* It connects to nothing; the cluster only keeps its books in it. */
	mock->client = open_client(RD_KAFKA_PRODUCER, "");
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
	const int64_t until_ms = clock_monotonic_ms() + READ_WAIT_MS;
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
	int ends = 0;

	mock_broker_heal(mock);
	rd_kafka_t *consumer = open_client(RD_KAFKA_CONSUMER, mock->brokers);
	for (int i = 0; i < MOCK_PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	(void)rd_kafka_poll_set_consumer(consumer); /* Fails only for a producer. */
	cr_assert_eq(rd_kafka_assign(consumer, all), RD_KAFKA_RESP_ERR_NO_ERROR);
	while (ends < MOCK_PARTITIONS) {
		cr_assert_lt(clock_monotonic_ms(), until_ms, "the topic cannot be read");
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 500);
		if (!message)
			continue;
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			show(ctx, message);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(all);
	(void)rd_kafka_consumer_close(consumer); /* It is in no group: nothing to leave. */
	rd_kafka_destroy(consumer);
}
