/*
 * ledger_write - what the decisions of a batch came to: the statements that write it.
 *
 * Owns     the parameter texts, until the next ledger_write_steps.
 * Errors   ERR_INTERNAL: a batch outgrew a buffer.
 * Source   sql/write_*.sql, sql/update_bookings.sql, sql/cancel_events.sql.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "journal.h"
#include "pg.h"
#include "state.h"

struct ledger_write;

struct ledger_write *ledger_write_new(void);
void ledger_write_free(struct ledger_write *write);

#define LEDGER_WRITE_STEPS_MAX 5

/* Writes to steps[0..*ret_count); partition and now, the decisions' time in ms, are texts that
 * outlive them. */
err_code ledger_write_steps(struct ledger_write *write, const struct state *state,
			    const struct journal *journal, const char *partition, const char *now,
			    struct pg_step *steps, size_t *ret_count, struct err *err) _must_check_;
