#include "ledger_load.h"

#include "decide.h"
#include "ledger_arrays.h"
#include "log.h"
#include "worker_sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arrays that the statements share among them. */
enum {
	SEAT_EVENT,
	SEAT_ID,
	EVENT_ID,
	BUYER_EVENT,
	BUYER_USER,
	BOOKING_ID,
	ACTED_ON_ID, /* a booking for each command that acts on one */
	COMMAND_ID,
	KEY,
	ARRAYS_COUNT,
};

static const enum pg_vector_type array_types[ARRAYS_COUNT] = {
	[SEAT_EVENT] = PG_VECTOR_TEXT,  [SEAT_ID] = PG_VECTOR_TEXT,
	[EVENT_ID] = PG_VECTOR_TEXT,    [BUYER_EVENT] = PG_VECTOR_TEXT,
	[BUYER_USER] = PG_VECTOR_TEXT,  [BOOKING_ID] = PG_VECTOR_UUID,
	[ACTED_ON_ID] = PG_VECTOR_UUID, [COMMAND_ID] = PG_VECTOR_UUID,
	[KEY] = PG_VECTOR_UUID,
};

struct param {
	const char *bytes;
	int len; /* 0: text */
};

#define PARAMS_MAX 7
/* What still does not fit then will not: an operator's hand was in it. */
#define MISFITS_MAX 3

struct ledger_load {
	struct ledger_arrays arrays;
	const char *params[LEDGER_LOAD_STEPS_MAX][PARAMS_MAX];
	int lengths[LEDGER_LOAD_STEPS_MAX][PARAMS_MAX];
	/* Of the last steps. */
	enum ledger_load_kind kinds[LEDGER_LOAD_STEPS_MAX];
	size_t count;
	enum ledger_load_for purpose;
	/* How often in a row what was loaded for commands did not fit together. The next then looks
	 * for lapsed holds of other partitions, too. */
	unsigned misfits;
};

struct ledger_load *ledger_load_new(void)
{
	struct ledger_load *const load = calloc(1, sizeof(*load));
	assert(load);
	ledger_arrays_init(&load->arrays);

	return load;
}

void ledger_load_free(struct ledger_load *load)
{
	if (!load)
		return;

	ledger_arrays_done(&load->arrays);
	free(load);
}

/* ---- What is asked ---- */

static void add_wanted(struct ledger_arrays *arrays, const struct state *state)
{
	for (size_t i = 0; i < state->seat_index.count; i++) {
		ledger_arrays_add(arrays, SEAT_EVENT, state->seats[i].event_id);
		ledger_arrays_add(arrays, SEAT_ID, state->seats[i].seat_id);
	}
	for (size_t i = 0; i < state->event_index.count; i++)
		ledger_arrays_add(arrays, EVENT_ID, state->events[i].event_id);
	for (size_t i = 0; i < state->buyer_index.count; i++) {
		ledger_arrays_add(arrays, BUYER_EVENT, state->buyers[i].event_id);
		ledger_arrays_add(arrays, BUYER_USER, state->buyers[i].user_id);
	}
	for (size_t i = 0; i < state->booking_index.count; i++)
		ledger_arrays_add(arrays, BOOKING_ID, state->bookings[i].booking_id);
	for (size_t i = 0; i < state->command_index.count; i++) {
		ledger_arrays_add(arrays, ACTED_ON_ID, state->commands[i].booking_id);
		ledger_arrays_add(arrays, COMMAND_ID, state->commands[i].id);
	}
	for (size_t i = 0; i < state->key_index.count; i++)
		ledger_arrays_add(arrays, KEY, state->keys[i].key);
}

static void add_step(struct ledger_load *load, enum ledger_load_kind kind,
		     const struct param *params, int param_count, struct pg_step *steps)
{
	static const struct {
		const char *name;
		const char *sql;
	} statements[LEDGER_LOAD_STEPS_MAX] = {
		[LOAD_SEATS] = { "load_seats", SQL_LOAD_SEATS },
		[LOAD_BOOKINGS] = { "load_bookings", SQL_LOAD_BOOKINGS },
		[LOAD_EVENTS] = { "load_events", SQL_LOAD_EVENTS },
		[LOAD_BUYERS] = { "load_buyers", SQL_LOAD_BUYERS },
		[LOAD_COMMANDS] = { "load_commands", SQL_LOAD_COMMANDS },
		[LOAD_KEYS] = { "load_keys", SQL_LOAD_KEYS },
	};
	assert(param_count <= PARAMS_MAX);

	for (int i = 0; i < param_count; i++) {
		load->params[kind][i] = params[i].bytes;
		load->lengths[kind][i] = params[i].len;
	}
	steps[load->count] = (struct pg_step){ .name = statements[kind].name,
					       .sql = statements[kind].sql,
					       .params = load->params[kind],
					       .param_count = param_count,
					       .lengths = load->lengths[kind] };
	load->kinds[load->count++] = kind;
}

