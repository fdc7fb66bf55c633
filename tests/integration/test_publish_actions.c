/* What a booking goes through after it was made: confirm, extend, cancel. */
#include "publish_fixture.h"

#include "clock.h"

#include <string.h>

#define MESSAGES_MAX 16
#define ACCEPTED     "Request received and is being processed."
#define TRACEPARENT  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define HEADER_BYTES (FIXTURE_TEXT_BYTES_MAX + 32)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

NEEDS_SERVICE("TEST_KAFKA_BROKERS")
NEEDS_SERVICE("TEST_REDIS_PORT")

static struct publish_fixture fixture;
static struct published messages[MESSAGES_MAX];
static struct booking_id booking;

static void open_fixture(void)
{
	publish_fixture_open(&fixture, (struct publish_options){ 0 });
	booking = booking_id_make(&fixture.api.key, "concert123", "u1", clock_wall_ms());
}

static void close_fixture(void)
{
	publish_fixture_close(&fixture);
}

TestSuite(publish_actions, .init = open_fixture, .fini = close_fixture);

/* One of the ways in: "PUT confirm", or "DELETE" alone. */
static struct raw_answer act_on(const char *id, const char *way, const char *headers,
				const char *body)
{
	char path[FIXTURE_TEXT_BYTES_MAX];

	if (strcmp(way, "DELETE") == 0) {
		(void)snprintf(path, sizeof(path), "/api/bookings/%s", id);
		return publish_fixture_send(&fixture, "DELETE", path, headers, body);
	}
	cr_assert_eq(strncmp(way, "PUT ", 4), 0);
	(void)snprintf(path, sizeof(path), "/api/bookings/%s/%s", id, way + 4);
	return publish_fixture_send(&fixture, "PUT", path, headers, body);
}

static struct raw_answer act(const char *way, const char *headers, const char *body)
{
	return act_on(booking.text, way, headers, body);
}

/* The command id of a 202 about this booking. */
static struct command_id accepted_command(const struct raw_answer *answer,
					  const struct booking_id *id)
{
	struct command_id ret = { "" };
	struct err err;

	cr_assert_str_eq(publish_accepted_id(answer).text, id->text);
	json_t *json = publish_json(answer);
	const char *text = json_string_value(json_object_get(json, "commandId"));
	cr_assert(text, "commandId is missing");
	cr_assert_eq(command_id_parse(text, strlen(text), &ret, &err), ERR_OK, "%s", err.text);
	json_decref(json);
	return ret;
}

static struct command_id act_id(const char *way, const char *headers, const char *body)
{
	const struct raw_answer answer = act(way, headers, body);
	return accepted_command(&answer, &booking);
}

static void make_key(char word[static FIXTURE_TEXT_BYTES_MAX], char header[static HEADER_BYTES])
{
	publish_fixture_word("key", word);
	(void)snprintf(header, HEADER_BYTES, "Idempotency-Key: %s\r\n", word);
}

/* "type", "bookingId", "commandId", and these members, each after a comma. */
static void expect_stored(const struct published *message, const char *type,
			  const struct command_id *id, const char *members)
{
	char text[COMMAND_BYTES_MAX];

	(void)snprintf(text, sizeof(text),
		       "\"type\":\"%s\",\"bookingId\":\"%s\",\"commandId\":\"%s\"%s", type,
		       booking.text, id->text, members);
	publish_expect_message(message, &booking, booking.text, text);
}

Test(publish_actions, answer_202_in_the_promised_shape)
{
	static const char *const ways[] = { "PUT confirm", "PUT extend", "PUT cancel", "DELETE" };
	char location[FIXTURE_TEXT_BYTES_MAX];

	(void)snprintf(location, sizeof(location), "/api/bookings/%s", booking.text);
	for (size_t i = 0; i < COUNT(ways); i++) {
		const struct raw_answer answer = act(ways[i], "", NULL);
		(void)accepted_command(&answer, &booking);
		raw_expect_header(&answer, "Location", location);
		raw_expect_header(&answer, "Retry-After", "1");
		raw_expect_header(&answer, "Cache-Control", "no-store");
		raw_expect_header(&answer, "Content-Type", "application/json");
		raw_expect_header(&answer, "X-Accel-Redirect", "");
		json_t *json = publish_json(&answer);
		cr_expect_eq(json_object_size(json), 5);
		publish_expect_member(json, "message", ACCEPTED);
		publish_expect_member(json, "status", "pending");
		const json_t *links = json_object_get(json, "links");
		cr_expect_eq(json_object_size(links), 1);
		publish_expect_member(links, "self", location);
		json_decref(json);
	}
}

