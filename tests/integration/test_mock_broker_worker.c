/* The worker's two ways to Kafka while brokers fail: dead letters are stored or known not to be,
 * and a lane takes each message once, in order, however often fetching fails. */
#include "clock.h"
#include "dead_letter_kafka.h"
#include "log.h"
#include "mock_broker.h"
#include "source_kafka.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LETTERS_TOPIC "booking_requests.dlq"
#define TOPIC         "booking_requests"
#define LETTERS       20
#define VALUE_BYTES   2000
#define EACH          100 /* messages of a partition, twice */
#define BATCH_MAX     10
#define PATIENCE_MS   60000
#define SESSION_MS    6000

static struct mock_broker mock;
static struct err err;

static void open_cluster(void)
{
	log_open("test_mock_broker_worker", LOG_LEVEL_ERROR);
	mock_broker_open(&mock);
	mock_broker_topic(&mock, TOPIC);
	mock_broker_topic(&mock, LETTERS_TOPIC);
}

static void close_cluster(void)
{
	mock_broker_close(&mock);
}

static struct kafka_producer *open_producer(const char *topic)
{
	const struct kafka_producer_config config = {
		.brokers = mock.brokers,
		.client_id = "test",
		.topic = topic,
		.linger_ms = 5,
		.message_timeout_ms = 30000,
		.ack_wait_ms = 40000,
		.queue_messages_max = 1000,
	};
	struct kafka_producer *ret = NULL;

	cr_assert_eq(kafka_producer_open(&config, &ret, &err), ERR_OK, "%s", err.text);
	return ret;
}

/* --- dead letters --- */

static struct kafka_producer *producer;
static struct source_message messages[LETTERS];
static char value[VALUE_BYTES];
static int found[LETTERS]; /* how often the topic has each */
static int cut;            /* letters with less than the whole value */

static void open_letters(void)
{
	open_cluster();
	producer = open_producer(LETTERS_TOPIC);
	memset(found, 0, sizeof(found));
	memset(value, 'v', sizeof(value));
	cut = 0;
	for (int i = 0; i < LETTERS; i++)
		messages[i] = (struct source_message){ .offset = i,
						       .value = value,
						       .value_len = sizeof(value) };
}

static void close_letters(void)
{
	kafka_producer_close(producer, 0);
	close_cluster();
}

static err_code send_letters(void)
{
	static const struct partition_name from = { "cluster", TOPIC, 2 };
	const struct dead_letter_box box = dead_letter_kafka(producer);
	struct dead_letter letters[LETTERS];

	for (int i = 0; i < LETTERS; i++)
		letters[i] = (struct dead_letter){ &messages[i], "no command" };
	return box.ops->send(box.ctx, &from, letters, LETTERS, &err);
}

static void count_letter(void *ctx, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	const void *text = NULL;
	char offset[16];
	size_t len = 0;

	(void)ctx;
	cr_assert_eq(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
	cr_assert_eq(rd_kafka_header_get_last(headers, "source-offset", &text, &len),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	(void)snprintf(offset, sizeof(offset), "%.*s", (int)len, (const char *)text);
	const long i = strtol(offset, NULL, 10);
	cr_assert(i >= 0 && i < LETTERS);
	found[i]++;
	cut += message->len < VALUE_BYTES;
}

static void expect_letters(void)
{
	mock_broker_read(&mock, LETTERS_TOPIC, count_letter, NULL);
	for (int i = 0; i < LETTERS; i++)
		cr_expect_geq(found[i], 1, "letter %d", i);
}

TestSuite(letters, .init = open_letters, .fini = close_letters);

Test(letters, are_stored_through_what_can_be_tried_again)
{
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2);
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR__TRANSPORT, 1);
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 2);
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1);
	cr_expect_eq(send_letters(), ERR_OK, "%s", err.text);
	expect_letters();
	cr_expect_eq(cut, 0);
}

Test(letters, are_not_called_stored_when_one_of_them_is_not)
{
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
	cr_expect_eq(send_letters(), ERR_UNAVAILABLE);
	/* The lane sends all of them again until they are. */
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (send_letters() != ERR_OK) {
		cr_assert_lt(clock_monotonic_ms(), until_ms, "%s", err.text);
		clock_sleep_ms(100);
	}
	expect_letters();
}

Test(letters, are_cut_when_the_broker_finds_one_too_large)
{
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
	cr_expect_eq(send_letters(), ERR_OK, "%s", err.text);
	expect_letters();
	cr_expect_geq(cut, LETTERS);
}

/* --- the source --- */

static struct source_kafka *lane;
static struct source source;
static int64_t next[MOCK_PARTITIONS]; /* one after the last taken */
static int taken;
static int filled; /* messages of each partition     */
static int starts; /* of partitions                  */

