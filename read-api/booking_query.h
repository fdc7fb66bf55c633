/*
 * booking_query - what a client asks of the list of a user's bookings: whose, filters, page size,
 * where to go on.
 *
 * Grammar  userId         also user_id; who sent a token may leave it out, and means themselves
 *          eventId        also event_id, showId, show_id
 *          status         held, confirmed, rejected, cancelled, expired or done
 *          limit, cursor  params.h; the cursor is good for this user's list only
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

#define BOOKING_QUERY_STATUS_BYTES_MAX 16
#define BOOKING_QUERY_LIMIT            20 /* when none is asked for */

struct booking_query {
	char user_id[IDENT_BYTES_MAX];
	char event_id[IDENT_BYTES_MAX];              /* "" = any */
	char status[BOOKING_QUERY_STATUS_BYTES_MAX]; /* "" = any */
	int64_t limit;
	bool has_after;
	struct cursor after; /* the last booking the client has */
};

/* False: the response is a 400 that names each bad parameter; *ret is then untouched. */
bool booking_query_parse(const struct http_request *request, const struct booking_id_key *key,
			 struct booking_query *ret, struct http_response *response);

/* A MongoDB filter; the caller destroys it. */
bson_t *booking_query_filter(const struct booking_query *query);

/* The Link header's value: the same question, from after `last` on. */
void booking_query_write_next(const struct booking_query *query, const struct booking_id_key *key,
			      const struct cursor *last, struct strbuf *out);
