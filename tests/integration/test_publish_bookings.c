/* Several seats at once, held or booked: POST /api/bookings. */
#include "publish_fixture.h"

#include "clock.h"

#include <string.h>

#define MESSAGES_MAX  16
#define PATH          "/api/bookings"
#define ACCEPTED      "Booking request received and is being processed."
#define HOLD_TWO      "{\"eventId\":\"concert123\",\"seatIds\":[\"B2\",\"A1\"],\"userId\":\"u1\"}"
#define HEADER_BYTES  (FIXTURE_TEXT_BYTES_MAX + 32)
#define MEMBERS_BYTES 1024
#define COUNT(table)  (sizeof(table) / sizeof((table)[0]))

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

TestSuite(publish_bookings, .init = open_fixture, .fini = close_fixture);

static struct raw_answer post(const char *headers, const char *body)
{
	return publish_fixture_send(&fixture, "POST", PATH, headers, body);
}

static struct booking_id post_id(const char *headers, const char *body)
{
	const struct raw_answer answer = post(headers, body);
	return publish_accepted_id(&answer);
}

static void make_key(char word[static FIXTURE_TEXT_BYTES_MAX], char header[static HEADER_BYTES])
{
	publish_fixture_word("key", word);
	(void)snprintf(header, HEADER_BYTES, "Idempotency-Key: %s\r\n", word);
}

/* "type" and "bookingId", and these members. */
static void expect_stored(const struct published *message, const struct booking_id *id,
			  const char *type, const char *event_id, const char *members)
{
	char text[COMMAND_BYTES_MAX];

	(void)snprintf(text, sizeof(text), "\"type\":\"%s\",\"bookingId\":\"%s\",%s", type,
		       id->text, members);
	publish_expect_message(message, id, event_id, text);
}

Test(publish_bookings, answers_202_in_the_promised_shape)
{
	char location[FIXTURE_TEXT_BYTES_MAX];
	const struct raw_answer answer = post("", HOLD_TWO);
	const struct booking_id id = publish_accepted_id(&answer);

	(void)snprintf(location, sizeof(location), "/api/bookings/%s", id.text);
	raw_expect_header(&answer, "Location", location);
	raw_expect_header(&answer, "Retry-After", "1");
	raw_expect_header(&answer, "Cache-Control", "no-store");
	json_t *json = publish_json(&answer);
	cr_expect_eq(json_object_size(json), 4);
	publish_expect_member(json, "message", ACCEPTED);
	publish_expect_member(json, "status", "pending");
	publish_expect_member(json_object_get(json, "links"), "self", location);
	publish_expect_member(json_object_get(json, "links"), "event", "/api/events/concert123");
	json_decref(json);
	cr_expect(booking_id_was_issued(&fixture.api.key, &id));
}

Test(publish_bookings, stores_what_was_asked_for_and_nothing_else)
{
	static const struct {
		const char *body, *type, *event, *members;
	} cases[] = {
		{ HOLD_TWO, "hold", "concert123",
		  "\"eventId\":\"concert123\",\"seatIds\":[\"B2\",\"A1\"],\"userId\":\"u1\"" },
		{ "{\"eventId\":\"arena\",\"seatIds\":[\"N:1\"],\"userId\":7,\"mode\":\"book\"}",
		  "book", "arena", "\"eventId\":\"arena\",\"seatIds\":[\"N:1\"],\"userId\":\"7\"" },
		{ "{\"show_id\":1,\"seat_numbers\":[1,2,3,4,5,6,7,8,9,10],\"mode\":\"hold\"}",
		  "hold", "1",
		  "\"eventId\":\"1\",\"seatIds\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\","
		  "\"9\",\"10\"],\"userId\":\"anonymous\"" },
		{ "{\"showId\":\"e-1\",\"seats\":[\"A1\"],\"user_id\":\"u1\",\"idempotencyKey\":"
		  "\"x\","
		  "\"bookingId\":\"x\",\"type\":\"cancel\",\"paymentReference\":\"x\"}",
		  "hold", "e-1", "\"eventId\":\"e-1\",\"seatIds\":[\"A1\"],\"userId\":\"u1\"" },
	};
	struct booking_id ids[COUNT(cases)];

	for (size_t i = 0; i < COUNT(cases); i++)
		ids[i] = post_id("X-Request-Id: req-7\r\n", cases[i].body);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), COUNT(cases));
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t at = 0;
		while (at < COUNT(cases) && strcmp(messages[at].key, cases[i].event) != 0)
			at++;
		cr_assert_lt(at, COUNT(cases), "no message for %s", cases[i].event);
		expect_stored(&messages[at], &ids[i], cases[i].type, cases[i].event,
			      cases[i].members);
		cr_expect_str_eq(messages[at].request_id, "req-7");
	}
	cr_expect_eq(publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"hold\"} "),
		     3);
	cr_expect_eq(publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"book\"} "),
		     1);
}