Test(publish_actions, store_what_was_asked_for_and_nothing_else)
{
	static const struct {
		const char *way, *body, *type, *members;
	} cases[] = {
		{ "PUT confirm", NULL, "confirm", "" },
		{ "PUT confirm", "", "confirm", "" },
		{ "PUT confirm", "{}", "confirm", "" },
		{ "PUT confirm", "{\"paymentReference\":\"pay_1\"}", "confirm",
		  ",\"paymentReference\":\"pay_1\"" },
		{ "PUT confirm", "{\"payment_reference\":42,\"user_id\":7,\"eventId\":\"x\"}",
		  "confirm", ",\"paymentReference\":\"42\",\"userId\":\"7\"" },
		{ "PUT extend", NULL, "extend", "" },
		{ "PUT extend", "{\"userId\":\"u1\",\"paymentReference\":\"x\"}", "extend",
		  ",\"userId\":\"u1\"" },
		{ "PUT cancel", NULL, "cancel", "" },
		{ "PUT cancel", "{\"userId\":\"u1\"}", "cancel", ",\"userId\":\"u1\"" },
		{ "DELETE", NULL, "cancel", "" },
		{ "DELETE", "{\"user_id\":1,\"type\":\"book\"}", "cancel", ",\"userId\":\"1\"" },
	};
	struct command_id ids[COUNT(cases)];

	for (size_t i = 0; i < COUNT(cases); i++)
		ids[i] = act_id(cases[i].way,
				"X-Request-Id: req-7\r\ntraceparent: " TRACEPARENT "\r\n",
				cases[i].body);
	/* All in the booking's partition, so in the order in which they were accepted. */
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), COUNT(cases));
	for (size_t i = 0; i < COUNT(cases); i++) {
		expect_stored(&messages[i], cases[i].type, &ids[i], cases[i].members);
		cr_expect_str_eq(messages[i].request_id, "req-7");
		cr_expect_str_eq(messages[i].traceparent, TRACEPARENT);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(ids[i].text, ids[k].text);
	}
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"confirm\"} "),
		5);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"extend\"} "),
		2);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_accepted_total{command=\"cancel\"} "),
		4);
}

Test(publish_actions, go_to_the_partition_of_the_command_that_made_the_booking)
{
	static const char *const events[] = { "concert123", "arena", "e-1", "1" };

	for (size_t i = 0; i < COUNT(events); i++) {
		char body[FIXTURE_TEXT_BYTES_MAX];
		(void)snprintf(body, sizeof(body), "{\"eventId\":\"%s\",\"seatIds\":[1]}",
			       events[i]);
		const struct raw_answer held =
			publish_fixture_send(&fixture, "POST", "/api/bookings", "", body);
		const struct booking_id id = publish_accepted_id(&held);
		const struct raw_answer answer = act_on(id.text, "PUT confirm", "", NULL);
		(void)accepted_command(&answer, &id);
	}
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 2 * COUNT(events));
	for (size_t i = 0; i < 2 * COUNT(events); i++) {
		struct command confirm, hold;
		struct err err;
		cr_assert_eq(
			command_decode(messages[i].value, messages[i].value_len, &confirm, &err),
			ERR_OK, "%s", err.text);
		if (confirm.type != COMMAND_CONFIRM)
			continue;
		size_t at = 0;
		do
			cr_assert_eq(command_decode(messages[at].value, messages[at].value_len,
						    &hold, &err),
				     ERR_OK, "%s", err.text);
		while (strcmp(hold.booking_id.text, confirm.booking_id.text) != 0 && ++at < i);
		cr_assert_lt(at, i, "confirmed before it was held");
		cr_expect_eq(hold.type, COMMAND_HOLD);
		cr_expect_eq(messages[at].partition, messages[i].partition);
		cr_expect_str_eq(messages[at].key, hold.event_id);
		cr_expect_str_eq(messages[i].key, confirm.booking_id.text);
	}
}

Test(publish_actions, read_an_id_in_upper_case_as_the_same)
{
	char upper[BOOKING_ID_BYTES_MAX];

	for (size_t i = 0; i < sizeof(upper); i++)
		upper[i] = (char)(booking.text[i] >= 'a' && booking.text[i] <= 'f'
					  ? booking.text[i] - 'a' + 'A'
					  : booking.text[i]);
	const struct raw_answer answer = act_on(upper, "PUT extend", "", NULL);
	const struct command_id id = accepted_command(&answer, &booking);
	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 1);
	expect_stored(&messages[0], "extend", &id, "");
}

