/*
 * lane - one line of work: takes a batch of a partition, and brings it to its durable outcome.
 *
 *   take -> decode -> lock seats -> load -> decide -> commit -> unlock -> report
 *
 * A batch is given up in two cases only: the partition went to another owner, or the fence shows
 * that it did. Nothing else drops it: with the ledger or the dead-letter topic away it is tried
 * again, for ever. Between batches it ends holds that ran out (sweeper).
 *
 * Shape    lane_turn is one step of a loop and holds no thread: a simulator can drive many lanes in
 *          one. Everything outside is reached through the small interfaces of lane_ports.
 *
 * Threads  one; lane_is_ledger_up and lane_turned_at_ms from any.
 */
#pragma once

#include "attr.h"
#include "dead_letter.h"
#include "ledger.h"
#include "metrics_worker.h"
#include "seat_lock.h"
#include "source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANE_BATCH_MAX 5000

struct lane_clock_ops {
	int64_t (*now_us)(void *ctx); /* never goes back */
	void (*wait_ms)(void *ctx, int64_t ms);
};

struct lane_clock {
	const struct lane_clock_ops *ops;
	void *ctx;
};

/* The machine's. */
struct lane_clock lane_clock_system(void);

struct lane_ports {
	struct source source;
	struct seat_lock locks;
	struct ledger ledger;
	struct dead_letter_box letters;
	struct lane_clock clock;
};

struct lane_config {
	unsigned number;      /* for the log */
	size_t batch_max;     /* 1..LANE_BATCH_MAX */
	int64_t lock_wait_ms; /* for another partition's lock; then without */
	int64_t sweep_ms;     /* between looks for holds that ran out; 0: never */
};

struct lane;

/* What the ports refer to must outlive the lane. */
struct lane *lane_new(const struct lane_config *config, const struct lane_ports *ports,
		      const struct metrics_worker *metrics);
/* Forgets an unsettled batch: the next owner of its partition takes it. */
void lane_free(struct lane *lane);

/* Bounded: by the waits of its ports, and LANE_WAIT_MS where it has nothing to do. */
void lane_turn(struct lane *lane);

/* A batch is at work: more turns may settle it. */
bool lane_is_busy(const struct lane *lane);
bool lane_is_ledger_up(const struct lane *lane);
/* When it last began a turn, on its clock. */
int64_t lane_turned_at_ms(const struct lane *lane);
