#include "ledger_write.h"

#include "ledger_arrays.h"
#include "worker_sql.h"

#include <assert.h>
#include <stdlib.h>

/* The parameters of write_seats. */
enum {
	SEAT_EVENT,
	SEAT_ID,
	SEAT_STATUS,
	SEAT_BOOKING,
	SEAT_USER,
	SEAT_VERSION,
	SEAT_EXPIRES,
	SEAT_COLUMNS,
};

static const enum pg_vector_type seat_types[SEAT_COLUMNS] = {
	[SEAT_EVENT] = PG_VECTOR_TEXT,   [SEAT_ID] = PG_VECTOR_TEXT,
	[SEAT_STATUS] = PG_VECTOR_TEXT,  [SEAT_BOOKING] = PG_VECTOR_UUID,
	[SEAT_USER] = PG_VECTOR_TEXT,    [SEAT_VERSION] = PG_VECTOR_INT8,
	[SEAT_EXPIRES] = PG_VECTOR_INT8,
};

/* What of a booking never changes. Of a list, its one element, then its text if it has more. */
enum {
	MADE_EVENT,
	MADE_USER,
	MADE_MODE,
	MADE_SEAT,
	MADE_SEATS,
	MADE_LOST_SEAT,
	MADE_LOST_SEATS,
	MADE_PRICE,
	MADE_PRICES,
	MADE_TOTAL,
	MADE_CURRENCY,
	MADE_REQUESTED,
	MADE_COLUMNS,
};

#define MADE_TYPES(first)                                                                          \
	[(first) + MADE_EVENT] = PG_VECTOR_TEXT, [(first) + MADE_USER] = PG_VECTOR_TEXT,           \
	[(first) + MADE_MODE] = PG_VECTOR_TEXT, [(first) + MADE_SEAT] = PG_VECTOR_TEXT,            \
	[(first) + MADE_SEATS] = PG_VECTOR_TEXT, [(first) + MADE_LOST_SEAT] = PG_VECTOR_TEXT,      \
	[(first) + MADE_LOST_SEATS] = PG_VECTOR_TEXT, [(first) + MADE_PRICE] = PG_VECTOR_INT8,     \
	[(first) + MADE_PRICES] = PG_VECTOR_TEXT, [(first) + MADE_TOTAL] = PG_VECTOR_INT8,         \
	[(first) + MADE_CURRENCY] = PG_VECTOR_TEXT, [(first) + MADE_REQUESTED] = PG_VECTOR_INT8

/* The parameters of update_bookings, and then those of write_bookings alone. */
enum {
	BOOKING_ID,
	BOOKING_STATUS,
	BOOKING_REASON,
	BOOKING_VERSION,
	BOOKING_EXTENSIONS,
	BOOKING_PAYMENT,
	BOOKING_DECIDED,
	BOOKING_EXPIRES,
	UPDATE_COLUMNS,
	BOOKING_MADE = UPDATE_COLUMNS,
	BOOKING_KEY = BOOKING_MADE + MADE_COLUMNS,
	BOOKING_COLUMNS,
};

static const enum pg_vector_type booking_types[BOOKING_COLUMNS] = {
	[BOOKING_ID] = PG_VECTOR_UUID,         [BOOKING_STATUS] = PG_VECTOR_TEXT,
	[BOOKING_REASON] = PG_VECTOR_TEXT,     [BOOKING_VERSION] = PG_VECTOR_INT4,
	[BOOKING_EXTENSIONS] = PG_VECTOR_INT4, [BOOKING_PAYMENT] = PG_VECTOR_TEXT,
	[BOOKING_DECIDED] = PG_VECTOR_INT8,    [BOOKING_EXPIRES] = PG_VECTOR_INT8,
	MADE_TYPES(BOOKING_MADE),              [BOOKING_KEY] = PG_VECTOR_UUID,
};

