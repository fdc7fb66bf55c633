/*
 * state - what the decisions of one batch know: the events, seats, bookings, buyers, commands and
 * idempotency keys that its commands name, and the bookings and seats that these lead to.
 *
 * The lane first says what it wants (state_want), the ledger fills in what exists, then each
 * decision reads it and is applied to it (journal.h), so that the next command of the batch sees
 * its effect.
 * Shape    a plain value in memory: no I/O, no clock. Entries never move, so pointers to them hold
 *          until state_reset.
 * Owns     its tables, sized once for a number of commands.
 * Threads  one.
 */
#pragma once

#include "attr.h"
#include "command.h"
#include "ident.h"
#include "reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CURRENCY_BYTES_MAX 4

enum seat_status { SEAT_AVAILABLE, SEAT_HELD, SEAT_BOOKED, SEAT_BLOCKED, SEAT_STATUS_COUNT };

const char *seat_status_name(enum seat_status status);
/* False for a word that is no status. */
bool seat_status_parse(const char *text, enum seat_status *ret);

enum booking_status {
	BOOKING_HELD,
	BOOKING_CONFIRMED,
	BOOKING_REJECTED,
	BOOKING_CANCELLED,
	BOOKING_EXPIRED,
	BOOKING_DONE, /* of an administrator's command */
	BOOKING_STATUS_COUNT,
};

const char *booking_status_name(enum booking_status status);
bool booking_status_parse(const char *text, enum booking_status *ret);

struct seat {
	char event_id[IDENT_BYTES_MAX];
	char seat_id[IDENT_BYTES_MAX];
	bool exists;  /* the ledger has it; what follows is then meant   */
	bool changed; /* by a decision of this batch: to be written back */
	int32_t position;
	enum seat_status status;
	int64_t version;
	int64_t price_minor;
	int64_t hold_expires_ms;               /* SEAT_HELD: wall clock of the ledger */
	char booking_id[BOOKING_ID_BYTES_MAX]; /* SEAT_HELD, SEAT_BOOKED: whose; else "" */
	char user_id[IDENT_BYTES_MAX];         /* the same */
};

struct known_event {
	char event_id[IDENT_BYTES_MAX];
	bool exists;
	bool cancelled;
	bool changed; /* cancelled by this batch: to be written back */
	int64_t hold_ttl_ms;
	int32_t extensions_max;     /* of one hold */
	int32_t seats_per_user_max; /* live at once; 0: no limit */
	int32_t holds_per_user_max; /* of these, held and not confirmed; 0: no limit */
	int64_t sales_open_ms;      /* INT64_MIN: always open    */
	int64_t sales_close_ms;     /* INT64_MAX: never closes   */
	char currency[CURRENCY_BYTES_MAX];
};

/* Both the record of a booking and what becomes of it in this batch. */
struct known_booking {
	char booking_id[BOOKING_ID_BYTES_MAX];
	bool exists;
	bool is_new;  /* made by this batch: to be inserted */
	bool changed; /* by this batch, and not new: to be updated */
	enum booking_status status;
	enum reason reason;     /* why rejected, expired, or cancelled by nobody's command */
	int32_t version;        /* of its newest row in the log */
	enum command_type mode; /* what made it */
	char event_id[IDENT_BYTES_MAX]; /* "" for one that was not found; then there is no seat */
	char user_id[IDENT_BYTES_MAX];
	unsigned seat_count;
	char seat_ids[COMMAND_SEATS_MAX][IDENT_BYTES_MAX];
	unsigned lost; /* bit i: seat_ids[i] could not be had */
	int64_t prices_minor[COMMAND_SEATS_MAX]; /* unless rejected or done */
	int64_t total_minor;
	char currency[CURRENCY_BYTES_MAX];
	int32_t extensions;
	int64_t expires_ms; /* BOOKING_HELD, BOOKING_EXPIRED; else 0 */
	int64_t requested_at_ms;
	int64_t decided_at_ms; /* the status */
	struct command_id idempotency_key;
	char payment_reference[PAYMENT_REFERENCE_BYTES_MAX];
};

/* How many seats of an event with a limit a user holds or has booked; 0 for events without one.
 * Holds that have run out do not count. */
struct known_buyer {
	char event_id[IDENT_BYTES_MAX];
	char user_id[IDENT_BYTES_MAX];
	int64_t live_seats;
	int64_t held_seats; /* of these */
};

/* A confirm, extend or cancel. */
struct known_command {
	char booking_id[BOOKING_ID_BYTES_MAX];
	char id[COMMAND_ID_BYTES_MAX];
	bool is_done; /* it was decided before */
};

struct known_key {
	char key[COMMAND_ID_BYTES_MAX];
	char booking_id[BOOKING_ID_BYTES_MAX]; /* that it stands for; "": none yet */
};

/* Entries in the order of first mention, and an open-addressing index on them. */
struct table {
	void *entries;
	size_t entry_size;
	size_t key_at[2];    /* where an entry has its texts; the second may be TABLE_NO_KEY */
	uint32_t *slots;     /* entry + 1; 0 is free */
	uint32_t *slot_of;   /* by entry */
	uint32_t mask;
	size_t count;
	size_t max;
};

struct state {
	struct table seat_index, event_index, booking_index, buyer_index, command_index, key_index;
	struct seat *seats;
	struct known_event *events;
	struct known_booking *bookings;
	struct known_buyer *buyers;
	struct known_command *commands;
	struct known_key *keys;
};

struct state *state_new(size_t commands_max);
void state_free(struct state *state);
void state_reset(struct state *state);

/* Adds what the command names, as not existing until the ledger says so. At most commands_max
 * times. */
void state_want(struct state *state, const struct command *command);

/* The ledger's: the entry, added when it is new, or NULL when the table is full. */
struct seat *state_add_seat(struct state *state, const char *event_id, const char *seat_id);
struct known_event *state_add_event(struct state *state, const char *event_id);
struct known_booking *state_add_booking(struct state *state, const char *booking_id);

/* NULL for what is not known. */
struct seat *state_seat(const struct state *state, const char *event_id, const char *seat_id);
struct known_event *state_event(const struct state *state, const char *event_id);
struct known_booking *state_booking(const struct state *state, const char *booking_id);
struct known_buyer *state_buyer(const struct state *state, const char *event_id,
				const char *user_id);
struct known_command *state_command(const struct state *state, const char *booking_id,
				    const char *id);
struct known_key *state_key(const struct state *state, const char *key);

/* Held or confirmed, whether or not its hold has run out. */
bool booking_is_live(const struct known_booking *booking);

/* Whether the booking is what the command, which makes one, asks for: mode, event, user and seats,
 * in any order of the seats. */
bool booking_is_of(const struct known_booking *booking, const struct command *command);
