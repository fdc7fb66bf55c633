/* Who breaks things, one after the other, until the buyers have sent all and some time more. */
#include "actors.h"
#include "mongo_memory.h"
#include "postgres.h"
#include "redis_memory.h"
#include "scheduler.h"
#include "topic.h"
#include "world.h"

#include <string.h>

#define PAUSE_US_MAX  120000
#define OUTAGE_US_MAX 800000
#define STRIKE_US_MAX 3000000
#define AFTER_US_MAX  500000 /* that it goes on when the buyers are done */

static struct {
	int64_t stopped_ms;
	int64_t pg_until_us, redis_until_us, mongo_until_us; /* 0: it is up */
} nemesis;

int64_t nemesis_stopped_ms(void)
{
	return nemesis.stopped_ms;
}

bool nemesis_is_over(void)
{
	return nemesis.stopped_ms > 0 && lanes_are_well() && projectors_are_well();
}

static int64_t some_time(void)
{
	return scheduler_now_us() + below(OUTAGE_US_MAX);
}

static void break_server(void)
{
	switch (below(5)) {
	case 0:
		if (!world.pg_down && one_in(2)) {
			postgres_stop();
			nemesis.pg_until_us = some_time();
		}
		break;
	case 1:
		trace("Redis stops");
		world.redis_down = true;
		nemesis.redis_until_us = some_time();
		break;
	case 2:
		trace("Redis is flushed");
		world_count(locks_flushed);
		redis_memory_flush();
		break;
	case 3:
		trace("MongoDB stops");
		if (one_in(2))
			mongo_memory_crash(false);
		world.mongo_down = true;
		nemesis.mongo_until_us = some_time();
		break;
	default:
		postgres_kill_some();
		break;
	}
}

/* By an operator, who then has the lanes begin anew. */
static void rewind_some(void)
{
	const int partition = (int)below(world.partitions);

	if (topic_high(partition) > 0 && postgres_rewind(partition, below(topic_high(partition))))
		topic_rebalance();
}

static void break_something(void)
{
	switch (below(12)) {
	case 0:
	case 1:
		lanes_crash_some();
		break;
	case 2:
		lanes_stop_some();
		break;
	case 3:
	case 4:
	case 5:
		lanes_freeze_some();
		break;
	case 6:
		topic_evict_some();
		break;
	case 7:
		projectors_crash_some();
		break;
	case 8:
		projectors_freeze_some();
		break;
	case 9:
		if (one_in(2))
			rewind_some();
		break;
	default:
		break_server();
		break;
	}
}

void nemesis_strike(int of_10000)
{
	struct task *const task = scheduler_task();
	if (!task || task_is_dying(task) || !fails(of_10000))
		return;

	const bool is_lane = strncmp(task_name(task), "lane", strlen("lane")) == 0;
	if (one_in(3)) {
		trace("crashes here");
		world_facts[is_lane ? FACT_crashes : FACT_projector_crashes]++;
		task_kill(task);
		return;
	}
	const int64_t us = below(STRIKE_US_MAX);
	trace("is frozen here for %ld ms", (long)us / 1000);
	world_facts[is_lane ? FACT_frozen : FACT_projector_frozen]++;
	task_freeze(task, us);
	if (!one_in(3))
		postgres_kill_of(task_name(task));
	scheduler_yield();
}

static bool is_due(int64_t *until_us, bool all)
{
	if (*until_us == 0 || (!all && *until_us > scheduler_now_us()))
		return false;
	*until_us = 0;
	return true;
}

static void heal(bool all)
{
	if (is_due(&nemesis.pg_until_us, all))
		postgres_start();
	if (is_due(&nemesis.redis_until_us, all))
		world.redis_down = false;
	if (is_due(&nemesis.mongo_until_us, all))
		world.mongo_down = false;
	topic_watch_group();
	lanes_revive(all);
	projectors_revive(all);
}

static void haunt(void *ctx)
{
	int64_t until_us = INT64_MAX;
	(void)ctx;

	while (!scheduler_is_dying() && scheduler_now_us() < until_us) {
		scheduler_sleep_us(below(PAUSE_US_MAX));
		heal(false);
		break_something();
		if (until_us == INT64_MAX && buyers_are_done())
			until_us = scheduler_now_us() + below(AFTER_US_MAX);
	}
	trace("faults stop");
	world.faults_on = false;
	topic_rebalance();
	nemesis.stopped_ms = scheduler_now_ms();
	while (!scheduler_is_dying()) {
		heal(true);
		scheduler_sleep_us(PAUSE_US_MAX);
	}
}

void nemesis_begin(void)
{
	nemesis.stopped_ms = 0;
	nemesis.pg_until_us = nemesis.redis_until_us = nemesis.mongo_until_us = 0;
	(void)scheduler_start("nemesis", haunt, NULL);
}