#define ADD_STEP(load, kind, params, steps)                                                        \
	add_step(load, kind, params, (int)(sizeof(params) / sizeof((params)[0])), steps)

/* Seats before bookings: what is read later is at least as new, and all transactions lock in this
 * order. A step that would find nothing is left out. */
static void add_steps(struct ledger_load *load, const struct partition_name *name,
		      const char *partition, const struct param *a, const struct state *state,
		      struct pg_step *steps)
{
	const struct param acted_on = a[load->purpose == LOAD_FOR_SWEEP ? BOOKING_ID : ACTED_ON_ID];
	const struct param thorough = { load->misfits > 0 ? "true" : "false", 0 };
	const struct param of[] = { { name->cluster_id, 0 }, { name->topic, 0 }, { partition, 0 } };
	const struct param seats[] = { of[0],      of[1],    of[2],   a[SEAT_EVENT],
				       a[SEAT_ID], acted_on, thorough };
	const struct param bookings[] = { of[0],      of[1],         of[2],   a[SEAT_EVENT],
					  a[SEAT_ID], a[BOOKING_ID], thorough };
	const struct param events[] = { a[EVENT_ID], acted_on };
	const struct param buyers[] = { of[0],          of[1],         of[2],
					a[BUYER_EVENT], a[BUYER_USER], a[EVENT_ID] };
	const struct param commands[] = { a[ACTED_ON_ID], a[COMMAND_ID] };
	const struct param keys[] = { a[KEY] };

	load->count = 0;
	if (state->booking_index.count > 0) {
		ADD_STEP(load, LOAD_SEATS, seats, steps);
		ADD_STEP(load, LOAD_BOOKINGS, bookings, steps);
		ADD_STEP(load, LOAD_EVENTS, events, steps);
	}
	if (state->buyer_index.count > 0)
		ADD_STEP(load, LOAD_BUYERS, buyers, steps);
	if (state->command_index.count > 0)
		ADD_STEP(load, LOAD_COMMANDS, commands, steps);
	if (state->key_index.count > 0)
		ADD_STEP(load, LOAD_KEYS, keys, steps);
}

err_code ledger_load_steps(struct ledger_load *load, const struct partition_name *name,
			   const char *partition, const struct state *state,
			   enum ledger_load_for purpose, struct pg_step *steps, size_t *ret_count,
			   struct err *err)
{
	const char *bytes[ARRAYS_COUNT];
	int lengths[ARRAYS_COUNT];
	struct param params[ARRAYS_COUNT];

	ledger_arrays_open(&load->arrays, array_types, ARRAYS_COUNT);
	add_wanted(&load->arrays, state);
	const err_code code = ledger_arrays_close(&load->arrays, bytes, lengths, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < ARRAYS_COUNT; i++)
		params[i] = (struct param){ bytes[i], lengths[i] };
	load->purpose = purpose;
	add_steps(load, name, partition, params, state, steps);
	*ret_count = load->count;

	return ERR_OK;
}

/* ---- What is answered ---- */

static err_code unexpected(const char *what, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "%s is not what was asked for", what);
}

static void copy(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text); /* The columns have the same bounds. */
}

