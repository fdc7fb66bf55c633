/* The Kafka producer on a real broker: acknowledged means stored, and no sender waits for ever. */
#include "clock.h"
#include "dead_letter_kafka.h"
#include "kafka.h"
#include "log.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_KAFKA_BROKERS")

#define MESSAGE_TIMEOUT_MS 1000
#define ACK_WAIT_MS        2500
#define SENDERS            16

static struct err err;

static struct kafka_producer *open_producer(const char *brokers, const char *topic,
					    int64_t queue_max)
{
	const struct kafka_producer_config config = {
		.brokers = brokers,
		.client_id = "test_kafka",
		.topic = topic,
		.linger_ms = 1,
		.message_timeout_ms = MESSAGE_TIMEOUT_MS,
		.ack_wait_ms = ACK_WAIT_MS,
		.queue_messages_max = queue_max,
	};
	struct kafka_producer *ret = NULL;

	log_open("test_kafka", LOG_LEVEL_ERROR);
	cr_assert_eq(kafka_producer_open(&config, &ret, &err), ERR_OK, "%s", err.text);

	return ret;
}

static struct kafka_message message(int32_t partition, const char *value)
{
	return (struct kafka_message){ .partition = partition,
				       .key = "k",
				       .key_len = 1,
				       .value = value,
				       .value_len = strlen(value) };
}

static int64_t end_of(const char *topic, int partition)
{
	rd_kafka_conf_t *conf = NULL;
	char text[128];
	int64_t low = 0;
	int64_t high = 0;

	cr_assert_eq(kafka_conf_new(fixture_brokers(), "test_kafka", &conf, &err), ERR_OK);
	rd_kafka_t *const rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cr_assert(rk, "%s", text);
	cr_assert_eq(rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, 5000), 0);
	rd_kafka_destroy(rk);

	return high;
}

Test(kafka, has_stored_a_message_when_send_returns)
{
	const struct fixture_name topic = fixture_name("kafka");
	fixture_topic(topic.text, 3);
	struct kafka_producer *const producer = open_producer(fixture_brokers(), topic.text, 1000);
	struct kafka_message sent = message(2, "hello");
	sent.headers[0] = (struct kafka_header){ .name = "a", .value = "1" };
	sent.headers[1] = (struct kafka_header){ .name = "left-out", .value = NULL };
	sent.headers[2] = (struct kafka_header){ .name = "b", .value = "x\0y", .len = 3 };
	int32_t partitions = 0;
	bool maybe = true;

	cr_expect_eq(kafka_producer_partitions(producer, 3000, &partitions, &err), ERR_OK);
	cr_expect_eq(partitions, 3);
	cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_OK, "%s", err.text);
	cr_expect_not(maybe);
	cr_expect_eq(end_of(topic.text, 2), 1);
	cr_expect_eq(end_of(topic.text, 0), 0);
	cr_expect(kafka_producer_is_up(producer));
	kafka_producer_close(producer, 1000);
}

/* librdkafka 2.0.2 frees the headers of such a message twice when it made them itself. */
Test(kafka, refuses_a_partition_that_is_not_there)
{
	const struct fixture_name topic = fixture_name("kafka");
	fixture_topic(topic.text, 1);
	struct kafka_producer *const producer = open_producer(fixture_brokers(), topic.text, 1000);
	struct kafka_message sent = message(7, "hello");
	int32_t partitions = 0;
	bool maybe = true;

	for (int i = 0; i < KAFKA_HEADERS_MAX; i++)
		sent.headers[i] = (struct kafka_header){ .name = "name", .value = "value" };
	cr_assert_eq(kafka_producer_partitions(producer, 3000, &partitions, &err), ERR_OK);
	for (int i = 0; i < 100; i++) {
		cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_UNAVAILABLE);
		cr_expect_not(maybe);
	}
	sent.partition = 0;
	cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_OK, "%s", err.text);
	kafka_producer_close(producer, 1000);
}

Test(kafka, stores_all_of_many)
{
	const struct fixture_name topic = fixture_name("kafka");
	fixture_topic(topic.text, 1);

	fixture_produce(topic.text, 0, 0, 3000);

	cr_expect_eq(end_of(topic.text, 0), 3000);
}

Test(kafka, refuses_for_good_what_is_too_large)
{
	const struct fixture_name topic = fixture_name("kafka");
	const size_t len = 4u << 20;
	_cleanup_free_ char *value = calloc(1, len);
	fixture_topic(topic.text, 1);
	struct kafka_producer *const producer = open_producer(fixture_brokers(), topic.text, 1000);
	const struct kafka_message large = { .partition = 0, .value = value, .value_len = len };
	bool maybe = true;

	cr_expect_eq(kafka_producer_send(producer, &large, &maybe, &err), ERR_INVALID);
	cr_expect_not(maybe);
	cr_expect(kafka_producer_is_up(producer), "the broker is well");
	kafka_producer_close(producer, 1000);
}

