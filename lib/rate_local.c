#include "rate_local.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024 /* a power of 2; buckets are bounded by their number */

struct bucket {
	struct bucket *next;  /* of its slot */
	struct bucket *newer; /* by when it was last asked for */
	struct bucket *older;
	uint32_t hash;
	int64_t full_us; /* when it is full again */
	char key[];
};

struct rate_local {
	pthread_mutex_t lock; /* what follows */
	size_t buckets_max;
	size_t count;
	struct bucket *newest;
	struct bucket *oldest;
	struct bucket *slots[SLOTS];
};

struct rate_local *rate_local_new(size_t buckets_max)
{
	assert(buckets_max > 0);

	struct rate_local *const local = calloc(1, sizeof(*local));

	assert(local);
	(void)pthread_mutex_init(&local->lock, NULL); /* Cannot fail on Linux. */
	local->buckets_max = buckets_max;
	return local;
}

void rate_local_free(struct rate_local *local)
{
	if (!local)
		return;

	struct bucket *bucket = local->newest;

	while (bucket) {
		struct bucket *const older = bucket->older;

		free(bucket);
		bucket = older;
	}
	(void)pthread_mutex_destroy(&local->lock); /* Nobody holds it: cannot fail. */
	free(local);
}

/* --- the table, under the lock --- */

static uint32_t hash_of(const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash;
}

static void unlink_use(struct rate_local *local, struct bucket *bucket)
{
	*(bucket->newer ? &bucket->newer->older : &local->newest) = bucket->older;
	*(bucket->older ? &bucket->older->newer : &local->oldest) = bucket->newer;
}

static void link_newest(struct rate_local *local, struct bucket *bucket)
{
	bucket->newer = NULL;
	bucket->older = local->newest;
	*(local->newest ? &local->newest->newer : &local->oldest) = bucket;
	local->newest = bucket;
}

static void drop_oldest(struct rate_local *local)
{
	struct bucket *const bucket = local->oldest;
	struct bucket **at = &local->slots[bucket->hash % SLOTS];

	while (*at != bucket)
		at = &(*at)->next;
	*at = bucket->next;
	unlink_use(local, bucket);
	local->count--;
	free(bucket);
}

static struct bucket *add(struct rate_local *local, const char *key, uint32_t hash)
{
	const size_t len = strlen(key) + 1;
	struct bucket *const bucket = calloc(1, sizeof(*bucket) + len);

	assert(bucket);
	memcpy(bucket->key, key, len);
	bucket->hash = hash;
	bucket->full_us = INT64_MIN;
	bucket->next = local->slots[hash % SLOTS];
	local->slots[hash % SLOTS] = bucket;
	link_newest(local, bucket);
	local->count++;
	return bucket;
}

static struct bucket *find(const struct rate_local *local, const char *key, uint32_t hash)
{
	struct bucket *bucket = local->slots[hash % SLOTS];

	while (bucket && (bucket->hash != hash || strcmp(bucket->key, key) != 0))
		bucket = bucket->next;
	return bucket;
}

static struct bucket *find_or_add(struct rate_local *local, const char *key)
{
	const uint32_t hash = hash_of(key);
	struct bucket *const bucket = find(local, key, hash);

	if (bucket) {
		unlink_use(local, bucket);
		link_newest(local, bucket);
		return bucket;
	}
	if (local->count == local->buckets_max)
		drop_oldest(local);
	return add(local, key, hash);
}

/* --- taking --- */

bool rate_local_take(struct rate_local *local, const char *key, int64_t interval_us,
		     int64_t window_us, int64_t now_us, int64_t *ret_debt_us)
{
	assert(interval_us > 0 && interval_us <= window_us);

	(void)pthread_mutex_lock(&local->lock);

	struct bucket *const bucket = find_or_add(local, key);
	int64_t debt_us = bucket->full_us > now_us ? bucket->full_us - now_us : 0;
	const bool is_taken = debt_us + interval_us <= window_us;

	if (is_taken) {
		debt_us += interval_us;
		bucket->full_us = now_us + debt_us;
	}
	(void)pthread_mutex_unlock(&local->lock);

	*ret_debt_us = debt_us;
	return is_taken;
}

void rate_local_give_back(struct rate_local *local, const char *key, int64_t interval_us)
{
	(void)pthread_mutex_lock(&local->lock);

	struct bucket *const bucket = find(local, key, hash_of(key));

	/* One that went meanwhile is full, and so is one whose time has come. */
	if (bucket && bucket->full_us > INT64_MIN + interval_us)
		bucket->full_us -= interval_us;
	(void)pthread_mutex_unlock(&local->lock);
}
