/* worker_sql - what the statements of the worker that load and those that write share. */
#pragma once

#include "postgres.h"
#include "scheduler.h"

#include <stdlib.h>

statement_run write_seats, update_bookings, write_bookings, cancel_events, write_log;

static inline int64_t sql_int(const struct statement *statement, int i)
{
	return strtoll(statement->params[i], NULL, 10);
}

/* The booking that an idempotency key stands for; NOBODY: none. */
int owner_of_key(struct session *session, int key);
/* How many seats of the event a user holds or has booked; or holds. */
int64_t live_seats_of(struct session *session, int event, int user, bool held_only,
		      int64_t now_ms);
