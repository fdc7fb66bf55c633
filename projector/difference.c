#include "difference.h"

#include "clock.h"
#include "strbuf.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define PATH_BYTES_MAX  256
#define VALUE_BYTES_MAX 4096

struct report {
	const char *where;
	FILE *out;
	int64_t count;
};

static void write_value(const bson_iter_t *value, struct strbuf *out)
{
	char time[CLOCK_TEXT_BYTES_MAX];

	if (!value) {
		strbuf_add_text(out, "(absent)");
	} else if (BSON_ITER_HOLDS_UTF8(value)) {
		strbuf_add_json(out, bson_iter_utf8(value, NULL));
	} else if (BSON_ITER_HOLDS_INT(value)) {
		strbuf_add_int(out, bson_iter_as_int64(value));
	} else if (BSON_ITER_HOLDS_DATE_TIME(value)) {
		clock_format(bson_iter_date_time(value), time);
		strbuf_add_text(out, time);
	} else if (BSON_ITER_HOLDS_NULL(value)) {
		strbuf_add_text(out, "null");
	} else if (BSON_ITER_HOLDS_BOOL(value)) {
		strbuf_add_text(out, bson_iter_bool(value) ? "true" : "false");
	} else {
		strbuf_addf(out, "(BSON type 0x%02x)", (unsigned)bson_iter_type(value));
	}
}

static void report(struct report *report, const char *path, const bson_iter_t *postgresql,
		   const bson_iter_t *mongodb)
{
	_cleanup_(strbuf_done) struct strbuf line;
	strbuf_init(&line, VALUE_BYTES_MAX);

	strbuf_addf(&line, "%s %s: postgresql ", report->where, path);
	write_value(postgresql, &line);
	strbuf_add_text(&line, ", mongodb ");
	write_value(mongodb, &line);
	(void)fprintf(report->out, "%s\n", line.data);
	report->count++;
}

static bool is_nested(const bson_iter_t *iter)
{
	return BSON_ITER_HOLDS_DOCUMENT(iter) || BSON_ITER_HOLDS_ARRAY(iter);
}

static bool is_equal(const bson_iter_t *a, const bson_iter_t *b)
{
	if (BSON_ITER_HOLDS_INT(a) && BSON_ITER_HOLDS_INT(b))
		return bson_iter_as_int64(a) == bson_iter_as_int64(b);
	if (bson_iter_type(a) != bson_iter_type(b))
		return false;
	if (BSON_ITER_HOLDS_UTF8(a))
		return strcmp(bson_iter_utf8(a, NULL), bson_iter_utf8(b, NULL)) == 0;
	if (BSON_ITER_HOLDS_DATE_TIME(a))
		return bson_iter_date_time(a) == bson_iter_date_time(b);
	if (BSON_ITER_HOLDS_BOOL(a))
		return bson_iter_bool(a) == bson_iter_bool(b);
	return BSON_ITER_HOLDS_NULL(a);
}

/* Documents that we wrote have their fields in the same order, so the next is mostly the one. */
static bool find(bson_iter_t *next, const bson_iter_t *all, const char *key, bson_iter_t *ret)
{
	if (bson_iter_next(next) && strcmp(bson_iter_key(next), key) == 0) {
		*ret = *next;
		return true;
	}
	*ret = *all;
	if (!bson_iter_find(ret, key))
		return false;
	*next = *ret;
	return true;
}

static void compare(struct report *report_to, const char *path, const bson_iter_t *postgresql,
		    const bson_iter_t *mongodb);

/* A seat is better known by its name than by its place in the array. */
static const char *seat_name(const bson_iter_t *value)
{
	bson_iter_t fields;

	if (!BSON_ITER_HOLDS_DOCUMENT(value) || !bson_iter_recurse(value, &fields) ||
	    !bson_iter_find(&fields, "seat_id") || !BSON_ITER_HOLDS_UTF8(&fields))
		return NULL;
	return bson_iter_utf8(&fields, NULL);
}

static void join(const char *path, const bson_iter_t *field, char ret[static PATH_BYTES_MAX])
{
	const char *const seat = seat_name(field);

	(void)snprintf(ret, PATH_BYTES_MAX, "%s%s%s%s%s%s", path, *path ? "." : "",
		       bson_iter_key(field), seat ? "[" : "", seat ? seat : "", seat ? "]" : "");
}

static void compare_fields(struct report *report_to, const char *path, bson_iter_t postgresql,
			   const bson_iter_t *mongodb)
{
	char child[PATH_BYTES_MAX];
	bson_iter_t next = *mongodb;

	while (bson_iter_next(&postgresql)) {
		bson_iter_t found;
		const bool is_there = find(&next, mongodb, bson_iter_key(&postgresql), &found);
		join(path, &postgresql, child);
		compare(report_to, child, &postgresql, is_there ? &found : NULL);
	}
}

static void report_unexpected(struct report *report_to, const char *path,
			      const bson_iter_t *postgresql, bson_iter_t mongodb)
{
	char child[PATH_BYTES_MAX];
	bson_iter_t next = *postgresql;

	while (bson_iter_next(&mongodb)) {
		bson_iter_t found;
		if (find(&next, postgresql, bson_iter_key(&mongodb), &found))
			continue;
		join(path, &mongodb, child);
		report(report_to, child, NULL, &mongodb);
	}
}

static void compare(struct report *report_to, const char *path, const bson_iter_t *postgresql,
		    const bson_iter_t *mongodb)
{
	bson_iter_t expected;
	bson_iter_t actual;

	if (mongodb && is_nested(postgresql) &&
	    bson_iter_type(postgresql) == bson_iter_type(mongodb) &&
	    bson_iter_recurse(postgresql, &expected) && bson_iter_recurse(mongodb, &actual)) {
		compare_fields(report_to, path, expected, &actual);
		report_unexpected(report_to, path, &expected, actual);
	} else if (!mongodb || !is_equal(postgresql, mongodb)) {
		report(report_to, path, postgresql, mongodb);
	}
}

int64_t difference_print(const bson_t *postgresql, const bson_t *mongodb, const char *where,
			 FILE *out)
{
	struct report to = { .where = where, .out = out };
	bson_iter_t expected;
	bson_iter_t actual;

	const bool is_readable =
		bson_iter_init(&expected, postgresql) && bson_iter_init(&actual, mongodb);
	assert(is_readable);
	compare_fields(&to, "", expected, &actual);
	report_unexpected(&to, "", &expected, actual);
	return to.count;
}
