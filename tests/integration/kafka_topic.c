#include "kafka_topic.h"

#include "clock.h"
#include "kafka.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_WAIT_MS 15000
#define REPLICAS       1
#define READ_POLL_MS   100
#define KNOWN_POLL_MS  20

void kafka_topic_name(const char *prefix, char buf[static KAFKA_TOPIC_BYTES_MAX])
{
	(void)snprintf(buf, KAFKA_TOPIC_BYTES_MAX, "%s_%d_%" PRId64, prefix, (int)getpid(),
		       clock_wall_ms());
}

rd_kafka_t *kafka_topic_client(rd_kafka_type_t type)
{
	return kafka_topic_client_of(getenv("TEST_KAFKA_BROKERS"), type);
}

rd_kafka_t *kafka_topic_client_of(const char *brokers, rd_kafka_type_t type)
{
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;
	struct err err = { 0 };
	char text[256];

	cr_assert_eq(kafka_conf_new(brokers, "test", &conf, &err), ERR_OK, "%s", err.text);
	if (type == RD_KAFKA_CONSUMER) {
		cr_assert_eq(kafka_conf_set(conf, "group.id", "test", &err), ERR_OK);
		cr_assert_eq(kafka_conf_set(conf, "enable.auto.commit", "false", &err), ERR_OK);
		cr_assert_eq(kafka_conf_set(conf, "enable.partition.eof", "true", &err), ERR_OK);
	}
	rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
	cr_assert(client, "%s", text);
	(void)STEAL(conf); /* rd_kafka_new took it. */
	return client;
}

void kafka_topic_read(rd_kafka_t *consumer, const char *topic, int partitions, int64_t within_ms,
		      void (*show)(void *ctx, const rd_kafka_message_t *message), void *ctx)
{
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
	const int64_t until_ms = clock_monotonic_ms() + within_ms;
	int ends = 0;

	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	(void)rd_kafka_poll_set_consumer(consumer); /* Fails only for a producer. */
	cr_assert_eq(rd_kafka_assign(consumer, all), RD_KAFKA_RESP_ERR_NO_ERROR);
	while (ends < partitions) {
		cr_assert_lt(clock_monotonic_ms(), until_ms, "the topic cannot be read");
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, READ_POLL_MS);
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

/* The one event that an administrative request ends with. */
static rd_kafka_event_t *wait_answer(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_WAIT_MS);

	cr_assert(event, "Kafka does not answer");
	cr_assert_eq(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR, "%s",
		     rd_kafka_event_error_string(event));
	return event;
}

static void expect_done(const rd_kafka_topic_result_t **results, size_t count)
{
	cr_assert_eq(count, 1);
	cr_assert_eq(rd_kafka_topic_result_error(results[0]), RD_KAFKA_RESP_ERR_NO_ERROR, "%s",
		     rd_kafka_topic_result_error_string(results[0]));
}

static bool is_known(rd_kafka_t *client, const char *name, int partitions)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
	const rd_kafka_resp_err_t failure =
		rd_kafka_metadata(client, 0, topic, &metadata, ANSWER_WAIT_MS);

	cr_assert_eq(failure, RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(failure));
	const struct rd_kafka_metadata_topic *found = &metadata->topics[0];
	bool known = found->err == 0 && found->partition_cnt == partitions;
	for (int i = 0; known && i < partitions; i++)
		known = found->partitions[i].err == 0;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	return known;
}

void kafka_topic_create(const char *name, int partitions)
{
	const int64_t until_ms = clock_monotonic_ms() + ANSWER_WAIT_MS;
	char text[256];
	size_t count = 0;
	rd_kafka_t *client = kafka_topic_client(RD_KAFKA_PRODUCER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_NewTopic_t *topic =
		rd_kafka_NewTopic_new(name, partitions, REPLICAS, text, sizeof(text));

	cr_assert(topic, "%s", text);
	rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = wait_answer(queue);
	const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
		rd_kafka_event_CreateTopics_result(event), &count);
	expect_done(results, count);
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
	while (!is_known(client, name, partitions)) {
		cr_assert_lt(clock_monotonic_ms(), until_ms, "the new topic is not known");
		clock_sleep_ms(KNOWN_POLL_MS);
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
}

void kafka_topic_delete(const char *name)
{
	rd_kafka_t *client = kafka_topic_client(RD_KAFKA_PRODUCER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

	rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
	rd_kafka_event_destroy(wait_answer(queue));
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
}
