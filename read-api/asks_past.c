#include "asks_past.h"

#include <stddef.h>
#include <string.h>

static const char MAX_AGE[] = "max-age=";

/* No age at all: "max-age=0", not "max-age=05". */
static bool has_no_age(const char *header)
{
	for (const char *at = strcasestr(header, MAX_AGE); at; at = strcasestr(at, MAX_AGE)) {
		at += strlen(MAX_AGE);
		at += strspn(at, "0");
		if (*at < '0' || *at > '9')
			return true;
	}
	return false;
}

static bool has_wish(const char *header)
{
	return header && (strcasestr(header, "no-cache") || strcasestr(header, "no-store") ||
			  has_no_age(header));
}

bool asks_past(const char *cache_control, const char *pragma)
{
	return has_wish(cache_control) || has_wish(pragma);
}
