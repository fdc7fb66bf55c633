/* metrics_worker - what the worker counts; shared by its lanes. */
#pragma once

#include "decide.h"
#include "metrics.h"

enum lane_phase {
	LANE_TAKE,
	LANE_DECODE,
	LANE_LOCK,
	LANE_LOAD,
	LANE_DECIDE,
	LANE_COMMIT,
	LANE_UNLOCK,
	LANE_PHASE_COUNT,
};

struct metrics_worker {
	struct metric *outcomes[VERDICT_COUNT][REASON_COUNT]; /* NULL where there is no such */
	struct metric *expired;
	struct metric *ended_with_event;
	struct metric *duplicates;
	struct metric *contradictions;
	struct metric *dead_letters;
	struct metric *batch_size;
	struct metric *phases[LANE_PHASE_COUNT];
	struct metric *lock_contention;
	struct metric *lock_taken_over;
	struct metric *lock_unavailable;
	struct metric *lock_given_up;
	struct metric *fenced;
	struct metric *in_doubt;
	struct metric *ledger_retries;
	struct metric *dead_letter_retries;
	struct metric *messages_lost;
	struct metric *lag;
};

void metrics_worker_init(struct metrics_worker *ret, struct metrics *metrics);
