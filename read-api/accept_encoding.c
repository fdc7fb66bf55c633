#include "accept_encoding.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WEIGHT_MAX 1000 /* weights in thousandths */
#define NOT_NAMED  (-1)

struct wanted {
	int gzip;
	int identity;
	int any;
};

static size_t token_len(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static size_t blanks_len(const char *text)
{
	return strspn(text, " \t");
}

/* "0", "0.5", "1", "1.000": at most three decimals. The text after it, or NULL. */
static const char *read_qvalue(const char *text, int *ret)
{
	const size_t digits = text[0] && text[1] == '.' ? strspn(text + 2, "0123456789") : 0;
	int weight = text[0] == '1' ? WEIGHT_MAX : 0, unit = WEIGHT_MAX / 10;

	if ((text[0] != '0' && text[0] != '1') || digits > 3)
		return NULL;
	for (size_t i = 0; i < digits; i++, unit /= 10)
		weight += (text[2 + i] - '0') * unit;
	if (weight > WEIGHT_MAX)
		return NULL;

	*ret = weight;
	return text + 1 + (text[1] == '.' ? 1 + digits : 0);
}

/* What may stand behind a coding: ";q=0.5". The text after it, or NULL. */
static const char *read_weight(const char *text, int *ret)
{
	*ret = WEIGHT_MAX;
	text += blanks_len(text);
	if (*text != ';')
		return text;
	text++;
	text += blanks_len(text);
	if (strncasecmp(text, "q=", 2) != 0)
		return NULL;

	text = read_qvalue(text + 2, ret);
	return text ? text + blanks_len(text) : NULL;
}

static void note(struct wanted *wanted, const char *name, size_t len, int weight)
{
	if ((len == 4 && strncasecmp(name, "gzip", len) == 0) ||
	    (len == 6 && strncasecmp(name, "x-gzip", len) == 0))
		wanted->gzip = weight;
	else if (len == 8 && strncasecmp(name, "identity", len) == 0)
		wanted->identity = weight;
	else if (len == 1 && *name == '*')
		wanted->any = weight;
}

bool accept_encoding_gzip(const char *value)
{
	struct wanted wanted = { NOT_NAMED, NOT_NAMED, NOT_NAMED };
	const char *at = value ? value : "";

	for (at += strspn(at, ", \t"); *at; at += strspn(at, ", \t")) {
		const char *const name = at;
		const size_t len = token_len(name);
		int weight = 0;

		if (len == 0)
			return false;
		at = read_weight(name + len, &weight);
		if (!at || (*at && *at != ','))
			return false;
		note(&wanted, name, len, weight);
	}

	const int gzip = wanted.gzip != NOT_NAMED ? wanted.gzip : wanted.any;

	return gzip > 0 && gzip >= wanted.identity;
}