Test(publish_bookings, makes_one_key_one_booking_and_tells_the_worker_of_it)
{
	char word[FIXTURE_TEXT_BYTES_MAX], header[HEADER_BYTES], members[MEMBERS_BYTES];

	make_key(word, header);
	const struct booking_id expected =
		booking_id_derive(&fixture.api.key, "u1", "concert123", word);
	const struct command_id key = command_id_of_key(&fixture.api.key, "u1", word);
	cr_expect_str_eq(post_id(header, HOLD_TWO).text, expected.text);
	/* The order of seats means nothing. */
	cr_expect_str_eq(post_id(header, "{\"seats\":[\"A1\",\"B2\"],\"user_id\":\"u1\","
					 "\"showId\":\"concert123\",\"mode\":\"hold\"}")
				 .text,
			 expected.text);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2);
	(void)snprintf(members, sizeof(members),
		       "\"eventId\":\"concert123\",\"seatIds\":[\"B2\",\"A1\"],"
		       "\"idempotencyKey\":\"%s\",\"userId\":\"u1\"",
		       key.text);
	expect_stored(&messages[0], &expected, "hold", "concert123", members);
	(void)snprintf(members, sizeof(members),
		       "\"eventId\":\"concert123\",\"seatIds\":[\"A1\",\"B2\"],"
		       "\"idempotencyKey\":\"%s\",\"userId\":\"u1\"",
		       key.text);
	expect_stored(&messages[1], &expected, "hold", "concert123", members);
}

Test(publish_bookings, refuses_a_key_that_comes_back_with_another_request)
{
	static const struct {
		const char *path, *body;
	} others[] = {
		{ PATH, "{\"eventId\":\"arena\",\"seatIds\":[\"B2\",\"A1\"],\"userId\":\"u1\"}" },
		{ PATH, "{\"eventId\":\"concert123\",\"seatIds\":[\"B2\"],\"userId\":\"u1\"}" },
		{ PATH, "{\"eventId\":\"concert123\",\"seatIds\":[\"A1\",\"B2\",\"C3\"],"
			"\"userId\":\"u1\"}" },
		{ PATH, "{\"eventId\":\"concert123\",\"seatIds\":[\"B2\",\"A1\"],\"userId\":\"u1\","
			"\"mode\":\"book\"}" },
		{ "/api/book", "{\"eventId\":\"concert123\",\"seatId\":\"A1\",\"userId\":\"u1\"}" },
	};
	char word[FIXTURE_TEXT_BYTES_MAX], header[HEADER_BYTES];

	make_key(word, header);
	const struct booking_id first = post_id(header, HOLD_TWO);
	for (size_t i = 0; i < COUNT(others); i++) {
		const struct raw_answer answer = publish_fixture_send(
			&fixture, "POST", others[i].path, header, others[i].body);
		publish_expect_refusal(&answer, 422, "/problems/idempotency-key-reused",
				       "Idempotency-Key");
	}
	cr_expect_str_eq(post_id(header, HOLD_TWO).text, first.text);
	/* Another user's key is another key, and so is nobody's. */
	cr_expect_str_neq(
		post_id(header,
			"{\"eventId\":\"concert123\",\"seatIds\":[\"B2\"],\"userId\":\"u2\"}")
			.text,
		first.text);
	cr_expect_str_neq(
		post_id(header, "{\"eventId\":\"concert123\",\"seatIds\":[\"B2\",\"A1\"]}").text,
		first.text);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 4);
}

Test(publish_bookings, takes_a_seat_booked_at_once_for_the_same_by_both_ways)
{
	char word[FIXTURE_TEXT_BYTES_MAX], header[HEADER_BYTES];

	make_key(word, header);
	const struct raw_answer one = publish_fixture_book(
		&fixture, header, "{\"userId\":\"u1\",\"showId\":\"e1\",\"seatNumber\":\"A1\"}");
	cr_expect_str_eq(publish_accepted_id(&one).text,
			 post_id(header, "{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatIds\":["
					 "\"A1\"],\"mode\":\"book\"}")
				 .text);
	cr_expect_eq(publish_fixture_metric(&fixture,
					    "seatline_idempotency_total{answer=\"repeated\"} "),
		     1);
}