/* The parameters of write_log. */
enum {
	LOG_BOOKING,
	LOG_VERSION,
	LOG_STATUS,
	LOG_REASON,
	LOG_EXPIRES,
	LOG_EXTENSIONS,
	LOG_COMMAND,
	LOG_COMMAND_ID,
	LOG_ACTOR,
	LOG_RESULT,
	LOG_REFUSAL,
	LOG_PAYMENT,
	LOG_ADDRESS,
	LOG_MADE,
	LOG_SEAT = LOG_MADE + MADE_COLUMNS, /* of the one seat that changed */
	LOG_POSITION,
	LOG_SEAT_STATUS,
	LOG_SEAT_VERSION,
	LOG_SEATS, /* of more */
	LOG_POSITIONS,
	LOG_STATUSES,
	LOG_VERSIONS,
	LOG_COLUMNS,
};

static const enum pg_vector_type log_types[LOG_COLUMNS] = {
	[LOG_BOOKING] = PG_VECTOR_UUID,     [LOG_VERSION] = PG_VECTOR_INT4,
	[LOG_STATUS] = PG_VECTOR_TEXT,      [LOG_REASON] = PG_VECTOR_TEXT,
	[LOG_EXPIRES] = PG_VECTOR_INT8,     [LOG_EXTENSIONS] = PG_VECTOR_INT4,
	[LOG_COMMAND] = PG_VECTOR_TEXT,     [LOG_COMMAND_ID] = PG_VECTOR_UUID,
	[LOG_ACTOR] = PG_VECTOR_TEXT,       [LOG_RESULT] = PG_VECTOR_TEXT,
	[LOG_REFUSAL] = PG_VECTOR_TEXT,     [LOG_PAYMENT] = PG_VECTOR_TEXT,
	[LOG_ADDRESS] = PG_VECTOR_TEXT,     MADE_TYPES(LOG_MADE),
	[LOG_SEAT] = PG_VECTOR_TEXT,        [LOG_POSITION] = PG_VECTOR_INT4,
	[LOG_SEAT_STATUS] = PG_VECTOR_TEXT, [LOG_SEAT_VERSION] = PG_VECTOR_INT8,
	[LOG_SEATS] = PG_VECTOR_TEXT,       [LOG_POSITIONS] = PG_VECTOR_TEXT,
	[LOG_STATUSES] = PG_VECTOR_TEXT,    [LOG_VERSIONS] = PG_VECTOR_TEXT,
};

static_assert(BOOKING_COLUMNS <= LEDGER_ARRAYS_MAX && LOG_COLUMNS <= LEDGER_ARRAYS_MAX,
	      "a statement has more columns than ledger_arrays");
static_assert(LEDGER_ARRAYS_MAX < PG_PARAMS_MAX, "a statement has more parameters than a step");

/* A statement's arrays, and its parameters: one more where something is the same in all rows. */
struct part {
	struct ledger_arrays arrays;
	const char *params[LEDGER_ARRAYS_MAX + 1];
	int lengths[LEDGER_ARRAYS_MAX + 1];
};

struct ledger_write {
	struct part seats, updated, inserted, events, log;
};

struct ledger_write *ledger_write_new(void)
{
	struct ledger_write *const write = calloc(1, sizeof(*write));
	assert(write);
	ledger_arrays_init(&write->seats.arrays);
	ledger_arrays_init(&write->updated.arrays);
	ledger_arrays_init(&write->inserted.arrays);
	ledger_arrays_init(&write->events.arrays);
	ledger_arrays_init(&write->log.arrays);

	return write;
}

void ledger_write_free(struct ledger_write *write)
{
	if (!write)
		return;

	ledger_arrays_done(&write->seats.arrays);
	ledger_arrays_done(&write->updated.arrays);
	ledger_arrays_done(&write->inserted.arrays);
	ledger_arrays_done(&write->events.arrays);
	ledger_arrays_done(&write->log.arrays);
	free(write);
}

/* ---- Seats ---- */

static void add_seat(struct ledger_arrays *to, const struct seat *seat)
{
	ledger_arrays_add(to, SEAT_EVENT, seat->event_id);
	ledger_arrays_add(to, SEAT_ID, seat->seat_id);
	ledger_arrays_add(to, SEAT_STATUS, seat_status_name(seat->status));
	ledger_arrays_add(to, SEAT_BOOKING, seat->booking_id);
	ledger_arrays_add(to, SEAT_USER, seat->user_id);
	ledger_arrays_add_int(to, SEAT_VERSION, seat->version);
	ledger_arrays_add_time(to, SEAT_EXPIRES, seat->hold_expires_ms);
}

