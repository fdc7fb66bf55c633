/*
 * decide - the rules of the business: what becomes of one command, given what is known.
 *
 * Pure: no I/O, no clock, no globals. `now_ms` is the ledger's time. The caller applies each
 * outcome to the state (state_apply) before it decides the next command of the log.
 *
 * Rules for `book`, the first that applies:
 *   the booking is known                     no effect: the command came before
 *   the event does not exist                 rejected, event_not_found
 *   a seat does not exist                    rejected, seat_not_found, with those seats
 *   a seat is not for sale                   rejected, seat_blocked, with those seats
 *   a seat is booked, or held until later    rejected, seat_taken, with those seats
 *   else                                     confirmed: every seat is booked
 * A hold that has run out counts as available, whether or not anything swept it (P8).
 */
#pragma once

#include "command.h"
#include "state.h"

#include <stdint.h>

enum verdict {
	VERDICT_CONFIRMED,
	VERDICT_REJECTED,
	VERDICT_DUPLICATE,     /* the same command again: no second effect */
	VERDICT_CONTRADICTION, /* its booking id stands for something else: no effect either */
	VERDICT_COUNT,
};

enum rejection {
	REJECTION_NONE,
	REJECTION_EVENT_NOT_FOUND,
	REJECTION_SEAT_NOT_FOUND,
	REJECTION_SEAT_BLOCKED,
	REJECTION_SEAT_TAKEN,
	REJECTION_COUNT,
};

/* "seat_taken"; NULL for REJECTION_NONE. */
const char *rejection_name(enum rejection reason);

struct seat_change {
	int32_t position;
	enum seat_status status;
	int64_t version;
};

struct outcome {
	enum verdict verdict;
	enum rejection reason;
	unsigned lost; /* bit i: command->seat_ids[i] is why */
	/* VERDICT_CONFIRMED: changes[i] is what becomes of command->seat_ids[i]. */
	struct seat_change changes[COMMAND_SEATS_MAX];
};

/* The state must know all that the command names (state_want). */
struct outcome decide(const struct state *state, const struct command *command, int64_t now_ms);

void state_apply(struct state *state, const struct command *command, const struct outcome *outcome);