Test(publish_bookings, recognises_a_request_that_the_gateway_repeats)
{
	char headers[2][FIXTURE_TEXT_BYTES_MAX];
	const long long now_ms = clock_wall_ms();

	(void)snprintf(headers[0], sizeof(headers[0]), "Seatline-Request: %lld-r1\r\n", now_ms);
	(void)snprintf(headers[1], sizeof(headers[1]), "Seatline-Request: %lld-r2\r\n", now_ms);
	const struct booking_id first = post_id(headers[0], HOLD_TWO);
	cr_expect_str_eq(post_id(headers[0], HOLD_TWO).text, first.text);
	cr_expect_str_neq(post_id(headers[1], HOLD_TWO).text, first.text);
	cr_expect_str_neq(post_id("", HOLD_TWO).text, post_id("", HOLD_TWO).text);
}

Test(publish_bookings, has_the_gateway_wait_for_those_who_prefer_to)
{
	static const struct {
		const char *prefer;
		int seconds;
	} cases[] = {
		{ "Prefer: wait=5\r\n", 5 },     { "prefer: respond-async, wait=1\r\n", 1 },
		{ "Prefer: wait=3600\r\n", 10 }, { "Prefer: wait=0\r\n", 0 },
		{ "Prefer: wait=soon\r\n", 0 },  { "", 0 },
	};
	static const char *const ways[][2] = {
		{ PATH, HOLD_TWO },
		{ "/api/book", "{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A1\"}" },
	};

	for (size_t i = 0; i < COUNT(cases) * COUNT(ways); i++) {
		const char *const *way = ways[i % COUNT(ways)];
		const int seconds = cases[i / COUNT(ways)].seconds;
		char applied[FIXTURE_TEXT_BYTES_MAX] = "", redirect[FIXTURE_TEXT_BYTES_MAX] = "";
		const struct raw_answer answer = publish_fixture_send(
			&fixture, "POST", way[0], cases[i / COUNT(ways)].prefer, way[1]);
		const struct booking_id id = publish_accepted_id(&answer);

		if (seconds > 0) {
			(void)snprintf(applied, sizeof(applied), "wait=%d", seconds);
			(void)snprintf(redirect, sizeof(redirect), "/.wait/%s/new/%d", id.text,
				       seconds);
		}
		raw_expect_header(&answer, "Preference-Applied", applied);
		raw_expect_header(&answer, "X-Accel-Redirect", redirect);
		raw_expect_header(&answer, "Retry-After", "1");
	}
}

Test(publish_bookings, stores_nothing_of_what_it_refuses)
{
	static const struct {
		const char *body;
		int status;
		const char *type, *field;
	} bad[] = {
		{ "", 400, "/problems/malformed-json", NULL },
		{ "[]", 400, "/problems/malformed-json", NULL },
		{ "{}", 422, "/problems/invalid-request", "eventId" },
		{ "{\"show_id\":null,\"seats\":[1]}", 422, "/problems/invalid-request", "show_id" },
		{ "{\"eventId\":1,\"seat_numbers\":[1,1]}", 422, "/problems/invalid-request",
		  "seat_numbers[1]" },
		{ "{\"eventId\":1,\"seatIds\":[1],\"seats\":[2]}", 422, "/problems/invalid-request",
		  "seats" },
		{ "{\"eventId\":1,\"seatIds\":[1],\"mode\":\"maybe\"}", 422,
		  "/problems/invalid-request", "mode" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct raw_answer answer = post("Prefer: wait=5\r\n", bad[i].body);
		publish_expect_refusal(&answer, bad[i].status, bad[i].type, bad[i].field);
	}
	struct raw_answer answer = publish_fixture_send(
		&fixture, "POST", PATH, "Content-Type: text/plain\r\nContent-Length: 0\r\n", NULL);
	publish_expect_refusal(&answer, 415, "/problems/unsupported-media-type", NULL);
	answer = publish_fixture_send(&fixture, "PUT", PATH, "", HOLD_TWO);
	publish_expect_refusal(&answer, 405, "/problems/method-not-allowed", NULL);
	raw_expect_header(&answer, "Allow", "POST");
	answer = post("Idempotency-Key: a b\r\n", "{\"eventId\":1,\"seatIds\":[{}]}");
	publish_expect_refusal(&answer, 422, "/problems/invalid-request", "seatIds[0]");
	json_t *json = publish_json(&answer);
	publish_expect_member(json_array_get(json_object_get(json, "errors"), 1), "field",
			      "Idempotency-Key");
	json_decref(json);

	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"invalid\"} "), 6);
}
