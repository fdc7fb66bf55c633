#include "bson_match.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SETS_MAX       512
#define PATH_BYTES_MAX 64

int64_t bson_number(const bson_t *doc, const char *path)
{
	bson_iter_t iter;
	bson_iter_t found;

	return bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, path, &found)
		       ? BSON_ITER_HOLDS_DATE_TIME(&found) ? bson_iter_date_time(&found)
							   : bson_iter_as_int64(&found)
		       : 0;
}

const char *bson_text(const bson_t *doc, const char *path)
{
	bson_iter_t iter;
	bson_iter_t found;

	return bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, path, &found) &&
			       BSON_ITER_HOLDS_UTF8(&found)
		       ? bson_iter_utf8(&found, NULL)
		       : NULL;
}

/* ---- Filters ---- */

/* False: of other kinds, and so in no order. */
static bool compare(const bson_iter_t *a, const bson_iter_t *b, int *ret)
{
	if (BSON_ITER_HOLDS_UTF8(a) && BSON_ITER_HOLDS_UTF8(b)) {
		*ret = strcmp(bson_iter_utf8(a, NULL), bson_iter_utf8(b, NULL));
		return true;
	}
	if (!BSON_ITER_HOLDS_NUMBER(a) || !BSON_ITER_HOLDS_NUMBER(b))
		return false;
	const int64_t left = bson_iter_as_int64(a);
	const int64_t right = bson_iter_as_int64(b);
	*ret = (left > right) - (left < right);
	return true;
}

static bool is_among(const bson_iter_t *value, const bson_iter_t *array)
{
	bson_iter_t element;
	int order = 0;

	if (!bson_iter_recurse(array, &element))
		return false;
	while (bson_iter_next(&element))
		if (compare(value, &element, &order) && order == 0)
			return true;
	return false;
}

static bool fits_all(const bson_iter_t *value, const bson_iter_t *wishes);

/* value: NULL when the document has none. */
static bool fits(const bson_iter_t *value, const bson_iter_t *wish)
{
	const char *const name = bson_iter_key(wish);
	int order = 0;

	if (strcmp(name, "$not") == 0)
		return !fits_all(value, wish);
	if (strcmp(name, "$exists") == 0)
		return bson_iter_bool(wish) == (value != NULL);
	if (strcmp(name, "$in") == 0)
		return value && is_among(value, wish);
	if (strcmp(name, "$nin") == 0)
		return !value || !is_among(value, wish);
	if (strcmp(name, "$type") == 0)
		return value && BSON_ITER_HOLDS_UTF8(value);
	if (!value || !compare(value, wish, &order))
		return false;
	if (strcmp(name, "$gt") == 0)
		return order > 0;
	if (strcmp(name, "$gte") == 0)
		return order >= 0;
	if (strcmp(name, "$lt") == 0)
		return order < 0;
	if (strcmp(name, "$lte") == 0)
		return order <= 0;
	violate("MongoDB is asked for %s, which it does not know", name);
	return false;
}

static bool fits_all(const bson_iter_t *value, const bson_iter_t *wishes)
{
	bson_iter_t wish;

	if (!bson_iter_recurse(wishes, &wish))
		return false;
	while (bson_iter_next(&wish))
		if (!fits(value, &wish))
			return false;
	return true;
}

bool bson_match(const bson_t *filter, const bson_t *doc)
{
	bson_iter_t wanted;

	if (!bson_iter_init(&wanted, filter))
		return false;
	while (bson_iter_next(&wanted)) {
		bson_iter_t value;
		int order = 0;
		const bool has_value = bson_iter_init_find(&value, doc, bson_iter_key(&wanted));
		if (BSON_ITER_HOLDS_DOCUMENT(&wanted)) {
			if (!fits_all(has_value ? &value : NULL, &wanted))
				return false;
		} else if (!has_value || !compare(&value, &wanted, &order) || order != 0) {
			return false;
		}
	}
	return true;
}

/* ---- Updates ---- */

