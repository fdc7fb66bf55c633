#include "booking_query.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct booking_id_key KEY = { .bytes = { 9 } };

/* Parses a raw query; out is the response's body when it was refused. */
static bool parse(const char *query, struct booking_query *ret, struct strbuf *out)
{
	const struct http_request request = {
		.method = "GET", .path = "/api/bookings", .query = query, .body = ""
	};
	struct http_response response = { .status = 200 };

	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, 4096);

	const bool ok = booking_query_parse(&request, &KEY, ret, &response);

	cr_expect_eq(response.status, ok ? 200 : 400, "%s", query);
	strbuf_reset(out);
	strbuf_add(out, response.body.data, response.body.len);
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
	return ok;
}

static struct booking_query must_parse(const char *query)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct booking_query ret;

	strbuf_init(&out, 4096);
	cr_assert(parse(query, &ret, &out), "refused '%s': %s", query, out.data);
	return ret;
}

static void expect_filter(const struct booking_query *query, const char *expected)
{
	_cleanup_(bson_destroyp) bson_t *filter = booking_query_filter(query);
	char *text = bson_as_relaxed_extended_json(filter, NULL);

	cr_expect_str_eq(text, expected);
	bson_free(text);
}

Test(booking_query, needs_a_user_alone)
{
	const struct booking_query query = must_parse("userId=u1&eventId=&status=&limit=&cursor=");

	cr_expect_str_eq(query.user_id, "u1");
	cr_expect_str_eq(query.event_id, "");
	cr_expect_str_eq(query.status, "");
	cr_expect_eq(query.limit, 20);
	cr_expect_not(query.has_after);
}

Test(booking_query, knows_the_other_names)
{
	static const char *const queries[] = {
		"userId=1&eventId=7",
		"user_id=1&event_id=7",
		"user_id=1&show_id=7",
		"userId=1&showId=7",
		"userId=1&user_id=1&eventId=7&showId=7",
	};

	for (size_t i = 0; i < COUNT(queries); i++) {
		const struct booking_query query = must_parse(queries[i]);

		cr_expect_str_eq(query.user_id, "1", "%s", queries[i]);
		cr_expect_str_eq(query.event_id, "7", "%s", queries[i]);
	}
}

Test(booking_query, refuses_bad_parameters_and_names_the_field)
{
	static const struct {
		const char *query, *field;
	} bad[] = {
		{ "", "userId" },
		{ "userId=", "userId" },
		{ "user=u1", "userId" },
		{ "userId=a%20b", "userId" },
		{ "userId=a%2Fb", "userId" },
		{ "userId=..", "userId" },
		{ "userId=%00", "userId" },
		{ "userId=%zz", "userId" },
		{ "userId[$ne]=x", "userId" },
		{ "userId=u1&userId=u1", "userId" },
		{ "userId=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "userId" },
		{ "user_id=a%20b", "user_id" },
		{ "userId=u1&user_id=u2", "user_id" },
		{ "userId=u1&eventId=a%20b", "eventId" },
		{ "userId=u1&eventId=e1&show_id=e2", "show_id" },
		{ "userId=u1&status=pending", "status" },
		{ "userId=u1&status=Held", "status" },
		{ "userId=u1&status=held&status=held", "status" },
		{ "userId=u1&status=heldheldheldheldheld", "status" },
		{ "userId=u1&limit=0", "limit" },
		{ "userId=u1&limit=101", "limit" },
		{ "userId=u1&limit=-1", "limit" },
		{ "userId=u1&cursor=x", "cursor" },
		{ "userId=u1&cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		_cleanup_(strbuf_done) struct strbuf out;
		struct booking_query query = { .limit = 42 };
		char field[64];

		strbuf_init(&out, 4096);
		cr_expect_not(parse(bad[i].query, &query, &out), "accepted '%s'", bad[i].query);
		cr_expect_eq(query.limit, 42);
		(void)snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i].field);
		cr_expect(strstr(out.data, field), "'%s': %s", bad[i].query, out.data);
	}
}

Test(booking_query, tells_every_fault_at_once)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct booking_query query;

	strbuf_init(&out, 4096);
	cr_expect_not(parse("userId=u1&eventId=%20&status=x&limit=x&cursor=x", &query, &out));
	cr_expect(strstr(out.data, "\"eventId\"") && strstr(out.data, "\"status\"") &&
			  strstr(out.data, "\"limit\"") && strstr(out.data, "\"cursor\""),
		  "%s", out.data);
}

Test(booking_query, filters_are_values_never_operators)
{
	const struct booking_query all = must_parse("userId=u1");
	const struct booking_query some = must_parse("userId=u1&eventId=e1&status=held");

	expect_filter(&all, "{ \"user_id\" : \"u1\", \"requested_at\" : { \"$gte\" : { \"$date\" : "
			    "{ \"$numberLong\" : \"-62167219200000\" } } } }");
	expect_filter(&some,
		      "{ \"user_id\" : \"u1\", \"event_id\" : \"e1\", \"status\" : \"held\", "
		      "\"requested_at\" : { \"$gte\" : { \"$date\" : { \"$numberLong\" : "
		      "\"-62167219200000\" } } } }");
}

Test(booking_query, next_page_is_the_same_question_from_there_on)
{
	const struct booking_query query =
		must_parse("user_id=u1&show_id=e1&status=held&limit=2&colour=red");
	const struct cursor last = { .time_ms = 1772393400000, .id = "b7" };
	static const char start[] = "</api/bookings?";
	_cleanup_(strbuf_done) struct strbuf link;
	char again[1024];

	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	booking_query_write_next(&query, &KEY, &last, &link);
	cr_assert_eq(strncmp(link.data, start, strlen(start)), 0, "%s", link.data);

	const char *question = link.data + strlen(start);

	cr_expect_str_eq(strchr(question, '>'), ">; rel=\"next\"");
	(void)snprintf(again, sizeof(again), "%.*s", (int)strcspn(question, ">"), question);

	const struct booking_query next = must_parse(again);

	cr_expect_str_eq(next.user_id, "u1");
	cr_expect_str_eq(next.event_id, "e1");
	cr_expect_str_eq(next.status, "held");
	cr_expect_eq(next.limit, 2);
	cr_assert(next.has_after);
	cr_expect_eq(next.after.time_ms, last.time_ms);
	cr_expect_str_eq(next.after.id, "b7");
	expect_filter(&next,
		      "{ \"user_id\" : \"u1\", \"event_id\" : \"e1\", \"status\" : \"held\", "
		      "\"requested_at\" : { \"$gte\" : { \"$date\" : { \"$numberLong\" : "
		      "\"-62167219200000\" } }, \"$lte\" : { \"$date\" : "
		      "\"2026-03-01T19:30:00Z\" } }, \"$or\" : [ { \"requested_at\" : { \"$lt\" : "
		      "{ \"$date\" : \"2026-03-01T19:30:00Z\" } } }, { \"_id\" : { \"$lt\" : "
		      "\"b7\" } } ] }");
}

Test(booking_query, longest_question_fits_the_header)
{
	struct booking_query query = { .limit = 100, .status = "confirmed" };
	struct cursor last = { .time_ms = INT64_MAX };
	_cleanup_(strbuf_done) struct strbuf link;

	memset(query.user_id, 'u', sizeof(query.user_id) - 1);
	memset(query.event_id, 'e', sizeof(query.event_id) - 1);
	memset(last.id, 'i', sizeof(last.id) - 1);
	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX / 2);
	booking_query_write_next(&query, &KEY, &last, &link);
	cr_expect_not(link.overflow, "%zu bytes", link.len);
}
