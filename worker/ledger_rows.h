/*
 * ledger_rows - between the values of a batch and the array parameters and rows of sql/.
 *
 * Owns     the parameter texts, until the next call with the same ledger_rows.
 * Errors   ERR_INTERNAL: a batch outgrew a buffer, or a row is not what sql/ promises.
 */
#pragma once

#include "attr.h"
#include "batch.h"
#include "err.h"
#include "state.h"

#include <libpq-fe.h>

struct ledger_rows;

struct ledger_rows *ledger_rows_new(void);
void ledger_rows_free(struct ledger_rows *rows);

/* Parameters of load_seats, load_events and load_bookings. */
struct ledger_wanted {
	const char *seats[2];
	const char *events[1];
	const char *bookings[1];
};

err_code ledger_rows_wanted(struct ledger_rows *rows, const struct state *state,
			    struct ledger_wanted *ret, struct err *err) _must_check_;

/* Enters the rows of the three statements into the state. */
err_code ledger_rows_fill(struct state *state, const PGresult *seats, const PGresult *events,
			  const PGresult *bookings, struct err *err) _must_check_;

/* Parameters of write_seats, and of write_bookings (9 of them) and write_log (13). */
struct ledger_written {
	size_t seat_count, booking_count;
	const char *seats[6];
	const char *bookings[13];
};

/* now: the decisions' time in ms, as text that outlives *ret. */
err_code ledger_rows_written(struct ledger_rows *rows, const struct state *state,
			     const struct batch_item *items, size_t count, const char *now,
			     struct ledger_written *ret, struct err *err) _must_check_;
