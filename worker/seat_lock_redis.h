/*
 * seat_lock_redis - seat locks in Redis: a pipeline of scripts, one round trip for a batch. A
 * script names seats of one event only: in a cluster, too, one server has them.
 *
 * Owns     nothing of the redis connection, which must outlive it.
 * Threads  one lane.
 */
#pragma once

#include "redis.h"
#include "seat_lock.h"

struct seat_lock_redis;

/* Locks expire after ttl_ms. The owner token is new for each object. */
struct seat_lock_redis *seat_lock_redis_new(struct redis *redis, int64_t ttl_ms);
void seat_lock_redis_free(struct seat_lock_redis *locks);
struct seat_lock seat_lock_redis_ops(struct seat_lock_redis *locks);
