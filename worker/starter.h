/*
 * starter - starts a lane's partitions where the ledger says, and keeps where each of them stands.
 *
 * Owns     its table. Threads  one lane.
 */
#pragma once

#include "ledger.h"
#include "metrics_worker.h"
#include "source.h"

#include <stdint.h>

struct starter;

struct starter *starter_new(unsigned lane, const struct source *source, const struct ledger *ledger,
			    const struct metrics_worker *metrics);
void starter_free(struct starter *starter);

enum starter_view { STARTER_SAW_NOTHING, STARTER_SAW_LEDGER, STARTER_MISSED_LEDGER };

/*
 * Tries each partition that waits to be started; one that cannot be does not keep the others
 * waiting. Answers what that told about the ledger.
 */
enum starter_view starter_turn(struct starter *starter, int64_t now_ms);

/* Where the ledger stands: the fence's old value. */
int64_t starter_progress(const struct starter *starter, int32_t partition);
void starter_note_progress(struct starter *starter, int32_t partition, int64_t next_offset);
