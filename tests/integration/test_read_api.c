#include "read_api_fixture.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define SEATS_BLOCK 1000

/* What an event answers that says nothing about its sale. */
#define NO_RULES                                                                                   \
	",\"hold_ttl_ms\":null,\"hold_extensions_max\":null,\"seats_per_user_max\":null,"          \
	"\"holds_per_user_max\":null,\"sales_open_at\":null,\"sales_close_at\":null,"            \
	"\"cancelled_at\":null"

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

TestSuite(read_api, .init = open_fixture, .fini = close_fixture);

static void put_event(const char *id, const char *name, const char *kind, const char *date,
		      int event_version, int blocks)
{
	char json[1024];

	(void)snprintf(
		json, sizeof(json),
		"{\"_id\":\"%s\",\"event_id\":\"%s\",\"name\":\"%s\",\"kind\":\"%s\","
		"\"date\":{\"$date\":\"%s\"},\"venue\":\"Harbour Hall\",\"currency\":\"EUR\","
		"\"event_version\":%d,\"version\":3,\"counts\":{\"available\":1,\"held\":0,"
		"\"booked\":3,\"blocked\":0},\"seats_total\":4,\"blocks\":%d}",
		id, id, name, kind, date, event_version, blocks);
	fixture_put(&fixture, "events", json);
}

/* A block of one seat. */
static void put_block(const char *event_id, int block, int version, const char *status)
{
	char json[1024];

	(void)snprintf(json, sizeof(json),
		       "{\"_id\":\"%s/%04d\",\"event_id\":\"%s\",\"block\":%d,\"version\":%d,"
		       "\"counts\":{},\"seats\":[{\"seat_id\":\"S%d\",\"status\":\"%s\","
		       "\"user_id\":%s,\"booking_id\":null,\"version\":%d,\"section\":\"Hall\","
		       "\"row\":\"A\",\"number\":1,\"price_minor\":5900}]}",
		       event_id, block, event_id, block, version, block, status,
		       strcmp(status, "available") == 0 ? "null" : "\"u1\"", version);
	fixture_put(&fixture, "seat_maps", json);
}

static void put_concert(void)
{
	put_event("concert123", "Midnight Sun Live", "concert", "2027-06-19T19:30:00Z", 1, 2);
	put_block("concert123", 0, 5, "booked");
	put_block("concert123", 1, 7, "available");
}

