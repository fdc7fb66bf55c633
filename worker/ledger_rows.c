#include "ledger_rows.h"

#include "pg.h"
#include "strbuf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 5,000 commands of 10 seats with ids of 64 bytes make 7 MB. */
#define ARRAY_BYTES_MAX   (16u << 20)
#define ELEMENT_BYTES_MAX 2048

/* Which array is which parameter: those of write_bookings and write_log, then those of write_seats.
 */
enum {
	BOOKING_ID,
	BOOKING_EVENT,
	BOOKING_USER,
	BOOKING_SEATS,
	BOOKING_STATUS,
	BOOKING_REASON,
	BOOKING_LOST,
	BOOKING_REQUESTED,
	LOG_SEATS,
	LOG_POSITIONS,
	LOG_STATUSES,
	LOG_VERSIONS,
	SEAT_EVENT,
	SEAT_ID,
	SEAT_STATUS,
	SEAT_BOOKING,
	SEAT_USER,
	SEAT_VERSION,
	ARRAYS_MAX,
};

struct ledger_rows {
	struct strbuf arrays[ARRAYS_MAX];
	struct strbuf element;
};

struct ledger_rows *ledger_rows_new(void)
{
	struct ledger_rows *const rows = calloc(1, sizeof(*rows));
	assert(rows);
	for (size_t i = 0; i < ARRAYS_MAX; i++)
		strbuf_init(&rows->arrays[i], ARRAY_BYTES_MAX);
	strbuf_init(&rows->element, ELEMENT_BYTES_MAX);

	return rows;
}

void ledger_rows_free(struct ledger_rows *rows)
{
	if (!rows)
		return;

	for (size_t i = 0; i < ARRAYS_MAX; i++)
		strbuf_done(&rows->arrays[i]);
	strbuf_done(&rows->element);
	free(rows);
}

static void open_arrays(struct ledger_rows *rows, size_t count)
{
	assert(count <= ARRAYS_MAX);
	for (size_t i = 0; i < count; i++) {
		strbuf_reset(&rows->arrays[i]);
		pg_array_open(&rows->arrays[i]);
	}
}

static err_code close_arrays(struct ledger_rows *rows, size_t count, struct err *err)
{
	bool overflow = rows->element.overflow;

	for (size_t i = 0; i < count; i++) {
		pg_array_close(&rows->arrays[i]);
		overflow |= rows->arrays[i].overflow;
	}
	if (overflow)
		return err_set(err, ERR_INTERNAL, "a batch outgrew its parameters");

	return ERR_OK;
}

/* ---- What the batch wants to know ---- */

err_code ledger_rows_wanted(struct ledger_rows *rows, const struct state *state,
			    struct ledger_wanted *ret, struct err *err)
{
	struct strbuf *const a = rows->arrays;

	open_arrays(rows, 4);
	for (size_t i = 0; i < state->seat_index.count; i++) {
		pg_array_add(&a[0], state->seats[i].event_id);
		pg_array_add(&a[1], state->seats[i].seat_id);
	}
	for (size_t i = 0; i < state->event_index.count; i++)
		pg_array_add(&a[2], state->events[i].event_id);
	for (size_t i = 0; i < state->booking_index.count; i++)
		pg_array_add(&a[3], state->bookings[i].booking_id);

	const err_code code = close_arrays(rows, 4, err);
	if (code == ERR_OK)
		*ret = (struct ledger_wanted){ .seats = { a[0].data, a[1].data },
					       .events = { a[2].data },
					       .bookings = { a[3].data } };

	return code;
}

/* ---- What the ledger knows ---- */

static void copy(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text); /* The columns have the same bounds. */
}

static err_code fill_seat(struct state *state, const PGresult *rows, int i, struct err *err)
{
	struct seat *const seat = state_seat(state, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	if (!seat)
		return err_set(err, ERR_INTERNAL, "a seat came that was not asked for");
	if (!seat_status_parse(PQgetvalue(rows, i, 3), &seat->status))
		return err_set(err, ERR_INTERNAL, "seat status '%s' is unknown",
			       PQgetvalue(rows, i, 3));

	seat->exists = true;
	seat->position = (int32_t)strtol(PQgetvalue(rows, i, 2), NULL, 10);
	seat->version = strtoll(PQgetvalue(rows, i, 4), NULL, 10);
	seat->hold_expires_ms = strtoll(PQgetvalue(rows, i, 5), NULL, 10); /* "" gives 0 */
	copy(seat->booking_id, sizeof(seat->booking_id), PQgetvalue(rows, i, 6));
	copy(seat->user_id, sizeof(seat->user_id), PQgetvalue(rows, i, 7));

	return ERR_OK;
}

static err_code fill_booking(struct state *state, const PGresult *rows, int i, struct err *err)
{
	struct known_booking *const booking = state_booking(state, PQgetvalue(rows, i, 0));
	if (!booking)
		return err_set(err, ERR_INTERNAL, "a booking came that was not asked for");

	const char *cursor = PQgetvalue(rows, i, 3);
	char seat_id[IDENT_BYTES_MAX];
	bool is_null = false;
	booking->exists = true;
	booking->content = booking_content(PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2));
	while (pg_array_next(&cursor, seat_id, sizeof(seat_id), &is_null))
		booking->content = booking_content_seat(booking->content, seat_id);

	return ERR_OK;
}

