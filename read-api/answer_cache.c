#include "answer_cache.h"

#include "clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024 /* a power of 2; entries are bounded by their bytes */

struct entry {
	struct entry *next;  /* of its bucket */
	struct entry *newer; /* by when it was last asked for */
	struct entry *older;
	uint32_t hash;
	unsigned users;         /* who make it or wait for it: it stays */
	struct answer *answer;  /* NULL until it was made once */
	bool is_old;            /* something changed since the making of it began */
	struct changes changes; /* what, since the making that is under way began, if one is */
	int64_t begun_us;       /* its making, or checking, that succeeded last */
	int64_t took_us;
	bool is_making;
	uint64_t made_count; /* makings that ended */
	struct err failure;  /* of the last one, when it failed */
	pthread_cond_t made;
	size_t bytes; /* as counted */
	char key[];
};

enum outcome { OUTCOME_HIT, OUTCOME_OLD, OUTCOME_WAITED, OUTCOME_MADE, OUTCOME_COUNT };

struct answer_cache {
	struct answer_cache_config config;
	pthread_mutex_t lock; /* guards what follows; never held over anything that waits */
	struct entry *buckets[BUCKETS];
	struct entry *newest;
	struct entry *oldest;
	size_t bytes;
	struct metric *outcomes[OUTCOME_COUNT];
	struct metric *checks;
	struct metric *evictions;
	struct metric *answers_gauge;
	struct metric *bytes_gauge;
};

/* --- the table, under the lock --- */

static uint32_t hash_of(const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash;
}

static struct entry *find(struct answer_cache *cache, const char *key, uint32_t hash)
{
	struct entry *entry = cache->buckets[hash % BUCKETS];

	while (entry && (entry->hash != hash || strcmp(entry->key, key) != 0))
		entry = entry->next;
	return entry;
}

static void unlink_use(struct answer_cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct answer_cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void note_use(struct answer_cache *cache, struct entry *entry)
{
	if (cache->newest == entry)
		return;
	unlink_use(cache, entry);
	link_newest(cache, entry);
}

static void count_bytes(struct answer_cache *cache, struct entry *entry)
{
	const size_t bytes = sizeof(*entry) + strlen(entry->key) + 1 +
			     (entry->answer ? answer_bytes(entry->answer) : 0);

	if (bytes == entry->bytes)
		return;
	cache->bytes += bytes - entry->bytes;
	entry->bytes = bytes;
	metric_set(cache->bytes_gauge, (int64_t)cache->bytes);
}

static struct entry *add(struct answer_cache *cache, const char *key, uint32_t hash)
{
	const size_t len = strlen(key) + 1;
	struct entry *const entry = calloc(1, sizeof(*entry) + len);
	pthread_condattr_t attr;

	assert(entry);
	memcpy(entry->key, key, len);
	entry->hash = hash;
	/* None of these can fail on Linux with valid arguments. */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&entry->made, &attr);
	(void)pthread_condattr_destroy(&attr);
	entry->next = cache->buckets[hash % BUCKETS];
	cache->buckets[hash % BUCKETS] = entry;
	link_newest(cache, entry);
	count_bytes(cache, entry);
	metric_add(cache->answers_gauge, 1);

	return entry;
}

static void drop(struct answer_cache *cache, struct entry *entry)
{
	struct entry **at = &cache->buckets[entry->hash % BUCKETS];

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	unlink_use(cache, entry);
	cache->bytes -= entry->bytes;
	metric_set(cache->bytes_gauge, (int64_t)cache->bytes);
	metric_add(cache->answers_gauge, -1);
	(void)pthread_cond_destroy(&entry->made);
	answer_release(entry->answer);
	free(entry);
}

/* What nobody uses and what there is no room for goes. */
static void trim(struct answer_cache *cache)
{
	struct entry *entry = cache->oldest;

	while (entry && cache->bytes > cache->config.bytes_max) {
		struct entry *const newer = entry->newer;

		if (entry->users == 0) {
			drop(cache, entry);
			metric_add(cache->evictions, 1);
		}
		entry = newer;
	}
}

/* --- making --- */

static bool is_told(const struct answer_cache *cache)
{
	return cache->config.is_told && cache->config.is_told(cache->config.ctx);
}

