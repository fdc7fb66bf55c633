/* projector_metrics - what the projector counts. */
#pragma once

#include "bookings.h"
#include "changes.h"
#include "metrics.h"
#include "publish.h"
#include "store.h"

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

/* Of telling the log to Kafka. */
struct outbox_metrics {
	struct metric *active;
	struct metric *lag_seconds;
	struct metric *lag_rows;
	struct metric *batch_rows;
	struct metric *send_seconds;
	struct metric *published;
	struct metric *failures;
};

void outbox_metrics_init(struct outbox_metrics *ret, struct metrics *metrics);

/* A batch was written: its maps and events. */
void projector_metrics_batch(const struct projector_metrics *metrics, const struct log_batch *batch,
			     const struct store_result *result);
void projector_metrics_bookings(const struct projector_metrics *metrics,
				const struct bookings_result *result);
void projector_metrics_published(const struct projector_metrics *metrics,
				 const struct publish_counts *counts);
