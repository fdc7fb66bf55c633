#include "event.h"

#include "accept.h"
#include "admin.h"
#include "clock.h"
#include "event_request.h"
#include "event_store.h"
#include "gateway_request.h"
#include "refuse.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_BYTES_MAX  (1u << 18)
#define KEY_TEXT_BYTES    (sizeof("event retry -") + IDEMPOTENCY_KEY_BYTES_MAX + 24)
#define HASH_BYTES        16
#define HASH_TEXT_BYTES   (2 * HASH_BYTES + 1)
#define LOCATION_BYTES    (sizeof("/api/events/") + IDENT_BYTES_MAX)
#define NUMBER_BYTES_MAX  24

/* --- what both say --- */

static void add_links(struct strbuf *body, const char *event_id)
{
	strbuf_add_texts(body, "\"links\":{\"self\":\"/api/events/", event_id,
			 "\",\"layout\":\"/api/events/", event_id,
			 "/layout\",\"live\":\"/api/events/", event_id, "/live\"}", NULL);
}

/* Ids need no escaping. */
static void answer(struct http_response *response, int status, const struct event_outcome *outcome)
{
	struct strbuf *body = &response->body;
	char location[LOCATION_BYTES];

	response->status = status;
	(void)snprintf(location, sizeof(location), "/api/events/%s", outcome->event_id);
	if (status == 201)
		http_response_header(response, "Location", location);
	strbuf_addf(body, "{\"eventId\":\"%s\",\"version\":%" PRId64 ",\"seatsTotal\":%" PRId64 ",",
		    outcome->event_id, outcome->version, outcome->seat_count);
	add_links(body, outcome->event_id);
	strbuf_add_char(body, '}');
}

static void refuse_section(struct write_api *api, struct http_response *response,
			   const struct event_outcome *outcome)
{
	struct booking_faults faults = { 0 };
	char field[BOOKING_FIELD_BYTES_MAX];

	(void)snprintf(field, sizeof(field), "prices[%u].section", (unsigned)outcome->price);
	booking_faults_add(&faults, field, "is no section of the event");
	refuse_invalid(api, response, &faults);
}

static void refuse_window(struct write_api *api, struct http_response *response)
{
	struct booking_faults faults = { 0 };

	booking_faults_add(&faults, event_rule_name(EVENT_SALES_CLOSE_AT), EVENT_WINDOW_FAULT);
	refuse_invalid(api, response, &faults);
}

static void answer_outcome(struct write_api *api, struct http_response *response, int status,
			   const struct event_outcome *outcome)
{
	switch (outcome->answer) {
	case EVENT_DONE:
		answer(response, status, outcome);
		return;
	case EVENT_EXISTS:
		refuse_conflict(api, response, "event-exists",
				"There is an event with this id already.");
		return;
	case EVENT_KEY_REUSED:
		refuse_reused_key(api, response);
		return;
	case EVENT_CANCELLED:
		refuse_conflict(api, response, "event-cancelled", "The event was cancelled.");
		return;
	case EVENT_BAD_WINDOW:
		refuse_window(api, response);
		return;
	case EVENT_NO_SECTION:
		refuse_section(api, response, outcome);
		return;
	case EVENT_NOT_FOUND:
	default:
		admin_refuse_no_event(api, response);
	}
}

/* {"name":..,..,"prices":[..]}: what was given, under its names in the database. */
static void write_detail(const struct event_request *request, struct strbuf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < EVENT_RULE_COUNT; i++) {
		const struct event_value *value = &request->rules[i];
		if (!value->is_given)
			continue;
		strbuf_add_texts(out, comma, "\"", event_rule_column((enum event_rule)i), "\":",
				 NULL);
		strbuf_add_json(out, value->is_null ? NULL : value->text);
		comma = ",";
	}
	if (request->price_count == 0)
		return;
	strbuf_add_texts(out, comma, "\"prices\":[", NULL);
	for (size_t i = 0; i < request->price_count; i++) {
		strbuf_add_text(out, i > 0 ? ",{\"section\":" : "{\"section\":");
		strbuf_add_json(out, request->prices[i].section);
		strbuf_addf(out, ",\"price_minor\":%" PRId64 "}", request->prices[i].price_minor);
	}
	strbuf_add_char(out, ']');
}

/* --- a new event --- */

/* What makes a repetition known: the client's key, or the gateway's name for the request. False:
 * neither was sent. */
static bool choose_key(const struct write_api *api, const struct http_request *request,
		       const char *key, struct command_id *ret)
{
	char text[KEY_TEXT_BYTES];
	const char *gateway_id;
	int64_t ms;

	/* No key that is sent has a space: none is taken for another. */
	if (key)
		(void)snprintf(text, sizeof(text), "event %s", key);
	else if (gateway_request_parse(http_header(request, GATEWAY_REQUEST_HEADER),
				       clock_wall_ms(), &ms, &gateway_id))
		(void)snprintf(text, sizeof(text), "event retry %" PRId64 "-%s", ms, gateway_id);
	else
		return false;
	*ret = command_id_of_key(&api->key, request->caller.user_id, text);
	return true;
}

