/*
 * seat_lock - short locks on seats, which spare the ledger contention between lanes.
 *
 * Correctness does not hang on them: a lane whose locks are away goes on without.
 * Shape    an interface: seat_lock_redis in service, memory in tests and simulations.
 * Source   lib/PROTOCOL.md, "Seat locks".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "source.h"
#include "state.h"

enum seat_lock_result {
	SEAT_LOCK_TAKEN,
	SEAT_LOCK_TAKEN_OVER, /* from another owner of the same partition */
	SEAT_LOCK_FOREIGN,    /* a lane of another partition has it       */
};

struct seat_lock_ops {
	/*
	 * Tries all seats in one round trip; ret[i] tells of seats[i]. ERR_UNAVAILABLE: some may be
	 * locked, until they expire. What is locked already by this lane is locked again.
	 */
	err_code (*lock)(void *ctx, const struct partition_name *name, const struct seat *seats,
			 size_t count, enum seat_lock_result *ret, struct err *err);
	/* Gives back those of the seats that are this lane's. Best effort. */
	void (*unlock)(void *ctx, const struct partition_name *name, const struct seat *seats,
		       size_t count);
};

struct seat_lock {
	const struct seat_lock_ops *ops;
	void *ctx;
};
