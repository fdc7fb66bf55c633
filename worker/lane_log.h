/* lane_log - what a lane tells the log and the metrics about outcomes and failures. */
#pragma once

#include "batch.h"
#include "err.h"
#include "metrics_worker.h"
#include "source.h"

/* Once they are durable. One line for each booking. */
void lane_log_outcomes(const struct metrics_worker *metrics, const struct partition_name *name,
		       const struct batch_item *items, size_t count);
void lane_log_letter(const struct partition_name *name, const struct batch_item *item);
/* error for a bug, warn for a peer that is away. The lane's backoff bounds how often. */
void lane_log_failure(unsigned lane, const char *event, const char *doing, const struct err *err);
