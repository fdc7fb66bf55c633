/*
 * pg_pool - a few PostgreSQL connections for many threads, with bounds on every wait.
 *
 * Shape    at most `max` connections, opened when they are first needed. Whoever finds none free
 *          waits wait_ms for one. After a failure nobody tries for retry_ms: all are refused at
 *          once, so that threads do not queue up in front of a server that is gone. A connection
 *          that the server closed meanwhile, as one that restarted has, is opened anew.
 * Owns     the connections; what was taken is given back, in whatever state it is.
 * Threads  any. A connection is its taker's alone.
 * Errors   ERR_UNAVAILABLE: no connection is free in time, or PostgreSQL is away.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "pg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_POOL_MAX      64
#define PG_POOL_RETRY_MS 500

struct pg_pool;

/* Does not connect. The config's strings are copied. */
struct pg_pool *pg_pool_new(const struct pg_config *config, size_t max, int64_t wait_ms);
/* When everything was given back. Ignores NULL. */
void pg_pool_free(struct pg_pool *pool);

/* A connection that is open, without a transaction; NULL: err says why. */
struct pg *pg_pool_take(struct pg_pool *pool, struct err *err) _must_check_;
/* An open transaction is rolled back. Ignores NULL. */
void pg_pool_give(struct pg_pool *pool, struct pg *pg);

/* False once it failed, until it works again; true while nobody has asked. */
bool pg_pool_is_up(const struct pg_pool *pool);
