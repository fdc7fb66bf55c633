/* worker/sql, a function for each file; and what lib/pg.c and worker/ledger_pg.c send beside it. */
#include "worker_sql.h"

#include "checker.h"

#include <string.h>

static int partition_param(const struct statement *statement)
{
	return (int)sql_int(statement, 2);
}

/* The time of the transaction's move_fence. */
static int64_t fence_ms(struct session *session, int partition)
{
	return see_progress(session, partition)->changed_ms;
}

static const char *begin(struct session *session, const struct statement *statement, PGresult **ret)
{
	(void)statement;
	(void)ret;
	session_begin(session, false);

	return NULL;
}

/* ---- Progress and the fence ---- */

static const char *enter_partition(struct session *session, const struct statement *statement,
				   PGresult **ret)
{
	struct progress_row *const row = &table_progress[partition_param(statement)];
	(void)session;

	*ret = rows_new(1);
	if (!row->exists)
		rows_int(*ret, 0, 0, 1); /* One row was inserted. */
	row->exists = true;
	return NULL;
}

static const char *read_progress(struct session *session, const struct statement *statement,
				 PGresult **ret)
{
	*ret = rows_new(1);
	rows_int(*ret, 0, 0, see_progress(session, partition_param(statement))->next_offset);
	return NULL;
}

static const char *own_partition(struct session *session, const struct statement *statement,
				 PGresult **ret)
{
	(void)ret;

	return session_lock(session, LOCK_OWN + partition_param(statement));
}

static bool is_at(struct session *session, int partition, int64_t offset)
{
	const struct progress_row *const row = see_progress(session, partition);

	return row->exists && row->next_offset == offset;
}

static const char *move_fence(struct session *session, const struct statement *statement,
			      PGresult **ret)
{
	const int partition = partition_param(statement);
	const int64_t from = sql_int(statement, 3);
	struct pending *const pending = session_pending(session);

	*ret = rows_new(1);
	bool is_moved = is_at(session, partition, from);
	if (is_moved) {
		/* The id comes before the wait. */
		session_need_xid(session);
		session_pause(session, 6 * world.stalls);
		const char *const error = session_lock(session, LOCK_PROGRESS + partition);
		if (error)
			return error;
		is_moved = is_at(session, partition, from);
	}
	if (!is_moved) {
		trace("is fenced: partition %d is not at %ld", partition, (long)from);
		world_count(fenced);
		return NULL;
	}
	checker_owned(partition, session_xid(session));
	pending->has_progress[partition] = true;
	pending->fence = partition;
	pending->from_offset = from;
	pending->progress[partition] = (struct progress_row){ .exists = true,
							      .next_offset = sql_int(statement, 4),
							      .changed_ms = scheduler_now_ms() };
	rows_int(*ret, 0, 0, pending->progress[partition].changed_ms);
	return NULL;
}

/* ---- What is looked for ---- */

static bool partition_has_lapsed(struct session *session, int partition, int64_t now_ms)
{
	for (int i = 0; i < session_tables(session)->booking_end; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (booking->partition == partition && is_lapsed(booking, now_ms))
			return true;
	}
	return false;
}

/* A live booking of a cancelled event, the first of its event, is the partition's. */
static bool partition_has_cancelled(struct session *session, int event, int partition,
				    int64_t now_ms)
{
	if (!is_event_cancelled(event, now_ms))
		return false;
	for (int i = 0; i < session_tables(session)->booking_end; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (is_live_row(booking) && booking->event == event)
			return booking->partition == partition;
	}
	return false;
}

static const char *has_to_end(struct session *session, const struct statement *statement,
			      PGresult **ret)
{
	struct column partition = column_of(statement->params[0]);
	int row = 0;

	*ret = rows_new(1);
	while (column_next(&partition)) {
		const int number = (int)column_int(&partition);
		bool found = partition_has_lapsed(session, number, scheduler_now_ms());
		for (int event = 0; event < WORLD_EVENTS; event++)
			found = found || partition_has_cancelled(session, event, number,
								 scheduler_now_ms());
		if (found)
			rows_int(*ret, row++, 0, number);
	}
	return NULL;
}

