/* Two projectors, of which one is active; and who follows the live channel. */
#include "actors.h"
#include "beside.h"
#include "bson_match.h"
#include "mongo_memory.h"
#include "postgres.h"
#include "projector.h"
#include "publish.h"
#include "scheduler.h"
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_TIMEOUT_MS 4000
#define BACKOFF_US_MAX       300000
#define REVIVE_US_MAX        800000
#define FREEZE_US_MAX        4000000

struct desk {
	struct task *task; /* NULL: none lives */
	int64_t revive_us;
};

/* What one page that shows an event's map knows. */
struct page {
	int64_t version;
	enum seat_status seats[WORLD_SEATS];
};

/* What a projector does beside, when the draw says that it is done at its end. */
struct later {
	const struct beside *beside; /* NULL: nothing */
	void *(*run)(void *ctx);
	void *ctx;
};

static struct desk desks[WORLD_PROJECTORS];
static struct later laters[WORLD_PROJECTORS];
static struct page pages[WORLD_EVENTS];

/* ---- The live channel ---- */

static void load_page(int event)
{
	char id[16];
	(void)snprintf(id, sizeof(id), "e%d/0000", event);
	const bson_t *const map = mongo_memory_find("seat_maps", id);
	if (!map)
		return;

	pages[event].version = bson_number(map, "version");
	for (int i = 0; i < WORLD_SEATS; i++) {
		(void)snprintf(id, sizeof(id), "seats.%d.status", i);
		pages[event].seats[i] = seat_status_parse(bson_text(map, id));
	}
}

/* A page that followed the messages shows what a page that was loaded does. */
static void check_page(int event)
{
	const struct page followed = pages[event];

	load_page(event);
	if (followed.version == pages[event].version &&
	    memcmp(&followed, &pages[event], sizeof(followed)) != 0)
		violate("who follows event %d sees another map at version %ld", event,
			(long)followed.version);
	pages[event] = followed;
}

static void follow(const struct fold *fold, const struct store_result *result, size_t i)
{
	const struct event_change *const change = &fold->events[i];
	const struct event_move *const move = &result->events[i];
	const int event = (int)strtol(change->event_id + 1, NULL, 10);
	struct page *const page = &pages[event];

	if (move->after.version <= page->version)
		return;
	if (!move->is_exact || move->before.version != page->version) {
		world_count(live_gaps);
		load_page(event);
		return;
	}
	for (size_t b = change->first; b < change->first + change->count; b++)
		for (size_t s = fold->blocks[b].first;
		     s < fold->blocks[b].first + fold->blocks[b].count; s++)
			if (result->seats[s].moved)
				page->seats[fold->seats[s].index] = fold->seats[s].status;
	page->version = move->after.version;
	check_page(event);
}

err_code publish_open(const char *url, int64_t timeout_ms, struct publish **ret, struct err *err)
{
	(void)url;
	(void)timeout_ms;
	(void)err;
	*ret = NULL;
	return ERR_OK;
}

void publish_close(struct publish *publish)
{
	(void)publish;
}

void publish_owe(struct publish *publish, const char *event_id, const struct map_sums *sums)
{
	(void)publish;
	(void)event_id;
	(void)sums;
}

void publish_owed(struct publish *publish, int64_t ms_max, struct publish_counts *ret)
{
	(void)publish;
	(void)ms_max;
	*ret = (struct publish_counts){ 0 };
}

void publish_batch(struct publish *publish, const struct fold *fold,
		   const struct store_result *result, struct publish_counts *ret)
{
	(void)publish;
	*ret = (struct publish_counts){ 0 };
	scheduler_yield();
	for (size_t i = 0; i < fold->event_count && !scheduler_is_dying(); i++)
		follow(fold, result, i);
}

/* ---- Beside ---- */

