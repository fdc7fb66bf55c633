/* projector/sql, a function for each file. */
#include "postgres.h"
#include "scheduler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_ID "00000000-0000-4000-8000-00000000000a"

static int64_t int_param(const struct statement *statement, int i)
{
	return strtoll(statement->params[i], NULL, 10);
}

static uint64_t xmin_of(const struct session *session)
{
	const struct tables *const seen = session_tables(session);

	return seen == &tables ? postgres_xmin() : seen->xmin;
}

static const char *begin_snapshot(struct session *session, const struct statement *statement,
				  PGresult **ret)
{
	(void)statement;
	(void)ret;
	session_begin(session, true);

	return NULL;
}

/* ---- The lead ---- */

static const char *take_lock(struct session *session, const struct statement *statement,
			     PGresult **ret)
{
	(void)statement;

	*ret = rows_new(1);
	rows_text(*ret, 0, 0, session_try_lock(session, LOCK_LEADER) ? "t" : "f");
	return NULL;
}

static const char *model(struct session *session, const struct statement *statement, PGresult **ret)
{
	char xmin[24];
	(void)statement;
	(void)snprintf(xmin, sizeof(xmin), "%" PRIu64, xmin_of(session));

	*ret = rows_new(2);
	rows_text(*ret, 0, 0, LEDGER_ID);
	rows_text(*ret, 0, 1, xmin);
	return NULL;
}

/* ---- The log ---- */

static bool is_after(const struct log_entry *entry, uint64_t xid, int64_t seq)
{
	return entry->xid > xid || (entry->xid == xid && entry->seq > seq);
}

static void add_change(PGresult *rows, int row, const struct log_entry *entry)
{
	const struct booking_row *const booking = &entry->booking;
	struct column changed = column_of(entry->changed);
	int64_t seats = 0;

	while (column_next(&changed))
		seats++;
	rows_int(rows, row, 0, (int64_t)entry->xid);
	rows_int(rows, row, 1, entry->seq);
	rows_uuid(rows, row, 2, entry->number);
	rows_int(rows, row, 3, booking->version);
	rows_name(rows, row, 4, 'e', booking->event);
	rows_name(rows, row, 5, 'u', booking->user);
	rows_text(rows, row, 6, booking->mode);
	rows_text(rows, row, 7, booking->seats);
	rows_text(rows, row, 8, booking->status);
	rows_text(rows, row, 9, booking->reason);
	rows_text(rows, row, 10, booking->lost);
	rows_text(rows, row, 11, booking->prices);
	rows_int(rows, row, 12, booking->total);
	rows_text(rows, row, 13, booking->currency);
	rows_text(rows, row, 14, booking->payment);
	rows_int(rows, row, 15, booking->extensions);
	rows_int(rows, row, 16, booking->requested_ms);
	rows_int(rows, row, 17, entry->decided_ms);
	rows_int(rows, row, 18, booking->expires_ms);
	rows_text(rows, row, 19, entry->command);
	rows_uuid(rows, row, 20, entry->command_id);
	rows_name(rows, row, 21, 'u', entry->actor);
	rows_text(rows, row, 22, entry->result);
	rows_text(rows, row, 23, entry->refusal);
	rows_int(rows, row, 24, seats);
	rows_text(rows, row, 25, entry->changed);
	rows_text(rows, row, 26, entry->positions);
	rows_text(rows, row, 27, entry->statuses);
	rows_text(rows, row, 28, entry->versions);
}

/* The row of the log that is next after a place; NULL: there is none. */
static const struct log_entry *next_entry(const struct session *session, uint64_t xid, int64_t seq)
{
	const struct log_entry *ret = NULL;

	for (int i = 0; i < session_tables(session)->log_count; i++) {
		const struct log_entry *const entry = &table_log[i];
		if (is_after(entry, xid, seq) && (!ret || is_after(ret, entry->xid, entry->seq)))
			ret = entry;
	}
	return ret;
}

static const char *changes(struct session *session, const struct statement *statement,
			   PGresult **ret)
{
	uint64_t xid = strtoull(statement->params[0], NULL, 10);
	int64_t seq = int_param(statement, 1);
	const uint64_t xmin = xmin_of(session);

	*ret = rows_new(29);
	for (int row = 0; row < int_param(statement, 2); row++) {
		const struct log_entry *const entry = next_entry(session, xid, seq);
		if (!entry)
			break;
		if (entry->xid >= xmin) {
			world_count(rows_withheld);
			break;
		}
		add_change(*ret, row, entry);
		xid = entry->xid;
		seq = entry->seq;
	}
	return NULL;
}

