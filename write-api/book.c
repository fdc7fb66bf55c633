#include "book.h"

#include "booking_request.h"
#include "clock.h"
#include "log.h"
#include "publish.h"
#include "routes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define KEY_HEADER    "Idempotency-Key"
#define RETRY_AFTER_S "1"
/* Existing clients compare this text. */
#define ACCEPTED "Booking request received and is being processed."

#define DETAIL_BYTES_MAX 224

static void refuse(struct write_api *api, enum refusal refusal)
{
	metric_add(api->refused[refusal], 1);
}

static void refuse_malformed(struct write_api *api, struct http_response *response,
			     const struct err *err)
{
	char detail[DETAIL_BYTES_MAX];

	(void)snprintf(detail, sizeof(detail), "The body is %s.", err->text);
	refuse(api, REFUSAL_MALFORMED);
	http_problem(response, 400, "malformed-json", detail);
}

static void refuse_invalid(struct write_api *api, struct http_response *response,
			   const struct booking_faults *faults)
{
	refuse(api, REFUSAL_INVALID);
	http_problem(response, 422, "invalid-request",
		     "The request cannot be carried out as it is; see errors.");
	for (size_t i = 0; i < faults->count; i++)
		http_problem_field(response, faults->items[i].field, faults->items[i].detail);
}

static void refuse_no_memory(struct write_api *api, struct http_response *response)
{
	refuse(api, REFUSAL_UNAVAILABLE);
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
	http_problem(response, 503, "unavailable", "Try again in a moment.");
}

/* Adds to the faults what is wrong with the key; *ret_key is NULL when the client sent none. */
static void read_key(const struct http_request *request, const char **ret_key,
		     struct booking_faults *faults)
{
	const char *key = http_header(request, KEY_HEADER);
	const char *fault = NULL;

	if (key && http_header_is_ambiguous(request, KEY_HEADER))
		fault = "was sent several times, with different values";
	else if (key && !ident_is_valid_key(key, strlen(key)))
		fault = "must be 1 to 128 printable ASCII characters without spaces";
	*ret_key = key;
	if (!fault)
		return;

	assert(faults->count < BOOKING_FAULTS_MAX);
	struct booking_fault *item = &faults->items[faults->count++];
	item->field = KEY_HEADER;
	(void)snprintf(item->detail, sizeof(item->detail), "%s", fault);
}

/* The command and its idempotency key; false when the response is a refusal. */
static bool read_command(struct write_api *api, const struct http_request *request,
			 struct http_response *response, struct command *ret, const char **ret_key)
{
	struct booking_faults faults = { 0 };
	struct err err;

	const err_code code =
		booking_request_parse(request->body, request->body_len, ret, &faults, &err);
	if (code == ERR_INVALID) {
		refuse_malformed(api, response, &err);
		return false;
	}
	if (code != ERR_OK && code != ERR_CONFLICT) {
		refuse_no_memory(api, response);
		return false;
	}
	read_key(request, ret_key, &faults);
	if (faults.count > 0) {
		refuse_invalid(api, response, &faults);
		return false;
	}
	return true;
}

/* One key, or one attempt of the gateway to have a request answered, is one booking. */
static struct booking_id choose_id(const struct write_api *api, const struct http_request *request,
				   const struct command *command, const char *key)
{
	const char *gateway = http_header(request, "Seatline-Request");
	const char *request_id = NULL;
	int64_t ms = 0;

	if (key)
		return booking_id_derive(&api->key, command->user_id, command->event_id, key);
	if (gateway && gateway_request_parse(gateway, command->requested_at_ms, &ms, &request_id))
		return booking_id_make_retryable(&api->key, command->event_id, ms, request_id);
	return booking_id_make(&api->key, command->event_id, command->requested_at_ms);
}

