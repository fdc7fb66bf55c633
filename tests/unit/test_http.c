#include "http_internal.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX];

static bool matches(const char *pattern, const char *path)
{
	return http_path_match(pattern, path, params);
}

Test(http_path, matches_whole_segments)
{
	cr_expect(matches("/api/book", "/api/book"));
	cr_expect(matches("/api/bookings/{id}", "/api/bookings/x"));
	cr_expect_str_eq(params[0], "x");
	cr_expect(matches("/api/{a}/{b}", "/api/one/two"));
	cr_expect_str_eq(params[0], "one");
	cr_expect_str_eq(params[1], "two");
	cr_expect(matches("/{a}/x", "/%41%2Fb/x"));
	cr_expect_str_eq(params[0], "A/b");
}

Test(http_path, refuses_tricks)
{
	static const struct {
		const char *pattern, *path;
	} bad[] = {
		{ "/api/book", "" },
		{ "/api/book", "/" },
		{ "/api/book", "*" },
		{ "/api/book", "/api" },
		{ "/api/book", "/api/" },
		{ "/api/book", "/api/book/" },
		{ "/api/book", "/api/books" },
		{ "/api/book", "/api/boo" },
		{ "/api/book", "/API/book" },
		{ "/api/book", "//api/book" },
		{ "/api/book", "/api//book" },
		{ "/api/book", "/./api/book" },
		{ "/api/book", "/x/../api/book" },
		{ "/api/book", "/api/%62ook" },
		{ "/api/book", "/api%2fbook" },
		{ "/api/book", "/api/book%00" },
		{ "/api/book", "/api/book;x=1" },
		{ "/api/book", "\\api\\book" },
		{ "/api/book", "http://host/api/book" },
		{ "/a/{id}", "/a/" },
		{ "/a/{id}", "/a" },
		{ "/a/{id}", "/a/b/c" },
		{ "/a/{id}", "/a/b/" },
		{ "/a/{id}", "/a/." },
		{ "/a/{id}", "/a/.." },
		{ "/a/{id}", "/a/%2e%2e" },
		{ "/a/{id}", "/a/%2E" },
		{ "/a/{id}", "/a/b%00c" },
		{ "/a/{id}", "/a/%" },
		{ "/a/{id}", "/a/%4" },
		{ "/a/{id}", "/a/%zz" },
		{ "/a/{id}", "/a/%+1" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(matches(bad[i].pattern, bad[i].path), "'%s' took '%s'",
			      bad[i].pattern, bad[i].path);
}

Test(http_path, bounds_a_parameter)
{
	char path[HTTP_PARAM_BYTES_MAX + 16] = "/";

	memset(path + 1, 'x', HTTP_PARAM_BYTES_MAX - 1);
	cr_expect(matches("/{id}", path));
	cr_expect_eq(strlen(params[0]), HTTP_PARAM_BYTES_MAX - 1);
	path[HTTP_PARAM_BYTES_MAX] = 'x';
	cr_expect_not(matches("/{id}", path));
}

Test(http_media_type, takes_json_in_utf_8_only)
{
	static const char *const good[] = {
		"application/json",
		"Application/JSON",
		"application/json;charset=utf-8",
		"application/json; charset=UTF-8",
		"application/json ;  charset=\"utf-8\"",
		"application/json; CHARSET=utf-8 ",
	};
	static const char *const bad[] = {
		"",
		"json",
		"text/plain",
		"text/json",
		"application/jsonx",
		"application/json+x",
		"application/problem+json",
		"application/x-www-form-urlencoded",
		"multipart/form-data; boundary=application/json",
		"application/json, text/plain",
		"application/json; charset=latin1",
		"application/json; charset=utf-16",
		"application/json; charset=utf-8x",
		"application/json; charset=",
		"application/json; charset=utf-8; charset=latin1",
		"application/json;",
		"application/json charset=utf-8",
		" application/json",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(http_media_type_is(good[i], "application/json"), "refused '%s'", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(http_media_type_is(bad[i], "application/json"), "took '%s'", bad[i]);
	cr_expect_not(http_media_type_is(NULL, "application/json"));
}

Test(http_content_length, takes_plain_digits_only)
{
	static const char *const bad[] = { "",
					   " ",
					   "-1",
					   "+1",
					   "1 ",
					   " 1",
					   "1,1",
					   "1, 1",
					   "0x1",
					   "1.0",
					   "1e3",
					   "a",
					   "1a",
					   "\t1",
					   "1;",
					   "--1",
					   "9999999999999999",
					   "99999999999999999999999999" };
	size_t length = 7;

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_not(http_content_length_parse(bad[i], &length), "accepted '%s'", bad[i]);
		cr_expect_eq(length, 7);
	}
	cr_expect(http_content_length_parse("0", &length));
	cr_expect_eq(length, 0);
	cr_expect(http_content_length_parse("007", &length));
	cr_expect_eq(length, 7);
	cr_expect(http_content_length_parse("999999999999999", &length));
	cr_expect_eq(length, 999999999999999u);
}

Test(http_query, finds_and_decodes)
{
	static const struct {
		const char *query, *value; /* NULL: absent */
	} good[] = {
		{ "q=x", "x" },     { "a=1&q=x&b=2", "x" },   { "q=", "" },
		{ "q", "" },        { "q=a%20b+c", "a b c" }, { "q=%26%3d", "&=" },
		{ "q=a=b", "a=b" }, { "&&q=x&&", "x" },       { "", NULL },
		{ "qq=x", NULL },   { "a=q", NULL },          { "a=1&xq=1", NULL },
		{ "Q=x", NULL },    { "%71=x", NULL },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		char buf[16] = "untouched";
		bool is_bad = true;
		const bool found = http_query_find(good[i].query, "q", buf, sizeof(buf), &is_bad);
		cr_expect_eq(found, good[i].value != NULL, "'%s'", good[i].query);
		cr_expect_not(is_bad, "'%s'", good[i].query);
		if (found)
			cr_expect_str_eq(buf, good[i].value, "'%s'", good[i].query);
	}
}

Test(http_query, reports_what_is_bad)
{
	static const char *const bad[] = { "q=%",          "q=%zz",     "q=%00",
					   "q=a%0",        "q=a&q=a",   "q=a&q=b",
					   "q=12345678ab", "q&b=1&q=x", "q=%e2%82%a" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		char buf[8];
		bool is_bad = false;
		cr_expect(http_query_find(bad[i], "q", buf, sizeof(buf), &is_bad), "'%s'", bad[i]);
		cr_expect(is_bad, "accepted '%s'", bad[i]);
	}
}

Test(http_etag, matches_lists_weakly)
{
	static const char *const good[] = {
		"\"7\"", "*", " *", "W/\"7\"", "\"6\", \"7\"", "\"6\",W/\"7\"", "\"7\" ", ", \"7\""
	};
	static const char *const bad[] = { "",        "7",     "\"77\"",       "\"7",
					   "w/\"7\"", "\"6\"", "\"6\", \"8\"", "**",
					   "\"*\"",   "x\"7\"" };

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(http_etag_matches(good[i], "\"7\""), "refused '%s'", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(http_etag_matches(bad[i], "\"7\""), "accepted '%s'", bad[i]);
}

static struct http_response response;

static void begin(void)
{
	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, 4096);
	http_response_begin(&response, "req-1");
}

static void done(void)
{
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
}

TestSuite(http_problem, .init = begin, .fini = done);

/* The body as JSON: complete after each call. */
static json_t *body(void)
{
	json_t *json =
		json_loadb(response.body.data, response.body.len, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(json, "not JSON: %s", response.body.data);
	return json;
}

static void expect_text(const json_t *json, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(json, name));
	cr_assert(value, "%s is missing", name);
	cr_expect_str_eq(value, text);
}

Test(http_problem, has_the_members_of_rfc_9457)
{
	strbuf_add_text(&response.body, "half an answer");
	http_problem(&response, 404, "not-found", "There is no \"x\".\n");

	json_t *json = body();
	cr_expect_eq(response.status, 404);
	cr_expect_str_eq(response.content_type, "application/problem+json");
	expect_text(json, "type", "/problems/not-found");
	expect_text(json, "title", "Not Found");
	expect_text(json, "detail", "There is no \"x\".\n");
	expect_text(json, "instance", "urn:seatline:request:req-1");
	cr_expect_eq(json_integer_value(json_object_get(json, "status")), 404);
	json_decref(json);
}

Test(http_problem, is_complete_after_each_addition)
{
	http_problem(&response, 422, "invalid-request", NULL);
	json_t *json = body();
	cr_expect_null(json_object_get(json, "detail"));
	json_decref(json);

	http_problem_member(&response, "bookingId", "\"b1\"");
	http_problem_member(&response, "seats", "[\"A1\"]");
	http_problem_field(&response, "userId", "is \"required\"");
	json = body();
	cr_expect_eq(json_array_size(json_object_get(json, "errors")), 1);
	json_decref(json);

	http_problem_field(&response, "eventId", "\xff");
	json = body();
	const json_t *errors = json_object_get(json, "errors");
	cr_assert_eq(json_array_size(errors), 2);
	expect_text(json_array_get(errors, 0), "field", "userId");
	expect_text(json_array_get(errors, 0), "detail", "is \"required\"");
	expect_text(json_array_get(errors, 1), "field", "eventId");
	expect_text(json, "bookingId", "b1");
	json_decref(json);

	http_problem(&response, 503, "unavailable", "Again.");
	http_problem_field(&response, "x", "y");
	json = body();
	cr_expect_eq(json_array_size(json_object_get(json, "errors")), 1);
	json_decref(json);
}

static void count_release(void *owner)
{
	int *released = owner;

	(*released)++;
}

Test(http_problem, gives_back_what_was_to_be_sent)
{
	int released = 0;
	const struct http_shared shared = { "map", 3, count_release, &released };

	http_response_share(&response, &shared);
	cr_expect_eq(released, 0);
	http_response_share(&response, &shared);
	cr_expect_eq(released, 1);
	http_problem(&response, 500, "internal-error", NULL);
	cr_expect_eq(released, 2);
	cr_expect_null(response.shared.bytes);
	http_response_share(&response, &shared);
	http_response_begin(&response, "req-2");
	cr_expect_eq(released, 3);
}

Test(http_status, names_what_is_sent)
{
	cr_expect_str_eq(http_status_name(202), "Accepted");
	cr_expect_str_eq(http_status_name(422), "Unprocessable Content");
	cr_expect_str_eq(http_status_name(503), "Service Unavailable");
	cr_expect_str_eq(http_status_name(299), "Unknown");
}
