#include "asks_past.h"
#include "table.h"

#include <criterion/criterion.h>

static const struct {
	const char *cache_control, *pragma;
	bool expected;
} CASES[] = {
	{ NULL, NULL, false },
	{ "", "", false },
	{ "no-cache", NULL, true },
	{ "No-Cache", NULL, true },
	{ "no-cache, no-store", NULL, true },
	{ "private,no-store", NULL, true },
	{ "no-store", NULL, true },
	{ NULL, "no-cache", true },
	{ "max-age=60", "no-cache", true },
	{ "max-age=0", NULL, true },
	{ "max-age=000, must-revalidate", NULL, true },
	{ "Max-Age=0", NULL, true },
	{ "max-age=60, max-age=0", NULL, true },
	{ "max-age=", NULL, true },
	{ "max-age=60", NULL, false },
	{ "max-age=05", NULL, false },
	{ "max-age=10", NULL, false },
	{ "only-if-cached", "x", false },
	{ "max-stale=0", NULL, false },
};

Test(asks_past, reads_what_the_gateway_reads)
{
	for (size_t i = 0; i < COUNT(CASES); i++)
		cr_expect_eq(asks_past(CASES[i].cache_control, CASES[i].pragma), CASES[i].expected,
			     "'%s' '%s'", CASES[i].cache_control, CASES[i].pragma);
}
