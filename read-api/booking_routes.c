#include "booking_routes.h"

#include "booking_json.h"
#include "bookings.h"
#include "caller.h"
#include "clock.h"
#include "document.h"

#include <assert.h>
#include <string.h>

static const char NOT_FOUND[] = "No booking with this id was ever asked for.";
static const char NO_LIST[] = "There is no such list of bookings.";

void booking_routes_refuse(struct http_response *response)
{
	http_problem(response, 404, "not-found", NOT_FOUND);
}

static bool is_callers(const struct read_api *api, const struct http_request *request,
		       const struct booking_id *id)
{
	const char *const user_id = caller_only_user(&request->caller);

	return !user_id || (user_id[0] && booking_id_is_of(&api->key, id, user_id));
}

bool booking_routes_may_ask(const struct read_api *api, const struct http_request *request,
			    const struct booking_id *id)
{
	return booking_id_was_issued(&api->key, id) && is_callers(api, request, id);
}

bool booking_routes_may_see(const struct read_api *api, const struct http_request *request,
			    const struct booking_id *id, const bson_t *booking)
{
	size_t len = 0;
	const char *const user_id = document_text(booking, "user_id", &len);

	return user_id ? caller_sees_user(&request->caller, user_id, len)
		       : is_callers(api, request, id);
}

bool booking_routes_id(const struct http_request *request, struct http_response *response,
		       struct booking_id *ret)
{
	if (booking_id_parse(request->params[0], strlen(request->params[0]), ret, NULL) != ERR_OK) {
		booking_routes_refuse(response);
		return false;
	}

	static_assert(sizeof(response->booking_id) == sizeof(ret->text), "the log's id is an id");
	memcpy(response->booking_id, ret->text, sizeof(ret->text));
	return true;
}

void booking_routes_answer_decided(const struct read_api *api, const struct http_request *request,
				   const struct booking_id *id, const bson_t *booking,
				   struct http_response *response)
{
	if (!booking_routes_may_see(api, request, id, booking)) {
		booking_routes_refuse(response);
		return;
	}

	const struct etag etag = booking_write(booking, caller_only_user(&request->caller),
					       clock_wall_ms(), &response->body);

	read_api_answer_tagged(request, response, etag.text);
}

static void answer_pending(const struct http_request *request, const struct booking_id *id,
			   int status, struct http_response *response)
{
	booking_write_pending(id, &response->body);
	http_response_header(response, "Retry-After", READ_API_RETRY_AFTER_S);
	response->status = status;
	if (status == 200) {
		const struct etag etag = etag_of_bytes(response->body.data, response->body.len, "");

		read_api_answer_tagged(request, response, etag.text);
	} else {
		http_response_header(response, "Cache-Control", "no-store");
	}
}

void booking_routes_answer(struct read_api *api, const struct http_request *request,
			   const struct booking_id *id, int pending_status,
			   struct http_response *response)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(bson_destroyp) bson_t *booking = NULL;
	struct err err = { 0 };

	if (!read_api_take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = booking_find(&client, id, &booking, &err);

	if (code == ERR_OK)
		booking_routes_answer_decided(api, request, id, booking, response);
	else if (code == ERR_NOT_FOUND && booking_routes_may_ask(api, request, id))
		answer_pending(request, id, pending_status, response);
	else
		read_api_answer_failure(api, response, NOT_FOUND, &err);
	metric_observe_since(api->read_seconds[READ_BOOKING], start_us);
}

void booking_routes_get(void *ctx, const struct http_request *request,
			struct http_response *response)
{
	struct booking_id id;

	if (booking_routes_id(request, response, &id))
		booking_routes_answer((struct read_api *)ctx, request, &id, 200, response);
}

void booking_routes_list(void *ctx, const struct http_request *request,
			 struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	struct booking_query query;

	if (!booking_query_parse(request, &api->key, &query, response) ||
	    !read_api_is_within_limit(api, request, response))
		return;
	if (!caller_sees_user(&request->caller, query.user_id, strlen(query.user_id))) {
		http_problem(response, 404, "not-found", NO_LIST);
		return;
	}

	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(strbuf_done) struct strbuf link;
	struct err err = { 0 };
	struct cursor last = { 0 };
	bool more = false;

	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	if (!read_api_take_client(api, response, &client))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = bookings_render(&client, &query, &response->body, &more, &last, &err);

	metric_observe_since(api->read_seconds[READ_BOOKINGS], start_us);
	if (code != ERR_OK) {
		read_api_answer_failure(api, response, "", &err);
		return;
	}
	if (more)
		booking_query_write_next(&query, &api->key, &last, &link);
	read_api_answer_page(request, response, &link);
}
