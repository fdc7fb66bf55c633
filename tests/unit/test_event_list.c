#include "event_query.h"
#include "events.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct booking_id_key KEY = { .bytes = { 9 } };

/* Parses a raw query; out is the response's body when it was refused. */
static bool parse(const char *query, struct event_query *ret, struct strbuf *out)
{
	const struct http_request request = {
		.method = "GET", .path = "/api/events", .query = query, .body = ""
	};
	struct http_response response = { .status = 200 };

	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, 4096);

	const bool ok = event_query_parse(&request, &KEY, ret, &response);

	cr_expect_eq(response.status, ok ? 200 : 400, "%s", query);
	strbuf_reset(out);
	strbuf_add(out, response.body.data, response.body.len);
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
	return ok;
}

static struct event_query must_parse(const char *query)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct event_query ret;

	strbuf_init(&out, 4096);
	cr_assert(parse(query, &ret, &out), "refused '%s': %s", query, out.data);
	return ret;
}

static void expect_filter(const char *query, const char *expected)
{
	const struct event_query parsed = must_parse(query);
	_cleanup_(bson_destroyp) bson_t *filter = event_query_filter(&parsed);
	char *text = bson_as_relaxed_extended_json(filter, NULL);

	cr_expect_str_eq(text, expected, "%s", query);
	bson_free(text);
}

Test(event_list, without_parameters_asks_for_everything)
{
	const struct event_query query = must_parse("");

	cr_expect_eq(query.limit, 100);
	cr_expect_str_eq(query.kind, "");
	cr_expect_str_eq(query.text, "");
	cr_expect_not(query.has_from);
	cr_expect_not(query.has_after);
}

Test(event_list, ignores_empty_and_unknown_parameters)
{
	const struct event_query query =
		must_parse("kind=&from=&q=&limit=&cursor=&colour=red&$where=1&limit[$gt]=5");

	cr_expect_eq(query.limit, 100);
	cr_expect_not(query.has_from);
	cr_expect_not(query.has_after);
}