/* Those whose holds have run out are found already. */
static void find_cancelled(struct session *session, int partition, int64_t now_ms, int max, int row,
			   PGresult *ret)
{
	for (int event = 0; event < WORLD_EVENTS; event++) {
		if (!partition_has_cancelled(session, event, partition, now_ms))
			continue;
		for (int i = 0; i < tables.booking_end && row < max; i++)
			if (tables.bookings[i].partition == partition &&
			    tables.bookings[i].event == event && is_live_row(&tables.bookings[i]) &&
			    !is_lapsed(&tables.bookings[i], now_ms))
				rows_uuid(ret, row++, 0, i);
	}
}

static const char *find_to_end(struct session *session, const struct statement *statement,
			       PGresult **ret)
{
	const int partition = partition_param(statement);
	const int64_t now_ms = fence_ms(session, partition);
	const int64_t max = sql_int(statement, 3);
	int64_t after_ms = INT64_MIN;
	int row = 0;

	*ret = rows_new(1);
	while (row < max) {
		int64_t next_ms = INT64_MAX;
		for (int i = 0; i < tables.booking_end; i++) {
			const struct booking_row *const booking = &tables.bookings[i];
			if (booking->partition == partition && is_lapsed(booking, now_ms) &&
			    booking->expires_ms > after_ms && booking->expires_ms < next_ms)
				next_ms = booking->expires_ms;
		}
		if (next_ms == INT64_MAX)
			break;
		for (int i = 0; i < tables.booking_end && row < max; i++)
			if (tables.bookings[i].partition == partition &&
			    is_lapsed(&tables.bookings[i], now_ms) &&
			    tables.bookings[i].expires_ms == next_ms)
				rows_uuid(*ret, row++, 0, i);
		after_ms = next_ms;
	}
	find_cancelled(session, partition, now_ms, (int)max, row, *ret);
	return NULL;
}

/* ---- Loading ---- */

struct wanted {
	bool seats[WORLD_EVENTS][WORLD_SEATS];
	bool bookings[TABLE_BOOKINGS_MAX];
};

static void want_seats(struct wanted *wanted, const char *events, const char *seats)
{
	struct column event = column_of(events);
	struct column seat = column_of(seats);

	while (column_next(&event) && column_next(&seat)) {
		const int e = number_of(event.text);
		const int s = number_of(seat.text);
		if (e < WORLD_EVENTS && s < WORLD_SEATS)
			wanted->seats[e][s] = true;
	}
}

static void want_bookings(struct wanted *wanted, const char *ids)
{
	struct column id = column_of(ids);

	while (column_next(&id))
		wanted->bookings[number_of(id.text)] = true;
}

/* The bookings whose hold has run out and is in the way of a wanted seat. */
static void want_lapsed(struct session *session, const struct statement *statement,
			struct wanted *wanted)
{
	const int partition = partition_param(statement);
	const int64_t now_ms = fence_ms(session, partition);
	const bool is_thorough = strcmp(statement->params[6], "true") == 0;

	if (!is_thorough && !partition_has_lapsed(session, partition, now_ms))
		return;
	for (int e = 0; e < WORLD_EVENTS; e++) {
		for (int s = 0; s < WORLD_SEATS; s++) {
			const struct seat_row *const seat = see_seat(session, e, s);
			if (wanted->seats[e][s] && seat->expires_ms != NONE &&
			    seat->expires_ms <= now_ms)
				wanted->bookings[seat->booking] = true;
		}
	}
}

static void want_seats_of(struct session *session, struct wanted *wanted, int number)
{
	const struct booking_row *const booking = see_booking(session, number);
	if (!booking->exists ||
	    (strcmp(booking->status, "held") != 0 && strcmp(booking->status, "confirmed") != 0))
		return;

	struct column seat = column_of(booking->seats);
	while (column_next(&seat))
		wanted->seats[booking->event][number_of(seat.text)] = true;
}

