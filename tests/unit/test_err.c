#include "err.h"
#include "table.h"

#include <criterion/criterion.h>
#include <string.h>

Test(err, fills_code_and_text_and_returns_the_code)
{
	struct err err = { .code = ERR_OK };

	cr_assert_eq(err_set(&err, ERR_CONFLICT, "seat %s of %d", "A1", 7), ERR_CONFLICT);
	cr_expect_eq(err.code, ERR_CONFLICT);
	cr_expect_str_eq(err.text, "seat A1 of 7");
}

Test(err, does_without_a_place_for_the_text)
{
	cr_expect_eq(err_set(NULL, ERR_INTERNAL, "nobody reads %s", "this"), ERR_INTERNAL);
}

Test(err, cuts_a_text_that_is_too_long)
{
	char text[1000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	struct err err;
	(void)err_set(&err, ERR_INVALID, "%s", text);
	cr_expect_eq(strlen(err.text), sizeof(err.text) - 1);
	cr_expect_eq(memcmp(err.text, text, sizeof(err.text) - 1), 0);
}

Test(err, names_every_code)
{
	static const char *const names[] = { "ok",          "invalid",  "conflict", "not_found",
					     "unavailable", "internal", "unknown" };

	cr_assert_eq(COUNT(names), ERR_CODE_COUNT + 1);
	for (int i = 0; i <= ERR_CODE_COUNT; i++)
		cr_expect_str_eq(err_name((err_code)i), names[i]);
}

Test(err, retries_only_what_time_may_heal)
{
	for (int i = 0; i < ERR_CODE_COUNT; i++)
		cr_expect_eq(err_is_retriable((err_code)i), i == ERR_UNAVAILABLE, "%s",
			     err_name((err_code)i));
}
