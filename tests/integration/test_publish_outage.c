#include "publish_fixture.h"
#include "tcp_proxy.h"

#include "clock.h"

#include <jansson.h>
#include <string.h>

#define BOOK_A1 "{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A1\"}"
#define BOOK_A2 "{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A2\"}"

#define REFUSAL_MS_MAX 3000
#define AT_ONCE_MS_MAX 1000
#define NOBODY_LISTENS "127.0.0.1:1"
#define UNAVAILABLE    "seatline_idempotency_total{answer=\"unavailable\"} "
#define MESSAGES_MAX   16

NEEDS_SERVICE("TEST_KAFKA_BROKERS")
NEEDS_SERVICE("TEST_REDIS_PORT")

static struct publish_fixture fixture;
static struct tcp_proxy *redis;
static struct published messages[MESSAGES_MAX];

static void open_with_proxy(void)
{
	redis = tcp_proxy_open((uint16_t)strtol(getenv("TEST_REDIS_PORT"), NULL, 10));
	publish_fixture_open(&fixture,
			     (struct publish_options){ .redis_port = tcp_proxy_port(redis) });
}

static void close_with_proxy(void)
{
	publish_fixture_close(&fixture);
	tcp_proxy_close(redis);
}

static void close_fixture(void)
{
	publish_fixture_close(&fixture);
}

static int book(const char *headers, const char *body, char id[static FIXTURE_TEXT_BYTES_MAX])
{
	const struct raw_answer answer = publish_fixture_book(&fixture, headers, body);

	raw_header(&answer, "Location", id, FIXTURE_TEXT_BYTES_MAX);
	return answer.status;
}

static void make_key(char header[static FIXTURE_TEXT_BYTES_MAX])
{
	char word[FIXTURE_TEXT_BYTES_MAX];

	publish_fixture_word("key", word);
	(void)snprintf(header, FIXTURE_TEXT_BYTES_MAX, "Idempotency-Key: %.90s\r\n", word);
}

TestSuite(redis_outage, .init = open_with_proxy, .fini = close_with_proxy);

Test(redis_outage, goes_on_without_redis_and_with_it_again)
{
	char header[FIXTURE_TEXT_BYTES_MAX], first[FIXTURE_TEXT_BYTES_MAX];
	char id[FIXTURE_TEXT_BYTES_MAX];

	make_key(header);
	tcp_proxy_set(redis, TCP_PROXY_REFUSE);
	cr_expect_eq(book(header, BOOK_A1, first), 202);
	cr_expect_eq(book(header, BOOK_A1, id), 202);
	cr_expect_str_eq(id, first);
	/* The second thought is the first booking: the worker takes what came first. */
	cr_expect_eq(book(header, BOOK_A2, id), 202);
	cr_expect_str_eq(id, first);
	cr_expect_eq(publish_fixture_metric(&fixture, UNAVAILABLE), 3);
	cr_expect_not(idempotency_is_up(fixture.api.idempotency));

	tcp_proxy_set(redis, TCP_PROXY_RELAY);
	clock_sleep_ms(FIXTURE_REDIS_RETRY_MS + 50);
	cr_expect_eq(book(header, BOOK_A1, id), 202);
	cr_expect_str_eq(id, first);
	cr_expect_eq(book(header, BOOK_A2, id), 422);
	cr_expect(idempotency_is_up(fixture.api.idempotency));
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 4);
}

Test(redis_outage, notices_a_connection_that_broke_meanwhile)
{
	char header[FIXTURE_TEXT_BYTES_MAX], id[FIXTURE_TEXT_BYTES_MAX];

	make_key(header);
	cr_expect_eq(book(header, BOOK_A1, id), 202);
	tcp_proxy_set(redis, TCP_PROXY_REFUSE);
	tcp_proxy_set(redis, TCP_PROXY_RELAY);
	cr_expect_eq(book(header, BOOK_A2, id), 422);
	cr_expect_eq(publish_fixture_metric(&fixture, UNAVAILABLE), 0);
}

