#include "booking_query.h"

#include <stdio.h>
#include <string.h>

/* Before any booking: as a bound it lets every date pass, and only dates. */
#define TIME_MS_MIN (-62167219200000)

static const char *const USER_NAMES[] = { "userId", "user_id", NULL };
static const char *const EVENT_NAMES[] = { "eventId", "event_id", "showId", "show_id", NULL };

/* A cursor of another user's list is none of this one. */
static void list_name(const struct booking_query *query, char buf[static CURSOR_LIST_BYTES_MAX])
{
	(void)snprintf(buf, CURSOR_LIST_BYTES_MAX, "bookings:%s", query->user_id);
}

/* "pending" is none of them: a booking that is not decided is in no list. */
static bool is_status(const char *text)
{
	static const char *const statuses[] = { "held", "confirmed", "rejected", "cancelled",
						"expired", "done" };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(text, statuses[i]) == 0)
			return true;

	return text[0] == '\0';
}

bool booking_query_parse(const struct http_request *request, const struct booking_id_key *key,
			 struct booking_query *ret, struct http_response *response)
{
	struct params params = { .request = request, .response = response };
	struct booking_query query = { .limit = BOOKING_QUERY_LIMIT };
	char list[CURSOR_LIST_BYTES_MAX];

	params_id(&params, USER_NAMES, query.user_id);
	if (query.user_id[0] == '\0')
		memcpy(query.user_id, request->caller.user_id, sizeof(query.user_id));
	if (query.user_id[0] == '\0' && !params.bad)
		params_complain(&params, USER_NAMES[0], "must say whose bookings are asked for");
	params_id(&params, EVENT_NAMES, query.event_id);
	if (!params_text(&params, "status", query.status, sizeof(query.status)) ||
	    !is_status(query.status))
		params_complain(&params, "status",
				"must be held, confirmed, rejected, cancelled, expired or done, "
				"once");
	params_limit(&params, &query.limit);
	if (query.user_id[0]) {
		list_name(&query, list);
		query.has_after = params_cursor(&params, key, list, &query.after);
	}

	if (!params.bad)
		*ret = query;
	return !params.bad;
}

/*
 * requested_at stands alone with both bounds, so that the index is entered where the page begins;
 * what the second condition then sorts out is only what was asked for in the same millisecond.
 */
static void filter_time(bson_t *filter, const struct booking_query *query)
{
	const struct cursor *after = &query->after;

	if (!query->has_after) {
		BCON_APPEND(filter, "requested_at", "{", "$gte", BCON_DATE_TIME(TIME_MS_MIN), "}");
		return;
	}
	BCON_APPEND(filter, "requested_at", "{", "$gte", BCON_DATE_TIME(TIME_MS_MIN), "$lte",
		    BCON_DATE_TIME(after->time_ms), "}", "$or", "[", "{", "requested_at", "{",
		    "$lt", BCON_DATE_TIME(after->time_ms), "}", "}", "{", "_id", "{", "$lt",
		    BCON_UTF8(after->id), "}", "}", "]");
}

bson_t *booking_query_filter(const struct booking_query *query)
{
	bson_t *filter = BCON_NEW("user_id", BCON_UTF8(query->user_id));

	if (query->event_id[0])
		BSON_APPEND_UTF8(filter, "event_id", query->event_id);
	if (query->status[0])
		BSON_APPEND_UTF8(filter, "status", query->status);
	filter_time(filter, query);

	return filter;
}

void booking_query_write_next(const struct booking_query *query, const struct booking_id_key *key,
			      const struct cursor *last, struct strbuf *out)
{
	char list[CURSOR_LIST_BYTES_MAX];

	strbuf_add_text(out, "</api/bookings?");
	params_write(out, USER_NAMES[0], query->user_id);
	if (query->event_id[0])
		params_write(out, EVENT_NAMES[0], query->event_id);
	if (query->status[0])
		params_write(out, "status", query->status);
	list_name(query, list);
	params_write_next(out, query->limit, key, list, last);
}
