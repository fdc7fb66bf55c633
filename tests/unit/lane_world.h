/*
 * lane_world - all that a lane meets, in memory: a log, a ledger (memory_ledger), locks, dead
 * letters and a clock that moves only when somebody waits. Faults are switched on in the fields.
 */
#pragma once

#include "lane.h"
#include "memory_ledger.h"

#define WORLD_MESSAGES_MAX    64
#define WORLD_PARTITIONS      2
#define WORLD_SEATS           4
#define WORLD_COMMANDS_MAX    256
#define WORLD_VALUE_BYTES_MAX 512

enum world_commit {
	WORLD_COMMIT,
	WORLD_LOSE_BEFORE, /* the connection breaks, nothing was committed */
	WORLD_LOSE_AFTER,  /* it was committed, the answer is lost         */
};

struct world_partition {
	bool owned;
	bool started;
	uint64_t assignment;
	int64_t position;
	int64_t low;
	int64_t high;
	int64_t reported;
	char values[WORLD_MESSAGES_MAX][WORLD_VALUE_BYTES_MAX];
};

struct world {
	struct world_partition partitions[WORLD_PARTITIONS];
	struct memory_ledger memory;
	int64_t letters[WORLD_MESSAGES_MAX]; /* offsets */
	size_t letter_count;
	int64_t clock_us;
	/* Faults: how many calls fail from now on. */
	int ledger_down;
	int sweeps_down;
	int locks_down;
	int letters_down;
	int bounds_down;
	int foreign[WORLD_SEATS]; /* attempts at a seat that another partition has locked */
	enum world_commit next_commit;
	int unfit; /* the booking that no commit may contain, by a bug; 0: none */
	void (*on_begin)(struct world *world); /* once, at the start of the next begin or sweep */
	/* What happened. */
	int begins, commits, sweeps, looks, rollbacks, locks, unlocks, restarts, starts, takes;
	int locked_now, locked_most;
	/* Workings. */
	struct source_message messages[WORLD_MESSAGES_MAX];
	struct ledger ledger; /* memory, without the faults */
	struct metrics *metrics;
	struct metrics_worker counted;
	struct lane *lane;
};

/* Partition 0 is owned; event "e" has the seats A1 to A4; a lane takes at most batch_max at once,
 * and does not sweep. */
void world_init(struct world *world, size_t batch_max);
/* The same with a lane that looks for holds that ran out, each sweep_ms. */
void world_init_sweeping(struct world *world, size_t batch_max, int64_t sweep_ms);
void world_done(struct world *world);

/* Appends to partition 0. Seats: "A1 A2". */
void world_book(struct world *world, int booking, const char *user, const char *seats);
void world_hold(struct world *world, int booking, const char *user, const char *seats);
/* "confirm", "extend" or "cancel", for its owner; `command` numbers it. */
void world_act(struct world *world, const char *type, int booking, int command);
void world_append(struct world *world, const char *value);
void world_revoke(struct world *world, int partition);
void world_assign(struct world *world, int partition);

void world_turn(struct world *world, int times);
/* Turns until the log is settled; false when it is not within many turns. */
bool world_settle(struct world *world);
/* Turns until so much time has passed. */
void world_pass(struct world *world, int64_t ms);

const struct seat *world_seat(const struct world *world, const char *seat_id);
const struct known_booking *world_booking(const struct world *world, int booking);
/* How the bookings stand, in the order in which they were decided: "1+ 2- 3h 4c 5e " for one
 * confirmed, rejected, held, cancelled, expired. */
const char *world_outcomes(const struct world *world);
int64_t world_counted(const struct world *world, enum verdict verdict, enum reason reason);
