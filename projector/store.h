/*
 * store - writes a fold's maps and events into MongoDB; no document ever goes back.
 *
 * The steps of a batch run in this order: blocks, events, which makes both durable, and (state.h)
 * the position last; bookings (bookings.h) beside the events. A server that began anew between
 * blocks and events is no success (durable.h). Each may be run again after a
 * crash or an unknown result: what is newer stays, what is missing is completed. Blocks change by
 * compare-and-swap on their version; what the projector remembers of a block only spares reading
 * it, and is dropped whenever MongoDB turns out to know better.
 * Owns     a store owns what it remembers: at most STORE_BLOCKS_MAX blocks and STORE_EVENTS_MAX
 *          events.
 * Threads  one.
 * Errors   ERR_UNAVAILABLE: write the batch again. After any error the store has forgotten
 *          everything.
 */
#pragma once

#include "block_state.h"
#include "mongo.h"

#define STORE_BLOCKS_MAX 2048
#define STORE_EVENTS_MAX 8192

struct store;

/* How an event's map went on in this batch. */
struct event_move {
	struct map_sums before;
	struct map_sums after;
	/*
	 * The moves are all there is between `before` and `after`. If not (some of the batch was
	 * written before a crash or a failure, or another projector wrote as well), the map is at
	 * `after`, however it got there.
	 */
	bool is_exact;
};

struct store_result {
	struct seat_move *seats;   /* of fold.seats  */
	struct event_move *events; /* of fold.events */
	int64_t blocks_written;
	int64_t events_written;
	int64_t stale; /* compare-and-swaps lost */
	int64_t seats_moved;
	bool skips_missing; /* set by the caller: changes of seats not in the map do nothing */
	int64_t blocks_skipped; /* with such seats */
	char missing_event[IDENT_BYTES_MAX]; /* after ERR_NOT_FOUND: whose map lacks a seat */
};

struct store *store_new(struct mongo *mongo);
void store_free(struct store *store);

/* When others may have written, after becoming active or after writing maps as a whole; and when a
 * step after the blocks failed. */
void store_forget(struct store *store);

/* The indexes that reading and writing need. */
err_code store_ensure_indexes(struct mongo *mongo, struct err *err) _must_check_;

void store_result_init(struct store_result *result, const struct fold *fold);
void store_result_done(struct store_result *result);

/* ERR_NOT_FOUND: an event's map is missing or lacks a seat, see missing_event. */
err_code store_write_blocks(struct store *store, const struct fold *fold,
                            struct store_result *result, struct err *err) _must_check_;
err_code store_write_events(struct store *store, const struct fold *fold,
                            struct store_result *result, struct err *err) _must_check_;
