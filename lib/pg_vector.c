#include "pg_vector.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define UUID_BYTES       16
#define UUID_DIGITS      (2 * UUID_BYTES)
#define WIDEST_INT_BYTES 8

/* What stands before the elements, each number in network order. */
struct head {
	uint32_t dimensions;
	uint32_t has_null;
	uint32_t type;
	uint32_t count;
	uint32_t lower_bound;
};

#define EMPTY_HEAD_BYTES offsetof(struct head, count)

void pg_vector_init(struct pg_vector *vector, size_t bytes_max)
{
	*vector = (struct pg_vector){ .type = PG_VECTOR_TEXT };
	strbuf_init(&vector->bytes, bytes_max);
}

void pg_vector_done(struct pg_vector *vector)
{
	strbuf_done(&vector->bytes);
}

void pg_vector_open(struct pg_vector *vector, enum pg_vector_type type)
{
	static const struct head room = { 0 };

	vector->type = type;
	vector->count = 0;
	vector->has_null = false;
	vector->has_value = false;
	strbuf_reset(&vector->bytes);
	strbuf_add(&vector->bytes, (const char *)&room, sizeof(room));
}

static void write_null(struct pg_vector *vector)
{
	static const uint32_t no_len = UINT32_MAX;

	strbuf_add(&vector->bytes, (const char *)&no_len, sizeof(no_len));
}

/* NULLs before the first value are written with it: most columns that have one have no other. */
static void add_element(struct pg_vector *vector, const void *bytes, size_t len)
{
	const uint32_t prefix = htobe32((uint32_t)len);

	for (int32_t i = 0; !vector->has_value && i < vector->count; i++)
		write_null(vector);
	vector->count++;
	vector->has_value = true;
	strbuf_add(&vector->bytes, (const char *)&prefix, sizeof(prefix));
	strbuf_add(&vector->bytes, bytes, len);
}

static void add_null(struct pg_vector *vector)
{
	vector->count++;
	vector->has_null = true;
	if (vector->has_value)
		write_null(vector);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void add_uuid(struct pg_vector *vector, const char *text)
{
	unsigned char bytes[UUID_BYTES] = { 0 };
	size_t count = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '-')
			continue;
		const int value = digit(*c);
		if (value < 0 || count == UUID_DIGITS) {
			vector->bytes.overflow = true;
			return;
		}
		bytes[count / 2] = (unsigned char)(bytes[count / 2] << 4 | value);
		count++;
	}
	if (count != UUID_DIGITS)
		vector->bytes.overflow = true;
	add_element(vector, bytes, sizeof(bytes));
}

void pg_vector_add(struct pg_vector *vector, const char *text)
{
	assert(vector->type == PG_VECTOR_TEXT || vector->type == PG_VECTOR_UUID || !text);

	if (!text)
		add_null(vector);
	else if (vector->type == PG_VECTOR_UUID)
		add_uuid(vector, text);
	else
		add_element(vector, text, strlen(text));
}

void pg_vector_add_int(struct pg_vector *vector, int64_t number)
{
	assert(vector->type == PG_VECTOR_INT8 || vector->type == PG_VECTOR_INT4);

	const uint64_t wide = htobe64((uint64_t)number);
	const size_t len = vector->type == PG_VECTOR_INT8 ? WIDEST_INT_BYTES : sizeof(int32_t);
	assert(len == WIDEST_INT_BYTES || (number >= INT32_MIN && number <= INT32_MAX));
	add_element(vector, (const char *)&wide + WIDEST_INT_BYTES - len, len);
}

void pg_vector_close(struct pg_vector *vector)
{
	const bool is_empty = !vector->has_value;
	const struct head head = { .dimensions = htobe32(is_empty ? 0 : 1),
				   .has_null = htobe32(vector->has_null && !is_empty),
				   .type = htobe32((uint32_t)vector->type),
				   .count = htobe32((uint32_t)vector->count),
				   .lower_bound = htobe32(1) };

	if (vector->bytes.overflow)
		return;
	memcpy(vector->bytes.data, &head, sizeof(head));
	if (is_empty)
		vector->bytes.len = EMPTY_HEAD_BYTES;
}