err_code ledger_rows_fill(struct state *state, const PGresult *seats, const PGresult *events,
			  const PGresult *bookings, struct err *err)
{
	for (int i = 0; i < PQntuples(seats); i++) {
		const err_code code = fill_seat(state, seats, i, err);
		if (code != ERR_OK)
			return code;
	}
	for (int i = 0; i < PQntuples(events); i++) {
		struct known_event *const event = state_event(state, PQgetvalue(events, i, 0));
		if (!event)
			return err_set(err, ERR_INTERNAL, "an event came that was not asked for");
		event->exists = true;
	}
	for (int i = 0; i < PQntuples(bookings); i++) {
		const err_code code = fill_booking(state, bookings, i, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

/* ---- What the decisions changed ---- */

/* An array as one element of an array: PostgreSQL's own arrays of arrays must be rectangular. */
static void add_element(struct ledger_rows *rows, size_t array)
{
	pg_array_close(&rows->element);
	pg_array_add(&rows->arrays[array], rows->element.data);
}

static struct strbuf *element(struct ledger_rows *rows)
{
	strbuf_reset(&rows->element);
	pg_array_open(&rows->element);

	return &rows->element;
}

static void add_seat_ids(struct ledger_rows *rows, size_t array, const struct command *command,
			 unsigned which)
{
	struct strbuf *const list = element(rows);

	for (unsigned i = 0; i < command->seat_count; i++)
		if (which & 1u << i)
			pg_array_add(list, command->seat_ids[i]);
	add_element(rows, array);
}

static void add_changes(struct ledger_rows *rows, const struct command *command,
			const struct outcome *outcome)
{
	const unsigned count = outcome->verdict == VERDICT_CONFIRMED ? command->seat_count : 0;

	add_seat_ids(rows, LOG_SEATS, command, (1u << count) - 1);

	struct strbuf *list = element(rows);
	for (unsigned i = 0; i < count; i++)
		pg_array_add_int(list, outcome->changes[i].position);
	add_element(rows, LOG_POSITIONS);

	list = element(rows);
	for (unsigned i = 0; i < count; i++)
		pg_array_add(list, seat_status_name(outcome->changes[i].status));
	add_element(rows, LOG_STATUSES);

	list = element(rows);
	for (unsigned i = 0; i < count; i++)
		pg_array_add_int(list, outcome->changes[i].version);
	add_element(rows, LOG_VERSIONS);
}

static void add_booking(struct ledger_rows *rows, const struct batch_item *item)
{
	const struct command *const command = &item->command;
	const bool confirmed = item->outcome.verdict == VERDICT_CONFIRMED;
	struct strbuf *const a = rows->arrays;

	pg_array_add(&a[BOOKING_ID], command->booking_id.text);
	pg_array_add(&a[BOOKING_EVENT], command->event_id);
	pg_array_add(&a[BOOKING_USER], command->user_id);
	add_seat_ids(rows, BOOKING_SEATS, command, (1u << command->seat_count) - 1);
	pg_array_add(&a[BOOKING_STATUS], confirmed ? "confirmed" : "rejected");
	pg_array_add(&a[BOOKING_REASON], rejection_name(item->outcome.reason));
	add_seat_ids(rows, BOOKING_LOST, command, item->outcome.lost);
	pg_array_add_int(&a[BOOKING_REQUESTED], command->requested_at_ms);
	add_changes(rows, command, &item->outcome);
}

static bool is_transition(const struct batch_item *item)
{
	return item->is_command && (item->outcome.verdict == VERDICT_CONFIRMED ||
				    item->outcome.verdict == VERDICT_REJECTED);
}

static void add_seat(struct strbuf *a, const struct seat *seat)
{
	pg_array_add(&a[SEAT_EVENT], seat->event_id);
	pg_array_add(&a[SEAT_ID], seat->seat_id);
	pg_array_add(&a[SEAT_STATUS], seat_status_name(seat->status));
	pg_array_add(&a[SEAT_BOOKING], seat->booking_id);
	pg_array_add(&a[SEAT_USER], seat->user_id);
	pg_array_add_int(&a[SEAT_VERSION], seat->version);
}

err_code ledger_rows_written(struct ledger_rows *rows, const struct state *state,
			     const struct batch_item *items, size_t count, const char *now,
			     struct ledger_written *ret, struct err *err)
{
	const struct strbuf *const a = rows->arrays;
	struct ledger_written written = { .seat_count = 0 };

	open_arrays(rows, ARRAYS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!is_transition(&items[i]))
			continue;
		add_booking(rows, &items[i]);
		written.booking_count++;
	}
	for (size_t i = 0; i < state->seat_index.count; i++) {
		if (!state->seats[i].changed)
			continue;
		add_seat(rows->arrays, &state->seats[i]);
		written.seat_count++;
	}
	const err_code code = close_arrays(rows, ARRAYS_MAX, err);
	if (code != ERR_OK)
		return code;

	for (size_t i = SEAT_EVENT; i <= SEAT_VERSION; i++)
		written.seats[i - SEAT_EVENT] = a[i].data;
	for (size_t i = BOOKING_ID; i <= BOOKING_REQUESTED; i++)
		written.bookings[i] = a[i].data;
	written.bookings[8] = now;
	for (size_t i = LOG_SEATS; i <= LOG_VERSIONS; i++)
		written.bookings[i + 1] = a[i].data;
	*ret = written;

	return ERR_OK;
}