static void hash_body(const struct http_request *request, char ret[static HASH_TEXT_BYTES])
{
	unsigned char hash[HASH_BYTES];

	/* Fails only for bad sizes. */
	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)request->body,
				 request->body_len, NULL, 0);
	(void)sodium_bin2hex(ret, HASH_TEXT_BYTES, hash, sizeof(hash));
}

static void complete(const struct write_api *api, const struct http_caller *caller,
		     const struct command_id *key, struct event_request *event)
{
	struct event_value *holds = &event->rules[EVENT_HOLDS_PER_USER_MAX];

	if (event->event_id[0] == '\0')
		(void)snprintf(event->event_id, sizeof(event->event_id), "e-%s", key->text);
	/* In open mode all who name nobody are one user. */
	if (!holds->is_given && !caller->is_open && api->holds_per_user_max > 0)
		(void)snprintf(holds->text, sizeof(holds->text), "%" PRId64,
			       api->holds_per_user_max);
}

static void create(struct write_api *api, const struct http_request *request,
		   struct http_response *response, struct event_request *event, const char *key)
{
	_cleanup_(strbuf_done) struct strbuf detail;
	struct command_id id;
	char hash[HASH_TEXT_BYTES];
	struct event_outcome outcome;
	struct err err = { 0 };
	bool unknown = false;

	const bool has_key = choose_key(api, request, key, &id);
	if (!has_key)
		id = command_id_make();
	complete(api, &request->caller, &id, event);
	hash_body(request, hash);
	strbuf_init(&detail, DETAIL_BYTES_MAX);
	strbuf_addf(&detail, "{\"seats_total\":%" PRId64 ",", event->plan.seat_count);
	write_detail(event, &detail);
	strbuf_add_char(&detail, '}');

	struct pg *pg = admin_take_pg(api, request, response);
	if (!pg)
		return;
	const struct audit_entry audit = {
		.request = request,
		.event_id = event->event_id,
		.action = "create_event",
		.detail = detail.data,
		.key = has_key ? id.text : NULL,
		.request_hash = has_key ? hash : NULL,
	};
	const err_code code = event_store_add(pg, event, &audit, &outcome, &unknown, &err);
	pg_pool_give(api->pg_pool, pg);
	if (code == ERR_OK)
		answer_outcome(api, response, 201, &outcome);
	else
		admin_refuse_failed(api, request, response, unknown, &err);
}

void event_create(void *ctx, const struct http_request *request, struct http_response *response)
{
	_cleanup_(event_request_done) struct event_request event = { 0 };
	struct booking_faults faults = { 0 };
	struct write_api *api = ctx;
	struct err err = { 0 };
	const char *key;

	const err_code code = event_request_parse_new(request->body, request->body_len, &event,
						      &faults, &err);
	accept_read_key(request, &key, &faults);
	if (refuse_unless_read(api, response, code, &faults, &err))
		create(api, request, response, &event, key);
}

/* --- a change --- */

static void change(struct write_api *api, const struct http_request *request,
		   struct http_response *response, const char *event_id,
		   const struct event_request *event)
{
	_cleanup_(strbuf_done) struct strbuf detail;
	struct event_outcome outcome;
	struct err err = { 0 };
	bool unknown = false;

	strbuf_init(&detail, DETAIL_BYTES_MAX);
	strbuf_add_char(&detail, '{');
	write_detail(event, &detail);
	strbuf_add_char(&detail, '}');

	struct pg *pg = admin_take_pg(api, request, response);
	if (!pg)
		return;
	const struct audit_entry audit = { .request = request,
					   .event_id = event_id,
					   .action = "change_event",
					   .detail = detail.data };
	const err_code code =
		event_store_change(pg, event_id, event, &audit, &outcome, &unknown, &err);
	pg_pool_give(api->pg_pool, pg);
	if (code == ERR_OK)
		answer_outcome(api, response, 200, &outcome);
	else
		admin_refuse_failed(api, request, response, unknown, &err);
}

void event_change(void *ctx, const struct http_request *request, struct http_response *response)
{
	_cleanup_(event_request_done) struct event_request event = { 0 };
	struct booking_faults faults = { 0 };
	struct write_api *api = ctx;
	struct err err = { 0 };
	char event_id[IDENT_BYTES_MAX];

	if (!admin_event_id(api, request, response, event_id))
		return;
	const err_code code = event_request_parse_change(request->body, request->body_len, &event,
							 &faults, &err);
	if (refuse_unless_read(api, response, code, &faults, &err))
		change(api, request, response, event_id, &event);
}

/* --- its end --- */

void event_cancel(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct acceptance acceptance = { .api = ctx, .request = request, .response = response };
	char event_id[IDENT_BYTES_MAX];

	if (!admin_event_id(ctx, request, response, event_id) ||
	    !accept_read(&acceptance, BOOKING_FORM_CANCEL_EVENT))
		return;
	memcpy(acceptance.command.event_id, event_id, sizeof(event_id));
	accept_making(&acceptance);
}
