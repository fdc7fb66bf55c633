#include "changes.h"

#include "clock.h"
#include "projector_sql.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 24 /* any 64-bit integer and its NUL */

/* Columns of changes.sql. */
enum column {
	COLUMN_XID,
	COLUMN_SEQ,
	COLUMN_BOOKING_ID,
	COLUMN_BOOKING_VERSION,
	COLUMN_EVENT_ID,
	COLUMN_USER_ID,
	COLUMN_MODE,
	COLUMN_BOOKING_SEATS,
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
	COLUMN_COMMAND,
	COLUMN_COMMAND_ID,
	COLUMN_ACTOR,
	COLUMN_RESULT,
	COLUMN_REFUSAL,
	COLUMN_SEAT_COUNT,
	COLUMN_SEAT_IDS,
	COLUMN_SEAT_POSITIONS,
	COLUMN_SEAT_STATUSES,
	COLUMN_SEAT_VERSIONS,
};

/* The parallel arrays of a row, element by element. */
struct seat_arrays {
	const char *ids;
	const char *positions;
	const char *statuses;
	const char *versions;
};

int log_position_compare(const struct log_position *a, const struct log_position *b)
{
	if (a->xid != b->xid)
		return a->xid < b->xid ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

err_code changes_listen(struct pg *pg, struct err *err)
{
	return pg_query(pg, NULL, SQL_LISTEN, NULL, 0, NULL, err);
}

static bool next_number(const char **array, int64_t *ret)
{
	char text[NUMBER_BYTES_MAX];
	bool is_null = false;

	if (!pg_array_next(array, text, sizeof(text), &is_null) || is_null)
		return false;
	*ret = strtoll(text, NULL, 10);
	return true;
}

static bool next_seat(struct seat_arrays *arrays, struct log_seat *ret)
{
	char status[16];
	bool id_is_null = false;
	bool status_is_null = false;
	int64_t position = -1;

	if (!pg_array_next(&arrays->ids, ret->seat_id, sizeof(ret->seat_id), &id_is_null) ||
	    !pg_array_next(&arrays->statuses, status, sizeof(status), &status_is_null) ||
	    !next_number(&arrays->positions, &position) ||
	    !next_number(&arrays->versions, &ret->version))
		return false;
	if (id_is_null || status_is_null || position < 0 ||
	    position >= (int64_t)BLOCKS_MAX * BLOCK_SEATS)
		return false;

	ret->position = (int32_t)position;
	ret->status = seat_status_parse(status);
	return ret->status != SEAT_STATUS_COUNT;
}

/* The texts stay where they are, in the result. */
static struct booking_values booking_at(const PGresult *res, int i)
{
	return (struct booking_values){
		.booking_id = pg_text_at(res, i, COLUMN_BOOKING_ID),
		.version = pg_int_at(res, i, COLUMN_BOOKING_VERSION),
		.event_id = pg_text_at(res, i, COLUMN_EVENT_ID),
		.user_id = pg_text_at(res, i, COLUMN_USER_ID),
		.mode = pg_text_at(res, i, COLUMN_MODE),
		.seats = pg_text_at(res, i, COLUMN_BOOKING_SEATS),
		.status = pg_text_at(res, i, COLUMN_STATUS),
		.reason = pg_text_at(res, i, COLUMN_REASON),
		.seats_lost = pg_text_at(res, i, COLUMN_SEATS_LOST),
		.prices = pg_text_at(res, i, COLUMN_PRICES),
		.total_minor = pg_int_or(res, i, COLUMN_TOTAL, NUMBER_NONE),
		.currency = pg_text_at(res, i, COLUMN_CURRENCY),
		.payment_reference = pg_text_at(res, i, COLUMN_PAYMENT),
		.extensions = pg_int_at(res, i, COLUMN_EXTENSIONS),
		.requested_at_ms = pg_int_at(res, i, COLUMN_REQUESTED_MS),
		.decided_at_ms = pg_int_at(res, i, COLUMN_DECIDED_MS),
		.expires_at_ms = pg_int_or(res, i, COLUMN_EXPIRES_MS, NUMBER_NONE),
	};
}

static void read_row(const PGresult *res, int i, struct log_row *ret)
{
	*ret = (struct log_row){
		.xid = strtoull(PQgetvalue(res, i, COLUMN_XID), NULL, 10),
		.seq = pg_int_at(res, i, COLUMN_SEQ),
		.booking = booking_at(res, i),
		.is_done = PQgetisnull(res, i, COLUMN_REFUSAL),
	};
	ret->decision = (struct decision){
		.version = ret->booking.version,
		.at_ms = ret->booking.decided_at_ms,
		.status = ret->booking.status,
		.command = pg_text_at(res, i, COLUMN_COMMAND),
		.command_id = pg_text_at(res, i, COLUMN_COMMAND_ID),
		.actor = pg_text_at(res, i, COLUMN_ACTOR),
		.result = pg_text_at(res, i, COLUMN_RESULT),
		.reason = ret->is_done ? ret->booking.reason : pg_text_at(res, i, COLUMN_REFUSAL),
		.expires_at_ms = ret->booking.expires_at_ms,
	};
}

static bool read_seats(const PGresult *res, int i, struct log_seat *seats, size_t count)
{
	struct seat_arrays arrays = {
		.ids = PQgetvalue(res, i, COLUMN_SEAT_IDS),
		.positions = PQgetvalue(res, i, COLUMN_SEAT_POSITIONS),
		.statuses = PQgetvalue(res, i, COLUMN_SEAT_STATUSES),
		.versions = PQgetvalue(res, i, COLUMN_SEAT_VERSIONS),
	};

	for (size_t k = 0; k < count; k++)
		if (!next_seat(&arrays, &seats[k]))
			return false;
	return true;
}

static err_code read_rows(struct log_batch *batch, struct err *err)
{
	const PGresult *const res = batch->texts;
	const int count = PQntuples(res);

	size_t seat_count = 0;
	for (int i = 0; i < count; i++)
		seat_count += (size_t)pg_int_at(res, i, COLUMN_SEAT_COUNT);
	batch->rows = calloc((size_t)count + 1, sizeof(*batch->rows));
	batch->seats = calloc(seat_count + 1, sizeof(*batch->seats));
	assert(batch->rows && batch->seats);

	size_t used = 0;
	for (int i = 0; i < count; i++) {
		struct log_row *const row = &batch->rows[i];
		read_row(res, i, row);
		row->seats = batch->seats + used;
		row->seat_count = (size_t)pg_int_at(res, i, COLUMN_SEAT_COUNT);
		if (!read_seats(res, i, batch->seats + used, row->seat_count))
			return err_set(err, ERR_INTERNAL, "log row %" PRId64 " cannot be read",
				       row->seq);
		used += row->seat_count;
	}
	batch->count = (size_t)count;
	if (count > 0)
		batch->last = (struct log_position){ batch->rows[count - 1].xid,
						     batch->rows[count - 1].seq };
	return ERR_OK;
}

err_code changes_read(struct pg *pg, const struct log_position *after, int64_t rows_max,
		      struct log_batch *ret, struct err *err)
{
	char xid[NUMBER_BYTES_MAX];
	char seq[NUMBER_BYTES_MAX];
	char limit[NUMBER_BYTES_MAX];
	(void)snprintf(xid, sizeof(xid), "%" PRIu64, after->xid);
	(void)snprintf(seq, sizeof(seq), "%" PRId64, after->seq);
	(void)snprintf(limit, sizeof(limit), "%" PRId64, rows_max);
	const char *const params[] = { xid, seq, limit };

	_cleanup_(log_batch_done) struct log_batch batch = { 0 };
	err_code code = pg_query(pg, "changes", SQL_CHANGES, params, 3, &batch.texts, err);
	if (code == ERR_OK)
		code = read_rows(&batch, err);
	if (code == ERR_OK) {
		*ret = batch;
		batch = (struct log_batch){ 0 };
	}
	return code;
}

bool log_batch_cancels_events(const struct log_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct log_row *const row = &batch->rows[i];
		if (row->is_done && row->booking.mode &&
		    strcmp(row->booking.mode, "cancel_event") == 0)
			return true;
	}
	return false;
}

