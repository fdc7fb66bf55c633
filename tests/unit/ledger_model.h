/*
 * ledger_model - the write model in memory: events, seats, bookings and the log, filled into a
 * state and written back as ledger.h says, with the guards that PostgreSQL has. For tests that make
 * many decisions.
 *
 * Shape    everything is a number: event "e1", seat "s1", user "u1", and ids that end in theirs.
 *          All events have the same seats. ABSENT stands for none.
 * Errors   a broken guard is answered as text, in storage of the model; NULL is none.
 */
#pragma once

#include "journal.h"

#define MODEL_EVENTS       4 /* and the last is not there      */
#define MODEL_SEATS        9 /* of an event, and the last is not there; that before it is blocked */
#define MODEL_USERS        4
#define MODEL_KEYS         1024 /* of all users */
#define MODEL_BOOKINGS_MAX 1024
#define MODEL_IDS_MAX      1024 /* of commands */
#define MODEL_ROWS_MAX     (2 * MODEL_BOOKINGS_MAX + MODEL_IDS_MAX)
#define MODEL_TEXT_MAX     256

#define ABSENT       (-1)
#define BLOCKED_SEAT (MODEL_SEATS - 2)
#define NO_SEAT      (MODEL_SEATS - 1)
#define NO_EVENT     (MODEL_EVENTS - 1)

/* Of an event. */
struct model_rules {
	int64_t hold_ttl_ms;
	int32_t extensions_max;
	int32_t seats_per_user_max; /* 0: no limit */
	int32_t holds_per_user_max; /* the same */
	int64_t sales_open_ms;
	int64_t sales_close_ms;
	int64_t cancelled_ms; /* from then on; INT64_MAX: never */
};

/* One row of booking_log. */
struct log_row {
	int booking;
	int32_t version;
	int64_t at_ms;
	int event, user; /* ABSENT: of a booking that was never made */
	enum command_type mode;
	unsigned seat_count;
	int seats[COMMAND_SEATS_MAX];
	unsigned lost;
	int64_t total_minor;
	enum booking_status status;
	enum reason reason;
	int64_t expires_ms;
	int32_t extensions;
	const struct command *command; /* NULL: the hold ran out, or the event was cancelled */
	enum result result;
	enum reason refusal;
	unsigned change_count;
	struct {
		int seat;
		enum seat_status status;
		int64_t version;
	} changes[COMMAND_SEATS_MAX];
};

struct ledger_model {
	struct model_rules rules[MODEL_EVENTS];
	struct seat seats[MODEL_EVENTS][MODEL_SEATS];
	struct known_booking bookings[MODEL_BOOKINGS_MAX];
	int key_owners[MODEL_KEYS]; /* bookings */
	bool decided[MODEL_BOOKINGS_MAX][MODEL_IDS_MAX];
	struct log_row rows[MODEL_ROWS_MAX];
	size_t row_count;
	int bookings_end; /* no booking has this number or a greater one */
	char wrong[MODEL_TEXT_MAX];
};

/* rules: one for each event. */
struct ledger_model *ledger_model_new(const struct model_rules *rules);
void ledger_model_free(struct ledger_model *model);

/* The number that an id or a name ends in; ABSENT for "". */
int model_number(const char *text);
void model_set_id(char text[static BOOKING_ID_BYTES_MAX], int number);
int64_t model_price(int seat);

/* What ledger.h says of begin, and no more. */
void ledger_model_begin(const struct ledger_model *model, struct state *state, int64_t now_ms);
/* What it says of sweep. Answers how many bookings. */
size_t ledger_model_sweep(const struct ledger_model *model, struct state *state,
			  size_t bookings_max, int64_t now_ms);
/* Appends the journal's rows, and writes back what the state says has changed. */
const char *ledger_model_commit(struct ledger_model *model, const struct state *state,
				const struct journal *journal, int64_t now_ms);
