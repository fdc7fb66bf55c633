/*
 * bookings - the documents of bookings: moved on by a fold, or written anew from PostgreSQL.
 *
 * A booking whose first version is in the fold is inserted, on a thread beside the caller's, which
 * writes other documents meanwhile. A later version is written over the
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
};

/* Those of a fold that are inserted. */
struct bookings_insert {
	struct mongo *mongo;
	const struct fold *fold;
	struct beside beside;
	struct bulk_result inserted;
	err_code code;
	struct err err;
};

/* Begins to insert the new ones. mongo and fold must outlive it. */
void bookings_begin(struct bookings_insert *insert, struct mongo *mongo, const struct fold *fold);
/* Waits until it has ended, if it has not. */
void bookings_insert_done(struct bookings_insert *insert);

/* Waits for the new ones and writes the others. It takes a client of the pool, as they do. */
err_code bookings_write(struct pg *pg, struct bookings_insert *insert, struct bookings_result *ret,
			struct err *err) _must_check_;