static bool is_young(const struct answer_cache *cache, const struct entry *entry, int64_t now_us)
{
	const int64_t pause_us = ANSWER_PAUSE * entry->took_us;
	const int64_t pause_us_max = cache->config.pause_us_max;

	return now_us - entry->begun_us < (pause_us < pause_us_max ? pause_us : pause_us_max);
}

/* Nothing of it changed, or just now. */
static bool is_good_as_told(const struct answer_cache *cache, const struct entry *entry)
{
	if (!entry->answer)
		return false;

	return (!entry->is_old && is_told(cache)) || is_young(cache, entry, clock_monotonic_us());
}

/* Called and returns with the lock, which is not held while it is made. */
static err_code make(struct answer_cache *cache, struct entry *entry, enum answer_age age,
		     const struct answer_maker *maker, struct err *err)
{
	const struct changes changes = entry->changes;
	/* Of one that changed in all nothing may be kept, not even where the versions are equal. */
	struct answer *const before =
		entry->answer && !changes.all ? answer_ref(entry->answer) : NULL;
	const bool told = before && age == ANSWER_AS_TOLD && is_told(cache);
	const int64_t begun_us = clock_monotonic_us();
	struct answer *made = NULL;

	if (before && !told)
		metric_add(cache->checks, 1);
	/* What changes from here on, the making may or may not see: it counts as not seen. */
	entry->changes = (struct changes){ 0 };
	entry->is_making = true;
	(void)pthread_mutex_unlock(&cache->lock);

	const err_code code = maker->make(maker->ctx, before, told ? &changes : NULL, &made, err);

	(void)pthread_mutex_lock(&cache->lock);
	entry->is_making = false;
	entry->made_count++;
	if (code == ERR_OK) {
		answer_release(entry->answer);
		entry->answer = made;
		entry->begun_us = begun_us;
		entry->took_us = clock_monotonic_us() - begun_us;
		entry->is_old = entry->changes.any;
		entry->failure = (struct err){ 0 };
		count_bytes(cache, entry);
	} else {
		changes_add(&entry->changes, &changes);
		entry->failure = *err;
		entry->failure.code = code;
	}
	answer_release(before);
	(void)pthread_cond_broadcast(&entry->made);
	return code;
}

/* Until the making under way has ended, with its failure. */
static err_code wait_made(struct answer_cache *cache, struct entry *entry,
			  const struct timespec *until, struct err *err)
{
	const uint64_t count = entry->made_count;

	while (entry->made_count == count)
		if (pthread_cond_timedwait(&entry->made, &cache->lock, until) != 0)
			return err_set(err, ERR_UNAVAILABLE, "'%s' is not made in time",
				       entry->key);
	if (entry->failure.code != ERR_OK)
		*err = entry->failure;
	return entry->failure.code;
}

static struct timespec wait_end(void)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ANSWER_WAIT_MS_MAX / 1000;
	return until;
}

/*
 * An entry that is not good as it is: until it is good, or was made since the question. Called and
 * returns with the lock.
 */
static err_code wait_or_make(struct answer_cache *cache, struct entry *entry, enum answer_age age,
			     const struct answer_maker *maker, enum outcome *ret_outcome,
			     struct err *err)
{
	const int64_t since_us = clock_monotonic_us();
	const struct timespec until = wait_end();
	err_code code = ERR_OK;

	*ret_outcome = OUTCOME_WAITED;
	while (code == ERR_OK && !(entry->answer && entry->begun_us >= since_us) &&
	       !(age == ANSWER_AS_TOLD && is_good_as_told(cache, entry))) {
		if (entry->is_making) {
			code = wait_made(cache, entry, &until, err);
		} else {
			*ret_outcome = OUTCOME_MADE;
			code = make(cache, entry, age, maker, err);
		}
	}
	return code;
}