static size_t add_seats(struct ledger_arrays *to, const struct state *state)
{
	size_t ret = 0;

	ledger_arrays_open(to, seat_types, SEAT_COLUMNS);
	for (size_t i = 0; i < state->seat_index.count; i++) {
		if (!state->seats[i].changed)
			continue;
		add_seat(to, &state->seats[i]);
		ret++;
	}
	return ret;
}

/* ---- Bookings ---- */

static void add_updated(struct ledger_arrays *to, const struct known_booking *booking)
{
	ledger_arrays_add(to, BOOKING_ID, booking->booking_id);
	ledger_arrays_add(to, BOOKING_STATUS, booking_status_name(booking->status));
	ledger_arrays_add(to, BOOKING_REASON, reason_name(booking->reason));
	ledger_arrays_add_int(to, BOOKING_VERSION, booking->version);
	ledger_arrays_add_int(to, BOOKING_EXTENSIONS, booking->extensions);
	ledger_arrays_add(to, BOOKING_PAYMENT, booking->payment_reference);
	ledger_arrays_add_int(to, BOOKING_DECIDED, booking->decided_at_ms);
	ledger_arrays_add_time(to, BOOKING_EXPIRES, booking->expires_ms);
}

/* Those of the booking's seats whose bit is set. */
static void add_seat_ids(struct ledger_arrays *to, size_t column,
			 const struct known_booking *booking, unsigned which)
{
	const unsigned set = which & ((1u << booking->seat_count) - 1);
	const bool is_one = set != 0 && (set & (set - 1)) == 0;

	ledger_arrays_add(to, column, is_one ? booking->seat_ids[__builtin_ctz(set)] : NULL);
	if (is_one || set == 0) {
		ledger_arrays_add(to, column + 1, NULL);
		return;
	}
	struct strbuf *const list = ledger_arrays_element(to);
	for (unsigned i = 0; i < booking->seat_count; i++)
		if (set & 1u << i)
			pg_array_add(list, booking->seat_ids[i]);
	ledger_arrays_end_element(to, column + 1);
}

static void add_prices(struct ledger_arrays *to, size_t first, const struct known_booking *booking)
{
	const bool is_priced = booking->status != BOOKING_REJECTED &&
			       booking->status != BOOKING_DONE && booking->seat_count > 0;

	ledger_arrays_add(to, first + MADE_CURRENCY, booking->currency);
	if (is_priced)
		ledger_arrays_add_int(to, first + MADE_TOTAL, booking->total_minor);
	else
		ledger_arrays_add(to, first + MADE_TOTAL, NULL);
	if (is_priced && booking->seat_count == 1)
		ledger_arrays_add_int(to, first + MADE_PRICE, booking->prices_minor[0]);
	else
		ledger_arrays_add(to, first + MADE_PRICE, NULL);
	if (!is_priced || booking->seat_count == 1) {
		ledger_arrays_add(to, first + MADE_PRICES, NULL);
		return;
	}
	struct strbuf *const list = ledger_arrays_element(to);
	for (unsigned i = 0; i < booking->seat_count; i++)
		pg_array_add_int(list, booking->prices_minor[i]);
	ledger_arrays_end_element(to, first + MADE_PRICES);
}

static void add_made(struct ledger_arrays *to, size_t first, const struct known_booking *booking)
{
	const bool found = booking->event_id[0] != '\0';

	ledger_arrays_add(to, first + MADE_EVENT, booking->event_id);
	ledger_arrays_add(to, first + MADE_USER, booking->user_id);
	ledger_arrays_add(to, first + MADE_MODE, found ? command_type_name(booking->mode) : NULL);
	add_seat_ids(to, first + MADE_SEAT, booking, ~0u);
	add_seat_ids(to, first + MADE_LOST_SEAT, booking, booking->lost);
	add_prices(to, first, booking);
	ledger_arrays_add_int(to, first + MADE_REQUESTED, booking->requested_at_ms);
}

