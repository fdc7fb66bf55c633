#include "clock.h"
#include "table.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

/* Expected values from GNU date: date -ud TEXT +%s%3N */
static const struct {
	const char *text;
	int64_t wall_ms;
} times[] = {
	{ "1970-01-01T00:00:00.000Z", 0 },
	{ "1970-01-01T00:00:00.001Z", 1 },
	{ "1969-12-31T23:59:59.999Z", -1 },
	{ "1969-12-31T23:59:59.000Z", -1000 },
	{ "2026-03-01T19:30:00.000Z", 1772393400000 },
	{ "2026-03-01T19:30:00.045Z", 1772393400045 },
	{ "2024-02-29T12:00:00.500Z", 1709208000500 },
	{ "2000-02-29T00:00:00.000Z", 951782400000 },
	{ "2038-01-19T03:14:08.000Z", 2147483648000 },
	{ "9999-12-31T23:59:59.999Z", 253402300799999 },
	{ "0000-01-01T00:00:00.000Z", -62167219200000 },
};

Test(clock, writes_rfc_3339_in_utc_with_milliseconds)
{
	for (size_t i = 0; i < COUNT(times); i++) {
		char text[CLOCK_TEXT_BYTES_MAX];
		clock_format(times[i].wall_ms, text);
		cr_expect_str_eq(text, times[i].text);
	}
}

Test(clock, reads_what_it_writes)
{
	for (size_t i = 0; i < COUNT(times); i++) {
		int64_t wall_ms = 7;
		struct err err = { .text = "" };
		cr_expect_eq(clock_parse(times[i].text, &wall_ms, &err), ERR_OK, "'%s': %s",
			     times[i].text, err.text);
		cr_expect_eq(wall_ms, times[i].wall_ms, "'%s' is %" PRId64, times[i].text, wall_ms);
	}
}

Test(clock, writes_the_nearest_year_it_can)
{
	char text[CLOCK_TEXT_BYTES_MAX];
	clock_format(INT64_MAX, text);
	cr_expect_str_eq(text, "9999-12-31T23:59:59.999Z");
	clock_format(INT64_MIN, text);
	cr_expect_str_eq(text, "0000-01-01T00:00:00.000Z");
}

Test(clock, reads_a_time_without_a_fraction)
{
	int64_t wall_ms = 7;
	cr_assert_eq(clock_parse("2026-03-01T19:30:00Z", &wall_ms, NULL), ERR_OK);
	cr_expect_eq(wall_ms, 1772393400000);
}

Test(clock, refuses_other_texts_and_leaves_the_result_untouched)
{
	static const char *const bad[] = {
		"",
		"Z",
		"now",
		"1772393400000",
		"2026-03-01",
		"2026-03-01T19:30:00",
		"2026-03-01T19:30:00.000",
		"2026-03-01T19:30:00.000+00:00",
		"2026-03-01T19:30:00.000z",
		"2026-03-01t19:30:00.000Z",
		"2026-03-01 19:30:00.000Z",
		"2026-03-01T19:30:00.0Z",
		"2026-03-01T19:30:00.000000Z",
		"2026-03-01T19:30:00,000Z",
		"2026-03-01T19:30Z",
		" 2026-03-01T19:30:00.000Z",
		"2026-03-01T19:30:00.000Z ",
		"2026-03-01T19:30:00.000Zx",
		"2026-3-01T19:30:00.000Z",
		"12026-03-01T19:30:00.000Z",
		"-026-03-01T19:30:00.000Z",
		"2026-13-01T19:30:00.000Z",
		"2026-00-01T19:30:00.000Z",
		"2026-03-00T19:30:00.000Z",
		"2026-03-32T19:30:00.000Z",
		"2026-02-29T19:30:00.000Z",
		"1900-02-29T19:30:00.000Z",
		"2026-04-31T19:30:00.000Z",
		"2026-03-01T24:00:00.000Z",
		"2026-03-01T19:60:00.000Z",
		"2026-03-01T19:30:60.000Z",
		"2026-03-01T19:30:00.00aZ",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		int64_t wall_ms = 7;
		struct err err = { .text = "" };
		cr_expect_eq(clock_parse(bad[i], &wall_ms, &err), ERR_INVALID, "accepted '%s'",
			     bad[i]);
		cr_expect_eq(wall_ms, 7);
		cr_expect_neq(err.text[0], '\0');
	}
}

Test(clock, tells_the_time_of_day)
{
	const int64_t before_s = time(NULL);
	const int64_t now_ms = clock_wall_ms();
	cr_expect_geq(now_ms, before_s * 1000 - 1000);
	cr_expect_leq(now_ms, (time(NULL) + 2) * 1000);
}

Test(clock, sleeps_at_least_as_long_as_asked)
{
	const int64_t start_us = clock_monotonic_us(), start_ms = clock_monotonic_ms();
	clock_sleep_ms(30);
	cr_expect_geq(clock_monotonic_us() - start_us, 30000);
	cr_expect_geq(clock_monotonic_ms() - start_ms, 30);
}

Test(clock, does_not_sleep_for_no_time)
{
	const int64_t start_ms = clock_monotonic_ms();
	clock_sleep_ms(0);
	clock_sleep_ms(-5000);
	cr_expect_lt(clock_monotonic_ms() - start_ms, 4000);
}