Test(event_list, reads_dates_and_times_with_any_offset)
{
	static const struct {
		const char *query;
		int64_t ms;
	} good[] = {
		{ "from=1970-01-01", 0 },
		{ "from=1970-01-02T00:00:00Z", 86400000 },
		{ "from=1970-01-01t00:00:00z", 0 },
		{ "from=1970-01-01T00:00:00.5Z", 500 },
		{ "from=1970-01-01T00:00:00.123456789Z", 123 },
		{ "from=1970-01-01T02:00:00%2B02:00", 0 },
		{ "from=1970-01-01T02:00:00+02:00", 0 },
		{ "from=1969-12-31T19:30:00-04:30", 0 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct event_query query = must_parse(good[i].query);

		cr_expect(query.has_from);
		cr_expect_eq(query.from_ms, good[i].ms, "%s: %lld", good[i].query,
			     (long long)query.from_ms);
	}
}

Test(event_list, refuses_bad_parameters_and_names_the_field)
{
	static const struct {
		const char *query, *field;
	} bad[] = {
		{ "limit=0", "limit" },
		{ "limit=101", "limit" },
		{ "limit=-1", "limit" },
		{ "limit=1e1", "limit" },
		{ "limit=%20"
		  "5",
		  "limit" },
		{ "limit=99999999999999999999", "limit" },
		{ "limit=5&limit=6", "limit" },
		{ "from=tomorrow", "from" },
		{ "from=0000-01-01T00:00:00%2B00:01", "from" },
		{ "from=9999-12-31T23:59:59.999-00:01", "from" },
		{ "from=2027-02-30", "from" },
		{ "from=2027-13-01", "from" },
		{ "from=2027-1-1", "from" },
		{ "from=2027-01-01T", "from" },
		{ "from=2027-01-01T10:00", "from" },
		{ "from=2027-01-01T10:00:00", "from" },
		{ "from=2027-01-01T25:00:00Z", "from" },
		{ "from=2027-01-01T10:00:00.Z", "from" },
		{ "from=2027-01-01T10:00:00%2B24:00", "from" },
		{ "from=2027-01-01T10:00:00%2B2:00", "from" },
		{ "from=2027-01-01X10:00:00Z", "from" },
		{ "from=2027-01-01T10:00:00Zjunk", "from" },
		{ "from=%00", "from" },
		{ "kind=Concert", "kind" },
		{ "kind=a%20b", "kind" },
		{ "kind=%7B%22$ne%22:1%7D", "kind" },
		{ "kind=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "kind" },
		{ "q=%ff", "q" },
		{ "q=%c3", "q" },
		{ "q=a%00b", "q" },
		{ "q=a%0Ab", "q" },
		{ "q=%zz", "q" },
		{ "cursor=x", "cursor" },
		{ "cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor" },
		{ "cursor=%3D%3D", "cursor" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_(strbuf_done) struct strbuf out;
		struct event_query query = { .limit = 42 };
		char member[64];

		strbuf_init(&out, 4096);
		cr_expect_not(parse(bad[i].query, &query, &out), "accepted '%s'", bad[i].query);
		cr_expect_eq(query.limit, 42, "%s", bad[i].query);
		(void)snprintf(member, sizeof(member), "\"errors\":[{\"field\":\"%s\"",
			       bad[i].field);
		cr_expect(strstr(out.data, member), "%s: %s", bad[i].query, out.data);
	}
}

Test(event_list, names_every_bad_parameter_at_once)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct event_query query;

	strbuf_init(&out, 4096);
	cr_expect_not(parse("limit=0&from=x&kind=X&cursor=1&q=%ff", &query, &out));
	cr_expect(strstr(out.data, "\"limit\"") && strstr(out.data, "\"from\"") &&
			  strstr(out.data, "\"kind\"") && strstr(out.data, "\"cursor\"") &&
			  strstr(out.data, "\"q\""),
		  "%s", out.data);
}

Test(event_list, bounds_the_search_text)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct event_query query;
	char text[2 + 102];

	strbuf_init(&out, 4096);
	memset(text, 'a', sizeof(text));
	memcpy(text, "q=", 2);
	text[102] = '\0';
	cr_expect_eq(strlen(must_parse(text).text), 100);
	text[102] = 'a';
	text[103] = '\0';
	cr_expect_not(parse(text, &query, &out));
}

Test(event_list, filters_only_by_values_never_by_operators)
{
	expect_filter("", "{ \"date\" : { \"$gte\" : { \"$date\" : { \"$numberLong\" : "
			  "\"-62167219200000\" } } } }");
	expect_filter("kind=sport&from=1970-01-01",
		      "{ \"date\" : { \"$gte\" : { \"$date\" : \"1970-01-01T00:00:00Z\" } }, "
		      "\"kind\" : \"sport\" }");
	expect_filter(
		"from=1970-01-01&q=.*%5B$ne%5D%5C%7B1%7D(a%2B)%5E%7C+\xc3\xa9"
		"9Z",
		"{ \"date\" : { \"$gte\" : { \"$date\" : \"1970-01-01T00:00:00Z\" } }, "
		"\"name\" : { \"$regularExpression\" : { \"pattern\" : "
		"\"\\\\.\\\\*\\\\[\\\\$ne\\\\]\\\\\\\\\\\\{1\\\\}\\\\(a\\\\+\\\\)\\\\^\\\\|\\\\ "
		"\xc3\xa9"
		"9Z\", \"options\" : \"i\" } } }");
}

Test(event_list, next_link_repeats_the_question_and_goes_on_after_the_last)
{
	const struct event_query query = must_parse("kind=sport&from=2027-01-01&q=a%26b+c&limit=2");
	const struct cursor last = { .time_ms = 1813260600000, .id = "derby" };
	_cleanup_(strbuf_done) struct strbuf link;
	static const char head[] = "</api/events?kind=sport&from=2027-01-01T00%3A00%3A00.000Z&"
				   "q=a%26b%20c&limit=2&cursor=";
	static const char tail[] = ">; rel=\"next\"";
	char again[512];

	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	event_query_write_next(&query, &KEY, &last, &link);
	cr_assert_eq(strncmp(link.data, head, strlen(head)), 0, "%s", link.data);
	cr_assert_gt(link.len, strlen(head) + strlen(tail));
	cr_expect_str_eq(link.data + link.len - strlen(tail), tail);

	const char *question = strchr(link.data, '?') + 1;

	(void)snprintf(again, sizeof(again), "%.*s", (int)strcspn(question, ">"), question);

	const struct event_query next = must_parse(again);

	cr_expect_str_eq(next.text, "a&b c");
	cr_expect_eq(next.limit, 2);
	cr_expect_eq(next.from_ms, query.from_ms);
	cr_assert(next.has_after);
	cr_expect_eq(next.after.time_ms, last.time_ms);
	cr_expect_str_eq(next.after.id, "derby");
}

Test(event_list, longest_question_fits_the_header)
{
	struct event_query query = { .has_from = true, .limit = 100 };
	struct cursor last = { .time_ms = INT64_MAX };
	_cleanup_(strbuf_done) struct strbuf link;

	memset(query.kind, 'k', sizeof(query.kind) - 1);
	memset(query.text, '&', sizeof(query.text) - 1);
	memset(last.id, 'e', sizeof(last.id) - 1);
	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX / 2);
	event_query_write_next(&query, &KEY, &last, &link);
	cr_expect_not(link.overflow, "%zu bytes", link.len);
}

