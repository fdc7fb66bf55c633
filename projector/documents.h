/*
 * documents - the shape of the read model's documents, in one place.
 *
 * What is written from the log, what a rebuild writes and what a verification expects are made
 * here.
 * Units    times are BSON dates; versions and prices int64; counts, numbers and positions int32.
 * Source   lib/PROTOCOL.md, "The read model (MongoDB)".
 */
#pragma once

#include "fold.h"
#include "mongo.h"

/* Numbers what is below: a read model of another shape is rebuilt. */
#define DOCUMENTS_SHAPE 4

#define DOCUMENTS_EVENTS    "events"
#define DOCUMENTS_SEAT_MAPS "seat_maps"
#define DOCUMENTS_BOOKINGS  "bookings"
#define DOCUMENTS_STATE     "projector_state"

#define BLOCK_ID_BYTES_MAX    (IDENT_BYTES_MAX + 5) /* "<event>/0042" */
#define HISTORY_KEY_BYTES_MAX 32                    /* "history.2147483647" and its NUL */

struct event_values {
	const char *event_id;
	const char *name;
	const char *kind;
	int64_t starts_at_ms;
	const char *venue;
	const char *currency;
	int64_t hold_ttl_ms;
	int64_t hold_extensions_max;
	int64_t seats_per_user_max; /* or NUMBER_NONE, like the next and the three times */
	int64_t holds_per_user_max;
	int64_t sales_open_at_ms;
	int64_t sales_close_at_ms;
	int64_t cancelled_at_ms;
	int64_t event_version;
	struct map_sums sums;
	int64_t seats_total;
	int32_t blocks;
};

struct seat_values {
	int32_t index; /* within the block */
	const char *seat_id;
	enum seat_status status;
	const char *user_id;    /* NULL: none */
	const char *booking_id; /* NULL: none */
	int64_t version;
	const char *section;
	const char *row;
	int32_t number;
	int64_t price_minor;
};

void document_block_id(const char *event_id, int32_t block, char ret[static BLOCK_ID_BYTES_MAX]);

/* Appends {available, held, booked, blocked} as `counts`. */
void document_append_counts(bson_t *doc, const int64_t counts[static SEAT_STATUS_COUNT]);

/* "history.<version>" */
void document_history_key(int64_t version, char ret[static HISTORY_KEY_BYTES_MAX]);
void document_append_decision(bson_t *doc, const char *key, const struct decision *decision);
/* What a decision may change of a booking, but decided_at and the history. */
void document_append_booking_state(bson_t *doc, const struct booking_values *booking);
bson_t *document_booking(const struct booking_values *booking);
bson_t *document_event(const struct event_values *event);
/* seats in the order of their index; a position without a seat is null. */
bson_t *document_block(const char *event_id, int32_t block, const struct seat_values *seats,
		       size_t count);
