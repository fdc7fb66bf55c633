/* What write-api sends while brokers fail in every way that the protocol has: what could be stored
 * in time is, and no answer is false. */
#include "clock.h"
#include "log.h"
#include "mock_broker.h"
#include "publish.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define TOPIC       "booking_requests"
#define SENDERS     4
#define EACH_MAX    60
#define EVENTS      13
#define PATIENCE_MS 60000
/* A sender waits for the partitions first, see publish.c; the rest is for a machine that is busy.
 */
#define PARTITIONS_WAIT_MS 300
#define SLACK_MS           3000
#define AT_ONCE_MS         1000
#define SLOW_MS            60000

static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
/* As in service, but that a slow machine has time for retries. */
static const struct kafka_producer_config PATIENT = {
	.message_timeout_ms = 30000,
	.ack_wait_ms = 40000,
};
/* librdkafka looks for messages whose time is over once a second: the report comes by then. */
static const struct kafka_producer_config HURRIED = {
	.message_timeout_ms = 400,
	.ack_wait_ms = 5000,
};
/* Does not wait for that report. */
static const struct kafka_producer_config IMPATIENT = {
	.message_timeout_ms = 400,
	.ack_wait_ms = 450,
};

/* One command and what its sender was told of it. */
struct sent {
	struct booking_id id;
	err_code code;
	bool maybe_stored;
	int64_t took_ms;
	int stored; /* how often the topic has it */
};

struct sender {
	pthread_t thread;
	int number;
};

static struct mock_broker mock;
static struct kafka_producer *producer;
static struct sent sent[SENDERS][EACH_MAX];
static atomic_int sent_count;
static int each;            /* of a sender            */
static int64_t pause_ms;    /* after each             */
static int64_t took_ms_max; /* of what is sent now    */
static int foreign;         /* messages nobody sent   */

