#include "routes.h"

#include "booking_routes.h"
#include "clock.h"
#include "etag.h"
#include "events.h"
#include "layout.h"
#include "read_api.h"
#include "seat_map.h"

#include <string.h>

/*
 * A layout may be shown for an hour without asking: only administrators change it, and rarely; what
 * is sold, the map says, and what a booking costs, the booking. After that its ETag tells that it
 * still holds.
 */
#define LAYOUT_CACHE_CONTROL "max-age=3600"

static const char NO_EVENT[] = "There is no event with this id.";

static void get_events(void *ctx, const struct http_request *request,
		       struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	struct event_query query;

	if (!event_query_parse(request, &api->key, &query, response))
		return;

	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(strbuf_done) struct strbuf link;
	struct err err = { 0 };
	struct cursor last = { 0 };
	bool more = false;

	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	if (!read_api_take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = events_render(&client, &query, &response->body, &more, &last, &err);

	metric_observe_since(api->read_seconds[READ_EVENTS], start_us);
	if (code != ERR_OK) {
		read_api_answer_failure(api, response, "", &err);
		return;
	}
	if (more)
		event_query_write_next(&query, &api->key, &last, &link);
	read_api_answer_page(request, response, &link);
}

/* Does the client say that it has this one? Without a word in the answer yet: it may change. */
static bool client_has(const struct http_request *request, const char *etag)
{
	struct http_response unsent = { .status = 200 };

	strbuf_init(&unsent.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&unsent.body, HTTP_HEADERS_BYTES_MAX); /* stays empty */

	const bool has = http_not_modified(request, &unsent, etag);

	strbuf_done(&unsent.headers);
	return has;
}

static void get_event(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	const char *event_id = request->params[0];
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	char ledger_id[WATCH_LEDGER_BYTES_MAX];
	struct seat_map_version version;
	struct err err = { 0 };
	err_code code = ERR_OK;

	if (!ident_is_valid(event_id, strlen(event_id))) {
		http_problem(response, 404, "not-found", NO_EVENT);
		return;
	}
	if (!read_api_take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	bool same = false;

	watch_ledger(api->watch, ledger_id);
	if (http_header(request, "If-None-Match")) {
		code = seat_map_version(&client, ledger_id, event_id, &version, &err);
		same = code == ERR_OK && client_has(request, version.etag.text);
	}
	if (code == ERR_OK && !same)
		code = seat_map_render(&client, ledger_id, event_id, &response->body, &version,
				       &err);
	metric_observe_since(api->read_seconds[READ_EVENT], start_us);

	if (code == ERR_OK)
		read_api_answer_tagged(request, response, version.etag.text);
	else
		read_api_answer_failure(api, response, NO_EVENT, &err);
}

static void get_layout(void *ctx, const struct http_request *request,
		       struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	const char *event_id = request->params[0];
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	struct err err = { 0 };

	if (!ident_is_valid(event_id, strlen(event_id))) {
		http_problem(response, 404, "not-found", NO_EVENT);
		return;
	}
	if (!read_api_take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = layout_render(&client, event_id, &response->body, &err);

	metric_observe_since(api->read_seconds[READ_LAYOUT], start_us);
	if (code != ERR_OK) {
		read_api_answer_failure(api, response, NO_EVENT, &err);
		return;
	}

	const struct etag etag = etag_of_bytes(response->body.data, response->body.len, "");

	http_response_header(response, "Cache-Control", LAYOUT_CACHE_CONTROL);
	(void)http_not_modified(request, response, etag.text); /* It has made it a 304 itself. */
}

const struct http_route READ_API_ROUTES[] = {
	{ "GET", "/api/events", get_events, HTTP_PLAIN },
	{ "GET", "/api/events/{id}", get_event, HTTP_PLAIN },
	{ "GET", "/api/events/{id}/layout", get_layout, HTTP_PLAIN },
	{ "GET", "/api/bookings", booking_routes_list, HTTP_PLAIN },
	{ "GET", "/api/bookings/{id}", booking_routes_get, HTTP_PLAIN },
};
const size_t READ_API_ROUTES_COUNT = sizeof(READ_API_ROUTES) / sizeof(READ_API_ROUTES[0]);
