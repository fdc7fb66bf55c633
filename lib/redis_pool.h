/*
 * redis_pool - a few Redis connections for many threads.
 *
 * Owns     its connections. Each is lent to one thread at a time; the one given back last goes out
 *          first, so that a server that is away costs one of them its time-out and not all.
 * Threads  take and give_back from any.
 */
#pragma once

#include "redis.h"

struct redis_pool;

/* At 0.05 ms an answer, eight connections carry more than all threads can ask for. */
#define REDIS_POOL_CONNECTIONS 8

/* Does not connect. Copies the config's strings. */
struct redis_pool *redis_pool_new(const struct redis_config *config);
/* All have been given back. Ignores NULL. */
void redis_pool_free(struct redis_pool *pool);

/* NULL when none came free within the config's timeout_ms. */
struct redis *redis_pool_take(struct redis_pool *pool);
void redis_pool_give_back(struct redis_pool *pool, struct redis *redis);