static void add_inserted(struct ledger_arrays *to, const struct known_booking *booking)
{
	add_updated(to, booking);
	add_made(to, BOOKING_MADE, booking);
	ledger_arrays_add(to, BOOKING_KEY, booking->idempotency_key.text);
}

static void add_bookings(struct ledger_write *write, const struct state *state, size_t *ret_updated,
			 size_t *ret_inserted)
{
	*ret_updated = 0;
	*ret_inserted = 0;
	ledger_arrays_open(&write->updated.arrays, booking_types, UPDATE_COLUMNS);
	ledger_arrays_open(&write->inserted.arrays, booking_types, BOOKING_COLUMNS);
	for (size_t i = 0; i < state->booking_index.count; i++) {
		const struct known_booking *const booking = &state->bookings[i];
		assert(!(booking->is_new && booking->changed));
		if (booking->changed) {
			add_updated(&write->updated.arrays, booking);
			(*ret_updated)++;
		}
		if (booking->is_new) {
			add_inserted(&write->inserted.arrays, booking);
			(*ret_inserted)++;
		}
	}
}

/* ---- Events ---- */

/* The parameter of cancel_events. */
enum { EVENT_ID, EVENT_COLUMNS };

static const enum pg_vector_type event_types[EVENT_COLUMNS] = { [EVENT_ID] = PG_VECTOR_TEXT };

static size_t add_events(struct ledger_arrays *to, const struct state *state)
{
	size_t ret = 0;

	ledger_arrays_open(to, event_types, EVENT_COLUMNS);
	for (size_t i = 0; i < state->event_index.count; i++) {
		if (!state->events[i].changed)
			continue;
		ledger_arrays_add(to, EVENT_ID, state->events[i].event_id);
		ret++;
	}
	return ret;
}

/* ---- The log ---- */

static void add_change(struct ledger_arrays *to, const struct seat_change *change)
{
	ledger_arrays_add(to, LOG_SEAT, change->seat->seat_id);
	ledger_arrays_add_int(to, LOG_POSITION, change->seat->position);
	ledger_arrays_add(to, LOG_SEAT_STATUS, seat_status_name(change->status));
	ledger_arrays_add_int(to, LOG_SEAT_VERSION, change->version);
	for (size_t column = LOG_SEATS; column <= LOG_VERSIONS; column++)
		ledger_arrays_add(to, column, NULL);
}

static void add_changes(struct ledger_arrays *to, const struct transition *transition)
{
	const struct seat_change *const changes = transition->changes;
	const unsigned count = transition->change_count;

	if (count == 1) {
		add_change(to, &changes[0]);
		return;
	}
	for (size_t column = LOG_SEAT; column <= LOG_SEAT_VERSION; column++)
		ledger_arrays_add(to, column, NULL);
	if (count == 0) {
		for (size_t column = LOG_SEATS; column <= LOG_VERSIONS; column++)
			ledger_arrays_add(to, column, NULL);
		return;
	}
	struct strbuf *list = ledger_arrays_element(to);
	for (unsigned i = 0; i < count; i++)
		pg_array_add(list, changes[i].seat->seat_id);
	ledger_arrays_end_element(to, LOG_SEATS);

	list = ledger_arrays_element(to);
	for (unsigned i = 0; i < count; i++)
		pg_array_add_int(list, changes[i].seat->position);
	ledger_arrays_end_element(to, LOG_POSITIONS);

	list = ledger_arrays_element(to);
	for (unsigned i = 0; i < count; i++)
		pg_array_add(list, seat_status_name(changes[i].status));
	ledger_arrays_end_element(to, LOG_STATUSES);

	list = ledger_arrays_element(to);
	for (unsigned i = 0; i < count; i++)
		pg_array_add_int(list, changes[i].version);
	ledger_arrays_end_element(to, LOG_VERSIONS);
}

static const char *actor_of(const struct command *command)
{
	return command->actor[0] ? command->actor : command->user_id;
}

