/*
 * projector - follows the booking log: one turn reads, folds, writes and publishes one batch.
 *
 * Of several, the one that holds the lock is active; the others look once a second whether it is
 * free. Nothing is kept between turns but the position and what spares reading: after any failure
 * the batch is read again, and the guards make doing it twice the same as doing it once.
 * Threads  projector_run, projector_turn and projector_rebuild belong to one thread;
 *          projector_stop and the three questions may come from any.
 */
#pragma once

#include "err.h"
#include "metrics.h"
#include "projector_config.h"
#include "rebuild.h"

#include <stdbool.h>

struct projector;

/* Does not connect. config must outlive it. */
err_code projector_open(const struct projector_config *config, struct metrics *metrics,
                        struct projector **ret, struct err *err) _must_check_;
void projector_close(struct projector *projector);

/* Turns until projector_stop. ERR_INTERNAL: it cannot go on. */
err_code projector_run(struct projector *projector, struct err *err) _must_check_;
void projector_stop(struct projector *projector);

/* One turn: at most a batch. *ret_wait_ms: how long nothing is to be done; 0: there may be more. */
err_code projector_turn(struct projector *projector, int64_t *ret_wait_ms,
                        struct err *err) _must_check_;

/* The command --rebuild: takes the lead from whoever has it and writes the read model anew. */
err_code projector_rebuild(struct projector *projector, struct rebuild_result *ret,
                           struct err *err) _must_check_;

/* Its last batch was a full one: more is waiting. */
bool projector_is_behind(const struct projector *projector);
bool projector_is_active(const struct projector *projector);
/* For readiness: as they were when last used, at most EVENTS_CHECK_MS or a time-out ago. */
bool projector_has_postgresql(const struct projector *projector);
bool projector_has_mongodb(const struct projector *projector);
