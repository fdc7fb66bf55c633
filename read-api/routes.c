#include "routes.h"

#include "booking_routes.h"
#include "clock.h"
#include "etag.h"
#include "event_answers.h"
#include "event_query.h"
#include "layout.h"
#include "read_api.h"

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
	struct err err = { 0 };

	if (!event_query_parse(request, &api->key, &query, response) ||
	    !read_api_is_within_limit(api, request, response) ||
	    !read_api_can_answer(api, response))
		return;

	if (event_answers_list(api, &query, request, response, &err) != ERR_OK)
		read_api_answer_failure(api, response, "", &err);
}

static void get_event(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	const char *event_id = request->params[0];
	struct err err = { 0 };

	if (!ident_is_valid(event_id, strlen(event_id))) {
		http_problem(response, 404, "not-found", NO_EVENT);
		return;
	}
	if (!read_api_can_answer(api, response))
		return;

	if (event_answers_map(api, event_id, request, response, &err) != ERR_OK)
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
	{ "GET", "/api/events", get_events, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
	{ "GET", "/api/events/{id}", get_event, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
	{ "GET", "/api/events/{id}/layout", get_layout, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
	{ "GET", "/api/bookings", booking_routes_list, HTTP_PLAIN, HTTP_ACCESS_USER },
	{ "GET", "/api/bookings/{id}", booking_routes_get, HTTP_PLAIN, HTTP_ACCESS_USER },
};
const size_t READ_API_ROUTES_COUNT = sizeof(READ_API_ROUTES) / sizeof(READ_API_ROUTES[0]);
