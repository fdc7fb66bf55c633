/*
 * desk - one batch at the box office: commands, what the ledger would have filled in for them, and
 * what came of them as one line of text. For tests of decide and journal.
 *
 * Shape    bookings are numbers, here 1 to 99; everything happens at DESK_NOW_MS.
 * Owns     the state and the journal.
 */
#pragma once

#include "journal.h"

#define DESK_NOW_MS       1000000
#define DESK_TTL_MS       1000 /* of a hold, at every event */
#define DESK_COMMANDS_MAX 16
#define DESK_SEAT_VERSION 7
#define DESK_TEXT_MAX     2048

struct desk {
	struct state *state;
	struct journal *journal;
};

void desk_init(struct desk *desk);
void desk_done(struct desk *desk);
void desk_reset(struct desk *desk);

/* seats "A1 B2" are two. */
struct command desk_make(enum command_type type, int booking, const char *user, const char *event,
			 const char *seats);
/* id: a number, too. */
struct command desk_act(enum command_type type, int booking, int id, const char *user);
const char *desk_booking_id(int booking);

/* Without limits, on sale, taking place. */
struct known_event *desk_event(struct desk *desk, const char *event);
struct seat *desk_seat(struct desk *desk, const char *event, const char *seat,
		       enum seat_status status);
/* A booking of before, and its seats when it is held or confirmed. */
struct known_booking *desk_booking(struct desk *desk, const struct command *made,
				   enum booking_status status, int64_t expires_ms);

/* Decides the command and enters what came of it. */
struct outcome desk_serve(struct desk *desk, const struct command *command);
/*
 * What came of it: verdict, reason, lost seats (bits), then each row of the journal from first_row
 * on: booking and version, status and reason, end of the hold from now, extensions, what was not
 * done, seats with their versions.
 *   "refused hold_expired | 1v4 expired:hold_expired -5ms A1=available/8 | 1v5 expired:…"
 */
const char *desk_text(const struct desk *desk, const struct outcome *outcome, size_t first_row);
/* Serves it and answers the text. */
const char *desk_say(struct desk *desk, const struct command *command);
/* Without the rows: "rejected seat_taken lost=2". */
const char *desk_verdict(struct desk *desk, const struct command *command);
