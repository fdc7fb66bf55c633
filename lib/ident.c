#include "ident.h"

#include <assert.h>
#include <string.h>

static bool is_alnum(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters, digits and the characters of others. */
static bool is_made_of(const char *text, size_t len, const char *others)
{
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && (text[i] == '\0' || !strchr(others, text[i])))
			return false;
	return true;
}

static bool is_path_trick(const char *text, size_t len)
{
	return (len == 1 && text[0] == '.') || (len == 2 && text[0] == '.' && text[1] == '.');
}

static bool is_id(const char *text, size_t len, const char *others)
{
	assert(text || len == 0);

	return len >= 1 && len < IDENT_BYTES_MAX && !is_path_trick(text, len) &&
	       is_made_of(text, len, others);
}

bool ident_is_valid(const char *text, size_t len)
{
	return is_id(text, len, "-_.");
}

bool ident_is_valid_seat(const char *text, size_t len)
{
	return is_id(text, len, "-_.:");
}

bool ident_is_valid_key(const char *text, size_t len)
{
	assert(text || len == 0);

	if (len < 1 || len >= IDEMPOTENCY_KEY_BYTES_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return true;
}

bool ident_is_valid_request_id(const char *text, size_t len)
{
	assert(text || len == 0);

	return len >= 1 && len < REQUEST_ID_BYTES_MAX && is_made_of(text, len, "-_.:/+=");
}

/* Lower-case hexadecimal, as W3C Trace Context demands. */
static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}

static bool is_all_zero(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '0')
			return false;
	return true;
}

bool ident_is_valid_traceparent(const char *text, size_t len)
{
	assert(text || len == 0);

	/* "00-" trace id "-" parent id "-" flags */
	enum { TRACE_AT = 3, TRACE_LEN = 32, PARENT_AT = 36, PARENT_LEN = 16, FLAGS_AT = 53 };

	return len == TRACEPARENT_BYTES_MAX - 1 && memcmp(text, "00-", TRACE_AT) == 0 &&
	       text[PARENT_AT - 1] == '-' && text[FLAGS_AT - 1] == '-' &&
	       is_hex(text + TRACE_AT, TRACE_LEN) && !is_all_zero(text + TRACE_AT, TRACE_LEN) &&
	       is_hex(text + PARENT_AT, PARENT_LEN) && !is_all_zero(text + PARENT_AT, PARENT_LEN) &&
	       is_hex(text + FLAGS_AT, 2);
}
