#include "accept.h"

#include "accepted.h"
#include "clock.h"
#include "fault.h"
#include "gateway_request.h"
#include "publish.h"
#include "refuse.h"

#include <stdio.h>
#include <string.h>

/* Where nginx asks read-api for the outcome: "/.wait/<booking id>/<command id, or new>/<seconds>"
 */
#define WAIT_BYTES_MAX (sizeof("/.wait///10") + BOOKING_ID_BYTES_MAX + COMMAND_ID_BYTES_MAX)

void accept_read_key(const struct http_request *request, const char **ret,
		     struct booking_faults *faults)
{
	const char *key = http_header(request, IDEMPOTENCY_KEY_HEADER);

	if (key && http_header_is_ambiguous(request, IDEMPOTENCY_KEY_HEADER))
		booking_faults_add(faults, IDEMPOTENCY_KEY_HEADER,
				   "was sent several times, with different values");
	else if (key && !ident_is_valid_key(key, strlen(key)))
		booking_faults_add(faults, IDEMPOTENCY_KEY_HEADER,
				   "must be 1 to 128 printable ASCII characters without spaces");
	*ret = key;
}

bool accept_settle_user(struct write_api *api, const struct http_request *request,
			struct http_response *response, struct command *command)
{
	const struct http_caller *caller = &request->caller;
	const bool is_named = command->user_id[0] != '\0';
	const bool is_own = strcmp(command->user_id, caller->user_id) == 0;
	const bool is_for_others = command_takes_seats(command->type) ||
				   !command_makes_booking(command->type);

	(void)snprintf(command->address, sizeof(command->address), "%s", request->address);
	if (caller->is_open)
		return true;
	if (caller->role == HTTP_ROLE_ADMIN && is_for_others) {
		if (!is_own)
			memcpy(command->actor, caller->user_id, sizeof(command->actor));
		return true;
	}
	if (is_named && !is_own) {
		refuse_forbidden(api, response);
		return false;
	}
	memcpy(command->user_id, caller->user_id, sizeof(command->user_id));
	return true;
}

/* Of each user. Administrators work as fast as they can. */
static bool is_within_rate(const struct acceptance *acceptance)
{
	const struct write_api *api = acceptance->api;
	const struct http_caller *caller = &acceptance->request->caller;

	return caller->role != HTTP_ROLE_USER ||
	       rate_limit_pass(api->limits, &api->rate_bookings, caller->user_id,
			       acceptance->response);
}

static void name_key(struct acceptance *acceptance)
{
	const struct command *command = &acceptance->command;
	char *name = acceptance->whose_key;
	const size_t size = sizeof(acceptance->whose_key);
	const bool is_for_buyers = command_takes_seats(command->type) ||
				   !command_makes_booking(command->type);

	name[0] = '\0';
	if (!acceptance->key)
		return;
	if (!is_for_buyers)
		(void)snprintf(name, size, "%s %s", command_type_name(command->type),
			       acceptance->key);
	else if (command->actor[0] != '\0')
		(void)snprintf(name, size, "by %s %s", command->actor, acceptance->key);
	else
		(void)snprintf(name, size, "%s", acceptance->key);
}

bool accept_read(struct acceptance *acceptance, enum booking_form form)
{
	const struct http_request *request = acceptance->request;
	struct command *command = &acceptance->command;
	struct booking_faults faults = { 0 };
	struct err err;

	const err_code code = booking_request_parse(form, request->caller.user_id, request->body,
						    request->body_len, command, &faults, &err);
	accept_read_key(request, &acceptance->key, &faults);
	if (!refuse_unless_read(acceptance->api, acceptance->response, code, &faults, &err) ||
	    !accept_settle_user(acceptance->api, request, acceptance->response, command) ||
	    !is_within_rate(acceptance))
		return false;
	name_key(acceptance);
	command->requested_at_ms = clock_wall_ms();
	acceptance->gateway_id = NULL;
	(void)gateway_request_parse(http_header(request, GATEWAY_REQUEST_HEADER),
				    command->requested_at_ms, &acceptance->gateway_ms,
				    &acceptance->gateway_id); /* Else it stays NULL. */
	return true;
}

/* What came of it is what someone waits for, so only after Kafka has stored it. */
static void answer_wait(const struct acceptance *acceptance, const char *command_id)
{
	const int seconds = accepted_wait_s(acceptance->request);
	char text[WAIT_BYTES_MAX];

	if (seconds == 0)
		return;
	(void)snprintf(text, sizeof(text), "wait=%d", seconds);
	http_response_header(acceptance->response, "Preference-Applied", text);
	(void)snprintf(text, sizeof(text), "/.wait/%s/%s/%d", acceptance->command.booking_id.text,
		       command_id ? command_id : "new", seconds);
	http_response_header(acceptance->response, "X-Accel-Redirect", text);
}

static void answer(const struct acceptance *acceptance)
{
	const struct command *command = &acceptance->command;
	const bool makes = command_makes_booking(command->type);
	const char *command_id = makes ? NULL : command->id.text;

	metric_add(acceptance->api->accepted[command->type], 1);
	accepted_answer(acceptance->response, command->booking_id.text, command_id,
			makes ? command->event_id : NULL);
	answer_wait(acceptance, command_id);
}

const char *accept_owner(const struct http_request *request, const struct command *command)
{
	return request->caller.is_open ? NULL : command->user_id;
}

/* One key, or one attempt of the gateway to have a request answered, is one booking. */
static struct booking_id choose_id(const struct acceptance *acceptance)
{
	const struct booking_id_key *key = &acceptance->api->key;
	const struct command *command = &acceptance->command;
	const char *owner = accept_owner(acceptance->request, command);

	if (acceptance->key)
		return booking_id_derive(key, command->user_id, command->event_id,
					 acceptance->whose_key);
	if (acceptance->gateway_id)
		return booking_id_make_retryable(key, command->event_id, owner,
						 acceptance->gateway_ms, acceptance->gateway_id);
	return booking_id_make(key, command->event_id, owner, command->requested_at_ms);
}

void accept_making(struct acceptance *acceptance)
{
	struct command *command = &acceptance->command;

	command->booking_id = choose_id(acceptance);
	if (acceptance->key)
		command->idempotency_key = command_id_of_key(
			&acceptance->api->key, command->user_id, acceptance->whose_key);
	accept_command(acceptance);
}

void accept_command(struct acceptance *acceptance)
{
	struct write_api *api = acceptance->api;
	struct http_response *response = acceptance->response;
	const struct http_request *request = acceptance->request;
	const struct command *command = &acceptance->command;
	struct err err = { 0 };
	bool maybe_stored = false;

	memcpy(response->booking_id, command->booking_id.text, sizeof(response->booking_id));
	if (acceptance->key &&
	    idempotency_remember(api->idempotency, command, acceptance->whose_key) ==
		    IDEMPOTENCY_CONFLICT) {
		refuse_reused_key(api, response);
		return;
	}

	const int64_t start_us = clock_monotonic_us();
	const err_code code = publish_command(api->producer, command, request->request_id,
					      request->traceparent, &maybe_stored, &err);
	metric_observe_since(api->publish_seconds, start_us);
	FAULT_POINT("write_api_after_publish");
	/* Or by the instance that the gateway asked first. */
	maybe_stored = maybe_stored || http_is_second_attempt(request);
	if (code == ERR_OK)
		answer(acceptance);
	else
		refuse_not_stored(api, response, command, maybe_stored, &err);
}