struct set {
	bson_iter_t value; /* its key is a path */
	bool is_used;
};

struct sets {
	struct set items[SETS_MAX];
	int count;
};

static int find_set(const struct sets *sets, const char *path)
{
	for (int i = 0; i < sets->count; i++)
		if (strcmp(bson_iter_key(&sets->items[i].value), path) == 0)
			return i;
	return -1;
}

static bool leads_on(const struct sets *sets, const char *path)
{
	const size_t len = strlen(path);

	for (int i = 0; i < sets->count; i++) {
		const char *const key = bson_iter_key(&sets->items[i].value);
		if (strncmp(key, path, len) == 0 && key[len] == '.')
			return true;
	}
	return false;
}

static void copy_with(const bson_iter_t *from, struct sets *sets, const char *prefix, bson_t *to);

static void copy_element(const bson_iter_t *from, struct sets *sets, const char *path, bson_t *to)
{
	const char *const key = bson_iter_key(from);
	const int set = find_set(sets, path);
	bson_iter_t inner;
	bson_t child;

	if (set >= 0) {
		sets->items[set].is_used = true;
		bson_append_iter(to, key, -1, &sets->items[set].value);
		return;
	}
	if (!leads_on(sets, path) || !bson_iter_recurse(from, &inner)) {
		bson_append_iter(to, key, -1, from);
		return;
	}
	if (BSON_ITER_HOLDS_ARRAY(from))
		BSON_APPEND_ARRAY_BEGIN(to, key, &child);
	else
		BSON_APPEND_DOCUMENT_BEGIN(to, key, &child);
	copy_with(&inner, sets, path, &child);
	if (BSON_ITER_HOLDS_ARRAY(from))
		bson_append_array_end(to, &child);
	else
		bson_append_document_end(to, &child);
}

static void copy_with(const bson_iter_t *from, struct sets *sets, const char *prefix, bson_t *to)
{
	char path[PATH_BYTES_MAX];
	bson_iter_t iter = *from;

	while (bson_iter_next(&iter)) {
		(void)snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "." : "",
			       bson_iter_key(&iter));
		copy_element(&iter, sets, path, to);
	}
	/* What is new here. */
	const size_t skip = prefix[0] ? strlen(prefix) + 1 : 0;
	for (int i = 0; i < sets->count; i++) {
		const char *const key = bson_iter_key(&sets->items[i].value);
		if (sets->items[i].is_used || strchr(key + (skip < strlen(key) ? skip : 0), '.') ||
		    (skip > 0 && (strncmp(key, prefix, skip - 1) != 0 || key[skip - 1] != '.')))
			continue;
		bson_append_iter(to, key + skip, -1, &sets->items[i].value);
		sets->items[i].is_used = true;
	}
}

bson_t *bson_apply(const bson_t *doc, const bson_t *update)
{
	static struct sets sets;
	bson_t *const ret = bson_new();
	bson_t counters = BSON_INITIALIZER;
	bson_iter_t part;
	bson_iter_t iter;
	sets.count = 0;

	(void)bson_iter_init(&part, update);
	while (bson_iter_next(&part)) {
		const bool is_set = strcmp(bson_iter_key(&part), "$set") == 0;
		(void)bson_iter_recurse(&part, &iter);
		while (bson_iter_next(&iter)) {
			assert(sets.count < SETS_MAX);
			if (is_set)
				sets.items[sets.count++] = (struct set){ .value = iter };
			else
				BSON_APPEND_INT64(&counters, bson_iter_key(&iter),
						  bson_iter_as_int64(&iter) +
							  bson_number(doc, bson_iter_key(&iter)));
		}
	}
	if (bson_iter_init(&iter, &counters))
		while (bson_iter_next(&iter))
			sets.items[sets.count++] = (struct set){ .value = iter };
	(void)bson_iter_init(&iter, doc);
	copy_with(&iter, &sets, "", ret);
	bson_destroy(&counters);
	return ret;
}
