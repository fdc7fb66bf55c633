/* worker/sql: the files that write. What they have in common with those that load is here, too. */
#include "worker_sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int owner_of_key(struct session *session, int key)
{
	for (int i = 0; i < TABLE_BOOKINGS_MAX; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (booking->exists && booking->key == key)
			return i;
	}
	return NOBODY;
}

int64_t live_seats_of(struct session *session, int event, int user, int64_t now_ms)
{
	int64_t ret = 0;

	for (int i = 0; i < TABLE_BOOKINGS_MAX; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (!booking->exists || booking->event != event || booking->user != user)
			continue;
		if (strcmp(booking->status, "confirmed") != 0 &&
		    (strcmp(booking->status, "held") != 0 || booking->expires_ms <= now_ms))
			continue;
		struct column seat = column_of(booking->seats);
		while (column_next(&seat))
			ret++;
	}
	return ret;
}

/* ---- Rows of parameters ---- */

#define COLUMNS_MAX 20

/* Row by row, columns that end sooner padded with NULL: false at the end. */
static bool next_row(struct column *columns, int count)
{
	bool is_there = false;

	for (int i = 0; i < count; i++) {
		const bool has_element = column_next(&columns[i]);
		columns[i].is_null = columns[i].is_null || !has_element;
		is_there = is_there || has_element;
	}
	return is_there;
}

static void open_columns(const struct statement *statement, struct column *columns, int count)
{
	assert(count <= COLUMNS_MAX && count <= statement->param_count);
	for (int i = 0; i < count; i++)
		columns[i] = column_of(statement->params[i]);
}

const char *write_seats(struct session *session, const struct statement *statement, PGresult **ret)
{
	struct column columns[COLUMNS_MAX];
	(void)ret;

	open_columns(statement, columns, 7);
	while (next_row(columns, 7)) {
		const int e = number_of(columns[0].text);
		const int s = number_of(columns[1].text);
		const char *const error = session_lock(session, LOCK_SEAT + e * WORLD_SEATS + s);
		if (error)
			return error;
		session_need_xid(session);
		struct seat_row *const seat = change_seat(session, e, s);
		column_copy(&columns[2], seat->status, sizeof(seat->status));
		seat->booking = columns[3].is_null ? NOBODY : number_of(columns[3].text);
		seat->user = columns[4].is_null ? NOBODY : number_of(columns[4].text);
		seat->version = column_int(&columns[5]);
		seat->expires_ms = column_int(&columns[6]);
		const bool is_held = strcmp(seat->status, "held") == 0;
		const bool is_owned = is_held || strcmp(seat->status, "booked") == 0;
		if (is_owned != (seat->booking != NOBODY && seat->user != NOBODY) ||
		    is_held != (seat->expires_ms != NONE))
			return "23514 a check of seats";
	}
	return NULL;
}

static void fill_state(struct booking_row *booking, const struct column *columns)
{
	column_copy(&columns[1], booking->status, sizeof(booking->status));
	column_copy(&columns[2], booking->reason, sizeof(booking->reason));
	booking->version = column_int(&columns[3]);
	booking->extensions = column_int(&columns[4]);
	column_copy(&columns[5], booking->payment, sizeof(booking->payment));
	booking->decided_ms = column_int(&columns[6]);
	booking->expires_ms = column_int(&columns[7]);
}

const char *update_bookings(struct session *session, const struct statement *statement,
			    PGresult **ret)
{
	struct column columns[COLUMNS_MAX];
	(void)ret;

	open_columns(statement, columns, 8);
	while (next_row(columns, 8)) {
		const int number = number_of(columns[0].text);
		const char *const error = session_lock(session, LOCK_BOOKING + number);
		if (error)
			return error;
		if (see_booking(session, number)->exists)
			fill_state(change_booking(session, number), columns);
	}
	return NULL;
}

static void or_empty(char *list)
{
	if (list[0] == '\0')
		(void)snprintf(list, TABLE_LIST_MAX, "{}");
}

static void fill_new(struct booking_row *booking, const struct column *columns)
{
	booking->exists = true;
	fill_state(booking, columns);
	booking->event = columns[8].is_null ? NOBODY : number_of(columns[8].text);
	booking->user = columns[9].is_null ? NOBODY : number_of(columns[9].text);
	column_copy(&columns[10], booking->mode, sizeof(booking->mode));
	column_copy(&columns[11], booking->seats, sizeof(booking->seats));
	column_copy(&columns[12], booking->lost, sizeof(booking->lost));
	column_copy(&columns[13], booking->prices, sizeof(booking->prices));
	or_empty(booking->seats);
	or_empty(booking->lost);
	or_empty(booking->prices);
	booking->total = column_int(&columns[14]);
	column_copy(&columns[15], booking->currency, sizeof(booking->currency));
	booking->key = columns[16].is_null ? NOBODY : number_of(columns[16].text);
	booking->requested_ms = column_int(&columns[17]);
}