Test(redis_outage, is_not_held_up_by_a_redis_that_hangs)
{
	char header[FIXTURE_TEXT_BYTES_MAX], id[FIXTURE_TEXT_BYTES_MAX];

	make_key(header);
	cr_expect_eq(book(header, BOOK_A1, id), 202);
	tcp_proxy_set(redis, TCP_PROXY_STALL);
	/* Each connection may be slow once; then it rests, and the answer comes at once. */
	int64_t longest_ms = 0;
	for (int i = 0; i < 10; i++) {
		const int64_t start_ms = clock_monotonic_ms();
		cr_expect_eq(book(header, BOOK_A1, id), 202);
		const int64_t took_ms = clock_monotonic_ms() - start_ms;
		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
	}
	cr_expect_lt(longest_ms, AT_ONCE_MS_MAX, "%lld ms", (long long)longest_ms);
	cr_expect_gt(publish_fixture_metric(&fixture, UNAVAILABLE), 0);
}

Test(redis_outage, needs_no_redis_without_a_key)
{
	char id[FIXTURE_TEXT_BYTES_MAX];

	tcp_proxy_set(redis, TCP_PROXY_REFUSE);
	cr_expect_eq(book("", BOOK_A1, id), 202);
	cr_expect_eq(publish_fixture_metric(&fixture, UNAVAILABLE), 0);
	cr_expect(idempotency_is_up(fixture.api.idempotency));
}

static struct booking_id make_booking(void)
{
	return booking_id_make(&fixture.api.key, "concert123", "u1", clock_wall_ms());
}

static struct raw_answer act(const struct booking_id *booking, const char *action,
			     const char *headers, const char *body)
{
	char path[FIXTURE_TEXT_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "/api/bookings/%s/%s", booking->text, action);
	return publish_fixture_send(&fixture, "PUT", path, headers, body);
}

/* One key is one command id even when nobody remembers what it was used for: what came first in
 * Kafka is what is done. */
Test(redis_outage, goes_on_with_a_key_for_a_command)
{
	char header[FIXTURE_TEXT_BYTES_MAX];
	const struct booking_id booking = make_booking();
	struct command first, second;

	make_key(header);
	tcp_proxy_set(redis, TCP_PROXY_REFUSE);
	cr_expect_eq(act(&booking, "confirm", header, NULL).status, 202);
	cr_expect_eq(act(&booking, "cancel", header, NULL).status, 202);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2);
	cr_assert_eq(command_decode(messages[0].value, messages[0].value_len, &first, NULL),
		     ERR_OK);
	cr_assert_eq(command_decode(messages[1].value, messages[1].value_len, &second, NULL),
		     ERR_OK);
	cr_expect_eq(first.type, COMMAND_CONFIRM);
	cr_expect_eq(second.type, COMMAND_CANCEL);
	cr_expect_str_eq(first.id.text, second.id.text);
	cr_expect_eq(publish_fixture_metric(&fixture, UNAVAILABLE), 2);
}

/* The booking is another one with another event; the worker knows the key by its hash. */
Test(redis_outage, leaves_a_key_used_for_two_events_to_the_worker)
{
	static const char *const events[] = { "concert123", "arena" };
	char header[FIXTURE_TEXT_BYTES_MAX];
	struct command commands[2];

	make_key(header);
	tcp_proxy_set(redis, TCP_PROXY_REFUSE);
	for (size_t i = 0; i < 2; i++) {
		char body[FIXTURE_TEXT_BYTES_MAX];
		(void)snprintf(body, sizeof(body),
			       "{\"userId\":1,\"eventId\":\"%s\",\"seatIds\":[1]}", events[i]);
		cr_expect_eq(publish_fixture_send(&fixture, "POST", "/api/bookings", header, body)
				     .status,
			     202);
	}
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(command_decode(messages[i].value, messages[i].value_len, &commands[i],
					    NULL),
			     ERR_OK);
	cr_expect_str_neq(commands[0].booking_id.text, commands[1].booking_id.text);
	cr_expect_str_neq(commands[0].idempotency_key.text, "");
	cr_expect_str_eq(commands[0].idempotency_key.text, commands[1].idempotency_key.text);
}

