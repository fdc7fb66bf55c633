/*
 * start - where to begin reading a partition. Pure.
 *
 * partition_progress is the truth; what the log still holds, low to high, may contradict it:
 *   progress within                 begin there
 *   progress below low, fresh       a log older than this ledger: begin at low
 *   progress below low              messages were dropped unread: begin at low, loudly
 *   progress above high             the log began anew: set progress back to low
 *
 * Booking ids make processing again harmless. Progress is set back only once it has been past the
 * end for a while: a broker that just became leader may not know its end yet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum start_kind { START_AT, START_AFTER_LOSS, START_REWOUND };

struct start_choice {
	enum start_kind kind;
	int64_t offset;
	int64_t lost; /* START_AFTER_LOSS: how many messages */
};

struct start_choice start_choose(int64_t progress, bool fresh, int64_t low, int64_t high);
