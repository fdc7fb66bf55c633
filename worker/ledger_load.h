/*
 * ledger_load - what the decisions of a batch need to know: the statements that read it, and their
 * rows.
 *
 * Owns     the parameter texts, until the next ledger_load_steps.
 * Errors   ERR_UNAVAILABLE: what was read does not fit together, because it moved meanwhile.
 *          ERR_INTERNAL: a batch outgrew a buffer, or a row is not what sql/ promises.
 * Source   sql/load_*.sql.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "pg.h"
#include "source.h"
#include "state.h"

struct ledger_load;

struct ledger_load *ledger_load_new(void);
void ledger_load_free(struct ledger_load *load);

enum ledger_load_kind {
	LOAD_SEATS,
	LOAD_BOOKINGS,
	LOAD_EVENTS,
	LOAD_BUYERS,
	LOAD_COMMANDS,
	LOAD_KEYS,
	LEDGER_LOAD_STEPS_MAX,
};

/* Whether the bookings of the state are those its commands act on, or are all to be ended. */
enum ledger_load_for { LOAD_FOR_COMMANDS, LOAD_FOR_SWEEP };

/* Writes to steps[0..*ret_count) what has to be asked after the fence has moved; partition is its
 * number as text. */
err_code ledger_load_steps(struct ledger_load *load, const struct partition_name *name,
			   const char *partition, const struct state *state,
			   enum ledger_load_for purpose, struct pg_step *steps, size_t *ret_count,
			   struct err *err) _must_check_;

/* Enters the rows, one result for each step, into the state. */
err_code ledger_load_fill(struct ledger_load *load, PGresult *const *results, struct state *state,
			  int64_t now_ms, struct err *err) _must_check_;
