#include "ledger_arrays.h"

#include "pg.h"

#include <assert.h>

/* 5,000 commands of 10 seats with ids of 64 bytes make 7 MB; each may end 10 holds of as many. */
#define ARRAY_BYTES_MAX   (64u << 20)
#define ELEMENT_BYTES_MAX 2048

void ledger_arrays_init(struct ledger_arrays *arrays)
{
	arrays->count = 0;
	for (size_t i = 0; i < LEDGER_ARRAYS_MAX; i++)
		pg_vector_init(&arrays->columns[i], ARRAY_BYTES_MAX);
	strbuf_init(&arrays->element, ELEMENT_BYTES_MAX);
}

void ledger_arrays_done(struct ledger_arrays *arrays)
{
	for (size_t i = 0; i < LEDGER_ARRAYS_MAX; i++)
		pg_vector_done(&arrays->columns[i]);
	strbuf_done(&arrays->element);
}

void ledger_arrays_open(struct ledger_arrays *arrays, const enum pg_vector_type *types,
			size_t count)
{
	assert(count <= LEDGER_ARRAYS_MAX);

	arrays->count = count;
	for (size_t i = 0; i < count; i++)
		pg_vector_open(&arrays->columns[i], types[i]);
}

void ledger_arrays_add(struct ledger_arrays *arrays, size_t column, const char *text)
{
	pg_vector_add(&arrays->columns[column], text && text[0] != '\0' ? text : NULL);
}

void ledger_arrays_add_int(struct ledger_arrays *arrays, size_t column, int64_t number)
{
	pg_vector_add_int(&arrays->columns[column], number);
}

void ledger_arrays_add_time(struct ledger_arrays *arrays, size_t column, int64_t ms)
{
	if (ms == 0)
		pg_vector_add(&arrays->columns[column], NULL);
	else
		pg_vector_add_int(&arrays->columns[column], ms);
}

struct strbuf *ledger_arrays_element(struct ledger_arrays *arrays)
{
	strbuf_reset(&arrays->element);
	pg_array_open(&arrays->element);

	return &arrays->element;
}

void ledger_arrays_end_element(struct ledger_arrays *arrays, size_t column)
{
	pg_array_close(&arrays->element);
	/* Whoever cannot hold an element holds less than all. */
	if (arrays->element.overflow)
		arrays->columns[column].bytes.overflow = true;
	pg_vector_add(&arrays->columns[column], arrays->element.data);
}

err_code ledger_arrays_close(struct ledger_arrays *arrays, const char **ret, int *ret_lengths,
			     struct err *err)
{
	bool overflow = false;

	for (size_t i = 0; i < arrays->count; i++) {
		pg_vector_close(&arrays->columns[i]);
		overflow |= arrays->columns[i].bytes.overflow;
	}
	if (overflow)
		return err_set(err, ERR_INTERNAL, "a batch outgrew its parameters");
	for (size_t i = 0; i < arrays->count; i++) {
		ret[i] = arrays->columns[i].bytes.data;
		ret_lengths[i] = (int)arrays->columns[i].bytes.len;
	}
	return ERR_OK;
}
