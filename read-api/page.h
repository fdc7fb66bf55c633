/*
 * page - one page of a list as a JSON array, from a query sorted by a time, then by _id.
 *
 * Shape    the query asks for one document more than the page has: that tells whether there is
 *          another page.
 * Errors   ERR_UNAVAILABLE MongoDB is away or slow.
 */
#pragma once

#include "attr.h"
#include "cursor.h"
#include "err.h"
#include "mongo.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct page {
	int64_t limit;
	const char *time_field; /* what it is sorted by; each document has a date there */
	void (*write)(const bson_t *doc, struct strbuf *out);
};

/* Appends the page to out. *ret_more: there is another one, after *ret_last. */
err_code page_render(const struct page *page, mongoc_cursor_t *docs, struct strbuf *out,
		     bool *ret_more, struct cursor *ret_last, struct err *err) _must_check_;
