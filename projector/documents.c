#include "documents.h"

#include "pg.h"

#include <assert.h>
#include <stdio.h>

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

void document_append_booking(bson_t *doc, const struct booking_values *booking)
{
	BSON_APPEND_UTF8(doc, "event_id", booking->event_id);
	BSON_APPEND_UTF8(doc, "user_id", booking->user_id);
	append_texts(doc, "seats", booking->seats);
	BSON_APPEND_UTF8(doc, "status", booking->status);
	append_text(doc, "reason", booking->reason);
	append_texts(doc, "seats_lost", booking->seats_lost);
	BSON_APPEND_INT64(doc, "version", booking->version);
	BSON_APPEND_DATE_TIME(doc, "requested_at", booking->requested_at_ms);
	BSON_APPEND_DATE_TIME(doc, "decided_at", booking->decided_at_ms);
}

bson_t *document_booking(const struct booking_values *booking)
{
	bson_t *const doc = bson_new();

	BSON_APPEND_UTF8(doc, "_id", booking->booking_id);
	document_append_booking(doc, booking);
	return doc;
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
