#include "clock.h"
#include "read_api_fixture.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define DOC_BYTES_MAX 4096
#define MADE_MS       1772393400000 /* 2026-03-01T19:30:00Z */

NEEDS_SERVICE("TEST_MONGO_URI")

static struct fixture fixture;

static void open_fixture(void)
{
	fixture_open(&fixture, NULL);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
}

TestSuite(read_api_bookings, .init = open_fixture, .fini = close_fixture);

static struct booking_id make_id(void)
{
	return booking_id_make(&fixture.api.key, "concert123", "u1", MADE_MS);
}

static void path_of(const struct booking_id *id, char buf[static FIXTURE_HEADER_BYTES_MAX])
{
	(void)snprintf(buf, FIXTURE_HEADER_BYTES_MAX, "/api/bookings/%s", id->text);
}

/* rest: the members after _id. */
static void put_booking(const char *id, const char *rest)
{
	char json[DOC_BYTES_MAX];

	cr_assert_lt(snprintf(json, sizeof(json), "{\"_id\":\"%s\",%s}", id, rest), DOC_BYTES_MAX);
	fixture_put(&fixture, "bookings", json);
}

static void expect_booking(const struct booking_id *id, const char *rest)
{
	char path[FIXTURE_HEADER_BYTES_MAX], expected[DOC_BYTES_MAX];
	struct answer answer;

	path_of(id, path);
	(void)snprintf(expected, sizeof(expected), "{\"booking_id\":\"%s\",%s}", id->text, rest);
	fixture_get(&fixture, path, NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(answer.body.data, expected);
	answer_done(&answer);
}

Test(read_api_bookings, shows_a_confirmed_one_to_the_letter)
{
	const struct booking_id id = make_id();
	char path[FIXTURE_HEADER_BYTES_MAX], etag[FIXTURE_HEADER_BYTES_MAX];

	put_booking(id.text,
		    "\"event_id\":\"concert123\",\"user_id\":\"u1\",\"mode\":\"hold\",\"seats\":"
		    "[\"A1\",\"A2\"],\"status\":\"confirmed\",\"reason\":null,\"seats_lost\":[],"
		    "\"prices\":[8900,{\"$numberLong\":\"5900\"}],\"total_minor\":14800,"
		    "\"currency\":\"EUR\",\"payment_reference\":\"pay_1\",\"extensions\":1,"
		    "\"version\":3,\"requested_at\":{\"$date\":\"2026-03-01T19:30:00.001Z\"},"
		    "\"decided_at\":{\"$date\":\"2026-03-01T19:31:00.020Z\"},\"expires_at\":null,"
		    "\"history\":{\"3\":{\"at\":{\"$date\":\"2026-03-01T19:31:00.020Z\"},"
		    "\"status\":\"confirmed\",\"command\":\"confirm\",\"command_id\":\"c3\","
		    "\"actor\":\"u1\",\"result\":\"done\",\"reason\":null,\"expires_at\":null},"
		    "\"1\":{\"at\":{\"$date\":\"2026-03-01T19:30:00.010Z\"},\"status\":\"held\","
		    "\"command\":\"hold\",\"command_id\":null,\"actor\":\"u1\",\"result\":\"done\","
		    "\"reason\":null,\"expires_at\":{\"$date\":\"2026-03-01T19:32:00Z\"}},"
		    "\"2\":{\"at\":{\"$date\":\"2026-03-01T19:30:30Z\"},\"status\":\"held\","
		    "\"command\":\"extend\",\"command_id\":\"c2\",\"actor\":null,"
		    "\"result\":\"refused\",\"reason\":\"not_owner\","
		    "\"expires_at\":{\"$date\":\"2026-03-01T19:32:00Z\"}}}");
	expect_booking(
		&id,
		"\"status\":\"confirmed\",\"event_id\":\"concert123\",\"user_id\":\"u1\","
		"\"mode\":\"hold\",\"seats\":[\"A1\",\"A2\"],\"prices\":[{\"seat_id\":\"A1\","
		"\"price_minor\":8900},{\"seat_id\":\"A2\",\"price_minor\":5900}],"
		"\"total_minor\":14800,\"currency\":\"EUR\",\"payment_reference\":\"pay_1\","
		"\"reason\":null,\"seats_lost\":[],\"extensions\":1,"
		"\"requested_at\":\"2026-03-01T19:30:00.001Z\","
		"\"decided_at\":\"2026-03-01T19:31:00.020Z\",\"expires_at\":null,"
		"\"server_time\":null,\"version\":3,\"history\":["
		"{\"version\":1,\"at\":\"2026-03-01T19:30:00.010Z\",\"status\":\"held\","
		"\"command\":\"hold\",\"command_id\":null,\"actor\":\"u1\",\"result\":\"done\","
		"\"reason\":null,\"expires_at\":\"2026-03-01T19:32:00.000Z\"},"
		"{\"version\":2,\"at\":\"2026-03-01T19:30:30.000Z\",\"status\":\"held\","
		"\"command\":\"extend\",\"command_id\":\"c2\",\"actor\":null,"
		"\"result\":\"refused\",\"reason\":\"not_owner\","
		"\"expires_at\":\"2026-03-01T19:32:00.000Z\"},"
		"{\"version\":3,\"at\":\"2026-03-01T19:31:00.020Z\",\"status\":\"confirmed\","
		"\"command\":\"confirm\",\"command_id\":\"c3\",\"actor\":\"u1\","
		"\"result\":\"done\",\"reason\":null,\"expires_at\":null}]");

	path_of(&id, path);
	fixture_etag(&fixture, path, etag);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 304);
	for (char *c = path + strlen("/api/bookings/"); *c; c++)
		*c = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c;
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 304, "in upper case");
}