Test(kafka, stores_a_dead_letter_however_large_the_message_was)
{
	const struct fixture_name topic = fixture_name("dlq");
	const size_t len = 1040000; /* Near the limit of a broker; our headers would not fit. */
	_cleanup_free_ char *value = calloc(1, len);
	fixture_topic(topic.text, 1);
	struct kafka_producer *const producer = open_producer(fixture_brokers(), topic.text, 1000);
	const struct dead_letter_box box = dead_letter_kafka(producer);
	const struct partition_name from = { "cluster", "t", 3 };
	const struct source_message messages[] = {
		{ .offset = 1, .value = value, .value_len = len, .key = value, .key_len = 9000 },
		{ .offset = 2, .value = NULL },
		{ .offset = 3,
		  .value = "x",
		  .value_len = 1,
		  .header_count = 2,
		  .headers = { { "a", NULL, 0 }, { "b", "\0z", 2 } } },
	};
	const struct dead_letter letters[] = { { &messages[0], "too long" },
					       { &messages[1], "no value" },
					       { &messages[2], "odd" } };

	cr_expect_eq(box.ops->send(box.ctx, &from, letters, 3, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(end_of(topic.text, 0), 3);
	kafka_producer_close(producer, 1000);
}

Test(kafka, is_unavailable_while_the_topic_does_not_exist)
{
	const struct fixture_name topic = fixture_name("kafka-none");
	struct kafka_producer *const producer = open_producer(fixture_brokers(), topic.text, 1000);
	const struct kafka_message sent = message(RD_KAFKA_PARTITION_UA, "x");
	int32_t partitions = 0;
	bool maybe = true;

	cr_expect_eq(kafka_producer_partitions(producer, 1000, &partitions, &err), ERR_UNAVAILABLE);
	cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_UNAVAILABLE);
	cr_expect_not(maybe);
	kafka_producer_close(producer, 0);
}

struct sender {
	struct kafka_producer *producer;
	pthread_t thread;
	err_code code;
	int64_t spent_ms;
};

static void *send_one(void *ctx)
{
	struct sender *const sender = ctx;
	const struct kafka_message sent = message(0, "x");
	const int64_t from_ms = clock_monotonic_ms();
	bool maybe = false;

	sender->code = kafka_producer_send(sender->producer, &sent, &maybe, NULL);
	sender->spent_ms = clock_monotonic_ms() - from_ms;

	return NULL;
}

static int run_senders(struct kafka_producer *producer, struct sender senders[static SENDERS])
{
	int slow = 0;

	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .producer = producer };
		cr_assert_eq(pthread_create(&senders[i].thread, NULL, send_one, &senders[i]), 0);
	}
	for (int i = 0; i < SENDERS; i++) {
		cr_assert_eq(pthread_join(senders[i].thread, NULL), 0);
		slow += senders[i].spent_ms > 100;
	}
	return slow;
}

Test(kafka, keeps_all_but_one_sender_from_waiting_for_a_broker_that_is_away)
{
	struct kafka_producer *const producer = open_producer("127.0.0.1:1", "any", 1000);
	struct sender senders[SENDERS];
	const struct kafka_message sent = message(0, "x");
	bool maybe = true;

	const int64_t from_ms = clock_monotonic_ms();
	cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_UNAVAILABLE);
	cr_expect_lt(clock_monotonic_ms() - from_ms, ACK_WAIT_MS + 500);
	cr_expect_not(maybe, "it never left the queue");
	cr_expect_not(kafka_producer_is_up(producer));

	cr_expect_eq(run_senders(producer, senders), 1, "one probes, the others do not wait");
	for (int i = 0; i < SENDERS; i++) {
		cr_expect_eq(senders[i].code, ERR_UNAVAILABLE);
		cr_expect_lt(senders[i].spent_ms, ACK_WAIT_MS + 500);
	}
	kafka_producer_close(producer, 0);
}

Test(kafka, finds_out_by_itself_that_the_broker_is_back)
{
	const char *const port = strrchr(fixture_brokers(), ':');
	const struct fixture_name topic = fixture_name("kafka");
	fixture_topic(topic.text, 1);
	struct tcp_proxy *const proxy = tcp_proxy_open((uint16_t)strtoul(port + 1, NULL, 10));
	char brokers[32];
	(void)snprintf(brokers, sizeof(brokers), "127.0.0.1:%u", tcp_proxy_port(proxy));
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	struct kafka_producer *const producer = open_producer(brokers, topic.text, 1000);
	const struct kafka_message sent = message(0, "x");
	bool maybe = true;
	cr_assert_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_UNAVAILABLE);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	for (int i = 0; i < 50 && !kafka_producer_is_up(producer); i++)
		clock_sleep_ms(100);

	cr_expect(kafka_producer_is_up(producer), "within 5 s, though nobody sends");
	cr_expect_eq(kafka_producer_send(producer, &sent, &maybe, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(end_of(topic.text, 0), 1, "the one that was refused was not stored");
	kafka_producer_close(producer, 1000);
	tcp_proxy_close(proxy);
}

Test(kafka, closes_with_messages_under_way_and_frees_them)
{
	struct kafka_producer *const producer = open_producer("127.0.0.1:1", "any", 1000);
	struct sender senders[SENDERS];

	(void)run_senders(producer, senders);
	kafka_producer_close(producer, 0);
	for (int i = 0; i < SENDERS; i++)
		cr_expect_eq(senders[i].code, ERR_UNAVAILABLE);
}