Test(event_list, writes_an_event_without_its_seats)
{
	static const struct {
		const char *doc, *expected;
	} cases[] = {
		{ "{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"N\",\"kind\":\"bus\",\"date\":{"
		  "\"$date\":"
		  "\"2027-01-02T03:04:05.678Z\"},\"venue\":\"V\",\"currency\":\"EUR\",\"version\":"
		  "7,"
		  "\"counts\":{\"available\":1,\"held\":2,\"booked\":3,\"blocked\":4},\"blocks\":1,"
		  "\"hold_ttl_ms\":120000,\"hold_extensions_max\":0,\"seats_per_user_max\":6,"
		  "\"holds_per_user_max\":2,\"sales_open_at\":{\"$date\":\"2027-01-01T08:00:00Z\"},"
		  "\"sales_close_at\":{\"$date\":\"2027-01-02T00:00:00.500Z\"},"
		  "\"cancelled_at\":{\"$date\":\"2026-12-31T23:59:59.999Z\"}}",
		  "{\"_id\":\"e1\",\"event_id\":\"e1\",\"date\":\"2027-01-02T03:04:05.678Z\","
		  "\"name\":\"N\",\"kind\":\"bus\",\"venue\":\"V\",\"version\":7,"
		  "\"counts\":{\"available\":1,\"held\":2,\"booked\":3,\"blocked\":4},\"hold_ttl_"
		  "ms\":120000,\"hold_extensions_max\":0,"
		  "\"seats_per_user_max\":6,\"holds_per_user_max\":2,"
		  "\"sales_open_at\":\"2027-01-01T08:00:00.000Z\","
		  "\"sales_close_at\":\"2027-01-02T00:00:00.500Z\","
		  "\"cancelled_at\":\"2026-12-31T23:59:59.999Z\"}" },
		{ "{\"_id\":\"e1\",\"name\":null,\"version\":\"x\",\"counts\":[1],\"seats\":[1]}",
		  "{\"_id\":\"e1\",\"event_id\":\"e1\",\"date\":null,\"name\":null,\"kind\":null,"
		  "\"venue\":null,\"version\":0,"
		  "\"counts\":{\"available\":0,\"held\":0,\"booked\":0,\"blocked\":0},\"hold_ttl_"
		  "ms\":null,\"hold_extensions_max\":null,"
		  "\"seats_per_user_max\":null,\"holds_per_user_max\":null,"
		  "\"sales_open_at\":null,\"sales_close_at\":null,"
		  "\"cancelled_at\":null}" },
		{ "{\"_id\":\"e1\",\"counts\":{\"booked\":\"x\",\"held\":2.0},\"hold_ttl_ms\":"
		  "\"1\","
		  "\"hold_extensions_max\":null,\"cancelled_at\":true}",
		  "{\"_id\":\"e1\",\"event_id\":\"e1\",\"date\":null,\"name\":null,\"kind\":null,"
		  "\"venue\":null,\"version\":0,"
		  "\"counts\":{\"available\":0,\"held\":2,\"booked\":0,\"blocked\":0},\"hold_ttl_"
		  "ms\":null,\"hold_extensions_max\":null,"
		  "\"seats_per_user_max\":null,\"holds_per_user_max\":null,"
		  "\"sales_open_at\":null,\"sales_close_at\":null,"
		  "\"cancelled_at\":null}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(strbuf_done) struct strbuf out;
		bson_error_t error;
		_cleanup_(bson_destroyp) bson_t *doc =
			bson_new_from_json((const uint8_t *)cases[i].doc, -1, &error);

		cr_assert(doc, "%s: %s", cases[i].doc, error.message);
		strbuf_init(&out, 4096);
		event_write(doc, &out);
		cr_expect_str_eq(out.data, cases[i].expected);
	}
}
