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
	BOOKING_EVENT = UPDATE_COLUMNS,
	BOOKING_USER,
	BOOKING_MODE,
	BOOKING_SEATS,
	BOOKING_LOST,
	BOOKING_PRICES,
	BOOKING_TOTAL,
	BOOKING_CURRENCY,
	BOOKING_KEY,
	BOOKING_REQUESTED,
	BOOKING_COLUMNS,
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
	LOG_SEATS,
	LOG_POSITIONS,
	LOG_STATUSES,
	LOG_VERSIONS,
	LOG_COLUMNS,
};

static_assert(BOOKING_COLUMNS <= LEDGER_ARRAYS_MAX && LOG_COLUMNS <= LEDGER_ARRAYS_MAX,
	      "a statement has more columns than ledger_arrays");

struct ledger_write {
	struct ledger_arrays seats, updated, inserted, log;
	/* One more where something is the same in all rows. */
	const char *seat_params[SEAT_COLUMNS];
	const char *updated_params[UPDATE_COLUMNS];
	const char *inserted_params[BOOKING_COLUMNS + 1];
	const char *log_params[LOG_COLUMNS + 1];
};

struct ledger_write *ledger_write_new(void)
{
	struct ledger_write *const write = calloc(1, sizeof(*write));
	assert(write);
	ledger_arrays_init(&write->seats);
	ledger_arrays_init(&write->updated);
	ledger_arrays_init(&write->inserted);
	ledger_arrays_init(&write->log);

	return write;
}

void ledger_write_free(struct ledger_write *write)
{
	if (!write)
		return;

	ledger_arrays_done(&write->seats);
	ledger_arrays_done(&write->updated);
	ledger_arrays_done(&write->inserted);
	ledger_arrays_done(&write->log);
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

	ledger_arrays_open(to, SEAT_COLUMNS);
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

static void add_seat_ids(struct ledger_arrays *to, size_t column,
			 const struct known_booking *booking, unsigned which)
{
	if (which == 0) {
		ledger_arrays_add(to, column, NULL);
		return;
	}
	struct strbuf *const list = ledger_arrays_element(to);
	for (unsigned i = 0; i < booking->seat_count; i++)
		if (which & 1u << i)
			pg_array_add(list, booking->seat_ids[i]);
	ledger_arrays_end_element(to, column);
}

static void add_prices(struct ledger_arrays *to, const struct known_booking *booking)
{
	ledger_arrays_add(to, BOOKING_CURRENCY, booking->currency);
	if (booking->status == BOOKING_REJECTED) {
		ledger_arrays_add(to, BOOKING_PRICES, NULL);
		ledger_arrays_add(to, BOOKING_TOTAL, NULL);
		return;
	}
	struct strbuf *const list = ledger_arrays_element(to);
	for (unsigned i = 0; i < booking->seat_count; i++)
		pg_array_add_int(list, booking->prices_minor[i]);
	ledger_arrays_end_element(to, BOOKING_PRICES);
	ledger_arrays_add_int(to, BOOKING_TOTAL, booking->total_minor);
}

static void add_inserted(struct ledger_arrays *to, const struct known_booking *booking)
{
	const bool found = booking->event_id[0] != '\0';

	add_updated(to, booking);
	ledger_arrays_add(to, BOOKING_EVENT, booking->event_id);
	ledger_arrays_add(to, BOOKING_USER, booking->user_id);
	ledger_arrays_add(to, BOOKING_MODE, found ? command_type_name(booking->mode) : NULL);
	add_seat_ids(to, BOOKING_SEATS, booking, ~0u);
	add_seat_ids(to, BOOKING_LOST, booking, booking->lost);
	add_prices(to, booking);
	ledger_arrays_add(to, BOOKING_KEY, booking->idempotency_key.text);
	ledger_arrays_add_int(to, BOOKING_REQUESTED, booking->requested_at_ms);
}

static void add_bookings(struct ledger_write *write, const struct state *state, size_t *ret_updated,
			 size_t *ret_inserted)
{
	*ret_updated = 0;
	*ret_inserted = 0;
	ledger_arrays_open(&write->updated, UPDATE_COLUMNS);
	ledger_arrays_open(&write->inserted, BOOKING_COLUMNS);
	for (size_t i = 0; i < state->booking_index.count; i++) {
		const struct known_booking *const booking = &state->bookings[i];
		assert(!(booking->is_new && booking->changed));
		if (booking->changed) {
			add_updated(&write->updated, booking);
			(*ret_updated)++;
		}
		if (booking->is_new) {
			add_inserted(&write->inserted, booking);
			(*ret_inserted)++;
		}
	}
}

/* ---- The log ---- */

static void add_changes(struct ledger_arrays *to, const struct transition *transition)
{
	const struct seat_change *const changes = transition->changes;
	const unsigned count = transition->change_count;

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
	ledger_arrays_add(to, LOG_ACTOR, command ? command->user_id : NULL);
	ledger_arrays_add(to, LOG_RESULT, result_name(transition->result));
	ledger_arrays_add(to, LOG_REFUSAL, reason_name(transition->refusal));
	add_changes(to, transition);
}

static void add_log(struct ledger_arrays *to, const struct journal *journal)
{
	ledger_arrays_open(to, LOG_COLUMNS);
	for (size_t i = 0; i < journal->count; i++)
		add_transition(to, &journal->items[i]);
}

/* ---- The statements ---- */

static err_code close_all(struct ledger_write *write, struct err *err)
{
	err_code code = ledger_arrays_close(&write->seats, write->seat_params, err);
	if (code == ERR_OK)
		code = ledger_arrays_close(&write->updated, write->updated_params, err);
	if (code == ERR_OK)
		code = ledger_arrays_close(&write->inserted, write->inserted_params, err);
	if (code == ERR_OK)
		code = ledger_arrays_close(&write->log, write->log_params, err);

	return code;
}

err_code ledger_write_steps(struct ledger_write *write, const struct state *state,
			    const struct journal *journal, const char *partition, const char *now,
			    struct pg_step *steps, size_t *ret_count, struct err *err)
{
	size_t updated = 0;
	size_t inserted = 0;
	size_t n = 0;

	const size_t seats = add_seats(&write->seats, state);
	add_bookings(write, state, &updated, &inserted);
	add_log(&write->log, journal);
	const err_code code = close_all(write, err);
	if (code != ERR_OK)
		return code;
	write->inserted_params[BOOKING_COLUMNS] = partition;
	write->log_params[LOG_COLUMNS] = now;

	if (seats > 0)
		steps[n++] = (struct pg_step){ "write_seats", SQL_WRITE_SEATS, write->seat_params,
					       SEAT_COLUMNS };
	if (updated > 0)
		steps[n++] = (struct pg_step){ "update_bookings", SQL_UPDATE_BOOKINGS,
					       write->updated_params, UPDATE_COLUMNS };
	if (inserted > 0)
		steps[n++] = (struct pg_step){ "write_bookings", SQL_WRITE_BOOKINGS,
					       write->inserted_params, BOOKING_COLUMNS + 1 };
	if (journal->count > 0)
		steps[n++] = (struct pg_step){ "write_log", SQL_WRITE_LOG, write->log_params,
					       LOG_COLUMNS + 1 };
	*ret_count = n;

	return ERR_OK;
}