static void add_transition(struct ledger_arrays *to, const struct transition *transition)
{
	const struct command *const command = transition->command;

	ledger_arrays_add(to, LOG_BOOKING, transition->booking->booking_id);
	ledger_arrays_add_int(to, LOG_VERSION, transition->version);
	ledger_arrays_add(to, LOG_STATUS, booking_status_name(transition->status));
	ledger_arrays_add(to, LOG_REASON, reason_name(transition->reason));
	ledger_arrays_add_time(to, LOG_EXPIRES, transition->expires_ms);
	ledger_arrays_add_int(to, LOG_EXTENSIONS, transition->extensions);
	ledger_arrays_add(to, LOG_COMMAND, command ? command_type_name(command->type) : NULL);
	ledger_arrays_add(to, LOG_COMMAND_ID, command ? command->id.text : NULL);
	ledger_arrays_add(to, LOG_ACTOR, command ? actor_of(command) : NULL);
	ledger_arrays_add(to, LOG_RESULT, result_name(transition->result));
	ledger_arrays_add(to, LOG_REFUSAL, reason_name(transition->refusal));
	ledger_arrays_add(to, LOG_PAYMENT, transition->booking->payment_reference);
	ledger_arrays_add(to, LOG_ADDRESS, command ? command->address : NULL);
	add_made(to, LOG_MADE, transition->booking);
	add_changes(to, transition);
}

static void add_log(struct ledger_arrays *to, const struct journal *journal)
{
	ledger_arrays_open(to, log_types, LOG_COLUMNS);
	for (size_t i = 0; i < journal->count; i++)
		add_transition(to, &journal->items[i]);
}

/* ---- The statements ---- */

static err_code close_part(struct part *part, struct err *err)
{
	return ledger_arrays_close(&part->arrays, part->params, part->lengths, err);
}

static err_code close_all(struct ledger_write *write, struct err *err)
{
	err_code code = close_part(&write->seats, err);
	if (code == ERR_OK)
		code = close_part(&write->updated, err);
	if (code == ERR_OK)
		code = close_part(&write->inserted, err);
	if (code == ERR_OK)
		code = close_part(&write->events, err);
	if (code == ERR_OK)
		code = close_part(&write->log, err);

	return code;
}

/* With what is the same in all rows, or NULL. */
static struct pg_step step_of(const char *name, const char *sql, struct part *part,
			      const char *common)
{
	const size_t count = part->arrays.count;

	part->params[count] = common;
	part->lengths[count] = 0;

	return (struct pg_step){ .name = name,
				 .sql = sql,
				 .params = part->params,
				 .param_count = (int)count + (common ? 1 : 0),
				 .lengths = part->lengths };
}

err_code ledger_write_steps(struct ledger_write *write, const struct state *state,
			    const struct journal *journal, const char *partition, const char *now,
			    struct pg_step *steps, size_t *ret_count, struct err *err)
{
	size_t updated = 0;
	size_t inserted = 0;
	size_t n = 0;

	const size_t seats = add_seats(&write->seats.arrays, state);
	add_bookings(write, state, &updated, &inserted);
	const size_t events = add_events(&write->events.arrays, state);
	add_log(&write->log.arrays, journal);
	const err_code code = close_all(write, err);
	if (code != ERR_OK)
		return code;

	if (seats > 0)
		steps[n++] = step_of("write_seats", SQL_WRITE_SEATS, &write->seats, NULL);
	if (updated > 0)
		steps[n++] = step_of("update_bookings", SQL_UPDATE_BOOKINGS, &write->updated, NULL);
	if (inserted > 0)
		steps[n++] = step_of("write_bookings", SQL_WRITE_BOOKINGS, &write->inserted,
				     partition);
	if (events > 0)
		steps[n++] =
			step_of("cancel_events", SQL_CANCEL_EVENTS, &write->events, now);
	if (journal->count > 0)
		steps[n++] = step_of("write_log", SQL_WRITE_LOG, &write->log, now);
	*ret_count = n;

	return ERR_OK;
}