/* There is one thread, so it is done before or after what the caller does meanwhile. */
void beside_begin(struct beside *beside, void *(*run)(void *ctx), void *ctx)
{
	*beside = (struct beside){ .is_begun = one_in(2) };
	if (!beside->is_begun) {
		(void)run(ctx);
		return;
	}
	struct later *later = laters;
	while (later->beside)
		later++;
	assert(later < laters + WORLD_PROJECTORS);
	*later = (struct later){ beside, run, ctx };
}

void beside_end(struct beside *beside)
{
	if (!beside->is_begun)
		return;
	struct later *later = laters;
	while (later->beside != beside)
		later++;
	(void)later->run(later->ctx);
	later->beside = NULL;
	beside->is_begun = false;
}

/* ---- A projector ---- */

static void turn(struct projector *projector)
{
	struct err err = { 0 };
	int64_t wait_ms = 0;

	const err_code code = projector_turn(projector, &wait_ms, &err);
	if (scheduler_is_dying())
		return;
	if (code == ERR_OK)
		scheduler_sleep_us(wait_ms * 1000);
	else if (code == ERR_UNAVAILABLE)
		scheduler_sleep_us(below(BACKOFF_US_MAX));
	else
		violate("a projector cannot go on: %s", err.text);
}

static void live(void *ctx)
{
	static const struct projector_config config = {
		.pg_statement_timeout_ms = STATEMENT_TIMEOUT_MS,
		.poll_ms = 50,
		.batch_max = 8,
		.events_check_ms = 2000,
	};
	struct desk *const desk = ctx;
	struct metrics *const metrics = metrics_new();
	struct projector *projector = NULL;
	struct err err = { 0 };

	const err_code code = projector_open(&config, metrics, &projector, &err);
	assert(code == ERR_OK);
	while (!scheduler_is_dying())
		turn(projector);
	projector_close(projector);
	metrics_free(metrics);
	trace("is gone");
	desk->task = NULL;
	desk->revive_us = scheduler_now_us() + below(REVIVE_US_MAX);
}

static void start(struct desk *desk)
{
	char name[12];
	(void)snprintf(name, sizeof(name), "proj-%d", (int)(desk - desks));
	desk->task = scheduler_start(name, live, desk);
}

void projectors_begin(void)
{
	memset(desks, 0, sizeof(desks));
	memset(laters, 0, sizeof(laters));
	memset(pages, 0, sizeof(pages));
	for (int i = 0; i < WORLD_EVENTS; i++)
		pages[i].seats[WORLD_SEATS - 1] = SEAT_BLOCKED;
	for (int i = 0; i < WORLD_PROJECTORS; i++)
		start(&desks[i]);
}

static struct desk *some_desk(void)
{
	struct desk *const desk = &desks[below(WORLD_PROJECTORS)];

	return desk->task && !task_is_dying(desk->task) ? desk : NULL;
}

void projectors_crash_some(void)
{
	struct desk *const desk = some_desk();
	if (!desk)
		return;
	trace("projector %d crashes", (int)(desk - desks));
	world_count(projector_crashes);
	task_kill(desk->task);
}

void projectors_freeze_some(void)
{
	struct desk *const desk = some_desk();
	if (!desk)
		return;
	const int64_t us = below(FREEZE_US_MAX);
	trace("projector %d is frozen for %ld ms", (int)(desk - desks), (long)us / 1000);
	world_count(projector_frozen);
	task_freeze(desk->task, us);
	/* Another one takes the lead when the machine vanished with it. */
	if (!one_in(3))
		postgres_kill_of(task_name(desk->task));
}

void projectors_revive(bool all)
{
	for (int i = 0; i < WORLD_PROJECTORS; i++)
		if (!desks[i].task && (all || desks[i].revive_us <= scheduler_now_us()))
			start(&desks[i]);
}

bool projectors_are_well(void)
{
	for (int i = 0; i < WORLD_PROJECTORS; i++)
		if (!desks[i].task || task_is_frozen(desks[i].task))
			return false;
	return true;
}
