/*
 * scheduler - the only thread of the simulation, shared by tasks that run until they yield.
 *
 * Who goes on is drawn each time, so any interleaving of what stands between two yields can
 * happen. Time is virtual: it moves a little with each step, and on to the next who waits when
 * nobody can run.
 * A task that is killed goes on, but no longer for anybody: every wait ends at once, and whoever
 * stands in for a server must refuse it (scheduler_is_dying). So it frees what it holds, and yet
 * nothing of it is seen after the step at which it was killed.
 * Owns     the tasks' stacks.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stdint.h>

struct task;

void scheduler_begin(void);
/* Names are cut; ctx must outlive the task. */
struct task *scheduler_start(const char *name, void (*run)(void *ctx), void *ctx);
/* Steps until `is_done` or a violation; false: it was not within steps_max, or nobody can ever go
 * on. */
bool scheduler_run(bool (*is_done)(void), int64_t steps_max);
/* Kills all that is left, and lets them end. */
void scheduler_end(void);
int64_t scheduler_steps(void);

/* ---- For tasks ---- */

void scheduler_yield(void);
void scheduler_sleep_us(int64_t us);
/* Until is_ready, or the time has come (INT64_MAX: never). False: neither is why it went on. */
bool scheduler_wait(bool (*is_ready)(void *ctx), void *ctx, int64_t until_us);
/* The one that runs; NULL: none does. */
struct task *scheduler_task(void);
bool scheduler_is_dying(void);

/* ---- Of tasks ---- */

void task_freeze(struct task *task, int64_t us);
bool task_is_frozen(const struct task *task);
void task_kill(struct task *task);
bool task_is_dying(const struct task *task);
const char *task_name(const struct task *task);

int64_t scheduler_now_us(void);
int64_t scheduler_now_ms(void);
const char *scheduler_name(void);