static const char *lag(struct session *session, const struct statement *statement, PGresult **ret)
{
	const uint64_t xid = strtoull(statement->params[0], NULL, 10);
	const int64_t seq = int_param(statement, 1);
	int64_t count = 0;

	for (int i = 0; i < session_tables(session)->log_count; i++)
		count += is_after(&table_log[i], xid, seq);
	*ret = rows_new(2);
	rows_int(*ret, 0, 0, count);
	rows_int(*ret, 0, 1, 0);
	return NULL;
}

/* ---- Events and maps ---- */

static const char *fingerprint(struct session *session, const struct statement *statement,
			       PGresult **ret)
{
	char text[32];
	int64_t versions = 0;
	(void)session;
	(void)statement;

	for (int i = 0; i < WORLD_EVENTS; i++)
		versions += table_events[i].version;
	(void)snprintf(text, sizeof(text), "3:%" PRId64, versions);
	*ret = rows_new(1);
	rows_text(*ret, 0, 0, text);
	return NULL;
}

static void add_event(PGresult *rows, int row, int event, struct session *session)
{
	static const char *const statuses[] = { "available", "held", "booked", "blocked" };
	const struct event_row *const from = &table_events[event];
	int64_t version = 0;
	int64_t counts[4] = { 0 };

	for (int i = 0; i < WORLD_SEATS; i++) {
		const struct seat_row *const seat = see_seat(session, event, i);
		version += seat->version;
		for (int k = 0; k < 4; k++)
			counts[k] += strcmp(seat->status, statuses[k]) == 0;
	}
	rows_name(rows, row, 0, 'e', event);
	for (int column = 1; column <= 4; column++)
		rows_text(rows, row, column, column == 3 ? "0" : "-");
	rows_text(rows, row, 5, "EUR");
	rows_int(rows, row, 6, from->hold_ttl_ms);
	rows_int(rows, row, 7, from->extensions_max);
	rows_int(rows, row, 8, from->seats_per_user_max);
	rows_int(rows, row, 9, from->sales_open_ms);
	rows_int(rows, row, 10, from->sales_close_ms);
	rows_int(rows, row, 11, from->cancelled_ms);
	rows_int(rows, row, 12, from->version);
	rows_int(rows, row, 13, version);
	for (int k = 0; k < 4; k++)
		rows_int(rows, row, 14 + k, counts[k]);
	rows_int(rows, row, 18, WORLD_SEATS);
	rows_int(rows, row, 19, WORLD_SEATS - 1);
	rows_int(rows, row, 20, from->holds_per_user_max);
}

static const char *events(struct session *session, const struct statement *statement,
			  PGresult **ret)
{
	const int only = number_of(statement->params[0]);
	const int after = number_of(statement->params[1]);
	int row = 0;

	*ret = rows_new(21);
	for (int i = 0; i < WORLD_EVENTS; i++)
		if ((only == NOBODY || only == i) && i > after)
			add_event(*ret, row++, i, session);
	return NULL;
}

static const char *event_maps(struct session *session, const struct statement *statement,
			      PGresult **ret)
{
	int row = 0;
	(void)session;

	*ret = rows_new(2);
	for (int i = number_of(statement->params[0]) + 1; i < WORLD_EVENTS; i++) {
		rows_name(*ret, row, 0, 'e', i);
		rows_int(*ret, row++, 1, WORLD_SEATS - 1);
	}
	return NULL;
}

static const char *event_versions(struct session *session, const struct statement *statement,
				  PGresult **ret)
{
	int row = 0;
	(void)session;

	*ret = rows_new(2);
	for (int i = number_of(statement->params[0]) + 1; i < WORLD_EVENTS; i++) {
		rows_name(*ret, row, 0, 'e', i);
		rows_int(*ret, row++, 1, table_events[i].version);
	}
	return NULL;
}

static const char *block(struct session *session, const struct statement *statement, PGresult **ret)
{
	const int event = number_of(statement->params[0]);

	*ret = rows_new(10);
	for (int i = 0; i < WORLD_SEATS && int_param(statement, 1) == 0; i++) {
		const struct seat_row *const seat = see_seat(session, event, i);
		rows_int(*ret, i, 0, i);
		rows_name(*ret, i, 1, 's', i);
		rows_text(*ret, i, 2, seat->status);
		rows_name(*ret, i, 3, 'u', seat->user);
		rows_uuid(*ret, i, 4, seat->booking);
		rows_int(*ret, i, 5, seat->version);
		rows_text(*ret, i, 6, "-");
		rows_text(*ret, i, 7, "-");
		rows_int(*ret, i, 8, i);
		rows_int(*ret, i, 9, price_of(i));
	}
	return NULL;
}

