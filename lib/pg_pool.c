#include "pg_pool.h"

#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct pg_pool {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct pg *idle[PG_POOL_MAX]; /* the last one given back is the first one taken */
	size_t idle_count;
	size_t max;
	int64_t wait_ms;
	int64_t refused_until_ms;
	atomic_bool is_down;
};

struct pg_pool *pg_pool_new(const struct pg_config *config, size_t max, int64_t wait_ms)
{
	assert(config && max > 0 && max <= PG_POOL_MAX && wait_ms >= 0);

	struct pg_pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t clock;
	assert(pool);
	/* None of these fails on Linux: nothing is allocated. */
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->given, &clock);
	(void)pthread_condattr_destroy(&clock);
	pool->max = max;
	pool->wait_ms = wait_ms;
	for (size_t i = 0; i < max; i++)
		pool->idle[pool->idle_count++] = pg_new(config);
	return pool;
}

void pg_pool_free(struct pg_pool *pool)
{
	if (!pool)
		return;

	assert(pool->idle_count == pool->max);
	for (size_t i = 0; i < pool->idle_count; i++)
		pg_free(pool->idle[i]);
	(void)pthread_cond_destroy(&pool->given);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static struct timespec until(int64_t at_ms)
{
	return (struct timespec){ .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
}

static bool is_refused(const struct pg_pool *pool)
{
	return clock_monotonic_ms() < pool->refused_until_ms;
}

/* NULL: none came free in time, or it is not worth trying. */
static struct pg *take_idle(struct pg_pool *pool, struct err *err)
{
	const struct timespec deadline = until(clock_monotonic_ms() + pool->wait_ms);
	struct pg *pg = NULL;
	int status = 0;

	(void)pthread_mutex_lock(&pool->lock);
	while (!is_refused(pool) && pool->idle_count == 0 && status != ETIMEDOUT)
		status = pthread_cond_timedwait(&pool->given, &pool->lock, &deadline);
	if (is_refused(pool))
		(void)err_set(err, ERR_UNAVAILABLE, "PostgreSQL failed a moment ago");
	else if (pool->idle_count == 0)
		(void)err_set(err, ERR_UNAVAILABLE, "no PostgreSQL connection came free in time");
	else
		pg = pool->idle[--pool->idle_count];
	(void)pthread_mutex_unlock(&pool->lock);
	return pg;
}

/* Nothing is to be read from a connection that nobody uses, but that the server has closed it. */
static bool is_stale(struct pg *pg)
{
	struct pollfd socket = { .fd = PQsocket(pg_conn(pg)), .events = POLLIN };

	return poll(&socket, 1, 0) != 0;
}

struct pg *pg_pool_take(struct pg_pool *pool, struct err *err)
{
	struct pg *pg = take_idle(pool, err);
	if (!pg)
		return NULL;

	if (pg_is_open(pg) && is_stale(pg))
		pg_drop(pg);
	if (pg_ensure(pg, err) == ERR_OK)
		return pg;
	pg_pool_give(pool, pg);
	/* To this caller it is one answer, whatever kept the connection from opening. */
	if (err)
		err->code = ERR_UNAVAILABLE;
	return NULL;
}

void pg_pool_give(struct pg_pool *pool, struct pg *pg)
{
	if (!pg)
		return;

	if (pg_is_open(pg) && PQtransactionStatus(pg_conn(pg)) != PQTRANS_IDLE)
		pg_rollback(pg);
	const bool is_broken = !pg_is_open(pg);
	atomic_store(&pool->is_down, is_broken);

	(void)pthread_mutex_lock(&pool->lock);
	assert(pool->idle_count < pool->max);
	pool->idle[pool->idle_count++] = pg;
	pool->refused_until_ms = is_broken ? clock_monotonic_ms() + PG_POOL_RETRY_MS : 0;
	(void)pthread_cond_signal(&pool->given);
	(void)pthread_mutex_unlock(&pool->lock);
}

bool pg_pool_is_up(const struct pg_pool *pool)
{
	return !atomic_load(&pool->is_down);
}
