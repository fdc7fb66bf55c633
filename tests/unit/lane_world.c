#include "lane_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS_MAX 2000

static bool fails(int *left)
{
	if (*left <= 0)
		return false;
	(*left)--;

	return true;
}

/* ---- The log ---- */

static void poll_log(void *ctx)
{
	(void)ctx;
}

static bool next_partition(void *ctx, bool started, size_t *cursor, struct partition_name *ret)
{
	struct world *const world = ctx;

	for (; *cursor < WORLD_PARTITIONS; (*cursor)++) {
		const struct world_partition *const partition = &world->partitions[*cursor];
		if (!partition->owned || partition->started != started)
			continue;
		*ret = (struct partition_name){ "cluster", "topic", (int32_t)(*cursor)++ };
		return true;
	}
	return false;
}

static err_code bounds(void *ctx, int32_t id, int64_t *ret_low, int64_t *ret_high, struct err *err)
{
	struct world *const world = ctx;

	if (fails(&world->bounds_down))
		return err_set(err, ERR_UNAVAILABLE, "no broker");
	*ret_low = world->partitions[id].low;
	*ret_high = world->partitions[id].high;

	return ERR_OK;
}

static void start(void *ctx, int32_t id, int64_t offset)
{
	struct world *const world = ctx;

	world->starts++;
	world->partitions[id].started = true;
	world->partitions[id].position = offset;
}

static void restart(void *ctx, int32_t id)
{
	struct world *const world = ctx;

	world->restarts++;
	world->partitions[id].started = false;
}

static bool take(void *ctx, size_t max, int64_t wait_ms, struct source_batch *ret)
{
	struct world *const world = ctx;

	for (int id = 0; id < WORLD_PARTITIONS; id++) {
		struct world_partition *const partition = &world->partitions[id];
		size_t count = 0;
		while (partition->owned && partition->started && count < max &&
		       partition->position < partition->high) {
			const char *const value = partition->values[partition->position];
			world->messages[count++] = (struct source_message){
				.offset = partition->position++,
				.value = value,
				.value_len = strlen(value),
			};
		}
		if (count == 0)
			continue;
		world->takes++;
		*ret = (struct source_batch){ .name = { "cluster", "topic", id },
					      .assignment = partition->assignment,
					      .count = count,
					      .messages = world->messages };
		return true;
	}
	world->clock_us += wait_ms * 1000;

	return false;
}

static void release(void *ctx, struct source_batch *batch)
{
	(void)ctx;
	batch->count = 0;
}

static bool owns(void *ctx, const struct source_batch *batch)
{
	const struct world *const world = ctx;
	const struct world_partition *const partition = &world->partitions[batch->name.partition];

	return partition->owned && partition->assignment == batch->assignment;
}

static void report(void *ctx, int32_t id, int64_t next_offset)
{
	struct world *const world = ctx;

	world->partitions[id].reported = next_offset;
}

static const struct source_ops source_ops = {
	.poll = poll_log,
	.next_partition = next_partition,
	.bounds = bounds,
	.start = start,
	.restart = restart,
	.take = take,
	.release = release,
	.owns = owns,
	.report = report,
};

/* ---- The locks ---- */

static int *foreign(struct world *world, const char *seat_id)
{
	static const char *const seats[WORLD_SEATS] = { "A1", "A2", "A3", "A4" };

	for (size_t i = 0; i < WORLD_SEATS; i++)
		if (strcmp(seats[i], seat_id) == 0)
			return &world->foreign[i];

	return NULL;
}

