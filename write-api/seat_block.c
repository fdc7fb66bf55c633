#include "seat_block.h"

#include "accept.h"
#include "admin.h"
#include "clock.h"
#include "gateway_request.h"
#include "publish.h"
#include "refuse.h"
#include "seat_request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX (sizeof("unblock 1000 ") + IDEMPOTENCY_KEY_BYTES_MAX)

/* One request on its way. */
struct blocking {
	struct write_api *api;
	const struct http_request *request;
	struct http_response *response;
	struct command first; /* what all commands have: type, event, user, address, time */
	const char *key;      /* Idempotency-Key; NULL: not sent */
	const char *gateway_id;
	int64_t gateway_ms;
	size_t count;
	struct command *commands;
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The same request makes the same ids, each of a millisecond of its own, so that no two are one.
 * No key that is sent has a space: none is another's. */
static void name_command(const struct blocking *blocking, size_t i, struct command *command)
{
	const struct booking_id_key *key = &blocking->api->key;
	const char *owner = accept_owner(blocking->request, command);
	const char *type = command_type_name(command->type);
	char text[KEY_BYTES_MAX];

	(void)snprintf(text, sizeof(text), "%s %zu %s", type, i,
		       blocking->key	      ? blocking->key
		       : blocking->gateway_id ? blocking->gateway_id
					      : "");
	if (blocking->key) {
		command->booking_id =
			booking_id_derive(key, command->user_id, command->event_id, text);
		command->idempotency_key = command_id_of_key(key, command->user_id, text);
	} else if (blocking->gateway_id) {
		command->booking_id =
			booking_id_make_retryable(key, command->event_id, owner,
						  blocking->gateway_ms + (int64_t)i, text);
	} else {
		command->booking_id = booking_id_make(key, command->event_id, owner,
						      command->requested_at_ms + (int64_t)i);
	}
}

static void make_commands(struct blocking *blocking, const struct seat_request *seats)
{
	blocking->count = (seats->count + COMMAND_SEATS_MAX - 1) / COMMAND_SEATS_MAX;
	blocking->commands = calloc(blocking->count, sizeof(blocking->commands[0]));
	assert(blocking->commands);
	for (size_t i = 0; i < blocking->count; i++) {
		const size_t at = i * COMMAND_SEATS_MAX;
		struct command *command = &blocking->commands[i];
		*command = blocking->first;
		command->seat_count = (unsigned)least(COMMAND_SEATS_MAX, seats->count - at);
		for (unsigned n = 0; n < command->seat_count; n++)
			memcpy(command->seat_ids[n], seats->seat_ids[at + n], IDENT_BYTES_MAX);
		name_command(blocking, i, command);
	}
}

/* False: the key belongs to another request. */
static bool is_key_ours(const struct blocking *blocking, const struct seat_request *seats)
{
	const struct command *first = &blocking->first;
	const size_t count = seats->count + 2;

	if (!blocking->key)
		return true;
	_cleanup_free_ const char **texts = calloc(count, sizeof(*texts));
	assert(texts);
	texts[0] = command_type_name(first->type);
	texts[1] = first->event_id;
	for (size_t i = 0; i < seats->count; i++)
		texts[2 + i] = seats->seat_ids[i];
	return idempotency_remember_texts(blocking->api->idempotency, first->user_id,
					  blocking->key, texts, count) != IDEMPOTENCY_CONFLICT;
}

/* Ids need no escaping. */
static void answer(const struct blocking *blocking)
{
	struct strbuf *body = &blocking->response->body;

	metric_add(blocking->api->accepted[blocking->first.type], (int64_t)blocking->count);
	blocking->response->status = 202;
	http_response_header(blocking->response, "Retry-After", "1");
	strbuf_add_text(body, "{\"message\":\"Request received and is being processed.\","
			      "\"status\":\"pending\",\"commands\":[");
	for (size_t i = 0; i < blocking->count; i++) {
		const struct command *command = &blocking->commands[i];
		strbuf_add_texts(body, i > 0 ? "," : "", "{\"bookingId\":\"",
				 command->booking_id.text, "\",\"seatIds\":[", NULL);
		for (unsigned n = 0; n < command->seat_count; n++)
			strbuf_add_texts(body, n > 0 ? ",\"" : "\"", command->seat_ids[n], "\"",
					 NULL);
		strbuf_add_texts(body, "],\"links\":{\"self\":\"/api/bookings/",
				 command->booking_id.text, "\"}}", NULL);
	}
	strbuf_add_texts(body, "],\"links\":{\"event\":\"/api/events/", blocking->first.event_id,
			 "\"}}", NULL);
}

static void send_all(struct blocking *blocking, const struct seat_request *seats)
{
	const struct http_request *request = blocking->request;
	struct err err = { 0 };

	if (!is_key_ours(blocking, seats)) {
		refuse_reused_key(blocking->api, blocking->response);
		return;
	}
	make_commands(blocking, seats);
	const err_code code =
		publish_commands(blocking->api->producer, blocking->commands, blocking->count,
				 request->request_id, request->traceparent, &err);
	if (code == ERR_OK)
		answer(blocking);
	else
		refuse_failed(blocking->api, blocking->response, &err,
			      "The request may be stored in part. It can be repeated: what was "
			      "done already stays as it is.");
	free(blocking->commands);
}

static bool is_read(struct blocking *blocking, struct seat_request *seats)
{
	const struct http_request *request = blocking->request;
	struct booking_faults faults = { 0 };
	struct err err = { 0 };

	const err_code code =
		seat_request_parse(request->body, request->body_len, seats, &faults, &err);
	accept_read_key(request, &blocking->key, &faults);
	return refuse_unless_read(blocking->api, blocking->response, code, &faults, &err);
}

static void block(struct write_api *api, const struct http_request *request,
		  struct http_response *response, enum command_type type)
{
	_cleanup_(seat_request_done) struct seat_request seats = { 0 };
	struct blocking blocking = { .api = api, .request = request, .response = response };
	struct command *first = &blocking.first;

	first->type = type;
	if (!admin_event_id(api, request, response, first->event_id) || !is_read(&blocking, &seats))
		return;
	memcpy(first->user_id, seats.user_id, sizeof(first->user_id));
	if (!accept_settle_user(api, request, response, first))
		return;
	if (first->user_id[0] == '\0')
		(void)snprintf(first->user_id, sizeof(first->user_id), BOOKING_REQUEST_NOBODY);
	first->requested_at_ms = clock_wall_ms();
	(void)gateway_request_parse(http_header(request, GATEWAY_REQUEST_HEADER),
				    first->requested_at_ms, &blocking.gateway_ms,
				    &blocking.gateway_id); /* Else it stays NULL. */
	send_all(&blocking, &seats);
}

void seat_block(void *ctx, const struct http_request *request, struct http_response *response)
{
	block(ctx, request, response, COMMAND_BLOCK);
}

void seat_unblock(void *ctx, const struct http_request *request, struct http_response *response)
{
	block(ctx, request, response, COMMAND_UNBLOCK);
}
