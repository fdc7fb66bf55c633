#include "gateway_request.h"
#include "table.h"

#include <criterion/criterion.h>

#define NOW_MS INT64_C(1767225600000)

Test(gateway_request, reads_both_forms_of_the_time)
{
	static const struct {
		const char *text, *id;
		int64_t ms;
	} good[] = {
		{ "1767225600000-abc", "abc", NOW_MS },
		{ "1767225600.000-abc", "abc", NOW_MS },
		{ "1767225599.999-0f3a", "0f3a", NOW_MS - 1 },
		{ "1767225600123-a-b-c", "a-b-c", NOW_MS + 123 },
		{ "1767229200000-x", "x", NOW_MS + GATEWAY_CLOCK_DIFF_MS_MAX },
		{ "1767222000000-x", "x", NOW_MS - GATEWAY_CLOCK_DIFF_MS_MAX },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		const char *id = NULL;
		int64_t ms = 0;
		cr_assert(gateway_request_parse(good[i].text, NOW_MS, &ms, &id), "refused '%s'",
			  good[i].text);
		cr_expect_eq(ms, good[i].ms, "'%s'", good[i].text);
		cr_expect_str_eq(id, good[i].id);
	}
}

Test(gateway_request, refuses_everything_else)
{
	static const char *const bad[] = {
		NULL,
		"",
		"-",
		"-abc",
		"abc",
		"1767225600000",
		"1767225600000-",
		"1767225600000 abc",
		"1767225600000-a b",
		"1767225600000-a\xc3\xa9",
		"1767225600.00-abc",
		"1767225600.0000-abc",
		"1767225600.-abc",
		"1767225600.000.000-abc",
		".000-abc",
		"+1767225600000-abc",
		"-1767225600000-abc",
		" 1767225600000-abc",
		"0x176722560000-abc",
		"1767225600-abc",
		"0-abc",
		"1767222000-abc",
		"1767221999999-abc",
		"1767229200001-abc",
		"1767225600000000-abc",
		"99999999999999999999999999-abc",
		"9999999999999.000-abc",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *id = "untouched";
		int64_t ms = 7;
		cr_expect_not(gateway_request_parse(bad[i], NOW_MS, &ms, &id), "accepted '%s'",
			      bad[i] ? bad[i] : "none");
		cr_expect_eq(ms, 7);
		cr_expect_str_eq(id, "untouched");
	}
}
