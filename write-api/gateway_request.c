#include "gateway_request.h"

#include "ident.h"

#include <stddef.h>
#include <string.h>

#define MS_DIGITS_MAX     15
#define SECOND_DIGITS_MAX 12

/* Reads text[0..len), len > 0, all digits. */
static int64_t read_number(const char *text, size_t len)
{
	int64_t number = 0;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

bool gateway_request_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
			   const char **ret_request_id)
{
	static const char digits[] = "0123456789";
	const size_t whole = text ? strspn(text, digits) : 0;
	int64_t ms;

	if (whole == 0 || whole > MS_DIGITS_MAX)
		return false;
	if (text[whole] == '.') {
		if (whole > SECOND_DIGITS_MAX || strspn(text + whole + 1, digits) != 3)
			return false;
		ms = read_number(text, whole) * 1000 + read_number(text + whole + 1, 3);
		text += whole + 4;
	} else {
		ms = read_number(text, whole);
		text += whole;
	}
	if (*text != '-' || !ident_is_valid_request_id(text + 1, strlen(text + 1)))
		return false;
	if (ms < now_ms - GATEWAY_CLOCK_DIFF_MS_MAX || ms > now_ms + GATEWAY_CLOCK_DIFF_MS_MAX)
		return false;
	*ret_ms = ms;
	*ret_request_id = text + 1;
	return true;
}