static void expect_unavailable_from(struct raw_answer (*ask)(void), int64_t ms_max)
{
	const int64_t start_ms = clock_monotonic_ms();
	const struct raw_answer answer = ask();
	char retry[FIXTURE_TEXT_BYTES_MAX];

	cr_expect_lt(clock_monotonic_ms() - start_ms, ms_max);
	cr_assert_eq(answer.status, 503, "%d: %.*s", answer.status, (int)answer.body_len,
		     answer.body);
	raw_header(&answer, "Retry-After", retry, sizeof(retry));
	cr_expect_str_eq(retry, "1");
	json_t *json = json_loadb(answer.body, answer.body_len, 0, NULL);
	cr_assert(json);
	cr_expect_str_eq(json_string_value(json_object_get(json, "type")), "/problems/unavailable");
	/* Nothing went out, so there is no booking to look up. */
	cr_expect_null(json_object_get(json, "bookingId"));
	json_decref(json);
	raw_expect_header(&answer, "X-Accel-Redirect", "");
	raw_expect_header(&answer, "Location", "");
}

static struct raw_answer ask_book(void)
{
	return publish_fixture_book(&fixture, "", BOOK_A1);
}

static struct raw_answer ask_hold(void)
{
	return publish_fixture_send(&fixture, "POST", "/api/bookings", "Prefer: wait=5\r\n",
				    "{\"eventId\":\"concert123\",\"seatIds\":[\"A1\"]}");
}

static struct raw_answer ask_cancel(void)
{
	const struct booking_id booking = make_booking();
	return act(&booking, "cancel", "Prefer: wait=5\r\n", NULL);
}

static void expect_unavailable(int64_t ms_max)
{
	expect_unavailable_from(ask_book, ms_max);
}

static void open_without_kafka(void)
{
	publish_fixture_open(&fixture, (struct publish_options){ .brokers = NOBODY_LISTENS });
}

TestSuite(no_kafka, .init = open_without_kafka, .fini = close_fixture);

Test(no_kafka, refuses_in_time_and_then_at_once)
{
	expect_unavailable(REFUSAL_MS_MAX);
	for (int i = 0; i < 3; i++)
		expect_unavailable(AT_ONCE_MS_MAX);
	expect_unavailable_from(ask_hold, AT_ONCE_MS_MAX);
	expect_unavailable_from(ask_cancel, AT_ONCE_MS_MAX);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"unavailable\"} "),
		6);
	cr_expect_eq(publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"book\"} "),
		     0);
	cr_expect_eq(publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"hold\"} "),
		     0);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"cancel\"} "),
		0);
}

/* The instance that the gateway asked first may have had Kafka, and died of something else. */
Test(no_kafka, does_not_call_a_second_attempt_undone)
{
	const struct raw_answer answer =
		publish_fixture_book(&fixture, HTTP_ATTEMPT_HEADER ": again\r\n", BOOK_A1);

	cr_assert_eq(answer.status, 503);
	json_t *json = json_loadb(answer.body, answer.body_len, 0, NULL);
	cr_assert(json);
	cr_expect(json_is_string(json_object_get(json, "bookingId")));
	json_decref(json);
}

static void open_without_topic(void)
{
	publish_fixture_open(&fixture, (struct publish_options){ .no_topic = true });
}

TestSuite(no_topic, .init = open_without_topic, .fini = close_fixture);

Test(no_topic, refuses_until_the_topic_is_there)
{
	char id[FIXTURE_TEXT_BYTES_MAX];
	int status = 0;

	expect_unavailable(REFUSAL_MS_MAX);
	kafka_topic_create(fixture.topic, FIXTURE_PARTITIONS);
	fixture.has_topic = true;
	const int64_t until_ms = clock_monotonic_ms() + 10000;
	while (status != 202 && clock_monotonic_ms() < until_ms) {
		status = book("", BOOK_A1, id);
		clock_sleep_ms(100);
	}
	cr_expect_eq(status, 202);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 1);
}
