/*
 * ledger_arrays - parameters of a statement that speaks of many rows: an array for each column.
 *
 * A column of lists has two arrays, for PostgreSQL's own arrays of arrays must be rectangular: the
 * one element of a list that has no more, which most have, and the list's text where it has more.
 * Owns     the arrays, until the next ledger_arrays_open. init/done pair.
 * Errors   ERR_INTERNAL: a batch outgrew a buffer.
 * Source   lib/pg_vector.h; for lists, lib/pg.h, array literals.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "pg_vector.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_ARRAYS_MAX 35

struct ledger_arrays {
	size_t count;
	struct pg_vector columns[LEDGER_ARRAYS_MAX];
	struct strbuf element;
};

void ledger_arrays_init(struct ledger_arrays *arrays);
void ledger_arrays_done(struct ledger_arrays *arrays);

/* Begins `count` arrays of these types anew. */
void ledger_arrays_open(struct ledger_arrays *arrays, const enum pg_vector_type *types,
			size_t count);
/* Adds to an array. NULL and "" are SQL NULL. */
void ledger_arrays_add(struct ledger_arrays *arrays, size_t column, const char *text);
void ledger_arrays_add_int(struct ledger_arrays *arrays, size_t column, int64_t number);
/* 0 is SQL NULL. */
void ledger_arrays_add_time(struct ledger_arrays *arrays, size_t column, int64_t ms);
/* A list as text: pg_array_add and _add_int on what ledger_arrays_element answers, then _end. */
struct strbuf *ledger_arrays_element(struct ledger_arrays *arrays);
void ledger_arrays_end_element(struct ledger_arrays *arrays, size_t column);
/* Writes the parameters, in the order of the columns, to ret[0..count), and their lengths. */
err_code ledger_arrays_close(struct ledger_arrays *arrays, const char **ret, int *ret_lengths,
			     struct err *err) _must_check_;
