/*
 * pg_vector - an array as PostgreSQL reads it in binary: a parameter that needs no parsing.
 *
 * Shape    of one type, one dimension, NULLs allowed. Text in any other form is pg.h's literals.
 * Owns     its bytes. init/done pair.
 * Errors   growth past bytes_max sets bytes.overflow; a text that is no UUID, too.
 * Source   PostgreSQL, array_recv() in src/backend/utils/adt/arrayfuncs.c; catalog/pg_type.dat.
 */
#pragma once

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pg_vector_type {
	PG_VECTOR_INT8 = 20,
	PG_VECTOR_INT4 = 23,
	PG_VECTOR_TEXT = 25,
	PG_VECTOR_UUID = 2950,
};

struct pg_vector {
	enum pg_vector_type type; /* its number is the type's in PostgreSQL's catalog */
	int32_t count;
	bool has_null, has_value;
	struct strbuf bytes;
};

void pg_vector_init(struct pg_vector *vector, size_t bytes_max);
void pg_vector_done(struct pg_vector *vector);

/* Begins anew. */
void pg_vector_open(struct pg_vector *vector, enum pg_vector_type type);
/* An element; NULL adds SQL NULL. The text of a PG_VECTOR_UUID is one with hyphens. */
void pg_vector_add(struct pg_vector *vector, const char *text);
/* To a PG_VECTOR_INT8 or _INT4. */
void pg_vector_add_int(struct pg_vector *vector, int64_t number);
/* Completes the bytes. An array of nothing but NULL becomes an empty one: unnest fills it up, and
 * it costs nothing to send and to read. */
void pg_vector_close(struct pg_vector *vector);
