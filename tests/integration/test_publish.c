#include "publish_fixture.h"

#include "clock.h"

#include <string.h>

#define MESSAGES_MAX 16
#define ACCEPTED     "Booking request received and is being processed."
#define BOOK_A1      "{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A1\"}"

NEEDS_SERVICE("TEST_KAFKA_BROKERS")
NEEDS_SERVICE("TEST_REDIS_PORT")

static struct publish_fixture fixture;
static struct published messages[MESSAGES_MAX];

static void open_fixture(void)
{
	publish_fixture_open(&fixture, (struct publish_options){ 0 });
}

static void close_fixture(void)
{
	publish_fixture_close(&fixture);
}

TestSuite(publish, .init = open_fixture, .fini = close_fixture);

static struct booking_id book_id(const char *headers, const char *body)
{
	const struct raw_answer answer = publish_fixture_book(&fixture, headers, body);
	return publish_accepted_id(&answer);
}

Test(publish, answers_202_in_the_promised_shape)
{
	char location[FIXTURE_TEXT_BYTES_MAX];
	const struct raw_answer answer = publish_fixture_book(&fixture, "", BOOK_A1);
	const struct booking_id id = publish_accepted_id(&answer);

	(void)snprintf(location, sizeof(location), "/api/bookings/%s", id.text);
	raw_expect_header(&answer, "Location", location);
	raw_expect_header(&answer, "Retry-After", "1");
	raw_expect_header(&answer, "Cache-Control", "no-store");
	raw_expect_header(&answer, "Content-Type", "application/json");
	json_t *json = publish_json(&answer);
	cr_expect_eq(json_object_size(json), 4);
	publish_expect_member(json, "message", ACCEPTED);
	publish_expect_member(json, "status", "pending");
	publish_expect_member(json_object_get(json, "links"), "self", location);
	publish_expect_member(json_object_get(json, "links"), "event", "/api/events/concert123");
	json_decref(json);
	cr_expect(booking_id_was_issued(&fixture.api.key, &id));
	cr_expect_eq(publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"book\"} "),
		     1);
}

Test(publish, stores_the_command_where_the_booking_id_says)
{
	static const char *const events[] = { "concert123", "sports_event456", "arena", "e-1" };
	const int64_t start_ms = clock_wall_ms();
	struct booking_id ids[4];
	struct err err;

	for (size_t i = 0; i < 4; i++) {
		char body[256];
		(void)snprintf(body, sizeof(body),
			       "{\"userId\":7,\"eventId\":\"%s\",\"seatId\":\"N:1\",\"x\":1}",
			       events[i]);
		ids[i] = book_id("X-Request-Id: req-7\r\ntraceparent: 00-0af7651916cd43dd8448eb211c"
				 "80319c-b7ad6b7169203331-01\r\n",
				 body);
	}
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 4);
	for (size_t i = 0; i < 4; i++) {
		size_t at = 0;
		while (at < 4 && strcmp(messages[at].key, events[i]) != 0)
			at++;
		cr_assert_lt(at, 4, "no message for %s", events[i]);
		const struct published *message = &messages[at];
		struct command command;
		cr_assert_eq(command_decode(message->value, message->value_len, &command, &err),
			     ERR_OK, "%s", err.text);
		cr_expect_str_eq(command.booking_id.text, ids[i].text);
		cr_expect_str_eq(command.event_id, events[i]);
		cr_expect_str_eq(command.user_id, "7");
		cr_expect_eq(command.seat_count, 1);
		cr_expect_str_eq(command.seat_ids[0], "N:1");
		cr_expect_geq(command.requested_at_ms, start_ms);
		cr_expect_leq(command.requested_at_ms, clock_wall_ms());
		cr_expect_eq(message->partition, booking_id_partition(&ids[i], FIXTURE_PARTITIONS));
		cr_expect_str_eq(message->content_type, "application/json");
		cr_expect_str_eq(message->schema_version, "1");
		cr_expect_str_eq(message->request_id, "req-7");
		cr_expect_str_eq(message->traceparent,
				 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	}
}

Test(publish, leaves_a_missing_traceparent_out)
{
	(void)book_id("traceparent: garbage\r\n", BOOK_A1);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 1);
	cr_expect_str_eq(messages[0].traceparent, "");
	cr_expect_eq(strlen(messages[0].request_id), 32);
}

Test(publish, gives_each_request_without_a_key_its_own_id)
{
	const struct booking_id first = book_id("", BOOK_A1), second = book_id("", BOOK_A1);

	cr_expect_str_neq(first.text, second.text);
}

