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

int64_t live_seats_of(struct session *session, int event, int user, bool held_only, int64_t now_ms)
{
	int64_t ret = 0;

	for (int i = 0; i < TABLE_BOOKINGS_MAX; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (!booking->exists || booking->event != event || booking->user != user)
			continue;
		if (!is_live_row(booking) || is_lapsed(booking, now_ms) ||
		    (held_only && strcmp(booking->status, "held") != 0))
			continue;
		struct column seat = column_of(booking->seats);
		while (column_next(&seat))
			ret++;
	}
	return ret;
}

/* ---- Rows of parameters ---- */

#define BOOKING_COLUMNS 21 /* of write_bookings, before the partition */
#define BOOKING_KEY     20
#define LOG_COLUMNS     33 /* of write_log, before the time */

#define COLUMNS_MAX 36

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

/* A list of one is its element; of more, an array literal. */
static void fill_list(char *list, const struct column *one, const struct column *more)
{
	column_copy(more, list, TABLE_LIST_MAX);
	if (one->is_null && list[0] != '\0')
		return;
	const int len = snprintf(list, TABLE_LIST_MAX, "{%s}", one->is_null ? "" : one->text);
	assert(len < TABLE_LIST_MAX);
}

/* What of a booking never changes. */
static void fill_made(struct booking_row *booking, const struct column *columns)
{
	booking->event = columns[0].is_null ? NOBODY : number_of(columns[0].text);
	booking->user = columns[1].is_null ? NOBODY : number_of(columns[1].text);
	column_copy(&columns[2], booking->mode, sizeof(booking->mode));
	fill_list(booking->seats, &columns[3], &columns[4]);
	fill_list(booking->lost, &columns[5], &columns[6]);
	fill_list(booking->prices, &columns[7], &columns[8]);
	booking->total = column_int(&columns[9]);
	column_copy(&columns[10], booking->currency, sizeof(booking->currency));
	booking->requested_ms = column_int(&columns[11]);
}

static void fill_new(struct booking_row *booking, const struct column *columns)
{
	booking->exists = true;
	fill_state(booking, columns);
	fill_made(booking, &columns[8]);
	booking->key = columns[BOOKING_KEY].is_null ? NOBODY : number_of(columns[BOOKING_KEY].text);
}

/* bookings_keep_limit */
static const char *check_limit(struct session *session, const struct booking_row *booking)
{
	if (booking->event < 0 || booking->event >= WORLD_EVENTS ||
	    !is_live_row(booking))
		return NULL;
	const struct event_row *const event = &table_events[booking->event];
	const int64_t now_ms = scheduler_now_ms();
	if (event->seats_per_user_max != NONE &&
	    live_seats_of(session, booking->event, booking->user, false, now_ms) >
		    event->seats_per_user_max)
		return "23514 more seats than seats_per_user_max";
	if (event->holds_per_user_max != NONE && strcmp(booking->status, "held") == 0 &&
	    live_seats_of(session, booking->event, booking->user, true, now_ms) >
		    event->holds_per_user_max)
		return "23514 more holds than holds_per_user_max";
	return NULL;
}

static const char *insert_booking(struct session *session, const struct column *columns,
				  int partition)
{
	const int number = number_of(columns[0].text);
	const int key = columns[BOOKING_KEY].is_null ? NOBODY
						     : number_of(columns[BOOKING_KEY].text);

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

static int key_order(const struct column *columns)
{
	return columns[BOOKING_KEY].is_null ? INT32_MAX : number_of(columns[BOOKING_KEY].text);
}

/* Inserted in the order of their keys, those without one last. */
const char *write_bookings(struct session *session, const struct statement *statement,
			   PGresult **ret)
{
	struct column columns[COLUMNS_MAX];
	const int partition = (int)sql_int(statement, BOOKING_COLUMNS);
	int after = NOBODY - 1;
	(void)ret;

	for (;;) {
		int next = INT32_MAX;
		open_columns(statement, columns, BOOKING_COLUMNS);
		while (next_row(columns, BOOKING_COLUMNS)) {
			const int key = key_order(columns);
			if (key > after && key < next)
				next = key;
		}
		open_columns(statement, columns, BOOKING_COLUMNS);
		while (next_row(columns, BOOKING_COLUMNS)) {
			if (key_order(columns) != next)
				continue;
			const char *const error = insert_booking(session, columns, partition);
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

const char *cancel_events(struct session *session, const struct statement *statement,
			  PGresult **ret)
{
	struct pending *const pending = session_pending(session);
	struct column event = column_of(statement->params[0]);
	(void)ret;

	session_need_xid(session);
	while (column_next(&event))
		pending->cancelled_ms[number_of(event.text)] = sql_int(statement, 1);
	return NULL;
}

static void fill_log(struct log_entry *entry, const struct booking_row *booking,
		     const struct column *columns)
{
	entry->booking = *booking;
	fill_made(&entry->booking, &columns[13]);
	entry->booking.version = column_int(&columns[1]);
	column_copy(&columns[2], entry->booking.status, sizeof(entry->booking.status));
	column_copy(&columns[3], entry->booking.reason, sizeof(entry->booking.reason));
	entry->booking.expires_ms = column_int(&columns[4]);
	entry->booking.extensions = column_int(&columns[5]);
	column_copy(&columns[11], entry->booking.payment, sizeof(entry->booking.payment));
	if (strcmp(entry->booking.status, "held") == 0)
		entry->booking.payment[0] = '\0';
	column_copy(&columns[6], entry->command, sizeof(entry->command));
	entry->command_id = columns[7].is_null ? NOBODY : number_of(columns[7].text);
	entry->actor = columns[8].is_null ? NOBODY : number_of(columns[8].text);
	column_copy(&columns[9], entry->result, sizeof(entry->result));
	column_copy(&columns[10], entry->refusal, sizeof(entry->refusal));
	fill_list(entry->changed, &columns[25], &columns[29]);
	fill_list(entry->positions, &columns[26], &columns[30]);
	fill_list(entry->statuses, &columns[27], &columns[31]);
	fill_list(entry->versions, &columns[28], &columns[32]);
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
	open_columns(statement, columns, LOG_COLUMNS);
	while (next_row(columns, LOG_COLUMNS)) {
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
		entry->decided_ms = sql_int(statement, LOG_COLUMNS);
		if (!is_unique(session, entry))
			return "23505 booking_log";
		pending->log_count++;
	}
	return NULL;
}
