/*
 * fold - what a batch of log rows comes to: the newest state of each seat, and of each booking.
 *
 * Pure: values in, values out. The log is read in the order of transaction ids, which is not the
 * order in which transactions committed, so versions decide and the order of the rows does not
 * matter. Folding a row twice, or rows that were folded before, changes nothing.
 * Owns     a fold owns its arrays; the texts in them belong to the rows and live as long.
 * Source   lib/PROTOCOL.md, "The write model" and "The read model".
 */
#pragma once

#include "ident.h"
#include "seat_status.h"

#include <stddef.h>
#include <stdint.h>

#define BLOCK_SEATS 1000
/* Four digits in a block's id. */
#define BLOCKS_MAX 10000

/* A seat as one row of the log left it. */
struct log_seat {
	char seat_id[IDENT_BYTES_MAX];
	int32_t position;
	enum seat_status status;
	int64_t version;
};

/* One transition of a booking. Arrays of texts are PostgreSQL array literals. */
struct log_row {
	uint64_t xid;
	int64_t seq;
	const char *booking_id;
	int64_t booking_version;
	const char *event_id;
	const char *user_id;
	const char *status;
	const char *reason; /* NULL: none */
	const char *booking_seats;
	const char *seats_lost;
	int64_t requested_at_ms;
	int64_t decided_at_ms;
	const struct log_seat *seats;
	size_t seat_count;
};

struct seat_change {
	const char *event_id;
	const char *seat_id;
	int32_t block;
	int32_t index; /* within the block */
	enum seat_status status;
	const char *user_id;    /* NULL unless held or booked */
	const char *booking_id; /* NULL unless held or booked */
	int64_t version;
};

/* Seats first .. first + count - 1 are of this block, in the order of their index. */
struct block_change {
	const char *event_id;
	int32_t block;
	size_t first;
	size_t count;
};

/* Blocks first .. first + count - 1 are of this event. */
struct event_change {
	const char *event_id;
	size_t first;
	size_t count;
};

struct fold {
	struct seat_change *seats; /* one a seat, ordered by event, block, index */
	size_t seat_count;
	struct block_change *blocks;
	size_t block_count;
	struct event_change *events; /* those with a seat in the batch */
	size_t event_count;
	const struct log_row **bookings; /* one a booking, ordered by booking id */
	size_t booking_count;
};

void fold_batch(const struct log_row *rows, size_t count, struct fold *ret);
void fold_done(struct fold *fold);
