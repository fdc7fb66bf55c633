#include "world.h"

#include "scheduler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct world world;
int64_t world_facts[FACT_COUNT];

/* SplitMix64. */
uint64_t draw(void)
{
	uint64_t ret = world.random += 0x9e3779b97f4a7c15u;

	ret = (ret ^ ret >> 30) * 0xbf58476d1ce4e5b9u;
	ret = (ret ^ ret >> 27) * 0x94d049bb133111ebu;
	return ret ^ ret >> 31;
}

int64_t below(int64_t limit)
{
	assert(limit > 0);

	return (int64_t)(draw() % (uint64_t)limit);
}

bool one_in(int64_t chance)
{
	return below(chance) == 0;
}

bool fails(int of_10000)
{
	return world.faults_on && of_10000 > 0 && below(10000) < of_10000;
}

/* A server that mostly works, one that never fails, or one that is a plague. */
static int some_faults(void)
{
	static const int rates[] = { 0, 30, 150, 500 };

	return rates[below(sizeof(rates) / sizeof(rates[0]))];
}

void world_begin(uint64_t seed, bool traces)
{
	world = (struct world){ .seed = seed,
				.random = seed * 0x2545f4914f6cdd1du + 1,
				.traces = traces };
	world.partitions = one_in(4) ? 1 : 2;
	world.is_mixed = world.partitions == 2 && one_in(2);
	world.lanes = 2 + (int)below(WORLD_LANES_MAX - 1);
	world.is_crowded = one_in(4);
	world.has_locks = !one_in(world.is_mixed ? 2 : 12);
	world.messages = 16 + (int)below(32);
	world.batch_max = 1 + (int)below(6);
	world.lock_ttl_ms = one_in(2) ? 30 + below(300) : 1000 + below(4000);
	world.lock_wait_ms = 20 + below(1000);
	world.sweep_ms = one_in(4) ? 0 : 20 + below(400);
	world.session_ms = 400 + below(2000);
	world.pg_faults = some_faults();
	world.redis_faults = some_faults();
	world.mongo_faults = some_faults();
	world.letter_faults = 4 * some_faults();
	world.strikes = some_faults() / 5;
	world.stalls = some_faults();
	world.faults_on = true;
	world.is_fight = world.is_mixed && !world.has_locks;
	/* What hardly ever comes together by chance alone. */
	if (world.is_fight || world.is_crowded)
		world.stalls = 300;
	if (world.is_fight)
		world.batch_max = 3 + (int)below(4);
	else if (world.is_crowded)
		world.batch_max = 1; /* so one sweep leaves something to the next */
	if (world.is_crowded)
		world.sweep_ms = 5 + below(30);
	/* Often enough between a projector's reading and its writing, though administrators'
	 * commands leave less to write. */
	if (one_in(5))
		world.strikes = 250;
}

void trace(const char *format, ...)
{
	va_list args;

	if (!world.traces)
		return;
	(void)printf("%10.3f %-10s ", (double)scheduler_now_us() / 1000, scheduler_name());
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
}

void violate(const char *format, ...)
{
	va_list args;

	if (world.violation[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(world.violation, sizeof(world.violation), format, args);
	va_end(args);
	trace("VIOLATION: %s", world.violation);
}
