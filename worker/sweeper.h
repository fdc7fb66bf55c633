/*
 * sweeper - ends the bookings of a lane's partitions that no command ends: holds that ran out and
 * that none met, and all that live of cancelled events.
 *
 * Looks now and then which of the started partitions have any, then sweeps one of these a turn, so
 * that bookings go on meanwhile. For those who look at the map: a hold that has run out is in no
 * buyer's way, swept or not, and of a cancelled event nothing is sold.
 * Owns     its schedule; works in the lane's state and journal, while no batch is in hand.
 * Threads  one lane.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "journal.h"
#include "ledger.h"
#include "metrics_worker.h"
#include "source.h"
#include "starter.h"
#include "state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sweeper_config {
	unsigned lane;       /* for the log */
	int64_t every_ms;    /* between looks; 0: never */
	size_t bookings_max; /* of one transaction */
};

struct sweeper;

/* All of these must outlive the sweeper. */
struct sweeper *sweeper_new(const struct sweeper_config *config, const struct source *source,
			    const struct ledger *ledger, const struct starter *starter,
			    struct state *state, struct journal *journal,
			    const struct metrics_worker *metrics);
void sweeper_free(struct sweeper *sweeper);

/* There is something to do: a look is due, or a partition is to be swept. */
bool sweeper_is_due(const struct sweeper *sweeper, int64_t now_ms);
/* A look, when it is due, and at most one transaction. A partition that turns out to be another
 * owner's is started anew. After an error the rest is done in a later turn. */
err_code sweeper_turn(struct sweeper *sweeper, int64_t now_ms, struct err *err) _must_check_;
/* The last look found partitions that were not swept since, or not to the end. */
bool sweeper_is_behind(const struct sweeper *sweeper);
