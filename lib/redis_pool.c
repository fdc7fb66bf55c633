#include "redis_pool.h"

#include "clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct redis_pool {
	struct redis *connections[REDIS_POOL_CONNECTIONS];
	struct redis *free[REDIS_POOL_CONNECTIONS]; /* the last one given back goes out first */
	size_t free_count;
	pthread_mutex_t lock; /* free, free_count */
	pthread_cond_t given_back;
	int64_t wait_ms;
};

struct redis_pool *redis_pool_new(const struct redis_config *config)
{
	struct redis_pool *const pool = calloc(1, sizeof(*pool));
	assert(pool);

	pthread_condattr_t monotonic;
	int failed = pthread_condattr_init(&monotonic);
	failed |= pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	failed |= pthread_cond_init(&pool->given_back, &monotonic);
	failed |= pthread_condattr_destroy(&monotonic);
	failed |= pthread_mutex_init(&pool->lock, NULL);
	assert(!failed);
	(void)failed; /* Only the assertion reads it. */

	for (size_t i = 0; i < REDIS_POOL_CONNECTIONS; i++) {
		pool->connections[i] = redis_new(config);
		pool->free[i] = pool->connections[i];
	}
	pool->free_count = REDIS_POOL_CONNECTIONS;
	pool->wait_ms = config->timeout_ms;
	return pool;
}

void redis_pool_free(struct redis_pool *pool)
{
	if (!pool)
		return;

	assert(pool->free_count == REDIS_POOL_CONNECTIONS);
	for (size_t i = 0; i < REDIS_POOL_CONNECTIONS; i++)
		redis_free(pool->connections[i]);
	(void)pthread_cond_destroy(&pool->given_back); /* Nobody waits: cannot fail. */
	(void)pthread_mutex_destroy(&pool->lock);      /* Nobody holds it: cannot fail. */
	free(pool);
}

static void lock(struct redis_pool *pool)
{
	const int failed = pthread_mutex_lock(&pool->lock);
	assert(!failed);
	(void)failed; /* Only the assertion reads it. */
}

static void unlock(struct redis_pool *pool)
{
	(void)pthread_mutex_unlock(&pool->lock); /* Cannot fail: we hold it. */
}

struct redis *redis_pool_take(struct redis_pool *pool)
{
	const int64_t until_ms = clock_monotonic_ms() + pool->wait_ms;
	const struct timespec until = { .tv_sec = until_ms / 1000,
					.tv_nsec = until_ms % 1000 * 1000000 };
	struct redis *redis = NULL;
	int timed_out = 0;

	lock(pool);
	while (pool->free_count == 0 && !timed_out)
		timed_out = pthread_cond_timedwait(&pool->given_back, &pool->lock, &until);
	if (pool->free_count > 0)
		redis = pool->free[--pool->free_count];
	unlock(pool);
	return redis;
}

void redis_pool_give_back(struct redis_pool *pool, struct redis *redis)
{
	lock(pool);
	assert(pool->free_count < REDIS_POOL_CONNECTIONS);
	pool->free[pool->free_count++] = redis;
	(void)pthread_cond_signal(&pool->given_back); /* Never fails. */
	unlock(pool);
}
