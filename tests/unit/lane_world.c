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

static bool next_unstarted(void *ctx, size_t *cursor, struct partition_name *ret)
{
	struct world *const world = ctx;

	for (; *cursor < WORLD_PARTITIONS; (*cursor)++) {
		const struct world_partition *const partition = &world->partitions[*cursor];
		if (!partition->owned || partition->started)
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
	.next_unstarted = next_unstarted,
	.bounds = bounds,
	.start = start,
	.restart = restart,
	.take = take,
	.release = release,
	.owns = owns,
	.report = report,
};

/* ---- The locks ---- */

struct world_seat *world_seat(struct world *world, const char *seat_id)
{
	for (size_t i = 0; i < world->seat_count; i++)
		if (strcmp(world->seats[i].seat_id, seat_id) == 0)
			return &world->seats[i];

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
		struct world_seat *const seat = world_seat(world, seats[i].seat_id);
		ret[i] = seat && fails(&seat->foreign) ? SEAT_LOCK_FOREIGN : SEAT_LOCK_TAKEN;
	}
	world->locked_now = (int)count;

	return ERR_OK;
}

static void unlock(void *ctx, const struct partition_name *name, const struct seat *seats,
		   size_t count)
{
	struct world *const world = ctx;
	(void)name;
	(void)seats;
	(void)count;

	world->unlocks++;
	world->locked_now = 0;
}

static const struct seat_lock_ops lock_ops = { .lock = lock, .unlock = unlock };

/* ---- The ledger ---- */

static err_code progress(void *ctx, const struct partition_name *name, int64_t *ret_next_offset,
			 bool *ret_fresh, struct err *err)
{
	struct world *const world = ctx;
	struct world_partition *const partition = &world->partitions[name->partition];

	if (fails(&world->ledger_down))
		return err_set(err, ERR_UNAVAILABLE, "no ledger");
	*ret_fresh = partition->progress < 0;
	if (*ret_fresh)
		partition->progress = 0;
	*ret_next_offset = partition->progress;

	return ERR_OK;
}

static err_code rewind_to(void *ctx, const struct partition_name *name, int64_t from, int64_t to,
			  struct err *err)
{
	struct world *const world = ctx;
	struct world_partition *const partition = &world->partitions[name->partition];

	if (partition->progress != from)
		return err_set(err, ERR_CONFLICT, "moved");
	partition->progress = to;

	return ERR_OK;
}

static void fill(const struct world *world, struct state *state)
{
	struct known_event *const event = state_event(state, "e");
	if (event)
		event->exists = true;
	for (size_t i = 0; i < world->seat_count; i++) {
		struct seat *const seat = state_seat(state, "e", world->seats[i].seat_id);
		if (!seat)
			continue;
		seat->exists = true;
		seat->status = world->seats[i].status;
		seat->version = world->seats[i].version;
	}
	for (size_t i = 0; i < world->booking_count; i++) {
		struct known_booking *const booking =
			state_booking(state, world->bookings[i].booking_id);
		if (!booking)
			continue;
		booking->exists = true;
		booking->content = world->bookings[i].content;
	}
}

static err_code begin(void *ctx, const struct partition_name *name, int64_t old_offset,
		      int64_t new_offset, struct state *state, int64_t *ret_now_ms, struct err *err)
{
	struct world *const world = ctx;

	world->begins++;
	if (world->on_begin) {
		void (*const hook)(struct world *) = world->on_begin;
		world->on_begin = NULL;
		hook(world);
	}
	if (fails(&world->ledger_down))
		return err_set(err, ERR_UNAVAILABLE, "no ledger");
	if (world->partitions[name->partition].progress != old_offset)
		return err_set(err, ERR_CONFLICT, "fence");
	world->fence_to = new_offset;
	*ret_now_ms = world->clock_us / 1000;
	fill(world, state);

	return ERR_OK;
}

