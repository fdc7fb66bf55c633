/*
 * rebuild - the whole read model anew, from one moment of PostgreSQL.
 *
 * Documents are replaced in place whatever their version says, and those that PostgreSQL does not
 * know are deleted, so what was wrong is repaired and readers never find a gap. The log is then
 * read again from the oldest transaction that was running at that moment.
 * Only the holder of the leader's lock and of the present term may rebuild. Cut short, it is begun
 * again by the next projector: the state says so until the end.
 *
 * Each bulk is a transaction that holds only while the term is the present one: a rebuild that was
 * held up, and followed by another, writes and deletes nothing more.
 */
#pragma once

#include "changes.h"
#include "maps.h"
#include "state.h"
#include "write_model.h"

struct rebuild {
	struct pg *pg;
	struct mongo *mongo;
	int64_t term;
	bool (*should_stop)(void *ctx); /* asked between bulks; may be NULL */
	on_event_written *on_event;     /* of each event; may be NULL */
	void *ctx;
};

struct rebuild_result {
	struct log_position position; /* from where the log is to be read */
	int64_t blocks;
	int64_t events;
	int64_t bookings;
	int64_t deleted;
};

/* Whether the read model is of another history or shape, or half rebuilt. */
bool rebuild_is_needed(const struct read_model_state *state, const struct write_model *model);
/* ERR_UNAVAILABLE also when stopped. */
err_code rebuild_run(const struct rebuild *rebuild, struct rebuild_result *ret,
                     struct err *err) _must_check_;