static err_code lock(void *ctx, const struct partition_name *name, const struct seat *seats,
		     size_t count, enum seat_lock_result *ret, struct err *err)
{
	struct world *const world = ctx;
	(void)name;

	world->locks++;
	if (fails(&world->locks_down))
		return err_set(err, ERR_UNAVAILABLE, "no locks");
	for (size_t i = 0; i < count; i++) {
		int *const left = foreign(world, seats[i].seat_id);
		ret[i] = left && fails(left) ? SEAT_LOCK_FOREIGN : SEAT_LOCK_TAKEN;
	}
	world->locked_now = (int)count;
	if (world->locked_most < world->locked_now)
		world->locked_most = world->locked_now;

	return ERR_OK;
}

static void unlock(void *ctx, const struct partition_name *name, const struct seat *seats,
		   size_t count)
{
	struct world *const world = ctx;
	(void)name;
	(void)seats;

	world->unlocks++;
	world->locked_now -= (int)count;
}

static const struct seat_lock_ops lock_ops = { .lock = lock, .unlock = unlock };

/* ---- The ledger, with faults ---- */

static err_code no_ledger(struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "no ledger");
}

static void before(struct world *world)
{
	void (*const hook)(struct world *) = world->on_begin;

	world->on_begin = NULL;
	if (hook)
		hook(world);
}

static err_code progress(void *ctx, const struct partition_name *name, int64_t *ret_next_offset,
			 bool *ret_fresh, struct err *err)
{
	struct world *const world = ctx;

	if (fails(&world->ledger_down))
		return no_ledger(err);

	return world->ledger.ops->progress(world->ledger.ctx, name, ret_next_offset, ret_fresh,
					   err);
}

static err_code rewind_to(void *ctx, const struct partition_name *name, int64_t from, int64_t to,
			  struct err *err)
{
	struct world *const world = ctx;

	return world->ledger.ops->rewind(world->ledger.ctx, name, from, to, err);
}

static err_code begin(void *ctx, const struct partition_name *name, int64_t old_offset,
		      int64_t new_offset, struct state *state, int64_t *ret_now_ms, struct err *err)
{
	struct world *const world = ctx;

	world->begins++;
	before(world);
	if (fails(&world->ledger_down))
		return no_ledger(err);

	return world->ledger.ops->begin(world->ledger.ctx, name, old_offset, new_offset, state,
					ret_now_ms, err);
}

static err_code sweep(void *ctx, const struct partition_name *name, int64_t offset,
		      size_t bookings_max, struct state *state, int64_t *ret_now_ms,
		      struct err *err)
{
	struct world *const world = ctx;

	world->sweeps++;
	before(world);
	if (fails(&world->sweeps_down) || fails(&world->ledger_down))
		return no_ledger(err);

	return world->ledger.ops->sweep(world->ledger.ctx, name, offset, bookings_max, state,
					ret_now_ms, err);
}

static bool is_unfit(const struct world *world, const struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		if (world->unfit > 0 &&
		    strtol(strrchr(journal->items[i].booking->booking_id, '-') + 1, NULL, 10) ==
			    world->unfit)
			return true;
	return false;
}

static err_code commit(void *ctx, const struct partition_name *name, const struct state *state,
		       const struct journal *journal, struct err *err)
{
	struct world *const world = ctx;
	const enum world_commit how = world->next_commit;

	world->next_commit = WORLD_COMMIT;
	if (how == WORLD_LOSE_BEFORE) {
		world->ledger.ops->rollback(world->ledger.ctx);
		return err_set(err, ERR_UNAVAILABLE, "broken");
	}
	if (is_unfit(world, journal)) {
		world->ledger.ops->rollback(world->ledger.ctx);
		return err_set(err, ERR_INTERNAL, "a constraint");
	}
	const err_code code =
		world->ledger.ops->commit(world->ledger.ctx, name, state, journal, err);
	if (code != ERR_OK)
		return code;
	world->commits++;
	if (how == WORLD_LOSE_AFTER)
		return err_set(err, ERR_UNAVAILABLE, "broken");

	return ERR_OK;
}

static void rollback(void *ctx)
{
	struct world *const world = ctx;

	world->rollbacks++;
	world->ledger.ops->rollback(world->ledger.ctx);
}

