/*
 * maps - one event's document and blocks, written whole from PostgreSQL: a new event, or one whose
 * own data or layout changed.
 *
 * A block is replaced only if it still has the version that MongoDB had before PostgreSQL was
 * read: what was read then contains all that was written before, so nothing goes back.
 * Errors   ERR_UNAVAILABLE: another projector wrote meanwhile, or a server is away: try again.
 */
#pragma once

#include "mongo.h"
#include "write_model.h"

/* An event and its map were written whole: its version may be ahead of what was told so far. */
typedef void on_event_written(void *ctx, const struct event_values *event);

struct maps {
	struct pg *pg;
	struct mongo *mongo;
	on_event_written *on_event; /* may be NULL */
	void *ctx;
};

/* *ret_exists = false: PostgreSQL has no such event, and nothing was written. */
err_code maps_write_event(const struct maps *maps, const char *event_id, bool *ret_exists,
			  struct err *err) _must_check_;

/* Whether MongoDB lacks an event, or has it in an older version. */
err_code maps_lack_events(const struct maps *maps, bool *ret_lack, struct err *err) _must_check_;

/*
 * Writes each event that MongoDB lacks or has in an older version. Answers how many were written,
 * in *ret_written.
 */
err_code maps_write_new_events(const struct maps *maps, int64_t *ret_written,
			       struct err *err) _must_check_;