Test(read_api, lists_events_to_the_letter_without_seats)
{
	struct answer answer;
	char value[FIXTURE_HEADER_BYTES_MAX];

	put_event("b", "City Derby", "sport", "2027-04-10T14:00:00Z", 1, 1);
	put_event("a", "Later", "concert", "2027-06-19T19:30:00.250Z", 1, 1);
	fixture_get(&fixture, "/api/events", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(
		answer.body.data,
		"[{\"_id\":\"b\",\"event_id\":\"b\",\"date\":\"2027-04-10T14:00:00.000Z\","
		"\"name\":\"City Derby\",\"kind\":\"sport\",\"venue\":\"Harbour "
		"Hall\",\"version\":3,"
		"\"counts\":{\"available\":1,\"held\":0,\"booked\":3,\"blocked\":0}" NO_RULES "},"
		"{\"_id\":\"a\",\"event_id\":\"a\",\"date\":\"2027-06-19T19:30:00.250Z\","
		"\"name\":\"Later\",\"kind\":\"concert\",\"venue\":\"Harbour Hall\",\"version\":3,"
		"\"counts\":{\"available\":1,\"held\":0,\"booked\":3,\"blocked\":0}" NO_RULES "}]");
	cr_expect(answer_header(&answer, "content-type", value, sizeof(value)));
	cr_expect_str_eq(value, "application/json");
	cr_expect(answer_header(&answer, "cache-control", value, sizeof(value)));
	cr_expect_str_eq(value, "no-cache");
	cr_expect_not(answer_header(&answer, "link", value, sizeof(value)));
	answer_done(&answer);
}

Test(read_api, an_empty_list_is_an_empty_array)
{
	struct answer answer;

	fixture_get(&fixture, "/api/events", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(answer.body.data, "[]");
	answer_done(&answer);
}

static void expect_ids(const char *first_path, size_t page_max, const char *expected)
{
	fixture_expect_ids(&fixture, first_path, "_id", page_max, expected);
}

Test(read_api, pages_go_by_date_then_id_without_gap_or_repetition)
{
	/* Three at one moment, so that a page ends among equals. */
	put_event("c", "Same day", "bus", "2027-05-01T00:00:00Z", 1, 1);
	put_event("e", "Last", "bus", "2027-06-01T00:00:00Z", 1, 1);
	put_event("b", "Same day", "bus", "2027-05-01T00:00:00Z", 1, 1);
	put_event("d", "Same day", "concert", "2027-05-01T00:00:00Z", 1, 1);
	put_event("a", "After first", "bus", "2027-04-02T00:00:00Z", 1, 1);
	put_event("z", "First", "bus", "2027-04-01T00:00:00Z", 1, 1);

	expect_ids("/api/events", 100, "z a b c d e ");
	expect_ids("/api/events?limit=1", 1, "z a b c d e ");
	expect_ids("/api/events?limit=2", 2, "z a b c d e ");
	expect_ids("/api/events?limit=4", 4, "z a b c d e ");
	expect_ids("/api/events?limit=6", 6, "z a b c d e ");
	expect_ids("/api/events?limit=2&kind=bus", 2, "z a b c e ");
	expect_ids("/api/events?limit=1&kind=bus&q=SAME&from=2027-04-02", 1, "b c ");
}

Test(read_api, filters_take_text_as_text)
{
	put_event("a", "Rock (live) 100% .*", "concert", "2027-05-01T00:00:00Z", 1, 1);
	put_event("b", "Caf\xc3\xa9 \xc3\x89toile", "concert", "2027-05-02T12:00:00Z", 1, 1);

	expect_ids("/api/events?q=ROCK%20(", 100, "a ");
	expect_ids("/api/events?q=.*", 100, "a ");
	expect_ids("/api/events?q=%5E", 100, "");
	expect_ids("/api/events?q=$ne", 100, "");
	expect_ids("/api/events?q=%C3%A9toile", 100, "b ");
	expect_ids("/api/events?kind=opera", 100, "");
	expect_ids("/api/events?from=2027-05-02", 100, "b ");
	expect_ids("/api/events?from=2027-05-02T12:00:00.001Z", 100, "");
	expect_ids("/api/events?from=2027-05-02T14:00:00%2B02:00", 100, "b ");
	expect_ids("/api/events?colour=red&%5B$gt%5D=1", 100, "a b ");
}

Test(read_api, refuses_bad_parameters_with_400)
{
	static const char *const bad[] = {
		"/api/events?limit=0",     "/api/events?limit=101", "/api/events?limit=x",
		"/api/events?from=soon",   "/api/events?q=%ff",     "/api/events?kind=A%20B",
		"/api/events?cursor=AAAA", "/api/events?q=a&q=b",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fixture_expect_problem(&fixture, bad[i], 400);
}

Test(read_api, shows_a_map_to_the_letter)
{
	struct answer answer;
	char value[FIXTURE_HEADER_BYTES_MAX];

	put_concert();
	/* Neighbours in key order, whose blocks are not this event's. */
	put_block("concert12", 0, 1, "booked");
	put_block("concert1234", 0, 1, "booked");
	put_block("concert123.", 0, 1, "booked");
	fixture_get(&fixture, "/api/events/concert123", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(
		answer.body.data,
		"{\"_id\":\"concert123\",\"event_id\":\"concert123\","
		"\"date\":\"2027-06-19T19:30:00.000Z\",\"name\":\"Midnight Sun Live\","
		"\"kind\":\"concert\",\"venue\":\"Harbour Hall\",\"currency\":\"EUR\"" NO_RULES
		",\"seats\":["
		"{\"seat_id\":\"S0\",\"status\":\"booked\",\"user_id\":\"u1\"},"
		"{\"seat_id\":\"S1\",\"status\":\"available\",\"user_id\":null}],\"version\":12,"
		"\"counts\":{\"available\":1,\"held\":0,\"booked\":1,\"blocked\":0}}");
	cr_expect(answer_header(&answer, "cache-control", value, sizeof(value)));
	cr_expect_str_eq(value, "no-cache");
	answer_done(&answer);
}

Test(read_api, answers_304_while_nothing_changed)
{
	static const char path[] = "/api/events/concert123";
	struct answer answer;
	char etag[FIXTURE_HEADER_BYTES_MAX], again[FIXTURE_HEADER_BYTES_MAX],
		header[FIXTURE_HEADER_BYTES_MAX + 32];

	put_concert();
	fixture_etag(&fixture, path, etag);
	cr_expect_eq(strncmp(etag, "\"1-12-", 6), 0, "%s", etag);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 304);
	cr_expect_eq(fixture_if_none_match(&fixture, path, "\"another\""), 200);
	cr_expect_eq(fixture_if_none_match(&fixture, path, "*"), 304);

	(void)snprintf(header, sizeof(header), "If-None-Match: \"x\", %s", etag);
	fixture_get(&fixture, path, header, &answer);
	cr_expect_eq(answer.status, 304);
	cr_expect(answer_header(&answer, "etag", again, sizeof(again)));
	cr_expect_str_eq(again, etag);
	cr_expect(answer_header(&answer, "cache-control", again, sizeof(again)));
	cr_expect_str_eq(again, "no-cache");
	answer_done(&answer);

	put_block("concert123", 1, 8, "booked");
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 200);

	/* A later answer says its own tag once, not the one that was compared first. */
	fixture_get(&fixture, path, header, &answer);
	cr_expect_eq(answer.status, 200);
	const char *first = strstr(answer.head.data, "\netag: ");
	cr_expect(first && !strstr(first + 1, "\netag: "), "%s", answer.head.data);
	answer_done(&answer);
}

Test(read_api, torn_reads_that_add_up_alike_have_different_tags)
{
	static const char path[] = "/api/events/concert123";
	static const int versions[][2] = { { 5, 7 }, { 7, 5 }, { 6, 6 }, { 12, 0 }, { 0, 12 } };
	char etags[5][FIXTURE_HEADER_BYTES_MAX];

	put_concert();
	for (size_t i = 0; i < 5; i++) {
		put_block("concert123", 0, versions[i][0], "booked");
		put_block("concert123", 1, versions[i][1], "booked");
		fixture_etag(&fixture, path, etags[i]);
		cr_expect_eq(strncmp(etags[i], "\"1-12-", 6), 0, "%s", etags[i]);
		for (size_t j = 0; j < i; j++) {
			cr_expect_str_neq(etags[i], etags[j]);
			cr_expect_eq(fixture_if_none_match(&fixture, path, etags[j]), 200);
		}
		cr_expect_eq(fixture_if_none_match(&fixture, path, etags[i]), 304);
	}
}

Test(read_api, a_change_of_the_events_own_data_changes_the_tag)
{
	static const char path[] = "/api/events/concert123";
	char etag[FIXTURE_HEADER_BYTES_MAX];

	put_concert();
	fixture_etag(&fixture, path, etag);
	put_event("concert123", "Renamed", "concert", "2027-06-19T19:30:00Z", 2, 2);
	cr_expect_eq(fixture_if_none_match(&fixture, path, etag), 200);
}

Test(read_api, a_read_model_of_another_write_model_has_other_tags)
{
	static const char path[] = "/api/events/concert123";
	char etag[FIXTURE_HEADER_BYTES_MAX];
	long status = 304;

	put_concert();
	fixture_etag(&fixture, path, etag);
	fixture_put(
		&fixture, "projector_state",
		"{\"_id\":\"booking_log\",\"ledger_id\":\"another\",\"xid\":\"1\",\"seq\":\"1\"}");
	for (int i = 0; i < 40 && status == 304; i++) {
		struct timespec pause = { .tv_nsec = 100000000 };

		(void)nanosleep(&pause, NULL);
		status = fixture_if_none_match(&fixture, path, etag);
	}
	cr_expect_eq(status, 200);
}

Test(read_api, head_answers_without_a_body)
{
	struct answer answer;
	char etag[FIXTURE_HEADER_BYTES_MAX], value[FIXTURE_HEADER_BYTES_MAX];

	put_concert();
	fixture_etag(&fixture, "/api/events/concert123", etag);
	fixture_request(&fixture, "HEAD", "/api/events/concert123", NULL, &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_eq(answer.body.len, 0);
	cr_expect(answer_header(&answer, "etag", value, sizeof(value)));
	cr_expect_str_eq(value, etag);
	answer_done(&answer);
}

Test(read_api, unknown_events_are_404)
{
	static const char *const unknown[] = {
		"/api/events/nobody",
		"/api/events/%24ne",
		"/api/events/a%20b",
		"/api/events/concert123%2F0000",
		"/api/events/concert123/",
		"/api/events/..",
		"/api/events/%00",
		"/api/event/concert123",
		"/api/events/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	put_concert();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		fixture_expect_problem(&fixture, unknown[i], 404);
	cr_expect_eq(fixture_if_none_match(&fixture, "/api/events/nobody", "*"), 404);
}

Test(read_api, other_methods_are_405)
{
	struct answer answer;
	char allow[FIXTURE_HEADER_BYTES_MAX] = "";

	fixture_request(&fixture, "DELETE", "/api/events/concert123", NULL, &answer);
	cr_expect_eq(answer.status, 405);
	cr_expect(answer_header(&answer, "allow", allow, sizeof(allow)));
	cr_expect(strstr(allow, "GET"), "%s", allow);
	answer_done(&answer);
}

Test(read_api, a_map_that_is_not_complete_yet_is_503)
{
	put_concert();
	fixture_delete(&fixture, "seat_maps", "concert123/0001");
	fixture_expect_problem(&fixture, "/api/events/concert123", 503);
	cr_expect_eq(fixture_if_none_match(&fixture, "/api/events/concert123", "\"x\""), 503);
	put_block("concert123", 1, 7, "available");
	cr_expect_eq(fixture_if_none_match(&fixture, "/api/events/concert123", "\"x\""), 200);
}

Test(read_api, a_broken_map_is_500_and_says_nothing_of_the_inside)
{
	struct answer answer;

	put_concert();
	fixture_put(&fixture, "seat_maps",
		    "{\"_id\":\"concert123/0001\",\"block\":1,\"version\":1,\"seats\":[{}]}");
	fixture_expect_problem(&fixture, "/api/events/concert123", 500);
	fixture_get(&fixture, "/api/events/concert123", NULL, &answer);
	cr_expect_not(strstr(answer.body.data, "block") || strstr(answer.body.data, "seat_id"),
		      "%s", answer.body.data);
	answer_done(&answer);
}

/* Blocks of SEATS_BLOCK seats, every third one booked. */
static void put_arena(unsigned blocks)
{
	put_event("arena", "The Great Arena Night", "concert", "2027-09-04T18:00:00Z", 1,
		  (int)blocks);
	for (unsigned b = 0; b < blocks; b++) {
		_cleanup_(strbuf_done) struct strbuf json;

		strbuf_init(&json, 1u << 20);
		strbuf_addf(&json,
			    "{\"_id\":\"arena/%04u\",\"event_id\":\"arena\",\"block\":%u,"
			    "\"version\":%u,\"seats\":[",
			    b, b, SEATS_BLOCK);
		for (unsigned i = 0; i < SEATS_BLOCK; i++)
			strbuf_addf(
				&json,
				"%s{\"seat_id\":\"P%05u\",\"status\":\"%s\",\"user_id\":%s,"
				"\"booking_id\":null,\"version\":1,\"section\":\"S\",\"row\":\"R\","
				"\"number\":1,\"price_minor\":100}",
				i ? "," : "", b * SEATS_BLOCK + i, i % 3 ? "available" : "booked",
				i % 3 ? "null" : "\"u7\"");
		strbuf_add_text(&json, "]}");
		cr_assert_not(json.overflow);
		fixture_put(&fixture, "seat_maps", json.data);
	}
}

Test(read_api, ten_thousand_seats_come_whole_and_in_order)
{
	struct answer answer;

	put_arena(10);
	fixture_get(&fixture, "/api/events/arena", NULL, &answer);
	cr_assert_eq(answer.status, 200);
	cr_expect_lt(answer.seconds, 1.0, "took %f s", answer.seconds);

	json_t *map = json_loads(answer.body.data, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(map);

	json_t *seats = json_object_get(map, "seats"), *counts = json_object_get(map, "counts");

	cr_assert_eq(json_array_size(seats), 10000);
	for (unsigned i = 0; i < 10000; i++) {
		char expected[16];

		(void)snprintf(expected, sizeof(expected), "P%05u", i);
		cr_assert_str_eq(
			json_string_value(json_object_get(json_array_get(seats, i), "seat_id")),
			expected);
	}
	cr_expect_eq(json_integer_value(json_object_get(map, "version")), 10000);
	cr_expect_eq(json_integer_value(json_object_get(counts, "booked")), 3340);
	cr_expect_eq(json_integer_value(json_object_get(counts, "available")), 6660);
	json_decref(map);
	answer_done(&answer);
}
