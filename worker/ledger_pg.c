#include "ledger_pg.h"

#include "fault.h"
#include "ledger_load.h"
#include "ledger_write.h"
#include "worker_sql.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX     24
#define PARTITIONS_BYTES_MAX (16u * SOURCE_PARTITIONS_MAX)
/* Plans are for tables of the size they have then: made anew after this many times as many
 * commits. Of tables that are empty any index looks as good as the right one. */
#define REPLAN_GROWTH 4

struct ledger_pg {
	struct pg *pg;
	struct ledger_load *load;
	struct ledger_write *write;
	struct strbuf partitions; /* an array literal */
	int64_t now_ms;           /* of the open transaction */
	int64_t commits, replan_at;
};

struct ledger_pg *ledger_pg_new(struct pg *pg)
{
	assert(pg);

	struct ledger_pg *const ledger = calloc(1, sizeof(*ledger));
	assert(ledger);
	ledger->pg = pg;
	ledger->load = ledger_load_new();
	ledger->write = ledger_write_new();
	ledger->replan_at = 1;
	strbuf_init(&ledger->partitions, PARTITIONS_BYTES_MAX);

	return ledger;
}

void ledger_pg_free(struct ledger_pg *ledger)
{
	if (!ledger)
		return;

	ledger_load_free(ledger->load);
	ledger_write_free(ledger->write);
	strbuf_done(&ledger->partitions);
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
		{ "enter_partition", SQL_ENTER_PARTITION, params, 3, NULL },
		{ "read_progress", SQL_READ_PROGRESS, params, 3, NULL },
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
	*ret_next_offset = pg_int_at(read, 0, 0);
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

	return pg_query(ledger->pg, "check", "SELECT 1", NULL, 0, NULL, err);
}

/* ---- Loading ---- */

/* What opens each transaction, before the steps that load. */
enum { STEP_BEGIN, STEP_OWN, STEP_FENCE, OPENING_STEPS };

static_assert(OPENING_STEPS + LEDGER_LOAD_STEPS_MAX <= PG_STEPS_MAX, "a pipeline is too long");

static void open_steps(const struct fence *fence, struct pg_step *steps)
{
	steps[STEP_BEGIN] = (struct pg_step){ "begin", "BEGIN", NULL, 0, NULL };
	steps[STEP_OWN] =
		(struct pg_step){ "own_partition", SQL_OWN_PARTITION, fence->params, 3, NULL };
	steps[STEP_FENCE] =
		(struct pg_step){ "move_fence", SQL_MOVE_FENCE, fence->params, 5, NULL };
}

static err_code note_opened(struct ledger_pg *ledger, PGresult *const *results,
			    const struct fence *fence, struct err *err)
{
	const err_code code = check_moved(results[STEP_FENCE], fence, err);
	if (code == ERR_OK)
		ledger->now_ms = pg_int_at(results[STEP_FENCE], 0, 0);

	return code;
}

static void clear(PGresult **results, size_t count)
{
	for (size_t i = 0; i < count; i++)
		PQclear(results[i]);
}

static err_code open_and_load(struct ledger_pg *ledger, const struct partition_name *name,
			      const struct fence *fence, struct state *state, struct err *err)
{
	struct pg_step steps[OPENING_STEPS + LEDGER_LOAD_STEPS_MAX];
	PGresult *results[OPENING_STEPS + LEDGER_LOAD_STEPS_MAX] = { NULL };
	size_t count = 0;

	open_steps(fence, steps);
	err_code code = ledger_load_steps(ledger->load, name, fence->partition.text, state,
					  LOAD_FOR_COMMANDS, steps + OPENING_STEPS, &count, err);
	if (code != ERR_OK)
		return code;
	code = pg_pipeline(ledger->pg, steps, OPENING_STEPS + count, results, err);
	if (code != ERR_OK)
		return code;
	code = note_opened(ledger, results, fence, err);
	if (code == ERR_OK)
		code = ledger_load_fill(ledger->load, results + OPENING_STEPS, state,
					ledger->now_ms, err);
	clear(results, OPENING_STEPS + count);

	return code;
}

static err_code begin(void *ctx, const struct partition_name *name, int64_t old_offset,
		      int64_t new_offset, struct state *state, int64_t *ret_now_ms, struct err *err)
{
	struct ledger_pg *const ledger = ctx;
	struct fence fence;
	fence_init(&fence, name, old_offset, new_offset);

	err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	code = open_and_load(ledger, name, &fence, state, err);
	if (code != ERR_OK) {
		pg_rollback(ledger->pg);
		return code;
	}
	*ret_now_ms = ledger->now_ms;

	return ERR_OK;
}

/* ---- Sweeping ---- */

