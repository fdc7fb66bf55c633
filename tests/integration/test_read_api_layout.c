#include "clock.h"
#include "read_api_fixture.h"
#include "tcp_proxy.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define PATH        "/api/events/hall/layout"
#define SEATS_BLOCK 1000
#define ROW_SEATS   25
#define WAIT_MS_MAX 10000

NEEDS_SERVICE("TEST_MONGO_URI")

static struct fixture fixture;
static struct tcp_proxy *proxy;

static void open_fixture(void)
{
	char uri[FIXTURE_URI_BYTES_MAX];

	proxy = tcp_proxy_open(fixture_mongo_port());
	fixture_mongo_uri(tcp_proxy_port(proxy), uri);
	fixture_open(&fixture, uri);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	tcp_proxy_close(proxy);
}

TestSuite(read_api_layout, .init = open_fixture, .fini = close_fixture);

static void put_event(const char *id, const char *name, int blocks, int seats_total)
{
	char json[1024];

	(void)snprintf(json, sizeof(json),
		       "{\"_id\":\"%s\",\"event_id\":\"%s\",\"name\":\"%s\",\"kind\":\"concert\","
		       "\"date\":{\"$date\":\"2027-06-19T19:30:00Z\"},\"venue\":\"Harbour Hall\","
		       "\"currency\":\"EUR\",\"event_version\":1,\"version\":3,"
		       "\"seats_total\":%d,\"blocks\":%d}",
		       id, id, name, seats_total, blocks);
	fixture_put(&fixture, "events", json);
}

struct stored_seat {
	const char *seat_id;
	const char *status;
	const char *section;
	const char *row;
	int number;
	int price_minor;
};

static void add_seat(struct strbuf *json, const struct stored_seat *seat, int version)
{
	const bool is_free = strcmp(seat->status, "available") == 0;

	strbuf_addf(json,
		    "{\"seat_id\":\"%s\",\"status\":\"%s\",\"user_id\":%s,\"booking_id\":%s,"
		    "\"version\":%d,\"section\":\"%s\",\"row\":\"%s\",\"number\":%d,"
		    "\"price_minor\":{\"$numberLong\":\"%d\"}}",
		    seat->seat_id, seat->status, is_free ? "null" : "\"u1\"",
		    is_free ? "null" : "\"b1\"", version, seat->section, seat->row, seat->number,
		    seat->price_minor);
}

/* A block of one seat behind a gap. */
static void put_block(const char *event_id, int block, int version, const struct stored_seat *seat)
{
	_cleanup_(strbuf_done) struct strbuf json;

	strbuf_init(&json, 4096);
	strbuf_addf(&json,
		    "{\"_id\":\"%s/%04d\",\"event_id\":\"%s\",\"block\":%d,\"version\":%d,"
		    "\"counts\":{},\"seats\":[null,",
		    event_id, block, event_id, block, version);
	add_seat(&json, seat, version);
	strbuf_add_text(&json, "]}");
	cr_assert_not(json.overflow);
	fixture_put(&fixture, "seat_maps", json.data);
}

static struct stored_seat left(const char *status)
{
	return (struct stored_seat){ "L-A1", status, "Left", "A", 1, 8900 };
}

static struct stored_seat right(const char *status)
{
	return (struct stored_seat){ "R-A1", status, "Right", "A", 1, 5900 };
}

static void put_hall(void)
{
	const struct stored_seat first = left("available"), second = right("booked");

	put_event("hall", "Midnight Sun Live", 2, 2);
	put_block("hall", 0, 5, &first);
	put_block("hall", 1, 7, &second);
}

static void expect_header(const struct answer *answer, const char *name, const char *expected)
{
	char value[FIXTURE_HEADER_BYTES_MAX] = "";

	cr_expect(answer_header(answer, name, value, sizeof(value)), "no %s", name);
	cr_expect_str_eq(value, expected, "%s: %s", name, value);
}

