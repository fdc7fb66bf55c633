#include "documents.h"

#include "pg.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES_MAX 24 /* any 64-bit integer and its NUL */

void document_block_id(const char *event_id, int32_t block, char ret[static BLOCK_ID_BYTES_MAX])
{
	assert(block >= 0 && block < BLOCKS_MAX);
	(void)snprintf(ret, BLOCK_ID_BYTES_MAX, "%s/%04d", event_id, block);
}

void document_append_counts(bson_t *doc, const int64_t counts[static SEAT_STATUS_COUNT])
{
	bson_t child;

	BSON_APPEND_DOCUMENT_BEGIN(doc, "counts", &child);
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		BSON_APPEND_INT32(&child, seat_status_name(i), (int32_t)counts[i]);
	bson_append_document_end(doc, &child);
}

static void append_text(bson_t *doc, const char *name, const char *text)
{
	if (text)
		BSON_APPEND_UTF8(doc, name, text);
	else
		BSON_APPEND_NULL(doc, name);
}

static void append_time(bson_t *doc, const char *name, int64_t ms)
{
	if (ms != NUMBER_NONE)
		BSON_APPEND_DATE_TIME(doc, name, ms);
	else
		BSON_APPEND_NULL(doc, name);
}

static void append_texts(bson_t *doc, const char *name, const char *array)
{
	bson_t child;
	char text[IDENT_BYTES_MAX];
	char buf[16];
	uint32_t i = 0;
	bool is_null = false;

	BSON_APPEND_ARRAY_BEGIN(doc, name, &child);
	while (pg_array_next(&array, text, sizeof(text), &is_null)) {
		const char *key = NULL;
		bson_uint32_to_string(i++, &key, buf, sizeof(buf));
		append_text(&child, key, is_null ? NULL : text);
	}
	bson_append_array_end(doc, &child);
}

static void append_numbers(bson_t *doc, const char *name, const char *array)
{
	bson_t child;
	char text[NUMBER_BYTES_MAX];
	char buf[16];
	uint32_t i = 0;
	bool is_null = false;

	BSON_APPEND_ARRAY_BEGIN(doc, name, &child);
	while (pg_array_next(&array, text, sizeof(text), &is_null)) {
		const char *key = NULL;
		bson_uint32_to_string(i++, &key, buf, sizeof(buf));
		BSON_APPEND_INT64(&child, key, is_null ? 0 : strtoll(text, NULL, 10));
	}
	bson_append_array_end(doc, &child);
}

void document_history_key(int64_t version, char ret[static HISTORY_KEY_BYTES_MAX])
{
	(void)snprintf(ret, HISTORY_KEY_BYTES_MAX, "history.%" PRId64, version);
}

void document_append_decision(bson_t *doc, const char *key, const struct decision *decision)
{
	bson_t child;

	BSON_APPEND_DOCUMENT_BEGIN(doc, key, &child);
	append_time(&child, "at", decision->at_ms);
	append_text(&child, "status", decision->status);
	append_text(&child, "command", decision->command);
	append_text(&child, "command_id", decision->command_id);
	append_text(&child, "actor", decision->actor);
	append_text(&child, "result", decision->result);
	append_text(&child, "reason", decision->reason);
	append_time(&child, "expires_at", decision->expires_at_ms);
	bson_append_document_end(doc, &child);
}

void document_append_booking_state(bson_t *doc, const struct booking_values *booking)
{
	BSON_APPEND_UTF8(doc, "status", booking->status);
	append_text(doc, "reason", booking->reason);
	append_texts(doc, "seats_lost", booking->seats_lost);
	append_numbers(doc, "prices", booking->prices);
	if (booking->total_minor != NUMBER_NONE)
		BSON_APPEND_INT64(doc, "total_minor", booking->total_minor);
	else
		BSON_APPEND_NULL(doc, "total_minor");
	append_text(doc, "currency", booking->currency);
	append_text(doc, "payment_reference", booking->payment_reference);
	BSON_APPEND_INT32(doc, "extensions", (int32_t)booking->extensions);
	BSON_APPEND_INT64(doc, "version", booking->version);
	append_time(doc, "expires_at", booking->expires_at_ms);
}

static void append_history(bson_t *doc, const struct booking_values *booking)
{
	bson_t child;

	BSON_APPEND_DOCUMENT_BEGIN(doc, "history", &child);
	for (size_t i = 0; i < booking->history_count; i++) {
		char key[NUMBER_BYTES_MAX];
		(void)snprintf(key, sizeof(key), "%" PRId64, booking->history[i].version);
		document_append_decision(&child, key, &booking->history[i]);
	}
	bson_append_document_end(doc, &child);
}

