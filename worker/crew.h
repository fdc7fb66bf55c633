/*
 * crew - the lanes of one worker: a thread for each, with its own consumer and connections.
 *
 * Owns     the threads and all they use; the dead-letter producer is shared.
 * Threads  crew_open, _stop and _close from one thread; the others from any, until crew_close.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "metrics_worker.h"
#include "worker_config.h"

#include <stdbool.h>
#include <stdint.h>

struct crew;

/* Waits for no server: the lanes connect by themselves, and go on trying. */
err_code crew_open(const struct worker_config *config, const struct metrics_worker *metrics,
		   struct crew **ret, struct err *err) _must_check_;
/* Asks each lane to end its turn and to leave the group; does not wait. */
void crew_stop(struct crew *crew);
/* Stops, waits, and closes. Ignores NULL. */
void crew_close(struct crew *crew);

/* Every lane turns, and reached a broker that is not lost since. */
bool crew_is_kafka_up(void *crew);
bool crew_is_ledger_up(void *crew);
int64_t crew_lag(const struct crew *crew);
