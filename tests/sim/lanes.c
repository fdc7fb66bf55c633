/* The worker's lanes, each a task, as worker/crew.c has them in threads. */
#include "actors.h"
#include "lane.h"
#include "ledger_pg.h"
#include "postgres.h"
#include "scheduler.h"
#include "seat_lock_redis.h"
#include "topic.h"
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT_TIMEOUT_MS   4000
#define IDLE_IN_TRANSACTION_MS 1500
#define REDIS_RETRY_MS         200
#define REVIVE_US_MAX          500000
#define FREEZE_US_MAX          4000000
#define SKEW_US                3600000000 /* an hour, either way */

struct hand {
	struct task *task; /* NULL: none lives */
	struct lane *lane;
	bool is_stopping;
	int64_t skew_us; /* of its machine's clock */
	int64_t revive_us;
};

static struct hand hands[WORLD_LANES_MAX];
static struct metrics_worker counted;

/* ---- What only a lane needs ---- */

static err_code send_letters(void *ctx, const struct partition_name *from,
			     const struct dead_letter *letters, size_t count, struct err *err)
{
	(void)ctx;

	for (size_t i = 0; i < count; i++) {
		scheduler_yield();
		if (scheduler_is_dying())
			return err_set(err, ERR_UNAVAILABLE, "dying");
		if (fails(world.letter_faults)) {
			world_count(letters_failed);
			return err_set(err, ERR_UNAVAILABLE, "not acknowledged");
		}
		topic_message(from->partition, letters[i].message->offset)->letters++;
		world_count(letters);
	}
	return ERR_OK;
}

int64_t lanes_clock_us(void)
{
	for (int i = 0; i < WORLD_LANES_MAX; i++)
		if (hands[i].task && hands[i].task == scheduler_task())
			return scheduler_now_us() + SKEW_US + hands[i].skew_us;
	return scheduler_now_us();
}

static int64_t now_us(void *ctx)
{
	(void)ctx;
	return lanes_clock_us();
}

static void wait_ms(void *ctx, int64_t ms)
{
	(void)ctx;
	scheduler_sleep_us(ms * 1000);
}

/* ---- A lane ---- */

static void work(struct hand *hand, const struct lane_config *config,
		 const struct lane_ports *ports, struct member *member)
{
	hand->lane = lane_new(config, ports, &counted);
	while (!scheduler_is_dying() && !hand->is_stopping)
		lane_turn(hand->lane);
	member_leave(member, scheduler_is_dying());
	lane_free(hand->lane);
}

static void live(void *ctx)
{
	static const struct dead_letter_ops letter_ops = { .send = send_letters };
	static const struct lane_clock_ops clock_ops = { .now_us = now_us, .wait_ms = wait_ms };
	static const struct pg_config pg_config = {
		.statement_timeout_ms = STATEMENT_TIMEOUT_MS,
		.idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_MS,
	};
	static const struct redis_config redis_config = { .retry_ms = REDIS_RETRY_MS };
	struct hand *const hand = ctx;
	struct redis *const redis = redis_new(&redis_config);
	struct pg *const pg = pg_new(&pg_config);
	struct seat_lock_redis *const locks = seat_lock_redis_new(redis, world.lock_ttl_ms);
	struct ledger_pg *const ledger = ledger_pg_new(pg);
	struct member *const member = member_join();
	const struct lane_config config = { .number = (unsigned)(hand - hands),
					    .batch_max = (size_t)world.batch_max,
					    .lock_wait_ms = world.lock_wait_ms,
					    .sweep_ms = world.sweep_ms };
	const struct lane_ports ports = {
		.source = member_source(member),
		.locks = seat_lock_redis_ops(locks),
		.ledger = ledger_pg_ops(ledger),
		.letters = { &letter_ops, NULL },
		.clock = { &clock_ops, NULL },
	};

	work(hand, &config, &ports, member);
	ledger_pg_free(ledger);
	seat_lock_redis_free(locks);
	pg_free(pg);
	redis_free(redis);
	trace("is gone");
	hand->task = NULL;
	hand->revive_us = scheduler_now_us() + below(REVIVE_US_MAX);
}

static void start(struct hand *hand)
{
	char name[12];
	(void)snprintf(name, sizeof(name), "lane-%d", (int)(hand - hands));

	hand->is_stopping = false;
	hand->skew_us = (one_in(2) ? 1 : -1) * below(SKEW_US);
	hand->task = scheduler_start(name, live, hand);
}

void lanes_begin(void)
{
	static struct metrics *metrics;

	if (!metrics) {
		metrics = metrics_new();
		metrics_worker_init(&counted, metrics);
	}
	memset(hands, 0, sizeof(hands));
	for (int i = 0; i < world.lanes; i++)
		start(&hands[i]);
}

static struct hand *some_hand(void)
{
	struct hand *const hand = &hands[below(world.lanes)];

	return hand->task && !task_is_dying(hand->task) ? hand : NULL;
}

void lanes_crash_some(void)
{
	struct hand *const hand = some_hand();
	if (!hand)
		return;
	trace("lane %d crashes", (int)(hand - hands));
	world_count(crashes);
	task_kill(hand->task);
}

void lanes_stop_some(void)
{
	struct hand *const hand = some_hand();
	if (!hand)
		return;
	trace("lane %d is to stop", (int)(hand - hands));
	world_count(stops);
	hand->is_stopping = true;
}

void lanes_freeze_some(void)
{
	struct hand *const hand = some_hand();
	if (!hand)
		return;
	const int64_t us = one_in(2) ? below(FREEZE_US_MAX / 10) : below(FREEZE_US_MAX);
	trace("lane %d is frozen for %ld ms", (int)(hand - hands), (long)us / 1000);
	world_count(frozen);
	task_freeze(hand->task, us);
	if (one_in(4))
		postgres_kill_of(task_name(hand->task));
}

void lanes_revive(bool all)
{
	for (int i = 0; i < world.lanes; i++)
		if (!hands[i].task && (all || hands[i].revive_us <= scheduler_now_us()))
			start(&hands[i]);
}

bool lanes_are_well(void)
{
	for (int i = 0; i < world.lanes; i++)
		if (!hands[i].task || task_is_frozen(hands[i].task))
			return false;
	return true;
}
