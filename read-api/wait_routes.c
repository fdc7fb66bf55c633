#include "wait_routes.h"

#include "accepted.h"
#include "booking_outcome.h"
#include "booking_routes.h"
#include "caller.h"
#include "clock.h"
#include "command_id.h"
#include "read_api.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_S             1000
#define PREFERENCE_BYTES_MAX 16 /* "wait=10" and its NUL, with room */
#define WAIT_TEXT_BYTES_MAX  16

/* RFC 7240: what was honoured, if it was. */
static void say_waited(struct http_response *response, enum waiters_end end, int wait_s)
{
	char applied[PREFERENCE_BYTES_MAX];

	if (wait_s == 0 || (end != WAITERS_OUTCOME && end != WAITERS_TIMEOUT))
		return;
	(void)snprintf(applied, sizeof(applied), "wait=%d", wait_s);
	http_response_header(response, "Preference-Applied", applied);
}

static void get_booking(void *ctx, const struct http_request *request,
			struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	const int wait_s = accepted_wait_s(request);
	_cleanup_(bson_destroyp) bson_t *booking = NULL;
	struct booking_id id;

	if (!booking_routes_id(request, response, &id))
		return;
	/* For an id that was never issued, or to another, there is nothing to wait for. */
	if (wait_s == 0 || !booking_routes_may_ask(api, request, &id)) {
		booking_routes_answer(api, request, &id, 200, response);
		return;
	}

	const enum waiters_end end =
		waiters_wait(api->waiters, &id, NULL, (int64_t)wait_s * MS_PER_S, &booking);

	if (end == WAITERS_OUTCOME)
		booking_routes_answer_decided(api, request, &id, booking, response);
	else
		booking_routes_answer(api, request, &id, 202, response);
	say_waited(response, end, wait_s);
}

/* 0 for what is no number of seconds: the command is stored, so it is answered nevertheless. */
static int wait_s_of(const struct http_request *request)
{
	char text[WAIT_TEXT_BYTES_MAX], prefer[sizeof("wait=") + WAIT_TEXT_BYTES_MAX];
	bool unread = false;

	if (!http_query(request, "wait", text, sizeof(text), &unread) || unread)
		return 0;
	(void)snprintf(prefer, sizeof(prefer), "wait=%s", text);
	return accepted_wait_s_of(prefer);
}

/* False: the response is a 404. *ret is NULL for the command that made the booking. */
static bool take_command(const struct http_request *request, struct http_response *response,
			 struct command_id *buf, const char **ret)
{
	const char *text = request->params[1];

	if (strcmp(text, "new") == 0) {
		*ret = NULL;
		return true;
	}
	if (command_id_parse(text, strlen(text), buf, NULL) != ERR_OK) {
		http_problem(response, 404, "not-found", "There is no such command.");
		return false;
	}

	*ret = buf->text;
	return true;
}

static void get_outcome(void *ctx, const struct http_request *request,
			struct http_response *response)
{
	struct read_api *api = (struct read_api *)ctx;
	const int wait_s = wait_s_of(request);
	_cleanup_(bson_destroyp) bson_t *booking = NULL;
	struct command_id buf;
	const char *command_id = NULL;
	struct booking_id id;

	if (!booking_routes_id(request, response, &id) ||
	    !take_command(request, response, &buf, &command_id))
		return;
	if (!booking_routes_may_ask(api, request, &id)) {
		booking_routes_refuse(response);
		return;
	}

	const enum waiters_end end =
		waiters_wait(api->waiters, &id, command_id, (int64_t)wait_s * MS_PER_S, &booking);

	if (end == WAITERS_OUTCOME && !booking_routes_may_see(api, request, &id, booking)) {
		booking_routes_refuse(response);
	} else if (end == WAITERS_OUTCOME) {
		booking_outcome_answer(booking, command_id, caller_only_user(&request->caller),
				       clock_wall_ms(), response);
	} else {
		accepted_answer(response, id.text, command_id, NULL);
		http_response_header(response, "Cache-Control", "no-store");
	}
	say_waited(response, end, wait_s);
}

const struct http_route WAIT_ROUTES[] = {
	{ "GET", "/api/bookings/{id}", get_booking, HTTP_PLAIN, HTTP_ACCESS_USER },
	{ "GET", "/internal/outcomes/{id}/{command}", get_outcome, HTTP_PLAIN, HTTP_ACCESS_USER },
};
const size_t WAIT_ROUTES_COUNT = sizeof(WAIT_ROUTES) / sizeof(WAIT_ROUTES[0]);