static err_code look_for_any(void *ctx, const int32_t *partitions, size_t count, bool *ret,
				struct err *err)
{
	struct world *const world = ctx;

	world->looks++;
	if (fails(&world->ledger_down))
		return no_ledger(err);

	return world->ledger.ops->has_to_end(world->ledger.ctx, partitions, count, ret, err);
}

static err_code check(void *ctx, struct err *err)
{
	struct world *const world = ctx;

	return fails(&world->ledger_down) ? no_ledger(err) : ERR_OK;
}

static const struct ledger_ops ledger_ops = {
	.progress = progress,
	.rewind = rewind_to,
	.begin = begin,
	.sweep = sweep,
	.commit = commit,
	.rollback = rollback,
	.has_to_end = look_for_any,
	.check = check,
};

/* ---- Dead letters and the clock ---- */

static err_code send_letters(void *ctx, const struct partition_name *from,
			     const struct dead_letter *letters, size_t count, struct err *err)
{
	struct world *const world = ctx;
	(void)from;

	if (fails(&world->letters_down))
		return err_set(err, ERR_UNAVAILABLE, "no letters");
	for (size_t i = 0; i < count; i++) {
		assert(letters[i].reason[0] != '\0' && world->letter_count < WORLD_MESSAGES_MAX);
		world->letters[world->letter_count++] = letters[i].message->offset;
	}
	return ERR_OK;
}

static const struct dead_letter_ops letter_ops = { .send = send_letters };

static int64_t now_us(void *ctx)
{
	const struct world *const world = ctx;

	return world->clock_us;
}

static int64_t ledger_now_ms(void *ctx)
{
	return now_us(ctx) / 1000;
}

static void wait_ms(void *ctx, int64_t ms)
{
	struct world *const world = ctx;

	world->clock_us += ms * 1000;
}

static const struct lane_clock_ops clock_ops = { .now_us = now_us, .wait_ms = wait_ms };

/* ---- The world ---- */

void world_init_sweeping(struct world *world, size_t batch_max, int64_t sweep_ms)
{
	static const char *const seats[WORLD_SEATS] = { "A1", "A2", "A3", "A4" };

	memset(world, 0, sizeof(*world));
	memory_ledger_init(&world->memory, WORLD_COMMANDS_MAX, ledger_now_ms, world);
	(void)memory_ledger_add_event(&world->memory, "e");
	for (size_t i = 0; i < WORLD_SEATS; i++)
		memory_ledger_add_seat(&world->memory, "e", seats[i]);
	world->ledger = memory_ledger_ops(&world->memory);
	world->clock_us = 1000000;
	world->metrics = metrics_new();
	metrics_worker_init(&world->counted, world->metrics);

	const struct lane_config config = { .batch_max = batch_max,
					    .lock_wait_ms = 2000,
					    .sweep_ms = sweep_ms };
	const struct lane_ports ports = {
		.source = { &source_ops, world },
		.locks = { &lock_ops, world },
		.ledger = { &ledger_ops, world },
		.letters = { &letter_ops, world },
		.clock = { &clock_ops, world },
	};
	world->lane = lane_new(&config, &ports, &world->counted);
	world_assign(world, 0);
}

void world_init(struct world *world, size_t batch_max)
{
	world_init_sweeping(world, batch_max, 0);
}

void world_done(struct world *world)
{
	lane_free(world->lane);
	memory_ledger_done(&world->memory);
	metrics_free(world->metrics);
}

void world_append(struct world *world, const char *value)
{
	struct world_partition *const partition = &world->partitions[0];

	assert(partition->high < WORLD_MESSAGES_MAX);
	(void)snprintf(partition->values[partition->high++], WORLD_VALUE_BYTES_MAX, "%s", value);
}