static void apply(struct world *world, const struct state *state, const struct batch_item *items,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_command || items[i].outcome.verdict > VERDICT_REJECTED)
			continue;
		assert(world->booking_count < WORLD_BOOKINGS_MAX);
		struct world_booking *const booking = &world->bookings[world->booking_count++];
		memcpy(booking->booking_id, items[i].command.booking_id.text,
		       sizeof(booking->booking_id));
		booking->content = booking_content_of(&items[i].command);
		booking->confirmed = items[i].outcome.verdict == VERDICT_CONFIRMED;
	}
	for (size_t i = 0; i < state->seat_index.count; i++) {
		if (!state->seats[i].changed)
			continue;
		struct world_seat *const seat = world_seat(world, state->seats[i].seat_id);
		assert(seat);
		seat->status = state->seats[i].status;
		seat->version = state->seats[i].version;
		memcpy(seat->booking_id, state->seats[i].booking_id, sizeof(seat->booking_id));
	}
}

static err_code commit(void *ctx, const struct state *state, const struct batch_item *items,
		       size_t count, int64_t now_ms, struct err *err)
{
	struct world *const world = ctx;
	const enum world_commit how = world->next_commit;
	(void)now_ms;

	world->next_commit = WORLD_COMMIT;
	if (how == WORLD_LOSE_BEFORE)
		return err_set(err, ERR_UNAVAILABLE, "broken");
	apply(world, state, items, count);
	world->partitions[0].progress = world->fence_to;
	world->commits++;
	if (how == WORLD_LOSE_AFTER)
		return err_set(err, ERR_UNAVAILABLE, "broken");

	return ERR_OK;
}

static void rollback(void *ctx)
{
	(void)ctx;
}

static err_code check(void *ctx, struct err *err)
{
	struct world *const world = ctx;

	return fails(&world->ledger_down) ? err_set(err, ERR_UNAVAILABLE, "no ledger") : ERR_OK;
}

static const struct ledger_ops ledger_ops = {
	.progress = progress,
	.rewind = rewind_to,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
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

static void wait_ms(void *ctx, int64_t ms)
{
	struct world *const world = ctx;

	world->clock_us += ms * 1000;
}

static const struct lane_clock_ops clock_ops = { .now_us = now_us, .wait_ms = wait_ms };

/* ---- The world ---- */

void world_init(struct world *world, size_t batch_max)
{
	memset(world, 0, sizeof(*world));
	for (int i = 0; i < 4; i++) {
		struct world_seat *const seat = &world->seats[world->seat_count++];
		(void)snprintf(seat->seat_id, sizeof(seat->seat_id), "A%d", i + 1);
	}
	for (int i = 0; i < WORLD_PARTITIONS; i++)
		world->partitions[i].progress = -1;
	world->clock_us = 1000000;
	world->metrics = metrics_new();
	metrics_worker_init(&world->counted, world->metrics);

	const struct lane_config config = { .batch_max = batch_max, .lock_wait_ms = 2000 };
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

void world_done(struct world *world)
{
	lane_free(world->lane);
	metrics_free(world->metrics);
}

void world_append(struct world *world, const char *value)
{
	struct world_partition *const partition = &world->partitions[0];

	assert(partition->high < WORLD_MESSAGES_MAX);
	(void)snprintf(partition->values[partition->high++], WORLD_VALUE_BYTES_MAX, "%s", value);
}

void world_book(struct world *world, int booking, const char *user, const char *seat_id)
{
	char value[WORLD_VALUE_BYTES_MAX];

	(void)snprintf(value, sizeof(value),
		       "{\"type\":\"book\",\"bookingId\":\"00000000-0000-8000-8000-%012d\","
		       "\"eventId\":\"e\",\"seatIds\":[\"%s\"],\"userId\":\"%s\","
		       "\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}",
		       booking, seat_id, user);
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
		if (partition->progress == partition->high && !lane_is_busy(world->lane))
			return true;
		lane_turn(world->lane);
	}
	return false;
}

const char *world_outcomes(const struct world *world)
{
	static char text[WORLD_BOOKINGS_MAX * 16];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < world->booking_count; i++) {
		const char *const digits = strrchr(world->bookings[i].booking_id, '-') + 1;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%ld%c ",
					strtol(digits, NULL, 10),
					world->bookings[i].confirmed ? '+' : '-');
	}
	return text;
}
