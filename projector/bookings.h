/*
 * bookings - the documents of bookings: moved on by a fold, or written anew from PostgreSQL.
 *
 * A booking whose first version is in the fold is inserted. A later version is written over the
 * one before it or over any between; a document that is as new or newer stays. Where neither
 * holds (the document was lost, or a version before is missing) the document is written anew from
 * PostgreSQL, so its history never has holes. So is one that may have more decisions than its
 * history keeps: what rebuild and verify read says what is kept. Entries of the history are keyed
 * by version, so writing one twice changes nothing.
 * Errors   ERR_UNAVAILABLE: how much was written is unknown: write the fold again.
 * Source   lib/PROTOCOL.md, "The read model (MongoDB)".
 */
#pragma once

#include "beside.h"
#include "bulk.h"
#include "fold.h"
#include "pg.h"

struct bookings_result {
	int64_t written;
	int64_t stale;     /* MongoDB had as new or newer */
	int64_t rewritten; /* of those written: anew from PostgreSQL */
	int64_t unknown;   /* to PostgreSQL, though its log has them: not written */
	int64_t took_us;   /* to write them, not to wait for the thread beside */
};

/* What needs MongoDB alone is written on a thread beside the caller's, which writes the documents
 * of events meanwhile. */
struct bookings_writing {
	struct mongo *mongo;
	const struct fold *fold;
	struct beside beside;
	int64_t inserted;
	int64_t moved;
	int64_t took_us;
	bool is_complete; /* all that could be were at a version before theirs, and moved on */
	err_code code;
	struct err err;
};

/* mongo and fold must outlive it; it takes one client of the pool. */
void bookings_begin(struct bookings_writing *writing, struct mongo *mongo, const struct fold *fold);
/* Waits until it has ended, if it has not. */
void bookings_writing_done(struct bookings_writing *writing);

/* Waits for what was begun, and writes what needs PostgreSQL. */
err_code bookings_end(struct pg *pg, struct bookings_writing *writing, struct bookings_result *ret,
		      struct err *err) _must_check_;