Test(publish, recognises_a_request_that_the_gateway_repeats)
{
	char headers[4][FIXTURE_TEXT_BYTES_MAX];
	const long long now_ms = clock_wall_ms();

	(void)snprintf(headers[0], sizeof(headers[0]), "Seatline-Request: %lld-r1\r\n", now_ms);
	(void)snprintf(headers[1], sizeof(headers[1]), "Seatline-Request: %lld.%03lld-r1\r\n",
		       now_ms / 1000, now_ms % 1000);
	(void)snprintf(headers[2], sizeof(headers[2]), "Seatline-Request: %lld-r2\r\n", now_ms);
	(void)snprintf(headers[3], sizeof(headers[3]), "Seatline-Request: %lld-r1\r\n", now_ms + 1);
	const struct booking_id first = book_id(headers[0], BOOK_A1);

	cr_expect_str_eq(book_id(headers[0], BOOK_A1).text, first.text);
	cr_expect_str_eq(book_id(headers[1], BOOK_A1).text, first.text);
	cr_expect_str_neq(book_id(headers[2], BOOK_A1).text, first.text);
	cr_expect_str_neq(book_id(headers[3], BOOK_A1).text, first.text);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 5);

	/* What is not the gateway's form makes no difference. */
	const struct booking_id odd = book_id("Seatline-Request: x\r\n", BOOK_A1);
	cr_expect_str_neq(book_id("Seatline-Request: x\r\n", BOOK_A1).text, odd.text);
}

Test(publish, makes_one_key_one_booking)
{
	char word[FIXTURE_TEXT_BYTES_MAX], header[FIXTURE_TEXT_BYTES_MAX + 32];

	publish_fixture_word("key", word);
	(void)snprintf(header, sizeof(header), "Idempotency-Key: %s\r\n", word);
	const struct booking_id first = book_id(header, BOOK_A1);
	/* The same request, written otherwise. */
	const struct booking_id second = book_id(
		header, "{\"seatId\":\"A1\", \"eventId\":\"concert123\", \"userId\":\"u1\"}");

	cr_expect_str_eq(second.text, first.text);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_idempotency_total{answer=\"new\"} "), 1);
	cr_expect_eq(publish_fixture_metric(&fixture,
					    "seatline_idempotency_total{answer=\"repeated\"} "),
		     1);
}

Test(publish, refuses_a_key_that_comes_back_with_another_request)
{
	static const char *const others[] = {
		"{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A2\"}",
		"{\"userId\":\"u1\",\"eventId\":\"arena\",\"seatId\":\"A1\"}",
	};
	char word[FIXTURE_TEXT_BYTES_MAX], header[FIXTURE_TEXT_BYTES_MAX + 32];

	publish_fixture_word("key", word);
	(void)snprintf(header, sizeof(header), "Idempotency-Key: %s\r\n", word);
	const struct booking_id first = book_id(header, BOOK_A1);
	for (size_t i = 0; i < 2; i++) {
		const struct raw_answer answer = publish_fixture_book(&fixture, header, others[i]);
		publish_expect_refusal(&answer, 422, "/problems/idempotency-key-reused",
				       "Idempotency-Key");
	}
	/* Another user's key is another key. */
	const struct booking_id other =
		book_id(header, "{\"userId\":\"u2\",\"eventId\":\"concert123\",\"seatId\":\"A1\"}");
	cr_expect_str_neq(other.text, first.text);
	cr_expect_str_eq(book_id(header, BOOK_A1).text, first.text);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 3);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"key_reused\"} "),
		2);
}

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

Test(publish, refuses_keys_that_are_none)
{
	static const char *const bad[] = {
		"Idempotency-Key: \r\n",
		"Idempotency-Key: a b\r\n",
		"Idempotency-Key: caf\xc3\xa9\r\n",
		"Idempotency-Key: " X32 X32 X32 X32 "x\r\n",
		"Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
		"Idempotency-Key: a\r\nidempotency-key: A\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct raw_answer answer = publish_fixture_book(&fixture, bad[i], BOOK_A1);
		publish_expect_refusal(&answer, 422, "/problems/invalid-request",
				       "Idempotency-Key");
	}
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);

	const struct booking_id once = book_id("Idempotency-Key: " X32 X32 X32 X32 "\r\n", BOOK_A1);
	const struct booking_id twice = book_id("Idempotency-Key: " X32 X32 X32 X32 "\r\n"
						"Idempotency-Key: " X32 X32 X32 X32 "\r\n",
						BOOK_A1);
	cr_expect_str_eq(once.text, twice.text);
}

Test(publish, stores_nothing_of_what_it_refuses)
{
	struct raw_answer answer = publish_fixture_book(&fixture, "", "{\"userId\":");
	publish_expect_refusal(&answer, 400, "/problems/malformed-json", NULL);
	answer = publish_fixture_book(&fixture, "", "");
	publish_expect_refusal(&answer, 400, "/problems/malformed-json", NULL);
	answer = publish_fixture_book(&fixture, "Idempotency-Key: a b\r\n", "{\"userId\":null}");
	publish_expect_refusal(&answer, 422, "/problems/invalid-request", "userId");
	json_t *json = publish_json(&answer);
	cr_expect_eq(json_array_size(json_object_get(json, "errors")), 4);
	json_decref(json);

	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"malformed\"} "),
		2);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"invalid\"} "), 1);
}
