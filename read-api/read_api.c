#include "read_api.h"

#include "caller.h"
#include "etag.h"
#include "log.h"

void read_api_add_metrics(struct read_api *api, struct metrics *metrics)
{
	static const char *const LABELS[READ_KIND_COUNT] = {
		[READ_EVENTS] = "route=\"events\"",   [READ_EVENT] = "route=\"event\"",
		[READ_LAYOUT] = "route=\"layout\"",   [READ_BOOKINGS] = "route=\"bookings\"",
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

static void answer_unavailable(struct http_response *response)
{
	http_unavailable(response, "The data cannot be read right now. Try again.");
}

void read_api_answer_failure(struct read_api *api, struct http_response *response,
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
		answer_unavailable(response);
	} else {
		log_error("read_failed", LOG_STR("error", err->text));
		http_problem(response, 500, "internal-error",
			     "The server could not make an answer.");
	}
}

static bool is_there(struct read_api *api, struct http_response *response)
{
	if (watch_is_up(api->watch))
		return true;
	metric_add(api->mongo_errors, 1);
	answer_unavailable(response);
	return false;
}

bool read_api_is_told(void *ctx)
{
	const struct read_api *const api = ctx;

	return api->follow && follow_is_told(api->follow);
}

bool read_api_can_answer(struct read_api *api, struct http_response *response)
{
	return read_api_is_told(api) || is_there(api, response);
}

bool read_api_take_client(struct read_api *api, struct http_response *response,
			  struct mongo_client *ret)
{
	if (!is_there(api, response))
		return false;

	mongo_client_take(api->mongo, ret);
	return true;
}

bool read_api_is_within_limit(struct read_api *api, const struct http_request *request,
			      struct http_response *response)
{
	const struct http_caller *const caller = &request->caller;

	return !api->limit || caller->role != HTTP_ROLE_USER ||
	       rate_limit_pass(api->limit, &api->lists, caller->user_id, response);
}

void read_api_answer_tagged(const struct http_request *request, struct http_response *response,
			    const char *etag)
{
	if (caller_is_known(&request->caller)) {
		http_response_header(response, "Cache-Control", "private, no-cache");
		http_response_header(response, "Vary", "Authorization");
	} else {
		http_response_header(response, "Cache-Control", "no-cache");
	}
	(void)http_not_modified(request, response, etag); /* It has made the answer a 304 itself. */
}

void read_api_answer_page(const struct http_request *request, struct http_response *response,
			  const struct strbuf *link)
{
	const struct etag etag = etag_of_bytes(response->body.data, response->body.len, link->data);

	if (link->len > 0)
		http_response_header(response, "Link", link->data);
	read_api_answer_tagged(request, response, etag.text);
}