static err_code find_to_end(struct ledger_pg *ledger, const struct fence *fence,
			    size_t bookings_max, struct state *state, struct err *err)
{
	const struct number max = number((int64_t)bookings_max);
	const char *const params[] = { fence->params[0], fence->params[1], fence->params[2],
				       max.text };
	struct pg_step steps[OPENING_STEPS + 1];
	PGresult *results[OPENING_STEPS + 1] = { NULL };

	open_steps(fence, steps);
	steps[OPENING_STEPS] = (struct pg_step){ "find_to_end", SQL_FIND_TO_END, params, 4, NULL };
	err_code code = pg_pipeline(ledger->pg, steps, OPENING_STEPS + 1, results, err);
	if (code != ERR_OK)
		return code;
	code = note_opened(ledger, results, fence, err);
	const PGresult *const found = results[OPENING_STEPS];
	for (int i = 0; i < PQntuples(found) && code == ERR_OK; i++)
		if (!state_add_booking(state, PQgetvalue(found, i, 0)))
			code = err_set(err, ERR_INTERNAL, "more bookings than were asked for");
	clear(results, OPENING_STEPS + 1);

	return code;
}

static err_code load_to_end(struct ledger_pg *ledger, const struct partition_name *name,
			    const struct fence *fence, struct state *state, struct err *err)
{
	struct pg_step steps[LEDGER_LOAD_STEPS_MAX];
	PGresult *results[LEDGER_LOAD_STEPS_MAX] = { NULL };
	size_t count = 0;

	err_code code = ledger_load_steps(ledger->load, name, fence->partition.text, state,
					  LOAD_FOR_SWEEP, steps, &count, err);
	if (code != ERR_OK || count == 0)
		return code;
	code = pg_pipeline(ledger->pg, steps, count, results, err);
	if (code != ERR_OK)
		return code;
	code = ledger_load_fill(ledger->load, results, state, ledger->now_ms, err);
	clear(results, count);

	return code;
}

static err_code sweep(void *ctx, const struct partition_name *name, int64_t offset,
		      size_t bookings_max, struct state *state, int64_t *ret_now_ms,
		      struct err *err)
{
	struct ledger_pg *const ledger = ctx;
	struct fence fence;
	fence_init(&fence, name, offset, offset);

	err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	code = find_to_end(ledger, &fence, bookings_max, state, err);
	if (code == ERR_OK)
		code = load_to_end(ledger, name, &fence, state, err);
	if (code != ERR_OK) {
		pg_rollback(ledger->pg);
		return code;
	}
	*ret_now_ms = ledger->now_ms;

	return ERR_OK;
}

static err_code look_for_any(void *ctx, const int32_t *partitions, size_t count, bool *ret,
				struct err *err)
{
	struct ledger_pg *const ledger = ctx;
	struct strbuf *const list = &ledger->partitions;
	_cleanup_(PQclearp) PGresult *res = NULL;

	strbuf_reset(list);
	pg_array_open(list);
	for (size_t i = 0; i < count; i++)
		pg_array_add_int(list, partitions[i]);
	pg_array_close(list);
	assert(!list->overflow);

	err_code code = pg_ensure(ledger->pg, err);
	if (code != ERR_OK)
		return code;
	const char *const params[] = { list->data };
	code = pg_query(ledger->pg, "has_to_end", SQL_HAS_TO_END, params, 1, &res, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < count; i++) {
		ret[i] = false;
		for (int k = 0; k < PQntuples(res) && !ret[i]; k++)
			ret[i] = strtol(PQgetvalue(res, k, 0), NULL, 10) == partitions[i];
	}
	return ERR_OK;
}

/* ---- Commit ---- */

enum { CLOSING_STEPS = 3 }; /* COMMIT, NOTIFY and DISCARD PLANS */

/*
 * The hint to the projector follows the COMMIT, in the same round trip but a transaction of its
 * own: inside, it would hold a lock of the whole server over the fsync, and a full notification
 * queue (one listener that sleeps) would fail every booking.
 */
static err_code commit(void *ctx, const struct partition_name *name, const struct state *state,
		       const struct journal *journal, struct err *err)
{
	struct ledger_pg *const ledger = ctx;
	const struct number partition = number(name->partition);
	const struct number now = number(ledger->now_ms);
	struct pg_step steps[LEDGER_WRITE_STEPS_MAX + CLOSING_STEPS];
	PGresult *results[LEDGER_WRITE_STEPS_MAX + CLOSING_STEPS] = { NULL };
	size_t n = 0;

	err_code code = ledger_write_steps(ledger->write, state, journal, partition.text, now.text,
					   steps, &n, err);
	if (code != ERR_OK) {
		pg_rollback(ledger->pg);
		return code;
	}
	const bool has_news = n > 0;
	steps[n++] = (struct pg_step){ "commit", "COMMIT", NULL, 0, NULL };
	if (has_news)
		steps[n++] = (struct pg_step){ "notify", "NOTIFY booking_log", NULL, 0, NULL };
	if (++ledger->commits >= ledger->replan_at) {
		steps[n++] = (struct pg_step){ "replan", "DISCARD PLANS", NULL, 0, NULL };
		ledger->replan_at = REPLAN_GROWTH * ledger->commits;
	}

	FAULT_POINT("worker_before_commit");
	code = pg_pipeline(ledger->pg, steps, n, results, err);
	clear(results, n);
	if (code != ERR_OK)
		pg_rollback(ledger->pg);

	return code;
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
		.sweep = sweep,
		.commit = commit,
		.rollback = rollback,
		.has_to_end = look_for_any,
		.check = check,
	};

	return (struct ledger){ .ops = &ops, .ctx = ledger };
}
