/* lane_log - what a lane tells the log and the metrics about outcomes and failures. */
#pragma once

#include "batch.h"
#include "err.h"
#include "journal.h"
#include "metrics_worker.h"
#include "source.h"
#include "state.h"

/* Once they are durable. One line for each command; the state is the one they were decided in. */
void lane_log_outcomes(const struct metrics_worker *metrics, const struct partition_name *name,
		       const struct state *state, const struct batch_item *items, size_t count);
/* Once they are durable: the bookings that the journal ended without a command, a line each. */
void lane_log_ended(const struct metrics_worker *metrics, const struct journal *journal);
void lane_log_letter(const struct partition_name *name, const struct batch_item *item);
/* The fence shows another owner of the partition. */
void lane_log_fenced(const struct metrics_worker *metrics, unsigned lane, int32_t partition,
		     const struct err *err);
/* The ledger refuses what is decided about this message alone: its partition stands there. */
void lane_log_stuck(const struct partition_name *name, const struct batch_item *item);
/* error for a bug, warn for a peer that is away. The lane's backoff bounds how often. */
void lane_log_failure(unsigned lane, const char *event, const char *doing, const struct err *err);