Test(publish_actions, make_one_key_one_command)
{
	char word[FIXTURE_TEXT_BYTES_MAX], header[HEADER_BYTES];
	const struct booking_id other =
		booking_id_make(&fixture.api.key, "concert123", "u1", clock_wall_ms());

	make_key(word, header);
	const struct command_id expected =
		command_id_derive(&fixture.api.key, &booking, "", word);
	/* Cancelled in either way, it is the same command. */
	cr_expect_str_eq(act_id("PUT cancel", header, NULL).text, expected.text);
	cr_expect_str_eq(act_id("PUT cancel", header, "{}").text, expected.text);
	cr_expect_str_eq(act_id("DELETE", header, NULL).text, expected.text);
	cr_expect_eq(publish_fixture_metric(&fixture,
					    "seatline_idempotency_total{answer=\"repeated\"} "),
		     2);
	/* Another booking's key is another key. */
	const struct raw_answer answer = act_on(other.text, "PUT confirm", header, NULL);
	cr_expect_str_neq(accepted_command(&answer, &other).text, expected.text);
	/* And so is that of its user, under which it was made. */
	const struct raw_answer made =
		publish_fixture_send(&fixture, "POST", "/api/bookings", header,
				     "{\"eventId\":\"concert123\",\"seats\":[1]}");
	cr_expect_eq(made.status, 202);

	cr_assert_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 5);
	size_t stored = 0;
	for (size_t i = 0; i < 5; i++) {
		if (strcmp(messages[i].key, booking.text) != 0)
			continue;
		expect_stored(&messages[i], "cancel", &expected, "");
		stored++;
	}
	cr_expect_eq(stored, 3);
}

Test(publish_actions, refuse_a_key_that_comes_back_with_another_request)
{
	static const struct {
		const char *way, *body;
	} others[] = {
		{ "PUT confirm", NULL },
		{ "PUT confirm", "{\"paymentReference\":\"pay_2\"}" },
		{ "PUT extend", NULL },
		{ "PUT cancel", "{\"paymentReference\":\"pay_1\"}" },
		{ "DELETE", NULL },
	};
	char word[FIXTURE_TEXT_BYTES_MAX], header[HEADER_BYTES];

	make_key(word, header);
	const struct command_id first =
		act_id("PUT confirm", header, "{\"paymentReference\":\"pay_1\"}");
	for (size_t i = 0; i < COUNT(others); i++) {
		const struct raw_answer answer = act(others[i].way, header, others[i].body);
		publish_expect_refusal(&answer, 422, "/problems/idempotency-key-reused",
				       "Idempotency-Key");
	}
	cr_expect_str_eq(act_id("PUT confirm", header, "{\"payment_reference\":\"pay_1\"}").text,
			 first.text);
	/* Another user's key is another one: nobody uses up what is not theirs. */
	cr_expect_str_neq(act_id("DELETE", header, "{\"userId\":\"u2\"}").text, first.text);
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 3);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"key_reused\"} "),
		(int64_t)COUNT(others));
}

Test(publish_actions, recognise_a_request_that_the_gateway_repeats)
{
	char headers[3][FIXTURE_TEXT_BYTES_MAX];
	const long long now_ms = clock_wall_ms();

	(void)snprintf(headers[0], sizeof(headers[0]), "Seatline-Request: %lld-r1\r\n", now_ms);
	(void)snprintf(headers[1], sizeof(headers[1]), "Seatline-Request: %lld-r2\r\n", now_ms);
	(void)snprintf(headers[2], sizeof(headers[2]), "Seatline-Request: %lld-r1\r\n", now_ms + 1);
	const struct command_id first = act_id("PUT extend", headers[0], NULL);
	cr_expect_str_eq(act_id("PUT extend", headers[0], NULL).text, first.text);
	cr_expect_str_neq(act_id("PUT extend", headers[1], NULL).text, first.text);
	cr_expect_str_neq(act_id("PUT extend", headers[2], NULL).text, first.text);
	const struct command_id odd = act_id("PUT extend", "Seatline-Request: x\r\n", NULL);
	cr_expect_str_neq(act_id("PUT extend", "Seatline-Request: x\r\n", NULL).text, odd.text);
}

Test(publish_actions, have_the_gateway_wait_for_those_who_prefer_to)
{
	static const char *const ways[] = { "PUT confirm", "PUT extend", "PUT cancel", "DELETE" };
	char redirect[FIXTURE_TEXT_BYTES_MAX];

	for (size_t i = 0; i < COUNT(ways); i++) {
		const struct raw_answer answer = act(ways[i], "Prefer: wait=7\r\n", NULL);
		const struct command_id id = accepted_command(&answer, &booking);
		(void)snprintf(redirect, sizeof(redirect), "/.wait/%s/%s/7", booking.text, id.text);
		raw_expect_header(&answer, "Preference-Applied", "wait=7");
		raw_expect_header(&answer, "X-Accel-Redirect", redirect);
	}
}

