/*
 * lane_world - all that a lane meets, in memory: a log, a ledger, locks, dead letters and a clock
 * that moves only when somebody waits. Faults are switched on in the fields.
 */
#pragma once

#include "lane.h"

#define WORLD_MESSAGES_MAX    64
#define WORLD_PARTITIONS      2
#define WORLD_SEATS_MAX       8
#define WORLD_BOOKINGS_MAX    64
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
	int64_t progress; /* the ledger's; -1: no row yet */
	char values[WORLD_MESSAGES_MAX][WORLD_VALUE_BYTES_MAX];
};

struct world_seat {
	char seat_id[IDENT_BYTES_MAX];
	enum seat_status status;
	int64_t version;
	char booking_id[BOOKING_ID_BYTES_MAX];
	int foreign; /* locked by another partition for so many attempts more */
};

struct world_booking {
	char booking_id[BOOKING_ID_BYTES_MAX];
	uint64_t content;
	bool confirmed;
};

struct world {
	struct world_partition partitions[WORLD_PARTITIONS];
	struct world_seat seats[WORLD_SEATS_MAX]; /* of event "e" */
	size_t seat_count;
	struct world_booking bookings[WORLD_BOOKINGS_MAX]; /* in the order of their decision */
	size_t booking_count;
	int64_t letters[WORLD_MESSAGES_MAX]; /* offsets */
	size_t letter_count;
	int64_t clock_us;
	/* Faults: how many calls fail from now on. */
	int ledger_down;
	int locks_down;
	int letters_down;
	int bounds_down;
	enum world_commit next_commit;
	void (*on_begin)(struct world *world); /* once, at the start of the next begin */
	/* What happened. */
	int begins, commits, locks, unlocks, restarts, starts, takes, locked_now;
	/* Workings. */
	struct source_message messages[WORLD_MESSAGES_MAX];
	struct state *loaded;
	int64_t fence_to;
	struct metrics *metrics;
	struct metrics_worker counted;
	struct lane *lane;
};

/* Partition 0 is owned; event "e" has the seats A1 to A4; a lane takes at most batch_max at once.
 */
void world_init(struct world *world, size_t batch_max);
void world_done(struct world *world);

/* Appends to partition 0. */
void world_book(struct world *world, int booking, const char *user, const char *seat_id);
void world_append(struct world *world, const char *value);
void world_revoke(struct world *world, int partition);
void world_assign(struct world *world, int partition);

void world_turn(struct world *world, int times);
/* Turns until the log is settled; false when it is not within many turns. */
bool world_settle(struct world *world);

struct world_seat *world_seat(struct world *world, const char *seat_id);
/* "1+ 2- " for booking 1 confirmed, then 2 rejected. */
const char *world_outcomes(const struct world *world);
