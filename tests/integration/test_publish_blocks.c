/* Seats off sale and the end of an event: commands of administrators, as they stand in Kafka. */
#include "publish_fixture.h"

#include "clock.h"

#include <inttypes.h>
#include <string.h>

#define MESSAGES_MAX 32
#define BODY_BYTES   1024
#define BLOCK        "/api/events/concert123/seats/block"
#define KEY_HEADER   "Idempotency-Key: %s\r\n"

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

TestSuite(publish_blocks, .init = open_fixture, .fini = close_fixture);

/* {"seatIds":["A1",.. "A<count>"],"userId":"u1"} */
static const char *seats(unsigned count)
{
	static char body[BODY_BYTES];
	size_t len = (size_t)snprintf(body, sizeof(body), "{\"seatIds\":[");

	for (unsigned i = 1; i <= count; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len, "%s\"A%u\"",
					i > 1 ? "," : "", i);
	(void)snprintf(body + len, sizeof(body) - len, "],\"userId\":\"u1\"}");
	return body;
}

static json_t *commands_of(const struct raw_answer *answer)
{
	_cleanup_(json_decrefp) json_t *body = publish_json(answer);

	cr_assert_eq(answer->status, 202);
	publish_expect_member(body, "status", "pending");
	return json_incref(json_object_get(body, "commands"));
}

static struct booking_id id_of(const json_t *commands, size_t i)
{
	const char *text =
		json_string_value(json_object_get(json_array_get(commands, i), "bookingId"));
	struct booking_id ret;

	cr_assert(text);
	cr_assert_eq(booking_id_parse(text, strlen(text), &ret, NULL), ERR_OK);
	cr_expect(booking_id_was_issued(&fixture.api.key, &ret), "%s was not issued", text);
	return ret;
}

static int64_t ms_of(const struct booking_id *id)
{
	char hex[13];

	(void)snprintf(hex, sizeof(hex), "%.8s%.4s", id->text, id->text + 9);
	return strtoll(hex, NULL, 16);
}

static void expect_message(size_t i, const char *type, const struct booking_id *id,
			   const char *members)
{
	char text[BODY_BYTES];

	(void)snprintf(text, sizeof(text),
		       "\"type\":\"%s\",\"bookingId\":\"%s\",\"eventId\":\"concert123\"%s,"
		       "\"userId\":\"u1\"",
		       type, id->text, members);
	publish_expect_message(&messages[i], id, "concert123", text);
}

Test(publish_blocks, many_seats_are_commands_of_ten_in_their_order)
{
	const struct raw_answer answer =
		publish_fixture_send(&fixture, "PUT", BLOCK, "", seats(12));
	_cleanup_(json_decrefp) json_t *commands = commands_of(&answer);

	cr_assert_eq(json_array_size(commands), 2);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2);
	const struct booking_id first = id_of(commands, 0), second = id_of(commands, 1);
	expect_message(0, "block", &first,
		       ",\"seatIds\":[\"A1\",\"A2\",\"A3\",\"A4\",\"A5\",\"A6\",\"A7\",\"A8\","
		       "\"A9\",\"A10\"]");
	expect_message(1, "block", &second, ",\"seatIds\":[\"A11\",\"A12\"]");
	cr_expect_eq(messages[0].partition, messages[1].partition, "one event, one order");
	cr_expect_eq(ms_of(&second), ms_of(&first) + 1, "no two are of one id");
	cr_expect_eq(publish_fixture_metric(&fixture,
					    "seatline_accepted_total{command=\"block\"} "),
		     2);
}

Test(publish_blocks, one_key_is_the_same_commands)
{
	char word[FIXTURE_TEXT_BYTES_MAX], key[FIXTURE_TEXT_BYTES_MAX + 32];

	publish_fixture_word("k", word);
	(void)snprintf(key, sizeof(key), KEY_HEADER, word);
	const struct raw_answer one = publish_fixture_send(&fixture, "PUT", BLOCK, key, seats(12));
	_cleanup_(json_decrefp) json_t *first = commands_of(&one);
	const struct raw_answer two = publish_fixture_send(&fixture, "PUT", BLOCK, key, seats(12));
	_cleanup_(json_decrefp) json_t *second = commands_of(&two);

	cr_expect(json_equal(first, second));
	const struct booking_id a = id_of(first, 0), b = id_of(first, 1);
	cr_expect_str_neq(a.text, b.text);
	const struct raw_answer other =
		publish_fixture_send(&fixture, "PUT", BLOCK, key, seats(13));
	publish_expect_refusal(&other, 422, "/problems/idempotency-key-reused", "Idempotency-Key");
	const struct raw_answer undo = publish_fixture_send(
		&fixture, "PUT", "/api/events/concert123/seats/unblock", key, seats(12));
	publish_expect_refusal(&undo, 422, "/problems/idempotency-key-reused", "Idempotency-Key");
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 4);
}

Test(publish_blocks, one_attempt_of_the_gateway_is_the_same_commands)
{
	char now[FIXTURE_TEXT_BYTES_MAX], header[FIXTURE_TEXT_BYTES_MAX + 64];

	publish_fixture_word("r", now);
	(void)snprintf(header, sizeof(header), "Seatline-Request: %" PRId64 "-%s\r\n",
		       clock_wall_ms(), now);
	const struct raw_answer one =
		publish_fixture_send(&fixture, "PUT", BLOCK, header, seats(11));
	_cleanup_(json_decrefp) json_t *first = commands_of(&one);
	const struct raw_answer two =
		publish_fixture_send(&fixture, "PUT", BLOCK, header, seats(11));
	_cleanup_(json_decrefp) json_t *second = commands_of(&two);

	cr_expect(json_equal(first, second));
	const struct booking_id a = id_of(first, 0), b = id_of(first, 1);
	cr_expect_eq(ms_of(&b), ms_of(&a) + 1, "no two are of one id");
}

Test(publish_blocks, an_events_end_is_a_command_of_its_own)
{
	const struct raw_answer answer = publish_fixture_send(
		&fixture, "POST", "/api/events/concert123/cancel", "", "{\"userId\":\"u1\"}");
	const struct booking_id id = publish_accepted_id(&answer);

	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 1);
	expect_message(0, "cancel_event", &id, "");
}

Test(publish_blocks, what_is_refused_is_nowhere)
{
	static const struct {
		const char *path, *body;
		int status;
	} bad[] = {
		{ BLOCK, "{\"seatIds\":[]}", 422 },
		{ BLOCK, "{\"seatIds\":[\"A1\",\"A1\"]}", 422 },
		{ BLOCK, "{\"seatIds\":[\"A/1\"]}", 422 },
		{ BLOCK, "{}", 422 },
		{ BLOCK, "[]", 400 },
		{ "/api/events/a%2Fb/seats/block", "{\"seatIds\":[\"A1\"]}", 404 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct raw_answer answer =
			publish_fixture_send(&fixture, "PUT", bad[i].path, "", bad[i].body);
		cr_expect_eq(answer.status, bad[i].status, "%s: %d", bad[i].body, answer.status);
	}
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);
}
