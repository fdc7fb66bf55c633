/*
 * document - fields of a MongoDB document as members of a JSON object.
 *
 * Each write makes `"<name>":<value>` without a comma. A field that is missing or of another type
 * than asked for is written as null (a list as [], a number as 0): the shape of an answer never
 * depends on what is in a document.
 * Threads  any; no state.
 */
#pragma once

#include "strbuf.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when missing or no text. The text lives as long as doc. */
const char *document_text(const bson_t *doc, const char *key, size_t *ret_len);
int64_t document_int(const bson_t *doc, const char *key);
/* The number at iter, as document_int has it. */
int64_t document_iter_int(const bson_iter_t *iter);
/* A view of a document inside doc, alive as long as doc. False when there is none. */
bool document_sub(const bson_t *doc, const char *key, bson_t *ret);
/* The same of the document at iter. */
bool document_iter_sub(const bson_iter_t *iter, bson_t *ret);
/* ms since the epoch, from a date or from RFC 3339 text. False when there is none. */
bool document_time(const bson_t *doc, const char *key, int64_t *ret_ms);

void document_write_text(struct strbuf *out, const char *name, const bson_t *doc, const char *key);
void document_write_int(struct strbuf *out, const char *name, const bson_t *doc, const char *key);
/* null instead of 0 when it is missing. */
void document_write_int_or_null(struct strbuf *out, const char *name, const bson_t *doc,
				const char *key);
void document_write_time(struct strbuf *out, const char *name, const bson_t *doc, const char *key);
/* An array of texts; elements of other types are left out. */
void document_write_texts(struct strbuf *out, const char *name, const bson_t *doc, const char *key);
/* "counts":{"available":..,"held":..,"booked":..,"blocked":..} from the field of that name. */
void document_write_counts(struct strbuf *out, const bson_t *doc);