Test(read_api_bookings, shows_a_rejected_one_with_the_seats_that_went)
{
	const struct booking_id id = make_id();

	put_booking(id.text,
		    "\"event_id\":\"concert123\",\"user_id\":\"u2\",\"mode\":\"book\","
		    "\"seats\":[\"A1\",\"A2\"],\"status\":\"rejected\",\"reason\":\"seat_taken\","
		    "\"seats_lost\":[\"A1\"],\"prices\":[],\"total_minor\":null,\"version\":1,"
		    "\"requested_at\":{\"$date\":\"2026-03-01T19:30:00.001Z\"},"
		    "\"decided_at\":{\"$date\":\"2026-03-01T19:30:00.020Z\"},\"history\":{}");
	expect_booking(&id,
		       "\"status\":\"rejected\",\"event_id\":\"concert123\",\"user_id\":\"u2\","
		       "\"mode\":\"book\",\"seats\":[\"A1\",\"A2\"],\"prices\":[],"
		       "\"total_minor\":null,\"currency\":null,\"payment_reference\":null,"
		       "\"reason\":\"seat_taken\",\"seats_lost\":[\"A1\"],\"extensions\":0,"
		       "\"requested_at\":\"2026-03-01T19:30:00.001Z\","
		       "\"decided_at\":\"2026-03-01T19:30:00.020Z\",\"expires_at\":null,"
		       "\"server_time\":null,\"version\":1,\"history\":[]");
}

Test(read_api_bookings, shows_one_that_was_never_made_with_nulls)
{
	const struct booking_id id = make_id();

	put_booking(id.text,
		    "\"event_id\":null,\"user_id\":null,\"mode\":null,\"seats\":[],"
		    "\"status\":\"rejected\",\"reason\":\"booking_not_found\",\"seats_lost\":[],"
		    "\"prices\":[],\"version\":1,"
		    "\"requested_at\":{\"$date\":\"2026-03-01T19:30:00Z\"},"
		    "\"decided_at\":{\"$date\":\"2026-03-01T19:30:01Z\"}");
	expect_booking(&id,
		       "\"status\":\"rejected\",\"event_id\":null,\"user_id\":null,\"mode\":null,"
		       "\"seats\":[],\"prices\":[],\"total_minor\":null,\"currency\":null,"
		       "\"payment_reference\":null,\"reason\":\"booking_not_found\","
		       "\"seats_lost\":[],\"extensions\":0,"
		       "\"requested_at\":\"2026-03-01T19:30:00.000Z\","
		       "\"decided_at\":\"2026-03-01T19:30:01.000Z\",\"expires_at\":null,"
		       "\"server_time\":null,\"version\":1,\"history\":[]");
}