/* ---- Bookings ---- */

static void add_booking(PGresult *rows, int row, int number, const struct booking_row *booking)
{
	rows_uuid(rows, row, 0, number);
	rows_int(rows, row, 1, booking->version);
	rows_name(rows, row, 2, 'e', booking->event);
	rows_name(rows, row, 3, 'u', booking->user);
	rows_text(rows, row, 4, booking->mode);
	rows_text(rows, row, 5, booking->seats);
	rows_text(rows, row, 6, booking->status);
	rows_text(rows, row, 7, booking->reason);
	rows_text(rows, row, 8, booking->lost);
	rows_text(rows, row, 9, booking->prices);
	rows_int(rows, row, 10, booking->total);
	rows_text(rows, row, 11, booking->currency);
	rows_text(rows, row, 12, booking->payment);
	rows_int(rows, row, 13, booking->extensions);
	rows_int(rows, row, 14, booking->requested_ms);
	rows_int(rows, row, 15, booking->decided_ms);
	rows_int(rows, row, 16, booking->expires_ms);
}

static void add_decision(PGresult *rows, int row, const struct log_entry *entry)
{
	rows_int(rows, row, 17, entry->booking.version);
	rows_int(rows, row, 18, entry->decided_ms);
	rows_text(rows, row, 19, entry->booking.status);
	rows_text(rows, row, 20, entry->command);
	rows_uuid(rows, row, 21, entry->command_id);
	rows_name(rows, row, 22, 'u', entry->actor);
	rows_text(rows, row, 23, entry->result);
	rows_text(rows, row, 24, entry->refusal[0] ? entry->refusal : entry->booking.reason);
	rows_int(rows, row, 25, entry->booking.expires_ms);
}

static const struct log_entry *decision_of(const struct session *session, int number,
					   int64_t version)
{
	for (int i = 0; i < session_tables(session)->log_count; i++)
		if (table_log[i].number == number && table_log[i].booking.version == version)
			return &table_log[i];
	return NULL;
}

/* No booking here has more decisions than a history keeps. */
static const char *bookings(struct session *session, const struct statement *statement,
			    PGresult **ret)
{
	bool wanted[TABLE_BOOKINGS_MAX] = { false };
	struct column id = column_of(statement->params[0]);
	int row = 0;

	while (column_next(&id))
		wanted[number_of(id.text)] = true;
	*ret = rows_new(26);
	for (int i = 0; i < session_tables(session)->booking_end; i++) {
		const struct booking_row *const booking = see_booking(session, i);
		if (!wanted[i] || !booking->exists)
			continue;
		for (int64_t version = 1; version <= booking->version; version++) {
			const struct log_entry *const entry = decision_of(session, i, version);
			if (!entry)
				continue;
			add_booking(*ret, row, i, booking);
			add_decision(*ret, row++, entry);
		}
	}
	return NULL;
}

static const char *booking_ids(struct session *session, const struct statement *statement,
			       PGresult **ret)
{
	/* Longer than other values, so set here. */
	static char list[TABLE_BOOKINGS_MAX * (UUID_BYTES_MAX + 1) + 3];
	const bool is_first = strncmp(statement->params[0], "00000000-0000-0", 15) == 0 &&
			      strcmp(statement->params[0] + 15, "000-0000-000000000000") == 0;
	const int after = is_first ? NOBODY : number_of(statement->params[0]);
	char last[UUID_BYTES_MAX] = "";
	size_t len = 1;
	int count = 0;

	list[0] = '{';
	for (int i = after + 1; i < session_tables(session)->booking_end; i++) {
		if (!see_booking(session, i)->exists || count >= int_param(statement, 1))
			continue;
		uuid_of(i, last);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", count ? "," : "",
					last);
		count++;
	}
	list[len++] = '}';
	list[len] = '\0';
	*ret = rows_new(3);
	const int is_set = PQsetvalue(*ret, 0, 0, list, (int)len);
	assert(is_set);
	rows_int(*ret, 0, 1, count);
	rows_text(*ret, 0, 2, last);
	return NULL;
}

const struct statement_entry projector_statements[] = {
	{ "listen", statement_nothing },
	{ "watch_client", statement_nothing },
	{ "begin_snapshot", begin_snapshot },
	{ "take_lock", take_lock },
	{ "model", model },
	{ "changes", changes },
	{ "lag", lag },
	{ "events_fingerprint", fingerprint },
	{ "events", events },
	{ "event_maps", event_maps },
	{ "event_versions", event_versions },
	{ "block", block },
	{ "bookings", bookings },
	{ "booking_ids", booking_ids },
	{ NULL, NULL },
};
