/*
 * ledger - the write model: where outcomes become durable, once each.
 *
 * One transaction per batch: begin moves the fence, locks and loads what the decisions need; commit
 * writes what they changed. A lane that no longer owns its partition finds the fence moved, and can
 * neither read nor write anything in the name of that partition. So does sweep, for bookings that
 * no command ends.
 * Shape    an interface: ledger_pg in service, memory in tests and simulations.
 * Threads  one lane, one ledger, one thread.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "journal.h"
#include "source.h"
#include "state.h"

struct ledger_ops {
	/* Where the partition stands; the first time it is entered, at offset 0, and *ret_fresh is
	 * true. */
	err_code (*progress)(void *ctx, const struct partition_name *name, int64_t *ret_next_offset,
			     bool *ret_fresh, struct err *err);
	/* Sets it back, for a log that begins anew. ERR_CONFLICT: it is no longer at `from`. */
	err_code (*rewind)(void *ctx, const struct partition_name *name, int64_t from, int64_t to,
			   struct err *err);
	/*
	 * Opens a transaction: moves the partition from old_offset to new_offset, then locks and
	 * fills in what the state wants, and what that leads to: all bookings that hold wanted
	 * seats and whose time is over, the seats of these and of the bookings that are to be
	 * acted on, and the events of those. *ret_now_ms is the ledger's time, once the partition
	 * was this lane's. ERR_CONFLICT: the fence is elsewhere, another owner has the partition.
	 * After any error there is no transaction.
	 */
	err_code (*begin)(void *ctx, const struct partition_name *name, int64_t old_offset,
			  int64_t new_offset, struct state *state, int64_t *ret_now_ms,
			  struct err *err);
	/*
	 * The same at an offset that stays, with up to bookings_max bookings of the partition:
	 * those whose holds have run out, the longest ago first, and those that live of cancelled
	 * events; fewer when there are no more.
	 */
	err_code (*sweep)(void *ctx, const struct partition_name *name, int64_t offset,
			  size_t bookings_max, struct state *state, int64_t *ret_now_ms,
			  struct err *err);
	/*
	 * Writes the state's changed seats, bookings and events and the journal's rows, and
	 * commits. After
	 * any error the transaction may have been committed or not: progress tells.
	 */
	err_code (*commit)(void *ctx, const struct partition_name *name, const struct state *state,
			   const struct journal *journal, struct err *err);
	void (*rollback)(void *ctx);
	/* Which of the partitions have bookings that sweep would find, in one cheap look without a
	 * transaction: ret[i] tells of partitions[i]. */
	err_code (*has_to_end)(void *ctx, const int32_t *partitions, size_t count, bool *ret,
			       struct err *err);
	/* Whether it can be reached at all, for readiness while there is nothing to do. */
	err_code (*check)(void *ctx, struct err *err);
};

struct ledger {
	const struct ledger_ops *ops;
	void *ctx;
};