static void open_all(const struct kafka_producer_config *times)
{
	struct kafka_producer_config config = *times;
	struct err err = { 0 };
	int32_t count = 0;

	log_open("test_mock_broker", LOG_LEVEL_ERROR);
	cr_assert_eq(booking_id_init(&err), ERR_OK);
	memset(sent, 0, sizeof(sent));
	atomic_store(&sent_count, 0);
	pause_ms = 0;
	foreign = 0;
	took_ms_max = times->ack_wait_ms + PARTITIONS_WAIT_MS + SLACK_MS;
	mock_broker_open(&mock);
	mock_broker_topic(&mock, TOPIC);
	config.brokers = mock.brokers;
	config.client_id = "write-api";
	config.topic = TOPIC;
	config.linger_ms = 1;
	config.queue_messages_max = 1000;
	cr_assert_eq(kafka_producer_open(&config, &producer, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(kafka_producer_partitions(producer, PATIENCE_MS, &count, &err), ERR_OK, "%s",
		     err.text);
	cr_assert_eq(count, MOCK_PARTITIONS);
}

static void close_all(void)
{
	kafka_producer_close(producer, 0);
	mock_broker_close(&mock);
}

/* --- sending --- */

static void send_one(int sender, int i)
{
	struct sent *to = &sent[sender][i];
	struct command command = {
		.type = COMMAND_BOOK,
		.user_id = "u1",
		.seat_count = 1,
		.seat_ids = { "A1" },
		.requested_at_ms = 1790000000000,
	};
	char nonce[32];
	struct err err = { 0 };

	/* Events of their own spread them over the partitions. */
	(void)snprintf(command.event_id, sizeof(command.event_id), "event-%d", i % EVENTS);
	(void)snprintf(nonce, sizeof(nonce), "%d-%d", sender, i);
	to->id = booking_id_make_retryable(&KEY, command.event_id, command.user_id, 1790000000000,
					   nonce);
	command.booking_id = to->id;

	const int64_t start_ms = clock_monotonic_ms();
	to->code = publish_command(producer, &command, nonce, "", &to->maybe_stored, &err);
	to->took_ms = clock_monotonic_ms() - start_ms;
	atomic_fetch_add(&sent_count, 1);
}

static void *send_each(void *ctx)
{
	const struct sender *sender = ctx;

	for (int i = 0; i < each; i++) {
		send_one(sender->number, i);
		if (pause_ms > 0)
			clock_sleep_ms(pause_ms);
	}
	return NULL;
}

static void wait_sent(int count)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	while (atomic_load(&sent_count) < count) {
		cr_assert_lt(clock_monotonic_ms(), until_ms);
		clock_sleep_ms(1);
	}
}

/* Several senders at once; meanwhile, with a third of it sent, something happens. */
static void stream(int count, void (*happen)(void))
{
	struct sender senders[SENDERS];

	cr_assert_leq(count, EACH_MAX);
	each = count;
	for (int i = 0; i < SENDERS; i++) {
		senders[i].number = i;
		cr_assert_eq(pthread_create(&senders[i].thread, NULL, send_each, &senders[i]), 0);
	}
	wait_sent(SENDERS * each / 3);
	happen();
	for (int i = 0; i < SENDERS; i++)
		cr_assert_eq(pthread_join(senders[i].thread, NULL), 0);
}

/* --- what the topic has --- */

static void count_message(void *ctx, const rd_kafka_message_t *message)
{
	struct command command;
	struct err err;

	(void)ctx;
	cr_assert_eq(command_decode(message->payload, message->len, &command, &err), ERR_OK, "%s",
		     err.text);
	cr_expect_eq(message->partition,
		     booking_id_partition(&command.booking_id, MOCK_PARTITIONS));
	for (int i = 0; i < SENDERS; i++) {
		for (int k = 0; k < EACH_MAX; k++) {
			if (strcmp(sent[i][k].id.text, command.booking_id.text) == 0) {
				sent[i][k].stored++;
				return;
			}
		}
	}
	foreign++;
}

/* Answers hold: who was told "stored" is, and who was told "not stored" is not. How many were. */
static int expect_true_answers(void)
{
	int stored = 0;

	mock_broker_read(&mock, TOPIC, count_message, NULL);
	cr_expect_eq(foreign, 0);
	for (int i = 0; i < SENDERS; i++) {
		for (int k = 0; k < EACH_MAX; k++) {
			const struct sent *one = &sent[i][k];
			if (one->id.text[0] == '\0')
				continue;
			stored += one->code == ERR_OK;
			if (one->code == ERR_OK)
				cr_expect_geq(one->stored, 1, "%s: a false acknowledgement",
					      one->id.text);
			else if (!one->maybe_stored)
				cr_expect_eq(one->stored, 0, "%s: refused, and stored",
					     one->id.text);
			cr_expect_leq(one->took_ms, took_ms_max, "%" PRId64 " ms", one->took_ms);
		}
	}
	return stored;
}

static void expect_all_delivered(const char *what)
{
	const int stored = expect_true_answers();

	cr_expect_eq(stored, SENDERS * each, "%s: %d of %d delivered", what, stored,
		     SENDERS * each);
}

/* Sends until one is stored again. */
static void expect_recovery(int sender, int from)
{
	for (int i = from; i < EACH_MAX; i++) {
		send_one(sender, i);
		if (sent[sender][i].code == ERR_OK)
			return;
		clock_sleep_ms(100);
	}
	cr_expect(false, "it does not store again");
}

/* --- what can be tried again --- */

static rd_kafka_resp_err_t failure;

static void fail_some(void)
{
	mock_broker_fail(&mock, MOCK_PRODUCE, failure, 5);
}

TestSuite(mock_broker, .fini = close_all);

static void expect_retried(rd_kafka_resp_err_t of)
{
	open_all(&PATIENT);
	failure = of;
	stream(EACH_MAX, fail_some);
	expect_all_delivered(rd_kafka_err2name(of));
}

Test(mock_broker, delivers_when_the_leader_is_another)
{
	expect_retried(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
}

Test(mock_broker, delivers_when_there_is_no_leader_yet)
{
	expect_retried(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
}

Test(mock_broker, delivers_when_replicas_were_missing)
{
	expect_retried(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
}

Test(mock_broker, delivers_when_replicas_went_missing_after_the_append)
{
	expect_retried(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
}

Test(mock_broker, delivers_when_the_replicas_took_too_long)
{
	expect_retried(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
}

Test(mock_broker, delivers_when_connections_break)
{
	expect_retried(RD_KAFKA_RESP_ERR__TRANSPORT);
}

static void fail_in_every_way(void)
{
	static const rd_kafka_resp_err_t ways[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
	};

	for (size_t i = 0; i < 3 * sizeof(ways) / sizeof(ways[0]); i++)
		mock_broker_fail(&mock, MOCK_PRODUCE, ways[i % (sizeof(ways) / sizeof(ways[0]))],
				 1);
}

Test(mock_broker, delivers_through_one_failure_after_another)
{
	open_all(&PATIENT);
	stream(EACH_MAX, fail_in_every_way);
	expect_all_delivered("one after another");
}

static void move_leaders(void)
{
	for (int32_t round = 0; round < MOCK_BROKERS; round++) {
		for (int32_t i = 0; i < MOCK_PARTITIONS; i++)
			cr_assert_eq(
				rd_kafka_mock_partition_set_leader(mock.cluster, TOPIC, i,
								   1 + (i + round) % MOCK_BROKERS),
				RD_KAFKA_RESP_ERR_NO_ERROR);
		clock_sleep_ms(50);
	}
}

Test(mock_broker, follows_leaders_that_move)
{
	open_all(&PATIENT);
	pause_ms = 2;
	stream(EACH_MAX, move_leaders);
	expect_all_delivered("leaders that move");
}

static void restart_brokers(void)
{
	cr_assert_eq(rd_kafka_mock_broker_set_down(mock.cluster, MOCK_ALL),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	clock_sleep_ms(300);
	mock_broker_heal(&mock);
}

Test(mock_broker, delivers_what_waited_for_brokers_to_return)
{
	open_all(&PATIENT);
	pause_ms = 2;
	stream(EACH_MAX, restart_brokers);
	/* What comes while Kafka is known to be away is refused at once; the rest is stored. */
	const int stored = expect_true_answers();
	cr_expect_geq(stored, SENDERS * EACH_MAX / 3);
	for (int i = 0; i < SENDERS; i++)
		for (int k = 0; k < EACH_MAX; k++)
			cr_expect(sent[i][k].code == ERR_OK || !sent[i][k].maybe_stored);
}

/* --- what cannot be stored in time --- */

static void expect_doubt(const struct kafka_producer_config *times)
{
	struct sent *late = &sent[0][EVENTS];

	open_all(times);
	/* The first connects to the leader that the other will find slow. */
	expect_recovery(0, 0);
	cr_assert_eq(rd_kafka_mock_broker_set_rtt(mock.cluster, MOCK_ALL, SLOW_MS),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	send_one(0, EVENTS);
	cr_expect_eq(late->code, ERR_UNAVAILABLE);
	cr_expect(late->maybe_stored, "the broker has it, and nobody knows");
	cr_expect_eq(expect_true_answers(), 1);
	cr_expect_geq(late->stored, 1, "the broker took it");
}

Test(mock_broker, is_in_doubt_about_what_is_acknowledged_too_late)
{
	expect_doubt(&HURRIED);
}

Test(mock_broker, is_in_doubt_when_it_no_longer_waits)
{
	expect_doubt(&IMPATIENT);
}

Test(mock_broker, refuses_while_there_is_no_broker_and_recovers)
{
	open_all(&HURRIED);
	cr_assert_eq(rd_kafka_mock_broker_set_down(mock.cluster, MOCK_ALL),
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	for (int i = 0; i < 3; i++) {
		send_one(0, i);
		cr_expect_eq(sent[0][i].code, ERR_UNAVAILABLE);
		/* The first may have gone into a connection that was about to break. */
		cr_expect(i == 0 || !sent[0][i].maybe_stored, "nothing went out");
	}
	cr_expect_not(kafka_producer_is_up(producer));
	mock_broker_heal(&mock);
	expect_recovery(0, 3);
	cr_expect(kafka_producer_is_up(producer));
	cr_expect_eq(expect_true_answers(), 1);
}

Test(mock_broker, gives_up_in_time_on_an_error_that_does_not_end)
{
	open_all(&HURRIED);
	mock_broker_fail(&mock, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 60);
	send_one(0, 0);
	cr_expect_eq(sent[0][0].code, ERR_UNAVAILABLE);
	mock_broker_heal(&mock);
	expect_recovery(0, 1);
	cr_expect_eq(expect_true_answers(), 1);
}

static void fail_at_random(void)
{
	static const rd_kafka_resp_err_t ways[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,   RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	};
	unsigned seed = 1;

	while (atomic_load(&sent_count) < SENDERS * each) {
		const unsigned dice = (unsigned)rand_r(&seed);
		if (dice % 4 == 0)
			(void)rd_kafka_mock_broker_set_rtt(mock.cluster, 1 + (int)(dice / 4) % 3,
							   (int)(dice / 12 % 3) * 500);
		else if (dice % 16 == 1)
			(void)rd_kafka_mock_broker_set_down(mock.cluster, 1 + (int)(dice / 16) % 3);
		else if (dice % 4 == 2)
			mock_broker_heal(&mock);
		else
			mock_broker_fail(&mock, MOCK_PRODUCE, ways[dice / 4 % 5], 2);
		clock_sleep_ms(20);
	}
}

/* Slow, gone, moving and failing by turns, and too impatient for most of it. */
Test(mock_broker, gives_no_false_answer_whatever_happens)
{
	open_all(&HURRIED);
	pause_ms = 10;
	stream(EACH_MAX, fail_at_random);
	mock_broker_heal(&mock);
	expect_true_answers();
}

/* --- what cannot be stored at all --- */

static void expect_refused(rd_kafka_resp_err_t of, err_code code)
{
	open_all(&PATIENT);
	/* One failure only: tried again it would be stored. */
	mock_broker_fail(&mock, MOCK_PRODUCE, of, 1);
	send_one(0, 0);
	cr_expect_eq(sent[0][0].code, code, "%d", sent[0][0].code);
	cr_expect_not(sent[0][0].maybe_stored);
	cr_expect_lt(sent[0][0].took_ms, AT_ONCE_MS + SLACK_MS);
	/* The next one is not its fault; librdkafka refuses a topic it may not write to until the
	 * next metadata, which the producer asks for each second. */
	expect_recovery(0, 1);
	cr_expect_eq(expect_true_answers(), 1);
}

Test(mock_broker, refuses_at_once_what_is_too_large_for_the_broker)
{
	expect_refused(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_INTERNAL);
}

Test(mock_broker, refuses_at_once_what_it_may_not_write)
{
	expect_refused(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_UNAVAILABLE);
}

/* --- before anything is known --- */

Test(mock_broker, waits_for_a_topic_whose_leader_is_being_chosen)
{
	struct kafka_producer *known;
	struct err err = { 0 };

	open_all(&HURRIED);
	rd_kafka_mock_topic_set_error(mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	const struct kafka_producer_config config = {
		.brokers = mock.brokers,
		.client_id = "write-api",
		.topic = TOPIC,
		.linger_ms = 1,
		.message_timeout_ms = HURRIED.message_timeout_ms,
		.ack_wait_ms = HURRIED.ack_wait_ms,
		.queue_messages_max = 1000,
	};
	known = producer;
	cr_assert_eq(kafka_producer_open(&config, &producer, &err), ERR_OK, "%s", err.text);
	send_one(0, 0);
	cr_expect_eq(sent[0][0].code, ERR_UNAVAILABLE);
	cr_expect_not(sent[0][0].maybe_stored);
	rd_kafka_mock_topic_set_error(mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
	expect_recovery(0, 1);
	cr_expect_eq(expect_true_answers(), 1);
	kafka_producer_close(known, 0);
}
