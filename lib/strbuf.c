#include "strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST   256
#define ESCAPE_BYTES_MAX 7 /* "\u0000" and its NUL */

/* What data points at until the first byte comes. Never written: capacity 0 guards it. */
static char nothing[1];

void strbuf_init(struct strbuf *buf, size_t bytes_max)
{
	assert(buf && bytes_max < SIZE_MAX / 4);

	*buf = (struct strbuf){ .data = nothing, .bytes_max = bytes_max };
}

void strbuf_done(struct strbuf *buf)
{
	if (!buf)
		return;
	if (buf->capacity > 0)
		free(buf->data);
	*buf = (struct strbuf){ .data = nothing };
}

void strbuf_reset(struct strbuf *buf)
{
	buf->len = 0;
	buf->overflow = false;
	if (buf->capacity > 0)
		buf->data[0] = '\0';
}

/* Makes room for len more bytes and the NUL; false and `overflow` when there is none. */
static bool reserve(struct strbuf *buf, size_t len)
{
	if (buf->overflow || len > buf->bytes_max - buf->len) {
		buf->overflow = true;
		return false;
	}

	const size_t needed = buf->len + len + 1;
	if (needed <= buf->capacity)
		return true;

	size_t capacity = buf->capacity ? buf->capacity * 2 : CAPACITY_FIRST;
	if (capacity > buf->bytes_max + 1)
		capacity = buf->bytes_max + 1;
	if (capacity < needed)
		capacity = needed;
	char *data = realloc(buf->capacity ? buf->data : NULL, capacity);
	if (!data) {
		buf->overflow = true;
		return false;
	}
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

void strbuf_add(struct strbuf *buf, const char *bytes, size_t len)
{
	if (len == 0 || !reserve(buf, len))
		return;

	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void strbuf_add_text(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_add_texts(struct strbuf *buf, const char *first, ...)
{
	va_list ap;

	va_start(ap, first);
	for (const char *text = first; text; text = va_arg(ap, const char *))
		strbuf_add_text(buf, text);
	va_end(ap);
}

void strbuf_add_char(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *fmt, ...)
{
	/* Into the room there is: only what does not fit is written a second time. */
	const size_t room = buf->overflow ? 0 : buf->capacity - buf->len;
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	const int len = vsnprintf(room > 0 ? buf->data + buf->len : NULL, room, fmt, ap);
	va_end(ap);

	assert(len >= 0); /* The formats are ours: a bad one is a bug. */
	if ((size_t)len < room) {
		buf->len += (size_t)len;
		va_end(again);
		return;
	}
	if (room > 0)
		buf->data[buf->len] = '\0';
	if (reserve(buf, (size_t)len)) {
		(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

void strbuf_add_int(struct strbuf *buf, int64_t number)
{
	char text[24];
	size_t at = sizeof(text);
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0)
		text[--at] = '-';
	strbuf_add(buf, text + at, sizeof(text) - at);
}

/*
 * The length of the well-formed UTF-8 sequence at text[0..len), len > 0; 0 when there is none.
 * Unicode 15, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF.
 */
static size_t sequence_len(const unsigned char *text, size_t len)
{
	const unsigned char first = text[0];
	if (first < 0x80)
		return 1;

	size_t need;
	unsigned char low = 0x80, high = 0xbf; /* the bounds of the second byte */
	if (first >= 0xc2 && first <= 0xdf) {
		need = 2;
	} else if (first >= 0xe0 && first <= 0xef) {
		need = 3;
		low = first == 0xe0 ? 0xa0 : low;
		high = first == 0xed ? 0x9f : high;
	} else if (first >= 0xf0 && first <= 0xf4) {
		need = 4;
		low = first == 0xf0 ? 0x90 : low;
		high = first == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (need > len || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return need;
}

/*
 * How many bytes of text[0..len), len > 0, make the next character. Fills escape with what stands
 * for it, or makes it empty where the bytes may stand as they are.
 */
static size_t next_char(const char *text, size_t len, char escape[static ESCAPE_BYTES_MAX])
{
	const unsigned char c = (unsigned char)text[0];
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	escape[0] = '\0';
	const char *found = c != '\0' ? strchr(plain, c) : NULL;
	if (found) {
		(void)snprintf(escape, ESCAPE_BYTES_MAX, "\\%c", letters[found - plain]);
		return 1;
	}
	if (c < 0x20) {
		(void)snprintf(escape, ESCAPE_BYTES_MAX, "\\u%04x", c);
		return 1;
	}
	const size_t taken = sequence_len((const unsigned char *)text, len);
	if (taken == 0)
		(void)snprintf(escape, ESCAPE_BYTES_MAX, "\\ufffd");
	return taken > 0 ? taken : 1;
}

/* The many that stand for themselves, in one byte. */
static bool is_plain(char c)
{
	const unsigned char byte = (unsigned char)c;

	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

bool strbuf_add_json_cut(struct strbuf *buf, const char *text, size_t len, size_t bytes_max)
{
	assert(bytes_max >= 2);

	size_t room = bytes_max - 2; /* without the quotes */
	size_t from = 0, at = 0;     /* text[from..at) may be copied as it is */
	char escape[ESCAPE_BYTES_MAX];

	strbuf_add_char(buf, '"');
	while (at < len) {
		if (is_plain(text[at]) && room > 0) {
			at++;
			room--;
			continue;
		}
		const size_t taken = next_char(text + at, len - at, escape);
		const size_t written = escape[0] ? strlen(escape) : taken;
		if (written > room)
			break;
		room -= written;
		if (escape[0]) {
			strbuf_add(buf, text + from, at - from);
			strbuf_add(buf, escape, written);
			from = at + taken;
		}
		at += taken;
	}
	strbuf_add(buf, text + from, at - from);
	strbuf_add_char(buf, '"');
	return at == len;
}

void strbuf_add_json_len(struct strbuf *buf, const char *text, size_t len)
{
	(void)strbuf_add_json_cut(buf, text, len,
				  SIZE_MAX); /* Never cut: the buffer is the bound. */
}

void strbuf_add_json(struct strbuf *buf, const char *text)
{
	if (!text)
		strbuf_add_text(buf, "null");
	else
		strbuf_add_json_len(buf, text, strlen(text));
}
