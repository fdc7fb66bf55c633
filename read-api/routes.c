#include "routes.h"

#include "bookings.h"
#include "clock.h"
#include "events.h"
#include "log.h"
#include "seat_map.h"

#include <assert.h>
#include <string.h>

#define RETRY_AFTER_S "1"

void read_api_add_metrics(struct read_api *api, struct metrics *metrics)
{
	static const char *const LABELS[READ_KIND_COUNT] = {
		[READ_EVENTS] = "route=\"events\"",
		[READ_EVENT] = "route=\"event\"",
		[READ_BOOKING] = "route=\"booking\"",
	};

	api->mongo_errors = metrics_add_counter(metrics, "seatline_mongo_errors_total", NULL,
						"reads that MongoDB did not answer");
	for (size_t i = 0; i < READ_KIND_COUNT; i++)
		api->read_seconds[i] =
			metrics_add_histogram(metrics, "seatline_read_seconds", LABELS[i],
					      "time to read one answer from MongoDB and render it",
					      METRIC_SECONDS, METRIC_SECONDS_COUNT);
}

static void answer_unavailable(struct http_response *response, const char *detail)
{
	http_problem(response, 503, "unavailable", detail);
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
}

/* What a failed read means to the client, and a line in the log about why. */
static void answer_failure(struct read_api *api, struct http_response *response,
			   const char *not_found, const struct err *err)
{
	if (err->code == ERR_NOT_FOUND) {
		http_problem(response, 404, "not-found", not_found);
		return;
	}

	if (err->code == ERR_UNAVAILABLE) {
		metric_add(api->mongo_errors, 1);
		watch_suspect(api->watch);
		log_warn("read_unavailable", LOG_STR("error", err->text));
		answer_unavailable(response, "The data cannot be read right now. Try again.");
	} else {
		log_error("read_failed", LOG_STR("error", err->text));
		http_problem(response, 500, "internal-error",
			     "The server could not make an answer.");
	}
}

/* False: the response says that MongoDB is away. Waits for nothing then. */
static bool take_client(struct read_api *api, struct http_response *response,
			struct mongo_client *ret)
{
	if (!watch_is_up(api->watch)) {
		metric_add(api->mongo_errors, 1);
		answer_unavailable(response, "The data cannot be read right now. Try again.");
		return false;
	}

	mongo_client_take(api->mongo, ret);
	return true;
}

/* What a client may keep, and asks about each time; 304 when it has it already. */
static void answer_tagged(const struct http_request *request, struct http_response *response,
			  const char *etag)
{
	http_response_header(response, "Cache-Control", "no-cache");
	(void)http_not_modified(request, response, etag); /* It has made the answer a 304 itself. */
}

static void get_events(void *ctx, const struct http_request *request,
		       struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	struct event_query query;

	if (!event_query_parse(request, &api->key, &query, response))
		return;

	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	struct err err = { 0 };
	struct cursor last = { 0 };
	bool more = false;

	if (!take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();

	const err_code code = events_render(&client, &query, &response->body, &more, &last, &err);

	metric_observe_since(api->read_seconds[READ_EVENTS], start_us);
	if (code != ERR_OK) {
		answer_failure(api, response, "", &err);
		return;
	}

	_cleanup_(strbuf_done) struct strbuf link;

	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	if (more) {
		event_query_write_next(&query, &api->key, &last, &link);
		http_response_header(response, "Link", link.data);
	}

	const struct etag etag = etag_of_bytes(response->body.data, response->body.len, link.data);

	answer_tagged(request, response, etag.text);
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
	static const char NOT_FOUND[] = "There is no event with this id.";
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	char ledger_id[WATCH_LEDGER_BYTES_MAX];
	struct seat_map_version version;
	struct err err = { 0 };
	err_code code = ERR_OK;

	if (!ident_is_valid(event_id, strlen(event_id))) {
		http_problem(response, 404, "not-found", NOT_FOUND);
		return;
	}
	if (!take_client(api, response, &client))
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
		answer_tagged(request, response, version.etag.text);
	else
		answer_failure(api, response, NOT_FOUND, &err);
}

static void get_booking(void *ctx, const struct http_request *request,
			struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	static const char NOT_FOUND[] = "No booking with this id was ever asked for.";
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	struct booking_id id;
	struct err err = { 0 };

	if (booking_id_parse(request->params[0], strlen(request->params[0]), &id, NULL) != ERR_OK) {
		http_problem(response, 404, "not-found", NOT_FOUND);
		return;
	}
	static_assert(sizeof(response->booking_id) == sizeof(id.text), "the log's id is an id");
	memcpy(response->booking_id, id.text, sizeof(id.text));
	if (!take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = booking_render(&client, &id, &response->body, &err);

	metric_observe_since(api->read_seconds[READ_BOOKING], start_us);
	if (code == ERR_NOT_FOUND && booking_id_was_issued(&api->key, &id)) {
		booking_write_pending(&id, &response->body);
		http_response_header(response, "Retry-After", RETRY_AFTER_S);
	} else if (code != ERR_OK) {
		answer_failure(api, response, NOT_FOUND, &err);
		return;
	}

	const struct etag etag = etag_of_bytes(response->body.data, response->body.len, "");

	answer_tagged(request, response, etag.text);
}

const struct http_route READ_API_ROUTES[] = {
	{ "GET", "/api/events", get_events, HTTP_PLAIN },
	{ "GET", "/api/events/{id}", get_event, HTTP_PLAIN },
	{ "GET", "/api/bookings/{id}", get_booking, HTTP_PLAIN },
};
const size_t READ_API_ROUTES_COUNT = sizeof(READ_API_ROUTES) / sizeof(READ_API_ROUTES[0]);
