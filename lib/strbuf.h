/*
 * strbuf - a growing byte buffer with an upper limit, and the writers JSON needs.
 *
 * Shape    data[0..len) and a NUL that len does not count; data is never NULL after strbuf_init.
 * Owns     data, until strbuf_done; init/done pair, usable with _cleanup_(strbuf_done).
 * Errors   growth past bytes_max or out of memory sets `overflow` and drops what did not fit and
 *          all that follows: check it once, at the end.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *data;
	size_t len;
	size_t capacity;
	size_t bytes_max;
	bool overflow;
};

void strbuf_init(struct strbuf *buf, size_t bytes_max);
void strbuf_done(struct strbuf *buf);
void strbuf_reset(struct strbuf *buf); /* empty again, memory kept */

void strbuf_add(struct strbuf *buf, const char *bytes, size_t len);
void strbuf_add_text(struct strbuf *buf, const char *text);
/* Several texts; NULL ends them. */
void strbuf_add_texts(struct strbuf *buf, const char *first, ...) __attribute__((sentinel));
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_add_int(struct strbuf *buf, int64_t number);

/* A JSON string with its quotes; NULL writes null. Control characters and invalid UTF-8 are
   escaped. */
void strbuf_add_json(struct strbuf *buf, const char *text);
void strbuf_add_json_len(struct strbuf *buf, const char *text, size_t len);
/* The same in at most bytes_max (>= 2) bytes, cut between characters; false when it was cut. */
bool strbuf_add_json_cut(struct strbuf *buf, const char *text, size_t len, size_t bytes_max);