static void add_seat(PGresult *rows, int row, int event, int number, const struct seat_row *seat)
{
	rows_name(rows, row, 0, 'e', event);
	rows_name(rows, row, 1, 's', number);
	rows_int(rows, row, 2, number);
	rows_text(rows, row, 3, seat->status);
	rows_int(rows, row, 4, seat->version);
	rows_int(rows, row, 5, price_of(number));
	rows_int(rows, row, 6, seat->expires_ms);
	rows_uuid(rows, row, 7, seat->booking);
	rows_name(rows, row, 8, 'u', seat->user);
}

/* Which rows is told by one look; each is locked in the order of the seats, and then read as it
 * is. */
static const char *load_seats(struct session *session, const struct statement *statement,
			      PGresult **ret)
{
	struct wanted wanted = { 0 };
	int row = 0;

	want_seats(&wanted, statement->params[3], statement->params[4]);
	want_bookings(&wanted, statement->params[5]);
	want_lapsed(session, statement, &wanted);
	for (int i = 0; i < tables.booking_end; i++)
		if (wanted.bookings[i])
			want_seats_of(session, &wanted, i);
	session_need_xid(session);
	*ret = rows_new(9);
	for (int e = 0; e < WORLD_EVENTS; e++) {
		/* ORDER BY: the same for all. */
		const int first = 0;
		for (int i = 0; i < WORLD_SEATS; i++) {
			const int s = (first + i) % WORLD_SEATS;
			if (!wanted.seats[e][s])
				continue;
			session_pause(session, 3 * world.stalls);
			const char *const error =
				session_lock(session, LOCK_SEAT + e * WORLD_SEATS + s);
			if (error)
				return error;
			add_seat(*ret, row++, e, s, see_seat(session, e, s));
		}
	}
	return NULL;
}

static void add_booking(PGresult *rows, int row, int number, const struct booking_row *booking)
{
	rows_uuid(rows, row, 0, number);
	rows_name(rows, row, 1, 'e', booking->event);
	rows_name(rows, row, 2, 'u', booking->user);
	rows_text(rows, row, 3, booking->mode);
	rows_text(rows, row, 4, booking->seats);
	rows_text(rows, row, 5, booking->status);
	rows_text(rows, row, 6, booking->reason);
	rows_text(rows, row, 7, booking->lost);
	rows_int(rows, row, 8, booking->version);
	rows_text(rows, row, 9, booking->prices);
	rows_int(rows, row, 10, booking->total);
	rows_text(rows, row, 11, booking->currency);
	rows_int(rows, row, 12, booking->extensions);
	rows_text(rows, row, 13, booking->payment);
	rows_uuid(rows, row, 14, booking->key);
	rows_int(rows, row, 15, booking->expires_ms);
	rows_int(rows, row, 16, booking->requested_ms);
	rows_int(rows, row, 17, booking->decided_ms);
}

static const char *load_bookings(struct session *session, const struct statement *statement,
				 PGresult **ret)
{
	struct wanted wanted = { 0 };
	int row = 0;

	want_seats(&wanted, statement->params[3], statement->params[4]);
	want_lapsed(session, statement, &wanted);
	want_bookings(&wanted, statement->params[5]);
	*ret = rows_new(18);
	for (int i = 0; i < TABLE_BOOKINGS_MAX; i++) {
		if (!wanted.bookings[i] || !see_booking(session, i)->exists)
			continue;
		session_need_xid(session);
		const char *const error = session_lock(session, LOCK_BOOKING + i);
		if (error)
			return error;
		add_booking(*ret, row++, i, see_booking(session, i));
	}
	return NULL;
}

/* Whether an event takes place is what its row says: here by the time of the decision, so that a
 * reader of the log can tell. */
