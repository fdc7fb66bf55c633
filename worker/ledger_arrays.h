/*
 * ledger_arrays - parameters of a statement that speaks of many rows: an array for each column.
 *
 * Owns     the texts, until the next ledger_arrays_open. init/done pair.
 * Errors   ERR_INTERNAL: a batch outgrew a buffer.
 * Source   lib/pg.h, array literals.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_ARRAYS_MAX 18

struct ledger_arrays {
	size_t count;
	struct strbuf columns[LEDGER_ARRAYS_MAX];
	bool has_value[LEDGER_ARRAYS_MAX];
	struct strbuf element;
};

void ledger_arrays_init(struct ledger_arrays *arrays);
void ledger_arrays_done(struct ledger_arrays *arrays);

/* Begins `count` arrays anew. */
void ledger_arrays_open(struct ledger_arrays *arrays, size_t count);
/* Adds to an array. NULL and "" are SQL NULL. */
void ledger_arrays_add(struct ledger_arrays *arrays, size_t column, const char *text);
void ledger_arrays_add_int(struct ledger_arrays *arrays, size_t column, int64_t number);
/* 0 is SQL NULL. */
void ledger_arrays_add_time(struct ledger_arrays *arrays, size_t column, int64_t ms);
/* An array as one element of an array, for PostgreSQL's own arrays of arrays must be rectangular:
 * pg_array_add and _add_int on what ledger_arrays_element answers, then _end. */
struct strbuf *ledger_arrays_element(struct ledger_arrays *arrays);
void ledger_arrays_end_element(struct ledger_arrays *arrays, size_t column);
/* Writes the parameters, in the order of the columns, to ret[0..count). An array of nothing but
 * NULL is written as an empty one, which unnest fills up: it costs nothing to read. */
err_code ledger_arrays_close(struct ledger_arrays *arrays, const char **ret,
			     struct err *err) _must_check_;