static err_code fill_seat(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct seat *const seat =
		state_add_seat(state, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	if (!seat || !seat_status_parse(PQgetvalue(rows, i, 3), &seat->status))
		return unexpected("a seat", err);

	seat->exists = true;
	seat->position = (int32_t)pg_int_at(rows, i, 2);
	seat->version = pg_int_at(rows, i, 4);
	seat->price_minor = pg_int_at(rows, i, 5);
	seat->hold_expires_ms = pg_int_at(rows, i, 6);
	copy(seat->booking_id, sizeof(seat->booking_id), PQgetvalue(rows, i, 7));
	copy(seat->user_id, sizeof(seat->user_id), PQgetvalue(rows, i, 8));

	return ERR_OK;
}

static bool fill_seats_of(struct known_booking *booking, const char *seat_ids)
{
	char seat_id[IDENT_BYTES_MAX];
	bool is_null = false;

	booking->seat_count = 0;
	while (pg_array_next(&seat_ids, seat_id, sizeof(seat_id), &is_null)) {
		if (booking->seat_count == COMMAND_SEATS_MAX)
			return false;
		copy(booking->seat_ids[booking->seat_count++], IDENT_BYTES_MAX, seat_id);
	}
	return true;
}

static void fill_lost(struct known_booking *booking, const char *seats_lost)
{
	char seat_id[IDENT_BYTES_MAX];
	bool is_null = false;

	booking->lost = 0;
	while (pg_array_next(&seats_lost, seat_id, sizeof(seat_id), &is_null))
		for (unsigned i = 0; i < booking->seat_count; i++)
			if (strcmp(booking->seat_ids[i], seat_id) == 0)
				booking->lost |= 1u << i;
}

static bool fill_prices(struct known_booking *booking, const char *prices)
{
	char price[24];
	bool is_null = false;
	unsigned count = 0;

	while (pg_array_next(&prices, price, sizeof(price), &is_null)) {
		if (count == booking->seat_count)
			return false;
		booking->prices_minor[count++] = strtoll(price, NULL, 10);
	}
	return true;
}

static err_code fill_booking(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct known_booking *const booking = state_add_booking(state, PQgetvalue(rows, i, 0));
	if (!booking)
		return unexpected("a booking", err);

	copy(booking->event_id, sizeof(booking->event_id), PQgetvalue(rows, i, 1));
	copy(booking->user_id, sizeof(booking->user_id), PQgetvalue(rows, i, 2));
	if ((!PQgetisnull(rows, i, 3) &&
	     !command_type_parse(PQgetvalue(rows, i, 3), &booking->mode)) ||
	    !fill_seats_of(booking, PQgetvalue(rows, i, 4)) ||
	    !booking_status_parse(PQgetvalue(rows, i, 5), &booking->status) ||
	    !reason_parse(PQgetvalue(rows, i, 6), &booking->reason) ||
	    !fill_prices(booking, PQgetvalue(rows, i, 9)))
		return unexpected("a booking", err);
	fill_lost(booking, PQgetvalue(rows, i, 7));
	booking->exists = true;
	booking->version = (int32_t)pg_int_at(rows, i, 8);
	booking->total_minor = pg_int_at(rows, i, 10);
	copy(booking->currency, sizeof(booking->currency), PQgetvalue(rows, i, 11));
	booking->extensions = (int32_t)pg_int_at(rows, i, 12);
	copy(booking->payment_reference, sizeof(booking->payment_reference),
	     PQgetvalue(rows, i, 13));
	copy(booking->idempotency_key.text, sizeof(booking->idempotency_key.text),
	     PQgetvalue(rows, i, 14));
	booking->expires_ms = pg_int_at(rows, i, 15);
	booking->requested_at_ms = pg_int_at(rows, i, 16);
	booking->decided_at_ms = pg_int_at(rows, i, 17);

	return ERR_OK;
}

static err_code fill_event(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct known_event *const event = state_add_event(state, PQgetvalue(rows, i, 0));
	if (!event)
		return unexpected("an event", err);

	event->exists = true;
	copy(event->currency, sizeof(event->currency), PQgetvalue(rows, i, 1));
	event->hold_ttl_ms = pg_int_at(rows, i, 2);
	event->extensions_max = (int32_t)pg_int_at(rows, i, 3);
	event->seats_per_user_max = (int32_t)pg_int_at(rows, i, 4);
	event->sales_open_ms = pg_int_or(rows, i, 5, INT64_MIN);
	event->sales_close_ms = pg_int_or(rows, i, 6, INT64_MAX);
	event->cancelled = strcmp(PQgetvalue(rows, i, 7), "t") == 0;
	event->holds_per_user_max = (int32_t)pg_int_at(rows, i, 8);

	return ERR_OK;
}

static err_code fill_buyer(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct known_buyer *const buyer =
		state_buyer(state, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	if (!buyer)
		return unexpected("a buyer", err);
	buyer->live_seats = pg_int_at(rows, i, 2);
	buyer->held_seats = pg_int_at(rows, i, 3);

	return ERR_OK;
}

static err_code fill_command(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct known_command *const command =
		state_command(state, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	if (!command)
		return unexpected("a command", err);
	command->is_done = true;

	return ERR_OK;
}

static err_code fill_key(const PGresult *rows, int i, struct state *state, struct err *err)
{
	struct known_key *const key = state_key(state, PQgetvalue(rows, i, 0));
	if (!key)
		return unexpected("an idempotency key", err);
	copy(key->booking_id, sizeof(key->booking_id), PQgetvalue(rows, i, 1));

	return ERR_OK;
}

/* ---- Whether it fits together ---- */

/* All transactions about a booking pass one fence, so this cannot fail but when partitions were
 * renumbered, or somebody else writes. The next attempt sees what they did; what stays wrong must
 * not keep the partition: the booking goes on without seats that are gone or not its own. */
static err_code check_seats_of(const struct state *state, const struct known_booking *booking,
			       struct err *err)
{
	for (unsigned i = 0; i < booking->seat_count; i++) {
		const struct seat *const seat =
			state_seat(state, booking->event_id, booking->seat_ids[i]);
		if (!seat || strcmp(seat->booking_id, booking->booking_id) != 0)
			return err_set(err, ERR_UNAVAILABLE, "booking %s moved while loading",
				       booking->booking_id);
	}
	return ERR_OK;
}

/* The holds that may have to end, with all their seats. */
static err_code check_lapsed(const struct state *state, int64_t now_ms, struct err *err)
{
	err_code code = ERR_OK;

	for (size_t i = 0; i < state->seat_index.count && code == ERR_OK; i++) {
		const struct seat *const seat = &state->seats[i];
		if (!seat->exists || seat->status != SEAT_HELD || seat->hold_expires_ms > now_ms)
			continue;
		const struct known_booking *const holder = state_booking(state, seat->booking_id);
		if (!holder || !has_lapsed(holder, now_ms))
			return err_set(err, ERR_UNAVAILABLE, "seat %s moved while loading",
				       seat->seat_id);
		code = check_seats_of(state, holder, err);
	}
	return code;
}

/* The bookings that may have to change, with all their seats. */
static err_code check_acted_on(const struct state *state, struct err *err)
{
	err_code code = ERR_OK;

	for (size_t i = 0; i < state->command_index.count && code == ERR_OK; i++) {
		const struct known_booking *const booking =
			state_booking(state, state->commands[i].booking_id);
		assert(booking); /* Wanted with the command. */
		if (booking_is_live(booking))
			code = check_seats_of(state, booking, err);
	}
	return code;
}

/* Seats were locked before their bookings were read: here nothing can have moved in between. */
static err_code check_swept(const struct state *state, struct err *err)
{
	err_code code = ERR_OK;

	for (size_t i = 0; i < state->booking_index.count && code == ERR_OK; i++)
		if (booking_is_live(&state->bookings[i]))
			code = check_seats_of(state, &state->bookings[i], err);

	return code;
}

static err_code check(struct ledger_load *load, const struct state *state, int64_t now_ms,
		      struct err *err)
{
	const bool is_sweep = load->purpose == LOAD_FOR_SWEEP;

	err_code code = is_sweep ? check_swept(state, err) : check_acted_on(state, err);
	if (code == ERR_OK)
		code = check_lapsed(state, now_ms, err);
	if (code == ERR_OK) {
		load->misfits = is_sweep ? load->misfits : 0;
		return ERR_OK;
	}
	if (!is_sweep && ++load->misfits <= MISFITS_MAX)
		return code;
	log_error("seats_do_not_fit", LOG_STR("text", err->text));
	return ERR_OK;
}

err_code ledger_load_fill(struct ledger_load *load, PGresult *const *results, struct state *state,
			  int64_t now_ms, struct err *err)
{
	static err_code (*const fill[LEDGER_LOAD_STEPS_MAX])(const PGresult *, int, struct state *,
							     struct err *) = {
		[LOAD_SEATS] = fill_seat,       [LOAD_BOOKINGS] = fill_booking,
		[LOAD_EVENTS] = fill_event,     [LOAD_BUYERS] = fill_buyer,
		[LOAD_COMMANDS] = fill_command, [LOAD_KEYS] = fill_key,
	};

	for (size_t step = 0; step < load->count; step++) {
		for (int i = 0; i < PQntuples(results[step]); i++) {
			const err_code code = fill[load->kinds[step]](results[step], i, state, err);
			if (code != ERR_OK)
				return code;
		}
	}
	return check(load, state, now_ms, err);
}