void log_batch_done(struct log_batch *batch)
{
	free(batch->rows);
	free(batch->seats);
	PQclear(batch->texts);
	*batch = (struct log_batch){ 0 };
}

static bool take_notifications(PGconn *conn)
{
	bool any = false;

	for (PGnotify *note = PQnotifies(conn); note; note = PQnotifies(conn)) {
		PQfreemem(note);
		any = true;
	}
	return any;
}

bool changes_wait(struct pg *pg, int64_t timeout_ms)
{
	PGconn *const conn = pg_conn(pg);
	if (!conn) {
		clock_sleep_ms(timeout_ms);
		return false;
	}
	if (take_notifications(conn))
		return true;

	struct pollfd socket = { .fd = PQsocket(conn), .events = POLLIN };
	if (poll(&socket, 1, (int)timeout_ms) <= 0)
		return false;
	if (!PQconsumeInput(conn)) {
		pg_drop(pg);
		return false;
	}
	return take_notifications(conn);
}

err_code changes_lag(struct pg *pg, const struct log_position *after, struct changes_lag *ret,
		     struct err *err)
{
	char xid[NUMBER_BYTES_MAX];
	char seq[NUMBER_BYTES_MAX];
	char limit[NUMBER_BYTES_MAX];
	(void)snprintf(xid, sizeof(xid), "%" PRIu64, after->xid);
	(void)snprintf(seq, sizeof(seq), "%" PRId64, after->seq);
	(void)snprintf(limit, sizeof(limit), "%d", CHANGES_LAG_ROWS_MAX);
	const char *const params[] = { xid, seq, limit };

	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "lag", SQL_LAG, params, 3, &res, err);
	if (code == ERR_OK)
		*ret = (struct changes_lag){ pg_int_at(res, 0, 0), pg_int_at(res, 0, 1) };
	return code;
}

err_code changes_newest(struct pg *pg, struct log_position *ret, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "newest_change", SQL_NEWEST_CHANGE, NULL, 0, &res, err);
	if (code != ERR_OK)
		return code;

	*ret = (struct log_position){ 0 };
	if (PQntuples(res) > 0)
		*ret = (struct log_position){ strtoull(PQgetvalue(res, 0, 0), NULL, 10),
					      pg_int_at(res, 0, 1) };
	return ERR_OK;
}
