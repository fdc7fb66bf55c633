#include "booking_page.h"

#include "projector_sql.h"

#include <stdio.h>
#include <string.h>

#define TEXT_OF(number) #number
#define LIMIT(number)   TEXT_OF(number)

/* Columns of bookings.sql. */
enum column {
	COLUMN_BOOKING_ID,
	COLUMN_VERSION,
	COLUMN_EVENT_ID,
	COLUMN_USER_ID,
	COLUMN_MODE,
	COLUMN_SEATS,
	COLUMN_STATUS,
	COLUMN_REASON,
	COLUMN_SEATS_LOST,
	COLUMN_PRICES,
	COLUMN_TOTAL,
	COLUMN_CURRENCY,
	COLUMN_PAYMENT,
	COLUMN_EXTENSIONS,
	COLUMN_REQUESTED_MS,
	COLUMN_DECIDED_MS,
	COLUMN_EXPIRES_MS,
	COLUMN_DECISION_VERSION,
	COLUMN_DECISION_MS,
	COLUMN_DECISION_STATUS,
	COLUMN_DECISION_COMMAND,
	COLUMN_DECISION_COMMAND_ID,
	COLUMN_DECISION_ACTOR,
	COLUMN_DECISION_RESULT,
	COLUMN_DECISION_REASON,
	COLUMN_DECISION_EXPIRES_MS,
};

err_code booking_page_of(struct pg *pg, const char *ids, struct booking_page *ret, struct err *err)
{
	const char *const params[] = { ids, LIMIT(DONE_MAX), LIMIT(STRANGERS_MAX),
				       LIMIT(HISTORY_MAX) };
	PGresult *rows = NULL;

	const err_code code = pg_query(pg, "bookings", SQL_BOOKINGS, params, 4, &rows, err);
	if (code == ERR_OK) {
		booking_page_done(ret);
		ret->rows = rows;
	}
	return code;
}

err_code booking_page_after(struct pg *pg, const char *after, struct booking_page *ret,
			    struct err *err)
{
	const char *const params[] = { after, LIMIT(BOOKING_PAGE_MAX) };
	_cleanup_(PQclearp) PGresult *ids = NULL;

	err_code code = pg_query(pg, "booking_ids", SQL_BOOKING_IDS, params, 2, &ids, err);
	if (code == ERR_OK)
		code = booking_page_of(pg, PQgetvalue(ids, 0, 0), ret, err);
	if (code != ERR_OK)
		return code;
	ret->is_last = pg_int_at(ids, 0, 1) < BOOKING_PAGE_MAX;
	(void)snprintf(ret->last, sizeof(ret->last), "%s", PQgetvalue(ids, 0, 2));
	return ERR_OK;
}

void booking_page_done(struct booking_page *page)
{
	PQclear(page->rows);
	page->rows = NULL;
	page->next_row = 0;
}

static struct decision decision_at(const PGresult *rows, int row)
{
	return (struct decision){
		.version = pg_int_at(rows, row, COLUMN_DECISION_VERSION),
		.at_ms = pg_int_at(rows, row, COLUMN_DECISION_MS),
		.status = pg_text_at(rows, row, COLUMN_DECISION_STATUS),
		.command = pg_text_at(rows, row, COLUMN_DECISION_COMMAND),
		.command_id = pg_text_at(rows, row, COLUMN_DECISION_COMMAND_ID),
		.actor = pg_text_at(rows, row, COLUMN_DECISION_ACTOR),
		.result = pg_text_at(rows, row, COLUMN_DECISION_RESULT),
		.reason = pg_text_at(rows, row, COLUMN_DECISION_REASON),
		.expires_at_ms = pg_int_or(rows, row, COLUMN_DECISION_EXPIRES_MS, NUMBER_NONE),
	};
}

static struct booking_values booking_at(const PGresult *rows, int row)
{
	return (struct booking_values){
		.booking_id = pg_text_at(rows, row, COLUMN_BOOKING_ID),
		.version = pg_int_at(rows, row, COLUMN_VERSION),
		.event_id = pg_text_at(rows, row, COLUMN_EVENT_ID),
		.user_id = pg_text_at(rows, row, COLUMN_USER_ID),
		.mode = pg_text_at(rows, row, COLUMN_MODE),
		.seats = pg_text_at(rows, row, COLUMN_SEATS),
		.status = pg_text_at(rows, row, COLUMN_STATUS),
		.reason = pg_text_at(rows, row, COLUMN_REASON),
		.seats_lost = pg_text_at(rows, row, COLUMN_SEATS_LOST),
		.prices = pg_text_at(rows, row, COLUMN_PRICES),
		.total_minor = pg_int_or(rows, row, COLUMN_TOTAL, NUMBER_NONE),
		.currency = pg_text_at(rows, row, COLUMN_CURRENCY),
		.payment_reference = pg_text_at(rows, row, COLUMN_PAYMENT),
		.extensions = pg_int_at(rows, row, COLUMN_EXTENSIONS),
		.requested_at_ms = pg_int_at(rows, row, COLUMN_REQUESTED_MS),
		.decided_at_ms = pg_int_at(rows, row, COLUMN_DECIDED_MS),
		.expires_at_ms = pg_int_or(rows, row, COLUMN_EXPIRES_MS, NUMBER_NONE),
	};
}

bool booking_page_next(struct booking_page *page, struct booking_values *ret)
{
	const PGresult *const rows = page->rows;
	const int end = PQntuples(rows);
	if (page->next_row == end)
		return false;

	struct booking_values booking = booking_at(rows, page->next_row);
	size_t count = 0;
	for (; page->next_row < end && count < HISTORY_ROWS_MAX &&
	       strcmp(pg_text_at(rows, page->next_row, COLUMN_BOOKING_ID), booking.booking_id) == 0;
	     page->next_row++)
		if (!PQgetisnull(rows, page->next_row, COLUMN_DECISION_VERSION))
			page->history[count++] = decision_at(rows, page->next_row);
	booking.history = page->history;
	booking.history_count = count;
	*ret = booking;
	return true;
}
