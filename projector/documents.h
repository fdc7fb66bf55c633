/*
 * documents - the shape of the read model's documents, in one place.
 *
 * What is written from the log, what a rebuild writes and what a verification expects are made
 * here.
 * Units    times are BSON dates; versions int64; counts, numbers and positions int32.
 * Source   lib/PROTOCOL.md, "The read model (MongoDB)".
 */
#pragma once

#include "fold.h"
#include "mongo.h"

#define DOCUMENTS_EVENTS "events"
#define DOCUMENTS_SEAT_MAPS "seat_maps"
#define DOCUMENTS_BOOKINGS "bookings"
#define DOCUMENTS_STATE "projector_state"

#define BLOCK_ID_BYTES_MAX (IDENT_BYTES_MAX + 5) /* "<event>/0042" */

/* A booking, from the log or from its table; array literals as PostgreSQL writes them. */
struct booking_values {
	const char *booking_id;
	int64_t version;
	const char *event_id;
	const char *user_id;
	const char *status;
	const char *reason; /* NULL: none */
	const char *seats;
	const char *seats_lost;
	int64_t requested_at_ms;
	int64_t decided_at_ms;
};

struct event_values {
	const char *event_id;
	const char *name;
	const char *kind;
	int64_t starts_at_ms;
	const char *venue;
	const char *currency;
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

/* All fields but _id. */
void document_append_booking(bson_t *doc, const struct booking_values *booking);
bson_t *document_booking(const struct booking_values *booking);
bson_t *document_event(const struct event_values *event);
/* seats in the order of their index; a position without a seat is null. */
bson_t *document_block(const char *event_id, int32_t block, const struct seat_values *seats,
                       size_t count);
