/*
 * sim - the worker and the projector in a world of its own, seed by seed: what ships, linked, and
 * around it servers in memory, a clock that nobody waits for, and everything that can go wrong.
 *
 * usage: sim [--seeds N] [--from S] [--trace]
 *
 * A seed that breaks a promise is told with its trace and the command that repeats it; the status
 * is then 1.
 */
#include "actors.h"
#include "checker.h"
#include "clock.h"
#include "log.h"
#include "mongo_memory.h"
#include "redis_memory.h"
#include "scheduler.h"
#include "topic.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEDS_DEFAULT 1000
/* From so many seeds on, everything must have happened. */
#define SEEDS_FOR_ALL 5000
#define STEPS_MAX     400000
#define REST_MS       1000  /* that nothing is missing, before it is believed */
#define REST_MS_MAX   60000 /* after the last fault */

static char **arguments;
static int64_t rest_since_ms;

/* The linker has the programs call these. */
int64_t __wrap_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_ms(void);
int64_t __wrap_clock_wall_ms(void);
void __wrap_clock_sleep_ms(int64_t ms);
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields,
		      size_t count);

int64_t __wrap_clock_monotonic_us(void)
{
	return lanes_clock_us();
}

int64_t __wrap_clock_monotonic_ms(void)
{
	return lanes_clock_us() / 1000;
}

int64_t __wrap_clock_wall_ms(void)
{
	return lanes_clock_us() / 1000;
}

void __wrap_clock_sleep_ms(int64_t ms)
{
	scheduler_sleep_us(ms * 1000);
}

/* What the programs log is part of the trace. */
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields,
		      size_t count)
{
	char text[512];
	size_t len = 0;
	(void)level;

	if (!world.traces || scheduler_is_dying())
		return;
	text[0] = '\0';
	for (size_t i = 0; i < count && len < sizeof(text); i++)
		len += (size_t)(fields[i].kind == LOG_KIND_STR
					? snprintf(text + len, sizeof(text) - len, " %s=%s",
						   fields[i].name,
						   fields[i].text ? fields[i].text : "-")
					: snprintf(text + len, sizeof(text) - len, " %s=%" PRId64,
						   fields[i].name, fields[i].number));
	trace("log: %s%s", event, text);
}

/* ---- A seed ---- */

static bool is_at_rest(void)
{
	if (!buyers_are_done() || !nemesis_is_over())
		return false;
	const char *const awaited = checker_awaits();
	if (awaited) {
		rest_since_ms = 0;
		if (scheduler_now_ms() - nemesis_stopped_ms() > REST_MS_MAX)
			violate("%d ms after the last fault %s", REST_MS_MAX, awaited);
		return false;
	}
	if (rest_since_ms == 0)
		rest_since_ms = scheduler_now_ms();
	return scheduler_now_ms() - rest_since_ms > REST_MS;
}

static bool run_seed(uint64_t seed, bool traces)
{
	world_begin(seed, traces);
	rest_since_ms = 0;
	scheduler_begin();
	postgres_begin();
	topic_begin();
	redis_memory_begin();
	mongo_memory_begin();
	checker_begin();
	lanes_begin();
	projectors_begin();
	buyers_begin();
	nemesis_begin();

	if (!scheduler_run(is_at_rest, STEPS_MAX))
		violate("nothing comes to rest within %d steps: %s", STEPS_MAX,
			checker_awaits() ? checker_awaits() : "somebody never stops");
	if (world.violation[0] == '\0')
		checker_at_rest();
	world.traces = false;
	scheduler_end();
	checker_end();
	mongo_memory_end();
	return world.violation[0] == '\0';
}

static void tell_violation(uint64_t seed, bool traces)
{
	char violation[sizeof(world.violation)];

	memcpy(violation, world.violation, sizeof(violation));
	if (!traces)
		(void)run_seed(seed, true);
	(void)printf("violation in seed %" PRIu64 ": %s\n", seed, violation);
	(void)printf("replay: %s --from %" PRIu64 " --seeds 1 --trace\n", arguments[0], seed);
}

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1); /* There is nobody left to tell. */
}

/* An assertion of the programs: the seed runs again from its beginning, and says all. */
static void on_abort(int number)
{
	static char from[24];
	static char options[][12] = { "--from", "--seeds", "1", "--trace", "--aborted" };
	uint64_t seed = world.seed;
	size_t i = sizeof(from) - 1;
	(void)number;

	do {
		from[--i] = (char)('0' + seed % 10);
		seed /= 10;
	} while (seed > 0);
	say("violation in seed ");
	say(from + i);
	say(": an assertion failed\n");
	char *const again[] = { arguments[0], options[0], from + i, options[1],
				options[2],   options[3], options[4], NULL };
	if (!world.traces)
		(void)execv("/proc/self/exe", again);
	say("replay: ");
	say(arguments[0]);
	say(" --from ");
	say(from + i);
	say(" --seeds 1 --trace\n");
	_exit(1);
}

static int tell_facts(uint64_t seeds, int64_t steps)
{
	static const char *const texts[FACT_COUNT] = {
#define X(name, text) [FACT_##name] = (text),
		WORLD_FACTS(X)
#undef X
	};
	int missing = 0;

	for (int i = 0; i < FACT_COUNT; i++) {
		(void)printf("%12" PRId64 "  %s\n", world_facts[i], texts[i]);
		if (world_facts[i] == 0 && seeds >= SEEDS_FOR_ALL) {
			(void)printf("never: %s\n", texts[i]);
			missing++;
		}
	}
	(void)printf("%12d  deadlocks\n%12d  violations\n", 0, 0);
	(void)printf("%" PRIu64 " seeds, %" PRId64 " steps\n", seeds, steps);
	return missing;
}

/* ---- The command line ---- */

struct options {
	uint64_t seeds, from;
	bool traces;
	bool has_aborted; /* once before: on_abort makes the seed run again */
};

static bool read_number(const char *text, uint64_t *ret)
{
	char *end = NULL;

	*ret = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

static bool read_options(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = { { "seeds", required_argument, NULL, 'n' },
					       { "from", required_argument, NULL, 'f' },
					       { "trace", no_argument, NULL, 't' },
					       { "aborted", no_argument, NULL, 'a' },
					       { 0 } };
	bool is_good = true;

	for (int c = getopt_long(argc, argv, "", known, NULL); c != -1 && is_good;
	     c = getopt_long(argc, argv, "", known, NULL)) {
		if (c == 'n')
			is_good = read_number(optarg, &ret->seeds) && ret->seeds > 0;
		else if (c == 'f')
			is_good = read_number(optarg, &ret->from);
		else if (c == 't')
			ret->traces = true;
		else if (c == 'a')
			ret->has_aborted = true;
		else
			is_good = false;
	}
	return is_good && optind == argc;
}

int main(int argc, char **argv)
{
	struct options options = { .seeds = SEEDS_DEFAULT, .from = 1 };
	int64_t steps = 0;

	arguments = argv;
	if (!read_options(argc, argv, &options)) {
		(void)fprintf(stderr, "usage: %s [--seeds N] [--from S] [--trace]\n", argv[0]);
		return 64;
	}
	(void)signal(SIGABRT, on_abort);
	(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	(void)json_object_seed(1);
	/* Lanes come and go with large tables: do not ask the system for them each time. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	for (uint64_t i = 0; i < options.seeds; i++) {
		if (!run_seed(options.from + i, options.traces)) {
			tell_violation(options.from + i, options.traces);
			return 1;
		}
		steps += scheduler_steps();
	}
	return tell_facts(options.seeds, steps) == 0 && !options.has_aborted ? 0 : 1;
}
