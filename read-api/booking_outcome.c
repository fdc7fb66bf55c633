#include "booking_outcome.h"

#include "booking_json.h"
#include "document.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOCATION_BYTES_MAX (sizeof("/api/bookings/") + IDENT_BYTES_MAX)
#define SLUG_BYTES_MAX     32
#define SEATS_BYTES_MAX    4096

struct refusal {
	const char *reason;
	int status;
	const char *detail;
};

/* The first is for a reason that is not known here. */
static const struct refusal REFUSALS[] = {
	{ "refused", 409, "The request could not be carried out." },
	{ "event_not_found", 409, "There is no event with this id." },
	{ "event_cancelled", 409, "The event is cancelled." },
	{ "sales_not_open", 409, "The sale for this event has not begun." },
	{ "sales_closed", 409, "The sale for this event has ended." },
	{ "seat_limit", 409, "The user would have more seats of this event than allowed." },
	{ "hold_limit", 409, "The user would hold more seats of this event at once than allowed." },
	{ "seat_not_found", 409, "The event has no such seat." },
	{ "seat_blocked", 409, "A seat is not for sale." },
	{ "seat_taken", 409, "A seat was taken by someone else." },
	{ "seat_not_blocked", 409, "A seat is not blocked." },
	{ "idempotency_key_reused", 422, "The idempotency key was used for another request." },
	{ "booking_not_found", 404, "No booking with this id was ever made." },
	{ "not_owner", 404, "The user has no booking with this id." },
	{ "hold_expired", 410, "The hold has run out." },
	{ "already_confirmed", 409, "The booking is confirmed already." },
	{ "booking_rejected", 409, "The booking was rejected." },
	{ "booking_cancelled", 409, "The booking is cancelled." },
	{ "extension_limit", 409, "The hold cannot be extended any further." },
	{ "not_a_booking", 409, "This is an administrator's command, and no booking." },
};

/* By the "reason" of doc. */
static const struct refusal *refusal_of(const bson_t *doc)
{
	for (size_t i = 1; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++)
		if (booking_says(doc, "reason", REFUSALS[i].reason))
			return &REFUSALS[i];

	return &REFUSALS[0];
}

static void slug_of(const char *reason, char buf[static SLUG_BYTES_MAX])
{
	assert(strlen(reason) < SLUG_BYTES_MAX);
	(void)snprintf(buf, SLUG_BYTES_MAX, "%s", reason);
	for (char *c = buf; *c; c++)
		if (*c == '_')
			*c = '-';
}

static void add_text(struct http_response *response, const char *name, const char *text, size_t len)
{
	_cleanup_(strbuf_done) struct strbuf json;

	strbuf_init(&json, HTTP_RESPONSE_BYTES_MAX); /* What fits the answer fits here. */
	strbuf_add_json_len(&json, text, len);
	http_problem_member(response, name, json.data);
}

/* A list of texts as it stands in the document: 1 to 10 ids. */
static void add_seats(struct http_response *response, const bson_t *booking)
{
	static const char NAME[] = "seats";
	_cleanup_(strbuf_done) struct strbuf json;

	strbuf_init(&json, SEATS_BYTES_MAX);
	document_write_texts(&json, NAME, booking, "seats_lost");
	if (!json.overflow)
		http_problem_member(response, NAME, json.data + strlen("\"seats\":"));
}

static void refuse(struct http_response *response, const bson_t *booking, const bson_t *decision)
{
	const struct refusal *refusal = refusal_of(decision);
	char slug[SLUG_BYTES_MAX];
	size_t len = 0;
	const char *reason = document_text(decision, "reason", &len);

	slug_of(refusal->reason, slug);
	http_problem(response, refusal->status, slug, refusal->detail);
	add_text(response, "reason", reason ? reason : refusal->reason,
		 reason ? len : strlen(refusal->reason));

	const char *id = document_text(booking, "_id", &len);

	if (id)
		add_text(response, "bookingId", id, len);
}

/* The answer to a command is nobody's to keep. */
static void show(struct http_response *response, int status, const bson_t *booking,
		 const char *only_user, int64_t now_ms)
{
	const struct etag etag = booking_write(booking, only_user, now_ms, &response->body);

	response->status = status;
	http_response_header(response, "Cache-Control", "no-store");
	http_response_header(response, "ETag", etag.text);
}

bool booking_outcome_is_known(const bson_t *booking, const char *command_id)
{
	bson_t decision;

	return !command_id || booking_find_command(booking, command_id, &decision);
}

static void answer_made(const bson_t *booking, const char *only_user, int64_t now_ms,
			struct http_response *response)
{
	char location[LOCATION_BYTES_MAX];
	size_t len = 0;

	if (booking_says(booking, "status", "rejected")) {
		refuse(response, booking, booking);
		add_seats(response, booking);
		return;
	}

	const char *id = document_text(booking, "_id", &len);

	/* What is no id could end the header. */
	if (id && ident_is_valid(id, len)) {
		(void)snprintf(location, sizeof(location), "/api/bookings/%s", id);
		http_response_header(response, "Location", location);
	}
	show(response, 201, booking, only_user, now_ms);
}

void booking_outcome_answer(const bson_t *booking, const char *command_id, const char *only_user,
			    int64_t now_ms, struct http_response *response)
{
	bson_t decision;

	if (!command_id) {
		answer_made(booking, only_user, now_ms, response);
		return;
	}

	const bool found = booking_find_command(booking, command_id, &decision);

	assert(found); /* The caller asked booking_outcome_is_known. */
	(void)found;
	/* A command for a booking that was never stored is done as the booking's rejection. */
	if (booking_says(&decision, "result", "refused") ||
	    booking_says(&decision, "status", "rejected"))
		refuse(response, booking, &decision);
	else
		show(response, 200, booking, only_user, now_ms);
}
