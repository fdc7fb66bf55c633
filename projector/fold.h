/*
 * fold - what a batch of log rows comes to: the newest state of each seat, and of each booking the
 * newest state and all decisions.
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

#include <stdbool.h>
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

/* SQL NULL, where a number or a time may be absent. */
#define NUMBER_NONE INT64_MIN

/* One entry of a booking's history: what was decided about it. NULL: absent. */
struct decision {
	int64_t version; /* of the booking, after it */
	int64_t at_ms;
	const char *status;
	const char *command; /* NULL: its hold ran out */
	const char *command_id;
	const char *actor;
	const char *result; /* "done", "unchanged", "refused" */
	const char *reason; /* why not done; if done, why the status is what it is */
	int64_t expires_at_ms;
};

/* A booking as it stands. Arrays of texts and numbers are PostgreSQL array literals. */
struct booking_values {
	const char *booking_id;
	int64_t version;
	const char *event_id; /* NULL, like user_id and mode: it was never made */
	const char *user_id;
	const char *mode;
	const char *seats;
	const char *status;
	const char *reason; /* NULL: none */
	const char *seats_lost;
	const char *prices;
	int64_t total_minor;  /* or NUMBER_NONE */
	const char *currency; /* NULL: not priced */
	const char *payment_reference;
	int64_t extensions;
	int64_t requested_at_ms;
	int64_t decided_at_ms;          /* when the status was decided */
	int64_t expires_at_ms;          /* or NUMBER_NONE */
	const struct decision *history; /* those that are kept, oldest first */
	size_t history_count;
};

/*
 * The most decisions of each kind that a booking's document keeps, the newest, so that no stranger
 * pushes out what its owner must be able to read. bookings.sql applies it.
 */
#define DONE_MAX         128 /* done: more than a booking can have, so all */
#define STRANGERS_MAX    20  /* refused as not_owner */
#define HISTORY_MAX      100 /* neither */
#define HISTORY_ROWS_MAX (DONE_MAX + STRANGERS_MAX + HISTORY_MAX)

/* A decision about a booking, and the booking after it, as if it had been done at decided_at_ms. */
struct log_row {
	uint64_t xid;
	int64_t seq;
	struct booking_values booking; /* without history */
	struct decision decision;
	bool is_done;
	const struct log_seat *seats;
	size_t seat_count;
};

/* Rows first .. first + count - 1 of fold.rows are of one booking, oldest first, none twice. */
struct booking_change {
	size_t first;
	size_t count;
	const struct log_row *newest;  /* how the booking is now, but for decided_at_ms */
	const struct log_row *decided; /* the newest that was done, or the first version; or NULL */
	bool has_gap;                  /* a version between them is missing */
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
	const struct log_row **rows; /* ordered by booking id and version */
	size_t row_count;
	struct booking_change *bookings; /* ordered by booking id */
	size_t booking_count;
};

void fold_batch(const struct log_row *rows, size_t count, struct fold *ret);
void fold_done(struct fold *fold);
