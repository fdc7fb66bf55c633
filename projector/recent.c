#include "recent.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct entry {
	struct entry *next_in_bucket;
	struct entry *newer;
	struct entry *older;
	char key[RECENT_KEY_BYTES_MAX];
	max_align_t value[];
};

struct recent {
	size_t value_bytes;
	size_t entries_max;
	size_t count;
	struct entry *newest;
	struct entry *oldest;
	struct entry *buckets[BUCKETS];
};

/* 64-bit FNV-1a. */
static size_t bucket_of(const char *key)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return hash % BUCKETS;
}

struct recent *recent_new(size_t value_bytes, size_t entries_max)
{
	assert(value_bytes > 0 && entries_max > 0);

	struct recent *const recent = calloc(1, sizeof(*recent));
	assert(recent);
	recent->value_bytes = value_bytes;
	recent->entries_max = entries_max;
	return recent;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	recent_clear(recent);
	free(recent);
}

static void detach(struct recent *recent, struct entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		recent->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		recent->oldest = entry->newer;
	entry->newer = NULL;
	entry->older = NULL;
}

static void attach(struct recent *recent, struct entry *entry)
{
	entry->older = recent->newest;
	if (recent->newest)
		recent->newest->newer = entry;
	else
		recent->oldest = entry;
	recent->newest = entry;
}

static struct entry *find(const struct recent *recent, const char *key)
{
	for (struct entry *entry = recent->buckets[bucket_of(key)]; entry;
	     entry = entry->next_in_bucket)
		if (strcmp(entry->key, key) == 0)
			return entry;
	return NULL;
}

void *recent_find(struct recent *recent, const char *key)
{
	struct entry *const entry = find(recent, key);
	if (!entry)
		return NULL;
	detach(recent, entry);
	attach(recent, entry);
	return entry->value;
}

static void forget(struct recent *recent, struct entry *entry)
{
	struct entry **link = &recent->buckets[bucket_of(entry->key)];

	while (*link != entry)
		link = &(*link)->next_in_bucket;
	*link = entry->next_in_bucket;
	detach(recent, entry);
	free(entry);
	recent->count--;
}

void *recent_add(struct recent *recent, const char *key)
{
	assert(strlen(key) < RECENT_KEY_BYTES_MAX && !find(recent, key));

	if (recent->count == recent->entries_max)
		forget(recent, recent->oldest);

	struct entry *const entry = calloc(1, sizeof(*entry) + recent->value_bytes);
	assert(entry);
	(void)snprintf(entry->key, sizeof(entry->key), "%s", key);
	struct entry **const bucket = &recent->buckets[bucket_of(key)];
	entry->next_in_bucket = *bucket;
	*bucket = entry;
	attach(recent, entry);
	recent->count++;
	return entry->value;
}

const char *recent_oldest(const struct recent *recent)
{
	return recent->oldest ? recent->oldest->key : NULL;
}

void recent_drop(struct recent *recent, const char *key)
{
	struct entry *const entry = find(recent, key);
	if (entry)
		forget(recent, entry);
}

void recent_clear(struct recent *recent)
{
	while (recent->oldest)
		forget(recent, recent->oldest);
}

size_t recent_count(const struct recent *recent)
{
	return recent->count;
}
