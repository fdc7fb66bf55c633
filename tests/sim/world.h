/*
 * world - what all parts of one simulated seed share: its settings, its random numbers, what
 * happened in it, and what was found wrong.
 *
 * Shape    one world at a time, in one variable: the functions that stand in for the servers'
 *          clients have nowhere to carry a context.
 * Owns     nothing that outlives the seed but the facts, which add up over all seeds.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_PARTITIONS_MAX 2
#define WORLD_LANES_MAX      4
#define WORLD_PROJECTORS     2
#define WORLD_EVENTS         3 /* "e0" to "e2"; "e3" is not there                 */
#define WORLD_SEATS          8 /* "s0" to "s7" of each; "s7" is blocked, "s8" not there */
#define WORLD_USERS          4
#define WORLD_START_MS       1000000 /* PostgreSQL's clock when a seed begins */

/* How often each thing happened, over all seeds. Each must have, or the run proves little. */
#define WORLD_FACTS(X)                                                                             \
	X(messages, "messages produced")                                                           \
	X(produced_twice, "messages produced twice")                                               \
	X(contradictions, "messages that contradict an earlier one")                               \
	X(garbage, "messages that cannot be decoded")                                              \
	X(delayed, "messages delivered late")                                                      \
	X(redelivered, "commands delivered again after they were decided")                         \
	X(rewinds, "progress set back by hand")                                                    \
	X(crashes, "lanes crashed")                                                                \
	X(stops, "lanes stopped")                                                                  \
	X(frozen, "lanes frozen")                                                                  \
	X(evicted, "members that the group gave up")                                               \
	X(rebalances, "rebalances")                                                                \
	X(late_notices, "rebalances noticed late")                                                 \
	X(fenced, "transactions stopped by the fence")                                             \
	X(commits, "transactions committed")                                                       \
	X(answers_lost, "answers of PostgreSQL lost")                                              \
	X(requests_lost, "requests to PostgreSQL lost")                                            \
	X(commits_unknown, "commits whose answer was lost")                                        \
	X(commits_after_all, "of those, committed")                                                \
	X(sessions_killed, "sessions ended by PostgreSQL")                                         \
	X(idle_ended, "transactions that were idle for too long")                                  \
	X(stalls, "statements of PostgreSQL that were slow")                                       \
	X(pg_stops, "stops of PostgreSQL")                                                         \
	X(lock_waits, "waits for a row or an advisory lock")                                       \
	X(unique_violations, "unique violations")                                                  \
	X(xid_disorder, "transactions committed before one with a lower id")                       \
	X(rows_withheld, "reads of the log held back by a running transaction")                    \
	X(locks_taken, "seat locks taken")                                                         \
	X(locks_taken_over, "seat locks taken over")                                               \
	X(locks_foreign, "seat locks of another partition met")                                    \
	X(locks_expired, "seat locks expired")                                                     \
	X(locks_flushed, "flushes of Redis")                                                       \
	X(locks_lost, "calls of Redis that failed")                                                \
	X(unlocks_too_late, "seat locks not given back, for they were another's")                  \
	X(letters, "dead letters")                                                                 \
	X(letters_failed, "dead letters not acknowledged")                                         \
	X(lapsed, "holds ended by a decision")                                                     \
	X(swept, "holds ended by a sweep")                                                         \
	X(ended_with_event, "bookings ended because their event was cancelled")                    \
	X(administered, "commands of administrators done")                                         \
	X(projector_crashes, "projectors crashed")                                                 \
	X(projector_frozen, "projectors frozen")                                                   \
	X(terms, "projectors' terms")                                                              \
	X(rebuilds, "rebuilds begun")                                                              \
	X(mongo_failures, "calls of MongoDB that failed")                                          \
	X(mongo_lost, "crashes of MongoDB that lost writes")                                       \
	X(blocks_stale, "blocks that were not what a projector took them for")                     \
	X(bookings_stale, "bookings written late, and refused")                                    \
	X(positions_stale, "positions of an earlier term, and refused")                            \
	X(rebuilds_stale, "rebuilds that another one followed, and that stopped")                  \
	X(live_gaps, "live messages that showed a gap")

enum world_fact {
#define X(name, text) FACT_##name,
	WORLD_FACTS(X)
#undef X
		FACT_COUNT,
};

struct world {
	uint64_t seed;
	uint64_t random;
	bool traces;
	/* Settings of the seed. */
	int partitions, lanes;
	bool is_mixed;   /* one event's messages stand in all partitions, as after a renumbering */
	bool is_crowded; /* every lane believes that every partition is its own */
	bool is_fight;   /* over the same seats, without locks */
	bool has_locks;  /* else Redis is away all the time */
	int messages;    /* that buyers send */
	int batch_max;
	int64_t lock_ttl_ms, lock_wait_ms, sweep_ms, session_ms;
	/* Of 10,000 calls, how many fail. */
	int pg_faults, redis_faults, mongo_faults, letter_faults;
	int strikes; /* of whoever calls */
	int stalls;  /* of PostgreSQL    */
	/* How things stand. */
	bool faults_on; /* until they stop, at some time */
	bool pg_down, redis_down, mongo_down;
	bool is_over;        /* everybody is being sent home */
	char violation[256]; /* "": none */
};

extern struct world world;
extern int64_t world_facts[FACT_COUNT];

/* Everything as at the beginning, with settings that come from the seed. */
void world_begin(uint64_t seed, bool traces);

#define world_count(name) ((void)world_facts[FACT_##name]++)

uint64_t draw(void);
int64_t below(int64_t limit); /* 0..limit-1 */
bool one_in(int64_t chance);
/* A fault of which so many happen in 10,000 calls, while there are faults. */
bool fails(int of_10000);

/* One line of the trace: when, who, what. */
void trace(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* The first is kept; the seed ends. */
void violate(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
