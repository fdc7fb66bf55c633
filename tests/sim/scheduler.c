#include "scheduler.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define TASKS_MAX       96
#define STACK_BYTES     (192u << 10)
#define NAME_BYTES_MAX  12
#define STEP_US_MAX     300 /* a step takes less */
#define DYING_STEPS_MAX 100000

struct task {
	ucontext_t context;
	char name[NAME_BYTES_MAX];
	void (*run)(void *ctx);
	void *ctx;
	bool is_used;
	bool is_dying;
	bool (*is_ready)(void *ctx); /* NULL: waits for the time only */
	void *ready_ctx;
	int64_t until_us;  /* when it goes on at the latest */
	int64_t frozen_us; /* not before, whatever else */
	unsigned char *stack;
};

static struct {
	ucontext_t home;
	struct task tasks[TASKS_MAX];
	int end; /* all beyond are unused */
	struct task *running;
	int64_t now_us;
	int64_t steps;
} scheduler;

void scheduler_begin(void)
{
	for (int i = 0; i < TASKS_MAX; i++)
		assert(!scheduler.tasks[i].is_used);
	scheduler.end = 0;
	scheduler.running = NULL;
	scheduler.now_us = WORLD_START_MS * 1000;
	scheduler.steps = 0;
}

int64_t scheduler_now_us(void)
{
	return scheduler.now_us;
}

int64_t scheduler_now_ms(void)
{
	return scheduler.now_us / 1000;
}

int64_t scheduler_steps(void)
{
	return scheduler.steps;
}

const char *scheduler_name(void)
{
	return scheduler.running ? scheduler.running->name : "world";
}

struct task *scheduler_task(void)
{
	return scheduler.running;
}

bool scheduler_is_dying(void)
{
	return scheduler.running && scheduler.running->is_dying;
}

void task_freeze(struct task *task, int64_t us)
{
	task->frozen_us = scheduler.now_us + us;
}

bool task_is_frozen(const struct task *task)
{
	return task->frozen_us > scheduler.now_us;
}

void task_kill(struct task *task)
{
	task->is_dying = true;
	task->frozen_us = 0;
}

bool task_is_dying(const struct task *task)
{
	return task->is_dying;
}

const char *task_name(const struct task *task)
{
	return task->name;
}

/* ---- Tasks ---- */

static void live(void)
{
	struct task *const task = scheduler.running;

	task->run(task->ctx);
	task->is_used = false;
	(void)setcontext(&scheduler.home); /* Does not return. */
}

static struct task *free_task(void)
{
	int i = 0;
	while (i < TASKS_MAX && scheduler.tasks[i].is_used)
		i++;
	assert(i < TASKS_MAX);
	if (scheduler.end <= i)
		scheduler.end = i + 1;
	return &scheduler.tasks[i];
}

/* In a function of its own, for it is as one that may return twice. */
static void make_context(struct task *task)
{
	(void)getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = STACK_BYTES;
	task->context.uc_link = NULL;
	makecontext(&task->context, live, 0);
}

struct task *scheduler_start(const char *name, void (*run)(void *ctx), void *ctx)
{
	struct task *const task = free_task();
	unsigned char *const stack = task->stack ? task->stack : malloc(STACK_BYTES);
	assert(stack);
	*task = (struct task){
		.run = run, .ctx = ctx, .is_used = true, .stack = stack, .until_us = 0
	};
	(void)snprintf(task->name, sizeof(task->name), "%s", name);
	make_context(task);
	return task;
}

static bool can_go_on(const struct task *task)
{
	if (!task->is_used)
		return false;
	if (task->is_dying || world.is_over)
		return true;
	if (task->frozen_us > scheduler.now_us)
		return false;
	return task->until_us <= scheduler.now_us ||
	       (task->is_ready && task->is_ready(task->ready_ctx));
}

/* NULL: nobody can go on now. */
static struct task *choose(void)
{
	struct task *ready[TASKS_MAX];
	int count = 0;

	for (int i = 0; i < scheduler.end; i++)
		if (can_go_on(&scheduler.tasks[i]))
			ready[count++] = &scheduler.tasks[i];
	return count == 0 ? NULL : ready[below(count)];
}

/* False: there is no next time. */
static bool skip_to_next_time(void)
{
	int64_t next_us = INT64_MAX;

	for (int i = 0; i < scheduler.end; i++) {
		const struct task *const task = &scheduler.tasks[i];
		if (!task->is_used)
			continue;
		const int64_t frozen_us = task->frozen_us;
		int64_t at_us = task->until_us > frozen_us ? task->until_us : frozen_us;
		if (frozen_us > scheduler.now_us && task->is_ready &&
		    task->is_ready(task->ready_ctx))
			at_us = frozen_us;
		if (at_us < next_us)
			next_us = at_us;
	}
	if (next_us == INT64_MAX)
		return false;
	if (next_us > scheduler.now_us)
		scheduler.now_us = next_us;
	return true;
}

static void resume(struct task *task)
{
	scheduler.steps++;
	scheduler.now_us += below(STEP_US_MAX);
	scheduler.running = task;
	(void)swapcontext(&scheduler.home, &task->context);
	scheduler.running = NULL;
}

bool scheduler_run(bool (*is_done)(void), int64_t steps_max)
{
	const int64_t end = scheduler.steps + steps_max;

	while (world.violation[0] == '\0' && !is_done()) {
		struct task *const task = choose();
		if (task) {
			resume(task);
			if (scheduler.steps >= end)
				return false;
		} else if (!skip_to_next_time()) {
			return false;
		}
	}
	return true;
}

void scheduler_end(void)
{
	world.is_over = true;
	for (int steps = 0; steps < DYING_STEPS_MAX; steps++) {
		int i = 0;
		while (i < scheduler.end && !scheduler.tasks[i].is_used)
			i++;
		if (i == scheduler.end)
			return;
		scheduler.tasks[i].is_dying = true;
		resume(&scheduler.tasks[i]);
	}
	assert(!"a task does not end");
}

/* ---- Waiting ---- */

static void pause_running(void)
{
	struct task *const task = scheduler.running;

	(void)swapcontext(&task->context, &scheduler.home);
}

bool scheduler_wait(bool (*is_ready)(void *ctx), void *ctx, int64_t until_us)
{
	struct task *const task = scheduler.running;
	if (!task)
		return false;
	if (task->is_dying)
		return is_ready && is_ready(ctx);

	task->is_ready = is_ready;
	task->ready_ctx = ctx;
	task->until_us = until_us;
	pause_running();
	return is_ready && is_ready(ctx);
}

void scheduler_yield(void)
{
	(void)scheduler_wait(NULL, NULL, 0);
}

void scheduler_sleep_us(int64_t us)
{
	(void)scheduler_wait(NULL, NULL, scheduler.now_us + us);
}
