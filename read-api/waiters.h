/*
 * waiters - requests that wait until MongoDB has the outcome of a command.
 *
 * A waiter sleeps on a condition of its own. One thread asks MongoDB for all that is waited for in
 * one query every poll_ms, hands each waiter a copy of its booking as soon as that tells what the
 * waiter wants to know, and sleeps while nobody waits. MongoDB away costs a waiter nothing but
 * time: it goes on being asked for until the wait ends.
 * Shape    at most waiters_max wait at once: one more is told so at once.
 * Owns     its thread. The mongo and the watch are the caller's and outlive it.
 * Threads  any.
 * Errors   waiters_open: ERR_INTERNAL no thread.
 */
#pragma once

#include "attr.h"
#include "booking_id.h"
#include "err.h"
#include "metrics.h"
#include "mongo.h"
#include "watch.h"

#include <stdint.h>

enum waiters_end {
	WAITERS_OUTCOME, /* it came                       */
	WAITERS_TIMEOUT, /* not in time                   */
	WAITERS_FULL,    /* too many waited already       */
	WAITERS_STOPPED, /* the program is about to stop  */
	WAITERS_END_COUNT,
};

struct waiters_config {
	struct mongo *mongo;
	struct watch *watch;
	struct metric *mongo_errors;
	int64_t poll_ms;
	int64_t waiters_max;
};

struct waiters;

/* Adds its metrics. */
err_code waiters_open(const struct waiters_config *config, struct metrics *metrics,
		      struct waiters **ret, struct err *err) _must_check_;
/* Ends all waits, and those that still come, at once. */
void waiters_stop(struct waiters *waiters);
/* Nobody waits any more. Ignores NULL. */
void waiters_close(struct waiters *waiters);

/*
 * Waits up to timeout_ms for what came of a command (booking_outcome.h); command_id NULL: the one
 * that made the booking. *ret, the caller's to destroy, is the booking, with WAITERS_OUTCOME only.
 */
enum waiters_end waiters_wait(struct waiters *waiters, const struct booking_id *id,
			      const char *command_id, int64_t timeout_ms,
			      bson_t **ret) _must_check_;
