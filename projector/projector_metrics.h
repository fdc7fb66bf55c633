/* projector_metrics - what the projector counts. */
#pragma once

#include "metrics.h"

enum projector_step {
	STEP_READ,
	STEP_FOLD,
	STEP_BLOCKS,
	STEP_BOOKINGS,
	STEP_EVENTS,
	STEP_PUBLISH,
	STEP_POSITION,
	STEP_COUNT,
};

struct projector_metrics {
	struct metric *active;
	struct metric *lag_seconds;
	struct metric *lag_rows;
	struct metric *batch_rows;
	struct metric *steps[STEP_COUNT];
	struct metric *delay_seconds;
	struct metric *rows;
	struct metric *seats;
	struct metric *written_blocks;
	struct metric *written_bookings;
	struct metric *written_events;
	struct metric *stale;
	struct metric *skipped;
	struct metric *published;
	struct metric *publish_failures;
	struct metric *rebuilds;
	struct metric *failures;
};

void projector_metrics_init(struct projector_metrics *ret, struct metrics *metrics);