Test(read_api_layout, is_shown_to_the_letter)
{
	struct answer answer;
	const struct stored_seat seat = left("available");

	put_hall();
	/* A neighbour in key order, whose block is not this event's. */
	put_block("hall.", 0, 1, &seat);
	fixture_get(&fixture, PATH, NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(answer.body.data,
			 "{\"event_id\":\"hall\",\"name\":\"Midnight Sun Live\","
			 "\"kind\":\"concert\",\"date\":\"2027-06-19T19:30:00.000Z\","
			 "\"venue\":\"Harbour Hall\",\"currency\":\"EUR\",\"seats_total\":2,"
			 "\"sections\":[{\"section\":\"Left\",\"rows\":[{\"row\":\"A\",\"seats\":["
			 "{\"seat_id\":\"L-A1\",\"number\":1,\"position\":1,\"price_minor\":8900}"
			 "]}]},{\"section\":\"Right\",\"rows\":[{\"row\":\"A\",\"seats\":["
			 "{\"seat_id\":\"R-A1\",\"number\":1,\"position\":1001,"
			 "\"price_minor\":5900}]}]}]}");
	expect_header(&answer, "content-type", "application/json");
	expect_header(&answer, "cache-control", "max-age=3600");
	answer_done(&answer);
}

Test(read_api_layout, stays_the_same_whatever_becomes_of_the_seats)
{
	static const char *const statuses[] = { "held", "booked", "blocked", "available" };
	char etag[FIXTURE_HEADER_BYTES_MAX], map[FIXTURE_HEADER_BYTES_MAX];
	struct answer before;

	put_hall();
	fixture_etag(&fixture, PATH, etag);
	fixture_etag(&fixture, "/api/events/hall", map);
	cr_expect_str_neq(etag, map);
	fixture_get(&fixture, PATH, NULL, &before);
	for (int i = 0; i < 4; i++) {
		const struct stored_seat seat = left(statuses[i]);
		struct answer after;

		put_block("hall", 0, 6 + i, &seat);
		fixture_get(&fixture, PATH, NULL, &after);
		cr_expect_eq(after.status, 200);
		cr_expect_str_eq(after.body.data, before.body.data);
		expect_header(&after, "etag", etag);
		cr_expect_eq(fixture_if_none_match(&fixture, PATH, etag), 304);
		cr_expect_eq(fixture_if_none_match(&fixture, "/api/events/hall", map), 200);
		answer_done(&after);
	}
	answer_done(&before);
}

Test(read_api_layout, is_another_one_when_an_administrator_changed_it)
{
	struct stored_seat seat = left("available");
	char etag[FIXTURE_HEADER_BYTES_MAX];

	put_hall();
	fixture_etag(&fixture, PATH, etag);
	seat.price_minor = 8901;
	put_block("hall", 0, 5, &seat); /* The map's version is the same. */
	cr_expect_eq(fixture_if_none_match(&fixture, PATH, etag), 200);

	fixture_etag(&fixture, PATH, etag);
	put_event("hall", "Renamed", 2, 2);
	cr_expect_eq(fixture_if_none_match(&fixture, PATH, etag), 200);
}

Test(read_api_layout, answers_304_with_what_a_cache_needs)
{
	struct answer answer;
	char etag[FIXTURE_HEADER_BYTES_MAX], header[FIXTURE_HEADER_BYTES_MAX + 32];

	put_hall();
	fixture_etag(&fixture, PATH, etag);
	(void)snprintf(header, sizeof(header), "If-None-Match: \"x\", %s", etag);
	fixture_get(&fixture, PATH, header, &answer);
	cr_expect_eq(answer.status, 304);
	cr_expect_eq(answer.body.len, 0);
	expect_header(&answer, "etag", etag);
	expect_header(&answer, "cache-control", "max-age=3600");
	answer_done(&answer);
	cr_expect_eq(fixture_if_none_match(&fixture, PATH, "\"another\""), 200);
	cr_expect_eq(fixture_if_none_match(&fixture, PATH, "*"), 304);
}

Test(read_api_layout, head_answers_without_a_body)
{
	struct answer answer;
	char etag[FIXTURE_HEADER_BYTES_MAX];

	put_hall();
	fixture_etag(&fixture, PATH, etag);
	fixture_request(&fixture, "HEAD", PATH, NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_eq(answer.body.len, 0);
	expect_header(&answer, "etag", etag);
	answer_done(&answer);
}

Test(read_api_layout, unknown_events_are_404)
{
	static const char *const unknown[] = {
		"/api/events/nobody/layout", "/api/events/%24ne/layout",
		"/api/events//layout",       "/api/events/hall/layout/",
		"/api/events/hall/layouts",  "/api/events/hall%2F0000/layout",
		"/api/events/../layout",     "/api/events/hall/%6Cayout",
	};

	put_hall();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		fixture_expect_problem(&fixture, unknown[i], 404);
	cr_expect_eq(fixture_if_none_match(&fixture, unknown[0], "*"), 404);
}

Test(read_api_layout, other_methods_are_405)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };

	put_hall();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct answer answer;

		fixture_request(&fixture, methods[i], PATH, NULL, &answer);
		cr_expect_eq(answer.status, 405, "%s: %ld", methods[i], answer.status);
		expect_header(&answer, "allow", "GET, HEAD");
		answer_done(&answer);
	}
}

/* A problem must not be kept: soon it is none. */
static void expect_problem_not_kept(long status)
{
	struct answer answer;

	fixture_expect_problem(&fixture, PATH, status);
	fixture_get(&fixture, PATH, "If-None-Match: *", &answer);
	cr_expect_eq(answer.status, status);
	expect_header(&answer, "cache-control", "no-store");
	cr_expect_not(strstr(answer.body.data, "section") || strstr(answer.body.data, "block"),
		      "%s", answer.body.data);
	answer_done(&answer);
}

Test(read_api_layout, one_that_is_not_complete_yet_is_503)
{
	const struct stored_seat second = right("booked");

	put_hall();
	fixture_delete(&fixture, "seat_maps", "hall/0001");
	expect_problem_not_kept(503);
	put_block("hall", 1, 7, &second);
	put_event("hall", "Midnight Sun Live", 2, 3);
	expect_problem_not_kept(503);
	put_event("hall", "Midnight Sun Live", 2, 2);
	cr_expect_eq(fixture_if_none_match(&fixture, PATH, "\"x\""), 200);
}