/* The member of a 200 answer, "" when it is null or missing. */
static void get_member(const char *path, const char *name, char *buf, size_t size)
{
	struct answer answer;

	fixture_get(&fixture, path, NULL, &answer);
	cr_assert_eq(answer.status, 200);

	json_t *booking = json_loads(answer.body.data, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(booking, "%s", answer.body.data);

	const char *text = json_string_value(json_object_get(booking, name));

	(void)snprintf(buf, size, "%s", text ? text : "");
	json_decref(booking);
	answer_done(&answer);
}

Test(read_api_bookings, a_held_one_says_the_servers_time_which_its_tag_does_not_depend_on)
{
	const struct booking_id id = make_id();
	char path[FIXTURE_HEADER_BYTES_MAX], etag[FIXTURE_HEADER_BYTES_MAX];
	char later_etag[FIXTURE_HEADER_BYTES_MAX], text[CLOCK_TEXT_BYTES_MAX];
	const int64_t before_ms = clock_wall_ms();
	int64_t first_ms = 0, later_ms = 0;

	put_booking(id.text, "\"event_id\":\"concert123\",\"user_id\":\"u1\",\"seats\":[\"A1\"],"
			     "\"status\":\"held\",\"version\":1,"
			     "\"expires_at\":{\"$date\":\"2026-03-01T19:32:00Z\"}");
	path_of(&id, path);
	get_member(path, "expires_at", text, sizeof(text));
	cr_expect_str_eq(text, "2026-03-01T19:32:00.000Z");
	get_member(path, "server_time", text, sizeof(text));
	cr_assert_eq(clock_parse(text, &first_ms, NULL), ERR_OK, "'%s'", text);
	cr_expect(first_ms >= before_ms && first_ms <= clock_wall_ms());

	fixture_etag(&fixture, path, etag);
	while (later_ms <= first_ms) {
		get_member(path, "server_time", text, sizeof(text));
		cr_assert_eq(clock_parse(text, &later_ms, NULL), ERR_OK);
	}
	fixture_etag(&fixture, path, later_etag);
	cr_expect_str_eq(later_etag, etag);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 304);

	put_booking(id.text, "\"event_id\":\"concert123\",\"user_id\":\"u1\",\"seats\":[\"A1\"],"
			     "\"status\":\"held\",\"version\":2,"
			     "\"expires_at\":{\"$date\":\"2026-03-01T19:33:00Z\"}");
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 200);
}

Test(read_api_bookings, every_status_is_shown)
{
	static const char *const statuses[] = { "held", "confirmed", "rejected", "cancelled",
						"expired" };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const struct booking_id id = make_id();
		char path[FIXTURE_HEADER_BYTES_MAX], rest[256], status[32], time[32];
		const bool held = strcmp(statuses[i], "held") == 0;

		(void)snprintf(rest, sizeof(rest), "\"status\":\"%s\",\"version\":1", statuses[i]);
		put_booking(id.text, rest);
		path_of(&id, path);
		get_member(path, "status", status, sizeof(status));
		cr_expect_str_eq(status, statuses[i]);
		get_member(path, "server_time", time, sizeof(time));
		cr_expect_eq(time[0] != '\0', held, "%s", statuses[i]);
	}
}

Test(read_api_bookings, is_pending_from_its_id_alone_until_it_is_decided)
{
	const struct booking_id id = make_id();
	struct answer answer;
	char path[FIXTURE_HEADER_BYTES_MAX], value[FIXTURE_HEADER_BYTES_MAX], expected[256];

	path_of(&id, path);
	fixture_get(&fixture, path, NULL, &answer);
	cr_expect_eq(answer.status, 200);
	(void)snprintf(expected, sizeof(expected), "{\"booking_id\":\"%s\",\"status\":\"pending\"}",
		       id.text);
	cr_expect_str_eq(answer.body.data, expected);
	cr_expect(answer_header(&answer, "retry-after", value, sizeof(value)));
	cr_expect_str_eq(value, "1");
	answer_done(&answer);

	fixture_etag(&fixture, path, value);
	cr_expect_eq(fixture_if_none_match(&fixture, path, value), 304);
	put_booking(id.text, "\"status\":\"confirmed\"");
	cr_expect_eq(fixture_if_none_match(&fixture, path, value), 200);
	fixture_get(&fixture, path, NULL, &answer);
	cr_expect_not(answer_header(&answer, "retry-after", value, sizeof(value)));
	answer_done(&answer);
}

