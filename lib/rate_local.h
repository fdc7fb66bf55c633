/*
 * rate_local - the buckets of a rate limit in this process alone, for when Redis cannot keep them.
 *
 * Shape    a bucket is its debt: how long until it is full again. One taken adds interval_us, and
 *          more than window_us is not lent. A bucket without debt is as good as none.
 * Owns     at most buckets_max buckets; for one more, that which was asked for longest ago goes,
 *          and its user begins with a full one.
 * Threads  any.
 * Units    microseconds, of any clock that does not go back.
 * Source   the generic cell rate algorithm (ITU-T I.371).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_local;

struct rate_local *rate_local_new(size_t buckets_max);
/* Ignores NULL. */
void rate_local_free(struct rate_local *local);

/* False: nothing was taken. *ret_debt_us is the debt after that. */
bool rate_local_take(struct rate_local *local, const char *key, int64_t interval_us,
                     int64_t window_us, int64_t now_us, int64_t *ret_debt_us);
/* One that was taken is there again. */
void rate_local_give_back(struct rate_local *local, const char *key, int64_t interval_us);
