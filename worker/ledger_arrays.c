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
		strbuf_init(&arrays->columns[i], ARRAY_BYTES_MAX);
	strbuf_init(&arrays->element, ELEMENT_BYTES_MAX);
}

void ledger_arrays_done(struct ledger_arrays *arrays)
{
	for (size_t i = 0; i < LEDGER_ARRAYS_MAX; i++)
		strbuf_done(&arrays->columns[i]);
	strbuf_done(&arrays->element);
}

void ledger_arrays_open(struct ledger_arrays *arrays, size_t count)
{
	assert(count <= LEDGER_ARRAYS_MAX);

	arrays->count = count;
	for (size_t i = 0; i < count; i++) {
		strbuf_reset(&arrays->columns[i]);
		pg_array_open(&arrays->columns[i]);
		arrays->has_value[i] = false;
	}
}

static void add(struct ledger_arrays *arrays, size_t column, const char *text)
{
	pg_array_add(&arrays->columns[column], text);
	arrays->has_value[column] |= text != NULL;
}

void ledger_arrays_add(struct ledger_arrays *arrays, size_t column, const char *text)
{
	add(arrays, column, text && text[0] != '\0' ? text : NULL);
}

void ledger_arrays_add_int(struct ledger_arrays *arrays, size_t column, int64_t number)
{
	pg_array_add_int(&arrays->columns[column], number);
	arrays->has_value[column] = true;
}

void ledger_arrays_add_time(struct ledger_arrays *arrays, size_t column, int64_t ms)
{
	if (ms == 0)
		add(arrays, column, NULL);
	else
		ledger_arrays_add_int(arrays, column, ms);
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
		arrays->columns[column].overflow = true;
	add(arrays, column, arrays->element.data);
}

err_code ledger_arrays_close(struct ledger_arrays *arrays, const char **ret, struct err *err)
{
	bool overflow = false;

	for (size_t i = 0; i < arrays->count; i++) {
		pg_array_close(&arrays->columns[i]);
		overflow |= arrays->columns[i].overflow;
		if (arrays->has_value[i])
			continue;
		strbuf_reset(&arrays->columns[i]);
		strbuf_add_text(&arrays->columns[i], "{}");
	}
	if (overflow)
		return err_set(err, ERR_INTERNAL, "a batch outgrew its parameters");
	for (size_t i = 0; i < arrays->count; i++)
		ret[i] = arrays->columns[i].data;

	return ERR_OK;
}