Test(read_api_layout, a_broken_one_is_500_and_says_nothing_of_the_inside)
{
	put_hall();
	fixture_put(
		&fixture, "seat_maps",
		"{\"_id\":\"hall/0001\",\"block\":1,\"version\":1,\"seats\":[{\"seat_id\":\"X\","
		"\"section\":\"S\",\"row\":\"A\",\"number\":1}]}");
	expect_problem_not_kept(500);
}

static void wait_for_status(long status)
{
	const int64_t start_ms = clock_monotonic_ms();
	long found = 0;

	while (found != status) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still %ld", found);
		clock_sleep_ms(20);
		found = fixture_if_none_match(&fixture, PATH, "\"x\"");
	}
}

Test(read_api_layout, is_503_while_mongodb_is_away)
{
	struct answer answer;

	put_hall();
	wait_for_status(200);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	expect_problem_not_kept(503);
	fixture_get(&fixture, PATH, NULL, &answer);
	expect_header(&answer, "retry-after", "1");
	answer_done(&answer);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	wait_for_status(200);
}

/* Sections of SEATS_BLOCK seats, a block each, in rows of ROW_SEATS. */
static void put_arena(int blocks)
{
	put_event("arena", "The Great Arena Night", blocks, blocks * SEATS_BLOCK);
	for (int b = 0; b < blocks; b++) {
		_cleanup_(strbuf_done) struct strbuf json;

		strbuf_init(&json, 1u << 20);
		strbuf_addf(&json, "{\"_id\":\"arena/%04d\",\"block\":%d,\"version\":0,\"seats\":[",
			    b, b);
		for (int i = 0; i < SEATS_BLOCK; i++) {
			char seat_id[16], section[16], row[16];
			const struct stored_seat seat = {
				.seat_id = seat_id,
				.status = i % 3 ? "available" : "booked",
				.section = section,
				.row = row,
				.number = i % ROW_SEATS + 1,
				.price_minor = b * 100 + i,
			};

			(void)snprintf(seat_id, sizeof(seat_id), "P%05d", b * SEATS_BLOCK + i);
			(void)snprintf(section, sizeof(section), "S%d", b);
			(void)snprintf(row, sizeof(row), "R%d", i / ROW_SEATS);
			strbuf_add_text(&json, i ? "," : "");
			add_seat(&json, &seat, 0);
		}
		strbuf_add_text(&json, "]}");
		cr_assert_not(json.overflow);
		fixture_put(&fixture, "seat_maps", json.data);
	}
}

/* The rows of the section of block b, whose seats are those that put_arena made. */
static void expect_section(json_t *section, int b)
{
	json_t *rows = json_object_get(section, "rows");
	char expected[16];

	(void)snprintf(expected, sizeof(expected), "S%d", b);
	cr_assert_str_eq(json_string_value(json_object_get(section, "section")), expected);
	cr_assert_eq(json_array_size(rows), SEATS_BLOCK / ROW_SEATS);
	for (int i = 0; i < SEATS_BLOCK; i++) {
		json_t *row = json_array_get(rows, (size_t)(i / ROW_SEATS));
		json_t *seats = json_object_get(row, "seats");
		json_t *seat = json_array_get(seats, (size_t)(i % ROW_SEATS));

		cr_assert_eq(json_array_size(seats), ROW_SEATS);
		(void)snprintf(expected, sizeof(expected), "R%d", i / ROW_SEATS);
		cr_assert_str_eq(json_string_value(json_object_get(row, "row")), expected);
		(void)snprintf(expected, sizeof(expected), "P%05d", b * SEATS_BLOCK + i);
		cr_assert_str_eq(json_string_value(json_object_get(seat, "seat_id")), expected);
		cr_assert_eq(json_integer_value(json_object_get(seat, "number")),
			     i % ROW_SEATS + 1);
		cr_assert_eq(json_integer_value(json_object_get(seat, "position")),
			     b * SEATS_BLOCK + i);
		cr_assert_eq(json_integer_value(json_object_get(seat, "price_minor")), b * 100 + i);
	}
}

Test(read_api_layout, ten_thousand_seats_come_whole_and_in_order)
{
	struct answer answer;

	put_arena(10);
	fixture_get(&fixture, "/api/events/arena/layout", NULL, &answer);
	cr_assert_eq(answer.status, 200);

	json_t *layout = json_loads(answer.body.data, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(layout);

	json_t *sections = json_object_get(layout, "sections");

	cr_expect_eq(json_integer_value(json_object_get(layout, "seats_total")), 10000);
	cr_assert_eq(json_array_size(sections), 10);
	for (int b = 0; b < 10; b++)
		expect_section(json_array_get(sections, (size_t)b), b);
	json_decref(layout);
	answer_done(&answer);
}
