#include "cloud_event.h"

#include "ident.h"
#include "pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 24 /* any 64-bit integer and its NUL */

void cloud_event_init(struct cloud_event *event)
{
	*event = (struct cloud_event){ 0 };
	strbuf_init(&event->value, CLOUD_EVENT_VALUE_BYTES_MAX);
}

void cloud_event_done(struct cloud_event *event)
{
	strbuf_done(&event->value);
}

/* What became of the booking. An extended one is held as before. */
static const char *what(const struct log_row *row)
{
	const char *const command = row->decision.command;

	if (!row->is_done)
		return "refused";
	if (command && strcmp(command, "extend") == 0 && strcmp(row->booking.status, "held") == 0)
		return "extended";
	return row->booking.status;
}

/* ---- The value ---- */

/* Between the members of one object. */
static void name(struct strbuf *out, const char *member)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		strbuf_add_char(out, ',');
	strbuf_add_json(out, member);
	strbuf_add_char(out, ':');
}

static void add_text(struct strbuf *out, const char *member, const char *text)
{
	name(out, member);
	strbuf_add_json(out, text);
}

static void add_number(struct strbuf *out, const char *member, int64_t number)
{
	name(out, member);
	strbuf_add_int(out, number);
}

static void add_time(struct strbuf *out, const char *member, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES_MAX];

	if (wall_ms != NUMBER_NONE)
		clock_format(wall_ms, text);
	add_text(out, member, wall_ms == NUMBER_NONE ? NULL : text);
}

static void add_texts(struct strbuf *out, const char *member, const char *array)
{
	char text[IDENT_BYTES_MAX];
	bool is_null = false;

	name(out, member);
	strbuf_add_char(out, '[');
	for (size_t i = 0; pg_array_next(&array, text, sizeof(text), &is_null); i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, is_null ? NULL : text);
	}
	strbuf_add_char(out, ']');
}

static void add_numbers(struct strbuf *out, const char *member, const char *array)
{
	char text[NUMBER_BYTES_MAX];
	bool is_null = false;

	name(out, member);
	strbuf_add_char(out, '[');
	for (size_t i = 0; pg_array_next(&array, text, sizeof(text), &is_null); i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		strbuf_add_int(out, strtoll(text, NULL, 10));
	}
	strbuf_add_char(out, ']');
}

static void add_changed(struct strbuf *out, const struct log_row *row)
{
	name(out, "changed");
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < row->seat_count; i++) {
		const struct log_seat *const seat = &row->seats[i];
		strbuf_add_text(out, i > 0 ? ",{" : "{");
		add_text(out, "seat_id", seat->seat_id);
		add_text(out, "status", seat_status_name(seat->status));
		add_number(out, "version", seat->version);
		strbuf_add_char(out, '}');
	}
	strbuf_add_char(out, ']');
}

static void add_number_or_null(struct strbuf *out, const char *member, int64_t number)
{
	if (number == NUMBER_NONE)
		add_text(out, member, NULL);
	else
		add_number(out, member, number);
}

static void add_booking(struct strbuf *out, const struct booking_values *booking)
{
	add_text(out, "booking_id", booking->booking_id);
	add_number(out, "version", booking->version);
	add_text(out, "event_id", booking->event_id);
	add_text(out, "user_id", booking->user_id);
	add_text(out, "status", booking->status);
	add_text(out, "reason", booking->reason);
	add_texts(out, "seats", booking->seats);
	add_texts(out, "seats_lost", booking->seats_lost);
	add_numbers(out, "prices", booking->prices);
	add_number_or_null(out, "total_minor", booking->total_minor);
	add_text(out, "currency", booking->currency);
	add_text(out, "payment_reference", booking->payment_reference);
	add_time(out, "requested_at", booking->requested_at_ms);
	add_time(out, "decided_at", booking->decided_at_ms);
	add_time(out, "expires_at", booking->expires_at_ms);
}

static void write_value(struct strbuf *out, const struct log_row *row)
{
	const struct decision *const decision = &row->decision;

	strbuf_reset(out);
	strbuf_add_char(out, '{');
	add_booking(out, &row->booking);
	add_text(out, "command", decision->command);
	add_text(out, "command_id", decision->command_id);
	add_text(out, "actor", decision->actor);
	add_text(out, "result", decision->result);
	add_text(out, "refusal", row->is_done ? NULL : decision->reason);
	add_changed(out, row);
	strbuf_add_char(out, '}');
}

/* ---- The message ---- */

err_code cloud_event_make(struct cloud_event *event, const struct log_row *row, const char *source,
			  struct err *err)
{
	event->booking_id = row->booking.booking_id;
	event->source = source;
	(void)snprintf(event->id, sizeof(event->id), "%s/%" PRId64, row->booking.booking_id,
		       row->booking.version);
	(void)snprintf(event->type, sizeof(event->type), "seatline.booking.%s", what(row));
	clock_format(row->decision.at_ms, event->time);
	write_value(&event->value, row);
	if (event->value.overflow)
		return err_set(err, ERR_INTERNAL, "log row %" PRId64 " is too large to be told",
			       row->seq);
	return ERR_OK;
}

struct kafka_message cloud_event_message(const struct cloud_event *event)
{
	return (struct kafka_message){
		.partition = RD_KAFKA_PARTITION_UA,
		.key = event->booking_id,
		.key_len = strlen(event->booking_id),
		.value = event->value.data,
		.value_len = event->value.len,
		.headers = { { .name = "ce_specversion", .value = "1.0" },
			     { .name = "ce_id", .value = event->id },
			     { .name = "ce_source", .value = event->source },
			     { .name = "ce_type", .value = event->type },
			     { .name = "ce_time", .value = event->time },
			     { .name = "ce_subject", .value = event->booking_id },
			     { .name = "ce_partitionkey", .value = event->booking_id },
			     { .name = "content-type", .value = "application/json" } },
	};
}