/* bookings_keep_limit */
static const char *check_limit(struct session *session, const struct booking_row *booking)
{
	if (booking->event < 0 || booking->event >= WORLD_EVENTS ||
	    strcmp(booking->status, "rejected") == 0)
		return NULL;
	const int64_t max = table_events[booking->event].seats_per_user_max;
	if (max != NONE &&
	    live_seats_of(session, booking->event, booking->user, scheduler_now_ms()) > max)
		return "23514 more seats than seats_per_user_max";
	return NULL;
}

static const char *insert_booking(struct session *session, const struct column *columns,
				  int partition)
{
	const int number = number_of(columns[0].text);
	const int key = columns[16].is_null ? NOBODY : number_of(columns[16].text);

	session_need_xid(session);
	const char *error = session_lock(session, LOCK_BOOKING + number);
	if (!error && key != NOBODY)
		error = session_lock(session, LOCK_KEY + key);
	if (error)
		return error;
	if (see_booking(session, number)->exists)
		return "23505 bookings_pkey";
	if (key != NOBODY && owner_of_key(session, key) != NOBODY)
		return "23505 bookings_by_key";
	struct booking_row *const booking = change_booking(session, number);
	fill_new(booking, columns);
	booking->partition = partition;
	return NULL;
}

/* Inserted in the order of their keys, those without one last. */
const char *write_bookings(struct session *session, const struct statement *statement,
			   PGresult **ret)
{
	struct column columns[COLUMNS_MAX];
	const int partition = (int)sql_int(statement, 18);
	int after = NOBODY - 1;
	(void)ret;

	for (;;) {
		int next = INT32_MAX;
		open_columns(statement, columns, 18);
		while (next_row(columns, 18)) {
			const int key =
				columns[16].is_null ? INT32_MAX : number_of(columns[16].text);
			if (key > after && key < next)
				next = key;
		}
		open_columns(statement, columns, 18);
		while (next_row(columns, 18)) {
			const int key =
				columns[16].is_null ? INT32_MAX : number_of(columns[16].text);
			const char *const error =
				key == next ? insert_booking(session, columns, partition) : NULL;
			if (error)
				return error;
		}
		if (next == INT32_MAX)
			break;
		after = next;
	}
	const struct pending *const pending = session_pending(session);
	for (int i = 0; i < pending->booking_count; i++) {
		const char *const error = pending->bookings[i].is_new
						  ? check_limit(session, &pending->bookings[i].row)
						  : NULL;
		if (error)
			return error;
	}
	return NULL;
}

static void fill_log(struct log_entry *entry, const struct booking_row *booking,
		     const struct column *columns)
{
	entry->booking = *booking;
	entry->booking.version = column_int(&columns[1]);
	column_copy(&columns[2], entry->booking.status, sizeof(entry->booking.status));
	column_copy(&columns[3], entry->booking.reason, sizeof(entry->booking.reason));
	entry->booking.expires_ms = column_int(&columns[4]);
	entry->booking.extensions = column_int(&columns[5]);
	if (strcmp(entry->booking.status, "held") == 0)
		entry->booking.payment[0] = '\0';
	column_copy(&columns[6], entry->command, sizeof(entry->command));
	entry->command_id = columns[7].is_null ? NOBODY : number_of(columns[7].text);
	entry->actor = columns[8].is_null ? NOBODY : number_of(columns[8].text);
	column_copy(&columns[9], entry->result, sizeof(entry->result));
	column_copy(&columns[10], entry->refusal, sizeof(entry->refusal));
	column_copy(&columns[11], entry->changed, sizeof(entry->changed));
	column_copy(&columns[12], entry->positions, sizeof(entry->positions));
	column_copy(&columns[13], entry->statuses, sizeof(entry->statuses));
	column_copy(&columns[14], entry->versions, sizeof(entry->versions));
	or_empty(entry->changed);
	or_empty(entry->positions);
	or_empty(entry->statuses);
	or_empty(entry->versions);
}

/* booking_log_by_booking and booking_log_by_command. Of two transactions at once the second would
 * wait; here they hold the booking's row. */
static bool is_unique(const struct session *session, const struct log_entry *entry)
{
	(void)session;
	for (int i = 0; i < tables.log_count; i++)
		if (table_log[i].number == entry->number &&
		    (table_log[i].booking.version == entry->booking.version ||
		     (entry->command_id != NOBODY && table_log[i].command_id == entry->command_id)))
			return false;
	return true;
}

const char *write_log(struct session *session, const struct statement *statement, PGresult **ret)
{
	struct pending *const pending = session_pending(session);
	struct column columns[COLUMNS_MAX];
	(void)ret;

	session_need_xid(session);
	open_columns(statement, columns, 15);
	while (next_row(columns, 15)) {
		const int number = number_of(columns[0].text);
		const struct booking_row *const booking = see_booking(session, number);
		if (!booking->exists)
			continue;
		assert(pending->log_count < PENDING_LOG_MAX);
		struct log_entry *const entry = &pending->log[pending->log_count];
		fill_log(entry, booking, columns);
		entry->number = number;
		entry->xid = session_xid(session);
		entry->seq = session_next_seq();
		entry->decided_ms = sql_int(statement, 15);
		if (!is_unique(session, entry))
			return "23505 booking_log";
		pending->log_count++;
	}
	return NULL;
}
