/*
 * changes - the booking log, read without gaps.
 *
 * Rows are read in the order (xid, seq) up to the oldest transaction still running: whatever
 * commits later has a greater xid than all rows read, so none is ever passed by. Reading by seq or
 * by time alone would lose the rows of transactions that commit late.
 * A row becomes readable once no older transaction runs; NOTIFY only says that it may be worth
 * looking.
 * Owns     a log_batch owns all that its rows point to.
 */
#pragma once

#include "fold.h"
#include "pg.h"

#include <stdbool.h>

/* How far the log was read: the last row's place. Zero is before the first. */
struct log_position {
	uint64_t xid;
	int64_t seq;
};

struct log_batch {
	struct log_row *rows;
	size_t count;
	struct log_position last; /* of the last row; unset when count is 0 */
	struct log_seat *seats;
	PGresult *texts;
};

/* How much of the log is not read yet; counting stops at CHANGES_LAG_ROWS_MAX: each row costs 1 us,
 * just when there is least time for it. */
#define CHANGES_LAG_ROWS_MAX 10000
struct changes_lag {
	int64_t rows;
	int64_t oldest_ms; /* age of the oldest such row; 0 when there is none */
};

/* Asks for notifications; once a connection. */
err_code changes_listen(struct pg *pg, struct err *err) _must_check_;

/* Up to rows_max rows after `after`. */
err_code changes_read(struct pg *pg, const struct log_position *after, int64_t rows_max,
                      struct log_batch *ret, struct err *err) _must_check_;
void log_batch_done(struct log_batch *batch);
bool log_batch_cancels_events(const struct log_batch *batch);

/* Waits for a notification. False: none came in time, or the connection broke. */
bool changes_wait(struct pg *pg, int64_t timeout_ms);

err_code changes_lag(struct pg *pg, const struct log_position *after, struct changes_lag *ret,
                     struct err *err) _must_check_;

/* The last row there is, as the transaction sees it; zero in an empty log. */
err_code changes_newest(struct pg *pg, struct log_position *ret, struct err *err) _must_check_;

/* -1, 0 or 1. */
int log_position_compare(const struct log_position *a, const struct log_position *b);
