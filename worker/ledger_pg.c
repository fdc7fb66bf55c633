#include "ledger_pg.h"

#include "fault.h"
#include "ledger_rows.h"
#include "strbuf.h"
#include "worker_sql.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 24

struct ledger_pg {
	struct pg *pg;
	struct ledger_rows *rows;
};

struct ledger_pg *ledger_pg_new(struct pg *pg)
{
	assert(pg);

	struct ledger_pg *const ledger = calloc(1, sizeof(*ledger));
	assert(ledger);
	ledger->pg = pg;
	ledger->rows = ledger_rows_new();

	return ledger;
}

void ledger_pg_free(struct ledger_pg *ledger)
{
	if (!ledger)
		return;

	ledger_rows_free(ledger->rows);
	free(ledger);
}

/* A number as a parameter. */
struct number {
	char text[NUMBER_BYTES_MAX];
};

static struct number number(int64_t value)
{
	struct number ret;
	(void)snprintf(ret.text, sizeof(ret.text), "%" PRId64, value);

	return ret;
}

/* ---- Progress ---- */

static err_code progress(void *ctx, const struct partition_name *name, int64_t *ret_next_offset,
			 bool *ret_fresh, struct err *err)
{
	const struct ledger_pg *const ledger = ctx;
	const struct number partition = number(name->partition);
	const char *const params[] = { name->cluster_id, name->topic, partition.text };
	const struct pg_step steps[] = {
		{ "enter_partition", SQL_ENTER_PARTITION, params, 3 },
		{ "read_progress", SQL_READ_PROGRESS, params, 3 },
	};

	err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	PGresult *results[2] = { NULL };
	code = pg_pipeline(ledger->pg, steps, 2, results, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(PQclearp) PGresult *entered = results[0];
	_cleanup_(PQclearp) PGresult *read = results[1];
	if (PQntuples(read) != 1)
		return err_set(err, ERR_INTERNAL, "partition %s has no progress", partition.text);
	*ret_next_offset = strtoll(PQgetvalue(read, 0, 0), NULL, 10);
	*ret_fresh = strcmp(PQcmdTuples(entered), "1") == 0;

	return ERR_OK;
}

/* The fence's parameters, alive as long as this is. */
struct fence {
	struct number partition, from, to;
	const char *params[5];
};

static void fence_init(struct fence *fence, const struct partition_name *name, int64_t from,
		       int64_t to)
{
	fence->partition = number(name->partition);
	fence->from = number(from);
	fence->to = number(to);
	fence->params[0] = name->cluster_id;
	fence->params[1] = name->topic;
	fence->params[2] = fence->partition.text;
	fence->params[3] = fence->from.text;
	fence->params[4] = fence->to.text;
}

static err_code check_moved(PGresult *res, const struct fence *fence, struct err *err)
{
	if (strcmp(PQcmdTuples(res), "1") != 0)
		return err_set(err, ERR_CONFLICT, "partition %s is not at offset %s",
			       fence->params[2], fence->params[3]);

	return ERR_OK;
}

static err_code rewind_to(void *ctx, const struct partition_name *name, int64_t from, int64_t to,
			  struct err *err)
{
	const struct ledger_pg *const ledger = ctx;
	struct fence fence;
	fence_init(&fence, name, from, to);

	err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(PQclearp) PGresult *res = NULL;
	code = pg_query(ledger->pg, "move_fence", SQL_MOVE_FENCE, fence.params, 5, &res, err);
	if (code != ERR_OK)
		return code;

	return check_moved(res, &fence, err);
}

static err_code check(void *ctx, struct err *err)
{
	const struct ledger_pg *const ledger = ctx;

	const err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;

	return pg_query(ledger->pg, "read_clock", SQL_READ_CLOCK, NULL, 0, NULL, err);
}

/* ---- Begin ---- */

enum { STEP_BEGIN, STEP_FENCE, STEP_SEATS, STEP_EVENTS, STEP_BOOKINGS, STEP_CLOCK, STEP_COUNT };

static err_code fill(PGresult *const *results, const struct fence *fence, struct state *state,
		     int64_t *ret_now_ms, struct err *err)
{
	const err_code code = check_moved(results[STEP_FENCE], fence, err);
	if (code != ERR_OK)
		return code;

	*ret_now_ms = strtoll(PQgetvalue(results[STEP_CLOCK], 0, 0), NULL, 10);

	return ledger_rows_fill(state, results[STEP_SEATS], results[STEP_EVENTS],
				results[STEP_BOOKINGS], err);
}

static err_code begin(void *ctx, const struct partition_name *name, int64_t old_offset,
		      int64_t new_offset, struct state *state, int64_t *ret_now_ms, struct err *err)
{
	const struct ledger_pg *const ledger = ctx;
	struct fence fence;
	fence_init(&fence, name, old_offset, new_offset);

	struct ledger_wanted wanted;
	err_code code = ledger_rows_wanted(ledger->rows, state, &wanted, err);
	if (code != ERR_OK)
		return code;
	const struct pg_step steps[STEP_COUNT] = {
		[STEP_BEGIN] = { "begin", "BEGIN", NULL, 0 },
		[STEP_FENCE] = { "move_fence", SQL_MOVE_FENCE, fence.params, 5 },
		[STEP_SEATS] = { "load_seats", SQL_LOAD_SEATS, wanted.seats, 2 },
		[STEP_EVENTS] = { "load_events", SQL_LOAD_EVENTS, wanted.events, 1 },
		[STEP_BOOKINGS] = { "load_bookings", SQL_LOAD_BOOKINGS, wanted.bookings, 1 },
		[STEP_CLOCK] = { "read_clock", SQL_READ_CLOCK, NULL, 0 },
	};
	code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	PGresult *results[STEP_COUNT] = { NULL };
	code = pg_pipeline(ledger->pg, steps, STEP_COUNT, results, err);
	if (code == ERR_OK)
		code = fill(results, &fence, state, ret_now_ms, err);
	for (size_t i = 0; i < STEP_COUNT; i++)
		PQclear(results[i]);
	if (code != ERR_OK)
		pg_rollback(ledger->pg);

	return code;
}

/* ---- Commit ---- */

/*
 * The hint to the projector follows the COMMIT, in the same round trip but a transaction of its
 * own: inside, it would hold a lock of the whole server over the fsync, and a full notification
 * queue (one listener that sleeps) would fail every booking.
 */
static err_code commit(void *ctx, const struct state *state, const struct batch_item *items,
		       size_t count, int64_t now_ms, struct err *err)
{
	const struct ledger_pg *const ledger = ctx;
	const struct number now = number(now_ms);
	struct ledger_written written;

	const err_code code =
		ledger_rows_written(ledger->rows, state, items, count, now.text, &written, err);
	if (code != ERR_OK) {
		pg_rollback(ledger->pg);
		return code;
	}
	struct pg_step steps[5];
	size_t n = 0;
	if (written.seat_count > 0)
		steps[n++] = (struct pg_step){ "write_seats", SQL_WRITE_SEATS, written.seats, 6 };
	if (written.booking_count > 0) {
		steps[n++] = (struct pg_step){ "write_bookings", SQL_WRITE_BOOKINGS,
					       written.bookings, 9 };
		steps[n++] = (struct pg_step){ "write_log", SQL_WRITE_LOG, written.bookings, 13 };
	}
	steps[n++] = (struct pg_step){ "commit", "COMMIT", NULL, 0 };
	if (written.booking_count > 0)
		steps[n++] = (struct pg_step){ "notify", "NOTIFY booking_log", NULL, 0 };

	FAULT_POINT("worker_before_commit");
	PGresult *results[5] = { NULL };
	const err_code committed = pg_pipeline(ledger->pg, steps, n, results, err);
	for (size_t i = 0; i < n; i++)
		PQclear(results[i]);
	if (committed != ERR_OK)
		pg_rollback(ledger->pg);

	return committed;
}

static void rollback(void *ctx)
{
	const struct ledger_pg *const ledger = ctx;

	pg_rollback(ledger->pg);
}

struct ledger ledger_pg_ops(struct ledger_pg *ledger)
{
	static const struct ledger_ops ops = {
		.progress = progress,
		.rewind = rewind_to,
		.begin = begin,
		.commit = commit,
		.rollback = rollback,
		.check = check,
	};

	return (struct ledger){ .ops = &ops, .ctx = ledger };
}