Test(read_api_bookings, ids_never_issued_are_404)
{
	const struct booking_id_key other = { .bytes = { 0xee } };
	struct booking_id id = make_id();
	const struct booking_id foreign = booking_id_make(&other, "concert123", "u1", MADE_MS);
	char path[FIXTURE_HEADER_BYTES_MAX];

	path_of(&foreign, path);
	fixture_expect_problem(&fixture, path, 404);
	id.text[35] = id.text[35] == '0' ? '1' : '0'; /* a digit of the tag */
	path_of(&id, path);
	fixture_expect_problem(&fixture, path, 404);
	fixture_expect_problem(&fixture, "/api/bookings/17", 404);
	fixture_expect_problem(&fixture, "/api/bookings/00000000-0000-0000-0000-000000000000", 404);
	fixture_expect_problem(&fixture, "/api/bookings/%7B%22$gt%22:%22%22%7D", 404);
}

/* --- a user's list --- */

static void put_listed(const char *id, const char *user_id, const char *event_id,
		       const char *status, int64_t ms)
{
	char rest[1024];

	(void)snprintf(rest, sizeof(rest),
		       "\"event_id\":\"%s\",\"user_id\":\"%s\",\"mode\":\"book\",\"seats\":"
		       "[\"A1\"],\"prices\":[100],\"total_minor\":100,\"currency\":\"EUR\","
		       "\"status\":\"%s\",\"version\":1,\"requested_at\":{\"$date\":{"
		       "\"$numberLong\":\"%" PRId64 "\"}},\"expires_at\":{\"$date\":"
		       "\"2026-03-01T19:32:00Z\"},\"history\":{\"1\":{\"status\":\"%s\"}}",
		       event_id, user_id, status, MADE_MS + ms, status);
	put_booking(id, rest);
}

static void expect_ids(const char *first_path, size_t page_max, const char *expected)
{
	fixture_expect_ids(&fixture, first_path, "booking_id", page_max, expected);
}

/* Newest first: f, then d, c, b of one moment, then a. */
static void put_list(void)
{
	put_listed("b", "u1", "e1", "confirmed", 10);
	put_listed("a", "u1", "e1", "rejected", 5);
	put_listed("d", "u1", "e2", "held", 10);
	put_listed("c", "u1", "e1", "held", 10);
	put_listed("f", "u1", "e2", "confirmed", 20);
	put_listed("x", "u2", "e1", "held", 10);
	put_listed("y", "u11", "e1", "held", 10);
}

