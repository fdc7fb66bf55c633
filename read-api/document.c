#include "document.h"

#include "clock.h"

#include <string.h>

/* What RFC 3339 can say: 0000-01-01 .. 9999-12-31. */
#define TIME_MS_MIN (-62167219200000)
#define TIME_MS_MAX 253402300799999

/* Beyond this a double no longer counts in ones, and may not fit an integer at all. */
#define DOUBLE_INT_MAX 9007199254740992.0

static void write_name(struct strbuf *out, const char *name)
{
	strbuf_add_char(out, '"');
	strbuf_add_text(out, name);
	strbuf_add(out, "\":", 2);
}

int64_t document_iter_int(const bson_iter_t *iter)
{
	if (BSON_ITER_HOLDS_INT32(iter))
		return bson_iter_int32(iter);
	if (BSON_ITER_HOLDS_INT64(iter))
		return bson_iter_int64(iter);
	if (BSON_ITER_HOLDS_DOUBLE(iter)) {
		const double value = bson_iter_double(iter);

		if (value >= -DOUBLE_INT_MAX && value <= DOUBLE_INT_MAX)
			return (int64_t)value;
	}

	return 0;
}

const char *document_text(const bson_t *doc, const char *key, size_t *ret_len)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, key) || !BSON_ITER_HOLDS_UTF8(&iter))
		return NULL;

	uint32_t len = 0;
	const char *text = bson_iter_utf8(&iter, &len);

	*ret_len = len;
	return text;
}

int64_t document_int(const bson_t *doc, const char *key)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, doc, key) ? document_iter_int(&iter) : 0;
}

bool document_iter_sub(const bson_iter_t *iter, bson_t *ret)
{
	uint32_t len = 0;
	const uint8_t *data = NULL;

	if (!BSON_ITER_HOLDS_DOCUMENT(iter))
		return false;
	bson_iter_document(iter, &len, &data);
	return data && bson_init_static(ret, data, len);
}

bool document_sub(const bson_t *doc, const char *key, bson_t *ret)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, doc, key) && document_iter_sub(&iter, ret);
}

bool document_time(const bson_t *doc, const char *key, int64_t *ret_ms)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, key))
		return false;
	if (BSON_ITER_HOLDS_UTF8(&iter))
		return clock_parse(bson_iter_utf8(&iter, NULL), ret_ms, NULL) == ERR_OK;
	if (!BSON_ITER_HOLDS_DATE_TIME(&iter))
		return false;

	const int64_t ms = bson_iter_date_time(&iter);

	if (ms < TIME_MS_MIN || ms > TIME_MS_MAX)
		return false;

	*ret_ms = ms;
	return true;
}

void document_write_text(struct strbuf *out, const char *name, const bson_t *doc, const char *key)
{
	size_t len = 0;
	const char *text = document_text(doc, key, &len);

	write_name(out, name);
	if (text)
		strbuf_add_json_len(out, text, len);
	else
		strbuf_add_text(out, "null");
}

void document_write_int(struct strbuf *out, const char *name, const bson_t *doc, const char *key)
{
	write_name(out, name);
	strbuf_add_int(out, document_int(doc, key));
}

void document_write_int_or_null(struct strbuf *out, const char *name, const bson_t *doc,
				const char *key)
{
	bson_iter_t iter;

	write_name(out, name);
	if (bson_iter_init_find(&iter, doc, key) && BSON_ITER_HOLDS_NUMBER(&iter))
		strbuf_add_int(out, document_iter_int(&iter));
	else
		strbuf_add_text(out, "null");
}

void document_write_time(struct strbuf *out, const char *name, const bson_t *doc, const char *key)
{
	int64_t ms = 0;

	write_name(out, name);
	if (document_time(doc, key, &ms)) {
		char text[CLOCK_TEXT_BYTES_MAX];

		clock_format(ms, text);
		strbuf_add_json(out, text);
	} else {
		strbuf_add_text(out, "null");
	}
}

void document_write_texts(struct strbuf *out, const char *name, const bson_t *doc, const char *key)
{
	bson_iter_t array, iter;
	const char *separator = "";

	write_name(out, name);
	strbuf_add_char(out, '[');
	if (bson_iter_init_find(&array, doc, key) && BSON_ITER_HOLDS_ARRAY(&array) &&
	    bson_iter_recurse(&array, &iter)) {
		while (bson_iter_next(&iter)) {
			uint32_t len = 0;

			if (!BSON_ITER_HOLDS_UTF8(&iter))
				continue;

			const char *text = bson_iter_utf8(&iter, &len);

			strbuf_add_text(out, separator);
			strbuf_add_json_len(out, text, len);
			separator = ",";
		}
	}
	strbuf_add_char(out, ']');
}

void document_write_counts(struct strbuf *out, const bson_t *doc)
{
	static const char *const NAMES[] = { "available", "held", "booked", "blocked" };
	const char *separator = "";
	bson_t counts = BSON_INITIALIZER;

	/* Neither an empty one nor a view holds memory. */
	(void)document_sub(doc, "counts", &counts);
	write_name(out, "counts");
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		strbuf_add_text(out, separator);
		document_write_int(out, NAMES[i], &counts, NAMES[i]);
		separator = ",";
	}
	strbuf_add_char(out, '}');
	bson_destroy(&counts);
}
