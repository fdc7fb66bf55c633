/*
 * event_query - what a client asks of the event list: filters, page size, where to go on.
 *
 * Grammar  kind    1-32 of a-z 0-9 - _
 *          from    RFC 3339, or a date alone, which means its midnight in UTC
 *          q       1-100 bytes of UTF-8 without control characters
 *          limit, cursor  params.h
 *          Unknown ones are ignored.
 * Shape    a plain value.
 * Threads  any; no state.
 */
#pragma once

#include "booking_id.h"
#include "cursor.h"
#include "http.h"
#include "mongo.h"
#include "params.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENT_QUERY_KIND_BYTES_MAX 33
#define EVENT_QUERY_TEXT_BYTES_MAX 101
#define EVENT_QUERY_LIST           "events" /* the cursor's */

struct event_query {
	char kind[EVENT_QUERY_KIND_BYTES_MAX]; /* "" = any            */
	char text[EVENT_QUERY_TEXT_BYTES_MAX]; /* in the name; "" = any */
	bool has_from;
	int64_t from_ms;
	int64_t limit;
	bool has_after;
	struct cursor after; /* the last event the client has */
};

/* False: the response is a 400 that names each bad parameter; *ret is then untouched. */
bool event_query_parse(const struct http_request *request, const struct booking_id_key *key,
		       struct event_query *ret, struct http_response *response);

/* A MongoDB filter; the caller destroys it. The text is matched literally, whatever is in it. */
bson_t *event_query_filter(const struct event_query *query);

/* The Link header's value: the same question, from after `last` on. */
void event_query_write_next(const struct event_query *query, const struct booking_id_key *key,
			    const struct cursor *last, struct strbuf *out);
