/*
 * recent - a bounded table of values by key that forgets what was not used for longest.
 *
 * Shape    keys are texts shorter than RECENT_KEY_BYTES_MAX, values value_bytes long.
 * Owns     the values; a pointer to one lives until it is dropped or forgotten, at the earliest
 *          when entries_max other keys were added.
 * Threads  one.
 */
#pragma once

#include <stddef.h>

#define RECENT_KEY_BYTES_MAX 72

struct recent;

struct recent *recent_new(size_t value_bytes, size_t entries_max);
void recent_free(struct recent *recent);

/* NULL: not there. Counts as a use. */
void *recent_find(struct recent *recent, const char *key);
/* A new value of zero bytes, for a key that is not there. */
void *recent_add(struct recent *recent, const char *key);
/* The key that was not used for longest; NULL: the table is empty. */
const char *recent_oldest(const struct recent *recent);
void recent_drop(struct recent *recent, const char *key);
void recent_clear(struct recent *recent);
size_t recent_count(const struct recent *recent);