err_code answer_cache_get(struct answer_cache *cache, const char *key, enum answer_age age,
			  const struct answer_maker *maker, struct answer **ret, struct err *err)
{
	const uint32_t hash = hash_of(key);
	enum outcome outcome = OUTCOME_HIT;
	err_code code = ERR_OK;

	(void)pthread_mutex_lock(&cache->lock);

	struct entry *entry = find(cache, key, hash);

	if (entry)
		note_use(cache, entry);
	else
		entry = add(cache, key, hash);
	entry->users++;
	if (age == ANSWER_CURRENT || !is_good_as_told(cache, entry))
		code = wait_or_make(cache, entry, age, maker, &outcome, err);
	else if (entry->is_old)
		outcome = OUTCOME_OLD;
	if (code == ERR_OK)
		*ret = answer_ref(entry->answer);
	entry->users--;
	if (entry->users == 0 && (!entry->answer || code == ERR_NOT_FOUND))
		drop(cache, entry);
	trim(cache);
	(void)pthread_mutex_unlock(&cache->lock);

	metric_add(cache->outcomes[outcome], 1);
	return code;
}

void answer_cache_recount(struct answer_cache *cache, const char *key)
{
	(void)pthread_mutex_lock(&cache->lock);

	struct entry *const entry = find(cache, key, hash_of(key));

	if (entry)
		count_bytes(cache, entry);
	trim(cache);
	(void)pthread_mutex_unlock(&cache->lock);
}

/* --- changes --- */

void answer_cache_change(struct answer_cache *cache, const char *key, const struct changes *changes)
{
	(void)pthread_mutex_lock(&cache->lock);

	struct entry *const entry = find(cache, key, hash_of(key));

	if (entry) {
		changes_add(&entry->changes, changes);
		entry->is_old = true;
	}
	(void)pthread_mutex_unlock(&cache->lock);
}

void answer_cache_change_all(struct answer_cache *cache)
{
	(void)pthread_mutex_lock(&cache->lock);
	for (struct entry *entry = cache->newest; entry; entry = entry->older) {
		changes_add_all(&entry->changes);
		entry->is_old = true;
	}
	(void)pthread_mutex_unlock(&cache->lock);
}

/* --- the cache --- */

#define KIND_MAPS  "kind=\"maps\""
#define KIND_LISTS "kind=\"lists\""
#define OUTCOMES(kind)                                                                             \
	{                                                                                          \
		[OUTCOME_HIT] = kind ",outcome=\"hit\"", [OUTCOME_OLD] = kind ",outcome=\"old\"",  \
		[OUTCOME_WAITED] = kind ",outcome=\"waited\"",                                     \
		[OUTCOME_MADE] = kind ",outcome=\"made\"",                                         \
	}

static void add_metrics(struct answer_cache *cache, struct metrics *metrics)
{
	static const char *const LABELS[ANSWER_KIND_COUNT] = { KIND_MAPS, KIND_LISTS };
	static const char *const OUTCOME_LABELS[ANSWER_KIND_COUNT][OUTCOME_COUNT] = {
		OUTCOMES(KIND_MAPS), OUTCOMES(KIND_LISTS)
	};
	const enum answer_kind kind = cache->config.kind;

	for (size_t i = 0; i < OUTCOME_COUNT; i++)
		cache->outcomes[i] = metrics_add_counter(
			metrics, "seatline_answers_total", OUTCOME_LABELS[kind][i],
			"answers asked of the cache: there and unchanged, there and changed just "
			"now, made by another request, made by this one");
	cache->checks = metrics_add_counter(
		metrics, "seatline_answer_checks_total", LABELS[kind],
		"answers made or checked anew because it was not known what had changed");
	cache->evictions = metrics_add_counter(metrics, "seatline_answer_evictions_total",
					       LABELS[kind], "answers dropped for want of room");
	cache->answers_gauge = metrics_add_gauge(metrics, "seatline_answers", LABELS[kind],
						 "answers in the cache");
	cache->bytes_gauge = metrics_add_gauge(metrics, "seatline_answer_bytes", LABELS[kind],
					       "bytes that the cache holds");
}

struct answer_cache *answer_cache_open(const struct answer_cache_config *config,
				       struct metrics *metrics)
{
	struct answer_cache *const cache = calloc(1, sizeof(*cache));

	assert(cache && config->pause_us_max >= 0);
	cache->config = *config;
	/* It cannot fail on Linux with valid arguments. */
	(void)pthread_mutex_init(&cache->lock, NULL);
	add_metrics(cache, metrics);

	return cache;
}

void answer_cache_close(struct answer_cache *cache)
{
	if (!cache)
		return;

	while (cache->newest) {
		assert(cache->newest->users == 0);
		drop(cache, cache->newest);
	}
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}
