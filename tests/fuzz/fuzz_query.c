/*
 * The query strings of both lists. What is accepted is said again in the link to the next page,
 * which reads back as the same question; what is refused names the bad parameters.
 */
#include "fuzz.h"

#include "attr.h"
#include "booking_query.h"
#include "event_query.h"
#include "http_internal.h"

#include <jansson.h>
#include <string.h>

#define LINK_BYTES_MAX 8192

static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
static const struct cursor LAST = { .time_ms = 1790000000000, .id = "concert123" };

static void response_init(struct http_response *response)
{
	*response = (struct http_response){ .status = 200 };
	strbuf_init(&response->headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response->body, HTTP_RESPONSE_BYTES_MAX);
}

static void response_done(struct http_response *response)
{
	strbuf_done(&response->headers);
	strbuf_done(&response->body);
}

static void check_refusal(const struct http_response *response)
{
	_cleanup_(json_decrefp) json_t *json =
		json_loadb(response->body.data, response->body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *errors = json_object_get(json, "errors");

	REQUIRE(response->status == 400 && json_array_size(errors) > 0);
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *error = json_array_get(errors, i);
		const char *field = json_string_value(json_object_get(error, "field"));
		REQUIRE(field && strspn(field, "abcdefghijklmnopqrstuvwxyzID_") == strlen(field));
		REQUIRE(json_string_value(json_object_get(error, "detail")));
	}
}

static void check_filter(const bson_t *filter)
{
	REQUIRE(bson_validate(filter, BSON_VALIDATE_UTF8, NULL));
}

/* The query of a Link header's value: </path?query>; rel="next". */
static const char *query_of_link(struct strbuf *link)
{
	static const char end[] = ">; rel=\"next\"";
	char *query = strchr(link->data, '?');

	REQUIRE(!link->overflow && link->data[0] == '<' && query);
	REQUIRE(link->len > strlen(end));
	char *close = link->data + link->len - strlen(end);
	REQUIRE(strcmp(close, end) == 0);
	*close = '\0';
	/* All of it may stand in a URL as it is. */
	for (const char *c = link->data + 1; *c; c++)
		REQUIRE(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "-._~%/?&=",
			       *c));
	return query + 1;
}

static bool is_last(const struct cursor *cursor)
{
	return cursor->time_ms == LAST.time_ms && strcmp(cursor->id, LAST.id) == 0;
}

static bool parse_bookings(const char *text, struct booking_query *ret,
			   struct http_response *response)
{
	const struct http_request request = { .query = text };

	return booking_query_parse(&request, &KEY, ret, response);
}

static void check_next_bookings(const struct booking_query *query, struct http_response *response)
{
	_cleanup_(strbuf_done) struct strbuf link;
	struct booking_query next;

	strbuf_init(&link, LINK_BYTES_MAX);
	booking_query_write_next(query, &KEY, &LAST, &link);
	REQUIRE(parse_bookings(query_of_link(&link), &next, response));
	REQUIRE(strcmp(next.user_id, query->user_id) == 0);
	REQUIRE(strcmp(next.event_id, query->event_id) == 0);
	REQUIRE(strcmp(next.status, query->status) == 0);
	REQUIRE(next.limit == query->limit && next.has_after && is_last(&next.after));
}

static void check_bookings(const char *text)
{
	_cleanup_(response_done) struct http_response response;
	struct booking_query query = { .limit = -1 };

	response_init(&response);
	if (!parse_bookings(text, &query, &response)) {
		REQUIRE(query.limit == -1);
		check_refusal(&response);
		return;
	}
	REQUIRE(response.status == 200 && response.body.len == 0);
	REQUIRE(ident_is_valid(query.user_id, strlen(query.user_id)));
	REQUIRE(query.event_id[0] == '\0' ||
		ident_is_valid(query.event_id, strlen(query.event_id)));
	REQUIRE(query.limit >= 1 && query.limit <= PARAMS_LIMIT_MAX);
	_cleanup_(bson_destroyp) bson_t *filter = booking_query_filter(&query);
	check_filter(filter);
	check_next_bookings(&query, &response);
}

static bool parse_events(const char *text, struct event_query *ret, struct http_response *response)
{
	const struct http_request request = { .query = text };

	return event_query_parse(&request, &KEY, ret, response);
}

static void check_next_events(const struct event_query *query, struct http_response *response)
{
	_cleanup_(strbuf_done) struct strbuf link;
	struct event_query next;

	strbuf_init(&link, LINK_BYTES_MAX);
	event_query_write_next(query, &KEY, &LAST, &link);
	REQUIRE(parse_events(query_of_link(&link), &next, response));
	REQUIRE(strcmp(next.kind, query->kind) == 0);
	REQUIRE(strcmp(next.text, query->text) == 0);
	REQUIRE(next.has_from == query->has_from && next.from_ms == query->from_ms);
	REQUIRE(next.limit == query->limit && next.has_after && is_last(&next.after));
}

static void check_events(const char *text)
{
	_cleanup_(response_done) struct http_response response;
	struct event_query query = { .limit = -1 };

	response_init(&response);
	if (!parse_events(text, &query, &response)) {
		REQUIRE(query.limit == -1);
		check_refusal(&response);
		return;
	}
	REQUIRE(response.status == 200 && response.body.len == 0);
	REQUIRE(query.limit >= 1 && query.limit <= PARAMS_LIMIT_MAX);
	_cleanup_(bson_destroyp) bson_t *filter = event_query_filter(&query);
	check_filter(filter);
	check_next_events(&query, &response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct err err;

	REQUIRE(text && booking_id_init(&err) == ERR_OK);
	check_bookings(text);
	check_events(text);
	return 0;
}
