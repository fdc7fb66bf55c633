/*
 * state - what the decisions of one batch know: the seats, events and bookings that its commands
 * name.
 *
 * The lane first says what it wants (state_want), the ledger fills in what exists, then each
 * decision reads it and is applied to it, so that the next command of the batch sees its effect.
 * Shape    a plain value in memory: no I/O, no clock.
 * Owns     its tables, sized once for a number of commands.
 * Threads  one.
 */
#pragma once

#include "attr.h"
#include "command.h"
#include "ident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seat_status { SEAT_AVAILABLE, SEAT_HELD, SEAT_BOOKED, SEAT_BLOCKED, SEAT_STATUS_COUNT };

const char *seat_status_name(enum seat_status status);
/* False for a word that is no status. */
bool seat_status_parse(const char *text, enum seat_status *ret);

struct seat {
	char event_id[IDENT_BYTES_MAX];
	char seat_id[IDENT_BYTES_MAX];
	bool exists;  /* the ledger has it; what follows is then meant   */
	bool changed; /* by a decision of this batch: to be written back */
	int32_t position;
	enum seat_status status;
	int64_t version;
	int64_t hold_expires_ms;               /* SEAT_HELD: wall clock of the ledger */
	char booking_id[BOOKING_ID_BYTES_MAX]; /* SEAT_HELD, SEAT_BOOKED: whose */
	char user_id[IDENT_BYTES_MAX];
};

struct known_event {
	char event_id[IDENT_BYTES_MAX];
	bool exists;
};

struct known_booking {
	char booking_id[BOOKING_ID_BYTES_MAX];
	bool exists;
	uint64_t content; /* booking_content of what it was first asked for */
};

/* Entries in the order of first mention, and an open-addressing index on them. */
struct table {
	uint32_t *slots; /* entry + 1; 0 is free */
	uint32_t mask;
	size_t count;
	size_t max;
};

struct state {
	struct table seat_index, event_index, booking_index;
	struct seat *seats;
	struct known_event *events;
	struct known_booking *bookings;
};

struct state *state_new(size_t commands_max);
void state_free(struct state *state);
void state_reset(struct state *state);

/* Adds what the command names, as not existing until the ledger says so. At most commands_max
 * times. */
void state_want(struct state *state, const struct command *command);

/* NULL for what was not wanted. */
struct seat *state_seat(const struct state *state, const char *event_id, const char *seat_id);
struct known_event *state_event(const struct state *state, const char *event_id);
struct known_booking *state_booking(const struct state *state, const char *booking_id);

/*
 * A fingerprint of what a booking asks for: event, user and seats, in any order of the seats. Add
 * each seat with booking_content_seat.
 */
uint64_t booking_content(const char *event_id, const char *user_id);
uint64_t booking_content_seat(uint64_t content, const char *seat_id);
uint64_t booking_content_of(const struct command *command);
