/*
 * redis_memory - the seat locks' server in memory, behind lib/redis.h, whose functions are replaced
 * at link time.
 *
 * It knows the two scripts of worker/seat_lock_redis.c by their order of loading and does what they
 * say. Beside each lock it keeps which connection made it, which no client sees: whoever gives
 * back a lock that another made breaks what the owner token is for.
 */
#pragma once

void redis_memory_begin(void);
void redis_memory_flush(void); /* locks and scripts */