static void append_booking(struct world *world, const char *type, int booking, const char *user,
			   const char *seats)
{
	char value[WORLD_VALUE_BYTES_MAX];
	char list[128] = "";
	char copy[64];
	char *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s", seats);
	for (const char *seat = strsep(&rest, " "); seat; seat = strsep(&rest, " ")) {
		const size_t len = strlen(list);
		(void)snprintf(list + len, sizeof(list) - len, "%s\"%s\"", len ? "," : "", seat);
	}
	(void)snprintf(value, sizeof(value),
		       "{\"type\":\"%s\",\"bookingId\":\"00000000-0000-8000-8000-%012d\","
		       "\"eventId\":\"e\",\"seatIds\":[%s],\"userId\":\"%s\","
		       "\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}",
		       type, booking, list, user);
	world_append(world, value);
}

void world_book(struct world *world, int booking, const char *user, const char *seats)
{
	append_booking(world, "book", booking, user, seats);
}

void world_hold(struct world *world, int booking, const char *user, const char *seats)
{
	append_booking(world, "hold", booking, user, seats);
}

void world_act(struct world *world, const char *type, int booking, int command)
{
	char value[WORLD_VALUE_BYTES_MAX];

	(void)snprintf(value, sizeof(value),
		       "{\"type\":\"%s\",\"bookingId\":\"00000000-0000-8000-8000-%012d\","
		       "\"commandId\":\"00000000-0000-8000-9000-%012d\","
		       "\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}",
		       type, booking, command);
	world_append(world, value);
}

void world_revoke(struct world *world, int partition)
{
	world->partitions[partition].owned = false;
	world->partitions[partition].started = false;
}

void world_assign(struct world *world, int partition)
{
	world->partitions[partition].owned = true;
	world->partitions[partition].started = false;
	world->partitions[partition].assignment++;
}

void world_turn(struct world *world, int times)
{
	for (int i = 0; i < times; i++)
		lane_turn(world->lane);
}

bool world_settle(struct world *world)
{
	const struct world_partition *const partition = &world->partitions[0];

	for (int i = 0; i < TURNS_MAX; i++) {
		if (world->memory.progress[0] == partition->high && !lane_is_busy(world->lane))
			return true;
		lane_turn(world->lane);
	}
	return false;
}

void world_pass(struct world *world, int64_t ms)
{
	const int64_t until_us = world->clock_us + ms * 1000;

	for (int i = 0; i < TURNS_MAX && world->clock_us < until_us; i++)
		lane_turn(world->lane);
}

const struct seat *world_seat(const struct world *world, const char *seat_id)
{
	const struct seat *const ret = state_seat(world->memory.store, "e", seat_id);
	assert(ret);

	return ret;
}

const struct known_booking *world_booking(const struct world *world, int booking)
{
	char id[BOOKING_ID_BYTES_MAX];

	(void)snprintf(id, sizeof(id), "00000000-0000-8000-8000-%012d", booking);
	const struct known_booking *const ret = state_booking(world->memory.store, id);
	assert(ret);

	return ret;
}

const char *world_outcomes(const struct world *world)
{
	static const char marks[BOOKING_STATUS_COUNT] = {
		[BOOKING_HELD] = 'h',      [BOOKING_CONFIRMED] = '+', [BOOKING_REJECTED] = '-',
		[BOOKING_CANCELLED] = 'c', [BOOKING_EXPIRED] = 'e',
	};
	static char text[WORLD_COMMANDS_MAX * 16];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < world->memory.row_count; i++) {
		const struct memory_row *const row = &world->memory.rows[i];
		const char *const digits = strrchr(row->booking_id, '-') + 1;
		const int number = (int)strtol(digits, NULL, 10);
		if (row->version == 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%d%c ", number,
						marks[world_booking(world, number)->status]);
	}
	return text;
}

int64_t world_counted(const struct world *world, enum verdict verdict, enum reason reason)
{
	return metric_get(world->counted.outcomes[verdict][reason]);
}