static bool is_key_reused(struct write_api *api, struct http_response *response,
			  const struct command *command, const char *key)
{
	if (!key || idempotency_remember(api->idempotency, command, key) != IDEMPOTENCY_CONFLICT)
		return false;

	refuse(api, REFUSAL_KEY_REUSED);
	http_problem(response, 422, "idempotency-key-reused",
		     "This Idempotency-Key was used before, with another request.");
	http_problem_field(response, KEY_HEADER, "belongs to an earlier, different request");
	return true;
}

static void answer_unavailable(struct write_api *api, struct http_response *response,
			       const struct command *command, bool maybe_stored)
{
	char id[BOOKING_ID_BYTES_MAX + 2];

	refuse(api, REFUSAL_UNAVAILABLE);
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
	if (!maybe_stored) {
		http_problem(
			response, 503, "unavailable",
			"Bookings cannot be stored at the moment. Nothing was booked; try again.");
		return;
	}
	http_problem(
		response, 503, "unavailable",
		"It is not known whether the request was stored: it may still be carried out. "
		"Look up the booking by its id before you try again, or repeat the request with "
		"an Idempotency-Key.");
	(void)snprintf(id, sizeof(id), "\"%s\"", command->booking_id.text);
	http_problem_member(response, "bookingId", id);
}

static void answer_failure(struct write_api *api, struct http_response *response,
			   const struct command *command, bool maybe_stored, const struct err *err)
{
	if (err->code != ERR_INTERNAL) {
		/* The request's own line tells of each 503; a person looks only for what may be
		   stored all the same. */
		const struct log_field fields[] = {
			LOG_STR("booking_id", command->booking_id.text),
			LOG_STR("event_id", command->event_id),
			LOG_BOOL("maybe_stored", maybe_stored),
			LOG_STR("error", err->text),
		};
		log_write(maybe_stored ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "booking_not_stored",
			  fields, sizeof(fields) / sizeof(fields[0]));
		answer_unavailable(api, response, command, maybe_stored);
		return;
	}
	log_error("booking_not_stored", LOG_STR("booking_id", command->booking_id.text),
		  LOG_STR("event_id", command->event_id), LOG_STR("error", err->text));
	refuse(api, REFUSAL_INTERNAL);
	http_problem(response, 500, "internal-error", "The booking was not accepted.");
}

/* The grammar of ids leaves nothing to escape, neither in JSON nor in a path. */
static void answer_accepted(struct write_api *api, struct http_response *response,
			    const struct command *command)
{
	char location[sizeof("/api/bookings/") + BOOKING_ID_BYTES_MAX];

	metric_add(api->accepted, 1);
	response->status = 202;
	(void)snprintf(location, sizeof(location), "/api/bookings/%s", command->booking_id.text);
	http_response_header(response, "Location", location);
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
	strbuf_addf(&response->body,
		    "{\"message\":\"" ACCEPTED "\",\"bookingId\":\"%s\",\"status\":\"pending\","
		    "\"links\":{\"self\":\"%s\",\"event\":\"/api/events/%s\"}}",
		    command->booking_id.text, location, command->event_id);
}

void book(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct write_api *api = ctx;
	struct command command;
	const char *key = NULL;
	struct err err = { 0 };
	bool maybe_stored = false;

	if (!read_command(api, request, response, &command, &key))
		return;
	command.requested_at_ms = clock_wall_ms();
	command.booking_id = choose_id(api, request, &command, key);
	(void)snprintf(response->booking_id, sizeof(response->booking_id), "%s",
		       command.booking_id.text);
	if (is_key_reused(api, response, &command, key))
		return;

	const int64_t start_us = clock_monotonic_us();
	const err_code code = publish_command(api->producer, &command, request->request_id,
					      request->traceparent, &maybe_stored, &err);
	metric_observe_since(api->publish_seconds, start_us);
	if (code == ERR_OK)
		answer_accepted(api, response, &command);
	else
		answer_failure(api, response, &command, maybe_stored, &err);
}