Test(publish_actions, know_no_booking_that_was_never_issued)
{
	static const char *const made_up[] = {
		"01bc8edb-e484-84f4-a687-74f5048b5e98",
		"01bc8edb-e484-44f4-a687-74f5048b5e97",
		"00000000-0000-0000-0000-000000000000",
		"1",
		"x",
		"..%2fx",
		"01bc8edb",
		"%00",
	};
	static const char *const ways[] = { "PUT confirm", "PUT extend", "PUT cancel", "DELETE" };
	struct booking_id forged = booking;

	/* A wrong tag is enough. */
	forged.text[BOOKING_ID_BYTES_MAX - 2] =
		forged.text[BOOKING_ID_BYTES_MAX - 2] == '0' ? '1' : '0';
	for (size_t i = 0; i < COUNT(ways); i++) {
		for (size_t k = 0; k < COUNT(made_up); k++) {
			const struct raw_answer answer =
				act_on(made_up[k], ways[i], "Prefer: wait=5\r\n", NULL);
			publish_expect_refusal(&answer, 404, "/problems/not-found", NULL);
		}
		/* Whatever the body: there is nothing to say about it. */
		const struct raw_answer answer = act_on(forged.text, ways[i], "", "{\"userId\":");
		publish_expect_refusal(&answer, 404, "/problems/not-found", NULL);
	}
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);
	/* The NUL is no route. */
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"not_found\"} "),
		(int64_t)(COUNT(ways) * COUNT(made_up)));
}

Test(publish_actions, store_nothing_of_what_they_refuse)
{
	static const struct {
		const char *way, *headers, *body;
		int status;
		const char *type, *field;
	} bad[] = {
		{ "PUT confirm", "", "{", 400, "/problems/malformed-json", NULL },
		{ "PUT extend", "", "[]", 400, "/problems/malformed-json", NULL },
		{ "DELETE", "", "null", 400, "/problems/malformed-json", NULL },
		{ "PUT cancel", "", "{\"userId\":\"u1\",\"userId\":\"u1\"}", 400,
		  "/problems/malformed-json", NULL },
		{ "PUT confirm", "", "{\"paymentReference\":\"a b\"}", 422,
		  "/problems/invalid-request", "paymentReference" },
		{ "PUT confirm", "", "{\"payment_reference\":null}", 422,
		  "/problems/invalid-request", "payment_reference" },
		{ "DELETE", "", "{\"user_id\":\"\"}", 422, "/problems/invalid-request", "user_id" },
		{ "PUT extend", "", "{\"userId\":1,\"user_id\":2}", 422,
		  "/problems/invalid-request", "user_id" },
		{ "DELETE", "Idempotency-Key: a b\r\n", NULL, 422, "/problems/invalid-request",
		  "Idempotency-Key" },
		{ "PUT extend", "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", NULL, 422,
		  "/problems/invalid-request", "Idempotency-Key" },
		{ "PUT confirm", "Content-Type: text/plain\r\n", "{}", 415,
		  "/problems/unsupported-media-type", NULL },
		{ "PUT approve", "", NULL, 404, "/problems/not-found", NULL },
		{ "PUT confirm/now", "", NULL, 404, "/problems/not-found", NULL },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct raw_answer answer = act(bad[i].way, bad[i].headers, bad[i].body);
		publish_expect_refusal(&answer, bad[i].status, bad[i].type, bad[i].field);
	}
	cr_expect_eq(publish_fixture_read(&fixture, messages, MESSAGES_MAX), 0);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"malformed\"} "),
		4);
	cr_expect_eq(
		publish_fixture_metric(&fixture, "seatline_refused_total{reason=\"invalid\"} "), 6);
}

Test(publish_actions, name_the_methods_a_path_has)
{
	static const struct {
		const char *method, *suffix, *allow;
	} cases[] = {
		{ "GET", "", "DELETE" },       { "PUT", "", "DELETE" },
		{ "POST", "/confirm", "PUT" }, { "DELETE", "/cancel", "PUT" },
		{ "PATCH", "/extend", "PUT" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char path[FIXTURE_TEXT_BYTES_MAX];
		(void)snprintf(path, sizeof(path), "/api/bookings/%s%s", booking.text,
			       cases[i].suffix);
		const struct raw_answer answer =
			publish_fixture_send(&fixture, cases[i].method, path, "", NULL);
		publish_expect_refusal(&answer, 405, "/problems/method-not-allowed", NULL);
		raw_expect_header(&answer, "Allow", cases[i].allow);
	}
}