bson_t *document_booking(const struct booking_values *booking)
{
	bson_t *const doc = bson_new();

	BSON_APPEND_UTF8(doc, "_id", booking->booking_id);
	append_text(doc, "event_id", booking->event_id);
	append_text(doc, "user_id", booking->user_id);
	append_text(doc, "mode", booking->mode);
	append_texts(doc, "seats", booking->seats);
	document_append_booking_state(doc, booking);
	append_time(doc, "requested_at", booking->requested_at_ms);
	append_time(doc, "decided_at", booking->decided_at_ms);
	append_history(doc, booking);
	return doc;
}

static void append_limit(bson_t *doc, const char *name, int64_t limit)
{
	if (limit != NUMBER_NONE)
		BSON_APPEND_INT32(doc, name, (int32_t)limit);
	else
		BSON_APPEND_NULL(doc, name);
}

bson_t *document_event(const struct event_values *event)
{
	bson_t *const doc = bson_new();

	BSON_APPEND_UTF8(doc, "_id", event->event_id);
	BSON_APPEND_UTF8(doc, "event_id", event->event_id);
	BSON_APPEND_UTF8(doc, "name", event->name);
	BSON_APPEND_UTF8(doc, "kind", event->kind);
	BSON_APPEND_DATE_TIME(doc, "date", event->starts_at_ms);
	BSON_APPEND_UTF8(doc, "venue", event->venue);
	BSON_APPEND_UTF8(doc, "currency", event->currency);
	BSON_APPEND_INT32(doc, "hold_ttl_ms", (int32_t)event->hold_ttl_ms);
	BSON_APPEND_INT32(doc, "hold_extensions_max", (int32_t)event->hold_extensions_max);
	append_limit(doc, "seats_per_user_max", event->seats_per_user_max);
	append_limit(doc, "holds_per_user_max", event->holds_per_user_max);
	append_time(doc, "sales_open_at", event->sales_open_at_ms);
	append_time(doc, "sales_close_at", event->sales_close_at_ms);
	append_time(doc, "cancelled_at", event->cancelled_at_ms);
	BSON_APPEND_INT64(doc, "event_version", event->event_version);
	BSON_APPEND_INT64(doc, "version", event->sums.version);
	document_append_counts(doc, event->sums.counts);
	BSON_APPEND_INT32(doc, "seats_total", (int32_t)event->seats_total);
	BSON_APPEND_INT32(doc, "blocks", event->blocks);
	return doc;
}

static void append_seat(bson_t *seats, const char *key, const struct seat_values *seat)
{
	bson_t child;

	BSON_APPEND_DOCUMENT_BEGIN(seats, key, &child);
	BSON_APPEND_UTF8(&child, "seat_id", seat->seat_id);
	BSON_APPEND_UTF8(&child, "status", seat_status_name(seat->status));
	append_text(&child, "user_id", seat->user_id);
	append_text(&child, "booking_id", seat->booking_id);
	BSON_APPEND_INT64(&child, "version", seat->version);
	BSON_APPEND_UTF8(&child, "section", seat->section);
	BSON_APPEND_UTF8(&child, "row", seat->row);
	BSON_APPEND_INT32(&child, "number", seat->number);
	BSON_APPEND_INT64(&child, "price_minor", seat->price_minor);
	bson_append_document_end(seats, &child);
}

static void append_seats(bson_t *doc, const struct seat_values *seats, size_t count)
{
	bson_t child;
	char buf[16];
	size_t next = 0;

	BSON_APPEND_ARRAY_BEGIN(doc, "seats", &child);
	for (int32_t i = 0; next < count; i++) {
		const char *key = NULL;
		bson_uint32_to_string((uint32_t)i, &key, buf, sizeof(buf));
		assert(seats[next].index >= i);
		if (seats[next].index == i)
			append_seat(&child, key, &seats[next++]);
		else
			BSON_APPEND_NULL(&child, key);
	}
	bson_append_array_end(doc, &child);
}

bson_t *document_block(const char *event_id, int32_t block, const struct seat_values *seats,
		       size_t count)
{
	char id[BLOCK_ID_BYTES_MAX];
	struct map_sums sums = { 0 };
	for (size_t i = 0; i < count; i++) {
		sums.version += seats[i].version;
		sums.counts[seats[i].status]++;
	}
	document_block_id(event_id, block, id);

	bson_t *const doc = bson_new();
	BSON_APPEND_UTF8(doc, "_id", id);
	BSON_APPEND_UTF8(doc, "event_id", event_id);
	BSON_APPEND_INT32(doc, "block", block);
	BSON_APPEND_INT64(doc, "version", sums.version);
	document_append_counts(doc, sums.counts);
	append_seats(doc, seats, count);
	return doc;
}
