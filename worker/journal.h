/*
 * journal - what the decisions of one batch come to: a transition for each row of the log, in
 * order, while the state keeps what each seat and booking became in the end.
 *
 * Pure: no I/O, no clock.
 * Owns     its list, sized once for a number of commands. Transitions point into the state and at
 *          the commands, and hold as long as these.
 */
#pragma once

#include "decide.h"
#include "state.h"

enum result { RESULT_DONE, RESULT_UNCHANGED, RESULT_REFUSED, RESULT_COUNT };

const char *result_name(enum result result);

struct seat_change {
	const struct seat *seat;
	enum seat_status status;
	int64_t version;
};

/* One row of the log. What of a booking never changes stands in the booking. */
struct transition {
	const struct command *command; /* NULL: the hold ran out, or the event was cancelled */
	const struct known_booking *booking;
	int32_t version;
	enum booking_status status; /* after it, and so the next three */
	enum reason reason;
	int64_t expires_ms;
	int32_t extensions;
	enum result result;
	enum reason refusal; /* unless RESULT_DONE */
	unsigned change_count;
	struct seat_change changes[COMMAND_SEATS_MAX];
};

struct journal {
	struct transition *items;
	size_t count;
	size_t max;
};

/* A command makes at most one transition of its own and one for each booking that it ends first. */
#define JOURNAL_PER_COMMAND_MAX (1 + COMMAND_SEATS_MAX)

struct journal *journal_new(size_t commands_max);
void journal_free(struct journal *journal);
void journal_reset(struct journal *journal);

/* The command must outlive the journal's use. */
void journal_apply(struct journal *journal, struct state *state, const struct command *command,
		   const struct outcome *outcome, int64_t now_ms);

/* Ends the bookings of the state whose holds have run out or whose event is cancelled; answers how
 * many. */
size_t journal_sweep(struct journal *journal, struct state *state, int64_t now_ms);