static void fill_topic(void)
{
	struct kafka_producer *filler = open_producer(TOPIC);
	struct kafka_message all[EACH];
	char values[EACH][16];

	for (int32_t partition = 0; partition < MOCK_PARTITIONS; partition++) {
		for (int i = 0; i < EACH; i++) {
			(void)snprintf(values[i], sizeof(values[i]), "%d", filled + i);
			all[i] = (struct kafka_message){ .partition = partition,
							 .value = values[i],
							 .value_len = strlen(values[i]) };
		}
		cr_assert_eq(kafka_producer_send_all(filler, all, EACH, &err), ERR_OK, "%s",
			     err.text);
	}
	kafka_producer_close(filler, 0);
	filled += EACH;
}

static void open_source(void)
{
	open_cluster();
	filled = 0;
	fill_topic();
	memset(next, 0, sizeof(next));
	taken = 0;
	starts = 0;

	const struct source_kafka_config config = {
		.brokers = mock.brokers,
		.client_id = "test",
		.topic = TOPIC,
		.group = "booking-workers",
		.session_timeout_ms = SESSION_MS,
		.batch_max = BATCH_MAX,
	};
	cr_assert_eq(source_kafka_open(&config, &lane, &err), ERR_OK, "%s", err.text);
	source = source_kafka_ops(lane);
}

static void close_source(void)
{
	source_kafka_close(lane);
	close_cluster();
}

TestSuite(source, .init = open_source, .fini = close_source);

static void take_batch(void)
{
	struct source_batch batch;

	if (!source.ops->take(source.ctx, BATCH_MAX, 100, &batch))
		return;
	const int32_t id = batch.name.partition;
	for (size_t i = 0; i < batch.count; i++) {
		const struct source_message *message = &batch.messages[i];
		char text[16];
		(void)snprintf(text, sizeof(text), "%d", (int)next[id]);
		cr_assert_eq(message->offset, next[id], "partition %d: %d instead of %d", (int)id,
			     (int)message->offset, (int)next[id]);
		cr_expect_eq(message->value_len, strlen(text));
		cr_expect_eq(memcmp(message->value, text, strlen(text)), 0);
		next[id]++;
		taken++;
	}
	source.ops->report(source.ctx, id, next[id]);
	source.ops->release(source.ctx, &batch);
}

/* As a lane does: partitions begin where the ledger says, here where this test has got to. */
static void take_until(int count)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	while (taken < count) {
		struct partition_name name;
		size_t cursor = 0;

		cr_assert_lt(clock_monotonic_ms(), until_ms, "%d of %d taken", taken, count);
		source.ops->poll(source.ctx);
		while (source.ops->next_partition(source.ctx, false, &cursor, &name)) {
			source.ops->start(source.ctx, name.partition, next[name.partition]);
			starts++;
		}
		take_batch();
	}
}

/* What was fetched ahead, and as much again that comes only now. */
static void expect_all_taken(void)
{
	fill_topic();
	take_until(MOCK_PARTITIONS * filled);
	for (int i = 0; i < MOCK_PARTITIONS; i++)
		cr_expect_eq(next[i], filled);
}

Test(source, takes_each_message_once_while_fetches_fail)
{
	take_until(BATCH_MAX);
	mock_broker_fail(&mock, MOCK_FETCH, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 3);
	mock_broker_fail(&mock, MOCK_FETCH, RD_KAFKA_RESP_ERR__TRANSPORT, 2);
	mock_broker_fail(&mock, MOCK_FETCH, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, 2);
	mock_broker_fail(&mock, MOCK_FETCH, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 2);
	expect_all_taken();
}

Test(source, takes_each_message_once_while_brokers_restart)
{
	take_until(BATCH_MAX);
	for (int32_t broker = 1; broker <= MOCK_BROKERS; broker++) {
		cr_assert_eq(rd_kafka_mock_broker_set_down(mock.cluster, broker),
			     RD_KAFKA_RESP_ERR_NO_ERROR);
		take_batch();
		clock_sleep_ms(200);
		mock_broker_heal(&mock);
	}
	expect_all_taken();
}

Test(source, takes_each_message_once_while_leaders_move)
{
	take_until(BATCH_MAX);
	for (int32_t i = 0; i < MOCK_PARTITIONS; i++)
		cr_assert_eq(rd_kafka_mock_partition_set_leader(mock.cluster, TOPIC, i,
								1 + i % MOCK_BROKERS),
			     RD_KAFKA_RESP_ERR_NO_ERROR);
	expect_all_taken();
}

Test(source, goes_on_where_it_was_after_the_group_threw_it_out)
{
	take_until(BATCH_MAX);
	mock_broker_fail(&mock, MOCK_HEARTBEAT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1);
	clock_sleep_ms(SESSION_MS / 6); /* A heartbeat or two. */
	expect_all_taken();
	cr_expect_geq(starts, 2 * MOCK_PARTITIONS, "it was not thrown out");
}