static const char *load_events(struct session *session, const struct statement *statement,
			       PGresult **ret)
{
	bool needed[WORLD_EVENTS] = { false };
	struct column event = column_of(statement->params[0]);
	struct column booking = column_of(statement->params[1]);
	int row = 0;

	while (column_next(&event))
		if (number_of(event.text) < WORLD_EVENTS)
			needed[number_of(event.text)] = true;
	while (column_next(&booking)) {
		const struct booking_row *const found =
			see_booking(session, number_of(booking.text));
		if (found->exists && found->event >= 0 && found->event < WORLD_EVENTS)
			needed[found->event] = true;
	}
	const int fence = session_pending(session)->fence; /* The pipeline goes on without one. */
	const int64_t now_ms = fence == NOBODY ? scheduler_now_ms() : fence_ms(session, fence);
	*ret = rows_new(9);
	for (int i = 0; i < WORLD_EVENTS; i++) {
		const struct event_row *const from = &table_events[i];
		if (!needed[i])
			continue;
		rows_name(*ret, row, 0, 'e', i);
		rows_text(*ret, row, 1, "EUR");
		rows_int(*ret, row, 2, from->hold_ttl_ms);
		rows_int(*ret, row, 3, from->extensions_max);
		rows_int(*ret, row, 4, from->seats_per_user_max);
		rows_int(*ret, row, 5, from->sales_open_ms);
		rows_int(*ret, row, 6, from->sales_close_ms);
		rows_text(*ret, row, 7, is_event_cancelled(i, now_ms) ? "t" : "f");
		rows_int(*ret, row++, 8, from->holds_per_user_max);
	}
	return NULL;
}

static const char *load_buyers(struct session *session, const struct statement *statement,
			       PGresult **ret)
{
	const int64_t now_ms = fence_ms(session, partition_param(statement));
	struct column event = column_of(statement->params[3]);
	struct column user = column_of(statement->params[4]);
	int row = 0;

	*ret = rows_new(4);
	while (column_next(&event) && column_next(&user)) {
		const int e = number_of(event.text);
		const int u = number_of(user.text);
		if (e >= WORLD_EVENTS || (table_events[e].seats_per_user_max == NONE &&
					  table_events[e].holds_per_user_max == NONE))
			continue;
		rows_name(*ret, row, 0, 'e', e);
		rows_name(*ret, row, 1, 'u', u);
		rows_int(*ret, row, 2, live_seats_of(session, e, u, false, now_ms));
		rows_int(*ret, row++, 3, live_seats_of(session, e, u, true, now_ms));
	}
	return NULL;
}

static bool is_decided(int booking, int command_id)
{
	for (int i = 0; i < tables.log_count; i++)
		if (table_log[i].number == booking && table_log[i].command_id == command_id)
			return true;
	return false;
}

static const char *load_commands(struct session *session, const struct statement *statement,
				 PGresult **ret)
{
	struct column booking = column_of(statement->params[0]);
	struct column id = column_of(statement->params[1]);
	int row = 0;
	(void)session;

	*ret = rows_new(2);
	while (column_next(&booking) && column_next(&id)) {
		const int number = number_of(booking.text);
		if (!is_decided(number, number_of(id.text)))
			continue;
		rows_uuid(*ret, row, 0, number);
		rows_uuid(*ret, row++, 1, number_of(id.text));
	}
	return NULL;
}

static const char *load_keys(struct session *session, const struct statement *statement,
			     PGresult **ret)
{
	struct column key = column_of(statement->params[0]);
	int row = 0;

	*ret = rows_new(2);
	while (column_next(&key)) {
		const int number = number_of(key.text);
		const int owner = owner_of_key(session, number);
		if (owner == NOBODY)
			continue;
		rows_uuid(*ret, row, 0, number);
		rows_uuid(*ret, row++, 1, owner);
	}
	return NULL;
}

const struct statement_entry worker_statements[] = {
	{ "begin", begin },
	{ "check", statement_nothing },
	{ "notify", statement_nothing },
	{ "replan", statement_nothing },
	{ "enter_partition", enter_partition },
	{ "read_progress", read_progress },
	{ "own_partition", own_partition },
	{ "move_fence", move_fence },
	{ "has_to_end", has_to_end },
	{ "find_to_end", find_to_end },
	{ "load_seats", load_seats },
	{ "load_bookings", load_bookings },
	{ "load_events", load_events },
	{ "load_buyers", load_buyers },
	{ "load_commands", load_commands },
	{ "load_keys", load_keys },
	{ "write_seats", write_seats },
	{ "update_bookings", update_bookings },
	{ "write_bookings", write_bookings },
	{ "cancel_events", cancel_events },
	{ "write_log", write_log },
	{ NULL, NULL },
};