Test(read_api_bookings, list_has_the_shape_of_the_booking_without_history_and_time)
{
	struct answer answer;
	char value[FIXTURE_HEADER_BYTES_MAX];

	put_listed("b1", "u1", "e1", "held", 0);
	fixture_get(&fixture, "/api/bookings?userId=u1", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(
		answer.body.data,
		"[{\"booking_id\":\"b1\",\"status\":\"held\",\"event_id\":\"e1\",\"user_id\":"
		"\"u1\",\"mode\":\"book\",\"seats\":[\"A1\"],\"prices\":[{\"seat_id\":\"A1\","
		"\"price_minor\":100}],\"total_minor\":100,\"currency\":\"EUR\","
		"\"payment_reference\":null,\"reason\":null,\"seats_lost\":[],\"extensions\":0,"
		"\"requested_at\":\"2026-03-01T19:30:00.000Z\",\"decided_at\":null,"
		"\"expires_at\":\"2026-03-01T19:32:00.000Z\",\"version\":1}]");
	cr_expect(answer_header(&answer, "cache-control", value, sizeof(value)));
	cr_expect_str_eq(value, "no-cache");
	cr_expect_not(answer_header(&answer, "link", value, sizeof(value)));
	answer_done(&answer);

	fixture_get(&fixture, "/api/bookings?userId=nobody", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(answer.body.data, "[]");
	answer_done(&answer);
}

Test(read_api_bookings, list_is_newest_first_without_gap_or_repetition)
{
	put_list();
	expect_ids("/api/bookings?userId=u1", 20, "f d c b a ");
	for (size_t limit = 1; limit <= 6; limit++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/api/bookings?userId=u1&limit=%zu", limit);
		expect_ids(path, limit, "f d c b a ");
	}
	expect_ids("/api/bookings?user_id=u2", 20, "x ");
}

Test(read_api_bookings, list_filters_by_status_and_event)
{
	put_list();
	expect_ids("/api/bookings?userId=u1&status=held", 20, "d c ");
	expect_ids("/api/bookings?userId=u1&status=held&limit=1", 1, "d c ");
	expect_ids("/api/bookings?userId=u1&eventId=e1&limit=1", 1, "c b a ");
	expect_ids("/api/bookings?userId=u1&show_id=e2&limit=1", 1, "f d ");
	expect_ids("/api/bookings?userId=u1&eventId=e2&status=confirmed", 20, "f ");
	expect_ids("/api/bookings?userId=u1&status=expired", 20, "");
}

Test(read_api_bookings, list_pages_stay_while_new_ones_come_and_old_ones_change)
{
	_cleanup_(strbuf_done) struct strbuf ids;
	char path[FIXTURE_HEADER_BYTES_MAX];

	put_list();
	strbuf_init(&ids, 4096);
	cr_assert(fixture_next_page(&fixture, "/api/bookings?userId=u1&limit=2", "booking_id", 2,
				    &ids, path));
	put_listed("g", "u1", "e1", "held", 30);    /* newer than all */
	put_listed("e", "u1", "e1", "held", 10);    /* of the moment where the page ended, before */
	put_listed("d", "u1", "e2", "expired", 10); /* the one that the page ended with */
	put_listed("c", "u1", "e1", "cancelled", 10);
	cr_assert(fixture_next_page(&fixture, path, "booking_id", 2, &ids, path));
	cr_expect_not(fixture_next_page(&fixture, path, "booking_id", 2, &ids, path));
	cr_expect_str_eq(ids.data, "f d c b a ");
}

Test(read_api_bookings, list_answers_304_while_nothing_changed)
{
	static const char path[] = "/api/bookings?userId=u1&limit=2";
	char etag[FIXTURE_HEADER_BYTES_MAX];

	put_list();
	fixture_etag(&fixture, path, etag);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 304);
	cr_expect_eq(fixture_if_none_match(&fixture, "/api/bookings?userId=u2", etag), 200);
	put_listed("d", "u1", "e2", "expired", 10);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 200);
}

Test(read_api_bookings, list_refuses_bad_parameters_with_400)
{
	static const char *const bad[] = {
		"/api/bookings",
		"/api/bookings?userId=",
		"/api/bookings?userId=a%20b",
		"/api/bookings?userId=u1&userId=u1",
		"/api/bookings?userId=u1&user_id=u2",
		"/api/bookings?userId=u1&status=pending",
		"/api/bookings?userId=u1&eventId=$ne",
		"/api/bookings?userId=u1&limit=101",
		"/api/bookings?userId=u1&limit=0",
		"/api/bookings?userId=u1&cursor=AAAA",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fixture_expect_problem(&fixture, bad[i], 400);
}

Test(read_api_bookings, a_cursor_of_another_list_is_refused)
{
	_cleanup_(strbuf_done) struct strbuf ids;
	char next[FIXTURE_HEADER_BYTES_MAX], path[FIXTURE_HEADER_BYTES_MAX + 64];

	put_list();
	strbuf_init(&ids, 4096);
	cr_assert(fixture_next_page(&fixture, "/api/bookings?userId=u1&limit=2", "booking_id", 2,
				    &ids, next));

	char *cursor = strstr(next, "cursor=");

	cr_assert(cursor);
	(void)snprintf(path, sizeof(path), "/api/bookings?userId=u2&%s", cursor);
	fixture_expect_problem(&fixture, path, 400);
	(void)snprintf(path, sizeof(path), "/api/events?%s", cursor);
	fixture_expect_problem(&fixture, path, 400);
	cursor += strlen("cursor=");
	*cursor = *cursor == 'A' ? 'B' : 'A';
	fixture_expect_problem(&fixture, next, 400);
}

Test(read_api_bookings, other_methods_are_405)
{
	struct answer answer;
	char allow[FIXTURE_HEADER_BYTES_MAX] = "";

	fixture_request(&fixture, "POST", "/api/bookings", NULL, &answer);
	cr_expect_eq(answer.status, 405);
	cr_expect(answer_header(&answer, "allow", allow, sizeof(allow)));
	cr_expect_str_eq(allow, "GET, HEAD");
	answer_done(&answer);
}
