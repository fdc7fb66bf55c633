#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what four digits of year can say. */
#define WALL_MS_MIN INT64_C(-62167219200000)
#define WALL_MS_MAX INT64_C(253402300799999)

static int64_t read_us(clockid_t id)
{
	struct timespec now;
	const int status = clock_gettime(id, &now);
	assert(status == 0);
	(void)status; /* Only the assertion reads it. */

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void clock_sleep_ms(int64_t ms)
{
	if (ms <= 0)
		return;

	/* An absolute end, so that a signal in between does not make the sleep longer. */
	const int64_t end_us = clock_monotonic_us() + ms * 1000;
	const struct timespec end = {
		.tv_sec = end_us / 1000000,
		.tv_nsec = end_us % 1000000 * 1000,
	};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

/* By hand, because each request and each log line has a time: printf took longer than the rest. */
static void write_digits(char *to, size_t count, int number)
{
	for (size_t i = count; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
}

void clock_format(int64_t wall_ms, char buf[static CLOCK_TEXT_BYTES_MAX])
{
	if (wall_ms < WALL_MS_MIN)
		wall_ms = WALL_MS_MIN;
	if (wall_ms > WALL_MS_MAX)
		wall_ms = WALL_MS_MAX;

	/* Rounded down, so that times before 1970 have a fraction that counts up too. */
	const int64_t fraction = (wall_ms % 1000 + 1000) % 1000;
	const time_t seconds = (wall_ms - fraction) / 1000;
	struct tm tm;
	(void)gmtime_r(&seconds, &tm); /* Cannot fail: the year fits, see above. */

	memcpy(buf, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_BYTES_MAX);
	write_digits(buf, 4, tm.tm_year + 1900);
	write_digits(buf + 5, 2, tm.tm_mon + 1);
	write_digits(buf + 8, 2, tm.tm_mday);
	write_digits(buf + 11, 2, tm.tm_hour);
	write_digits(buf + 14, 2, tm.tm_min);
	write_digits(buf + 17, 2, tm.tm_sec);
	write_digits(buf + 20, 3, (int)fraction);
}

/* The text against a pattern in which '0' stands for any digit. */
static bool has_shape(const char *text, const char *pattern)
{
	for (; *pattern; text++, pattern++) {
		const bool fits =
			*pattern == '0' ? *text >= '0' && *text <= '9' : *text == *pattern;
		if (!fits)
			return false;
	}
	return *text == '\0';
}

static int digits(const char *text, size_t count)
{
	int number = 0;
	for (size_t i = 0; i < count; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

err_code clock_parse(const char *text, int64_t *ret_wall_ms, struct err *err)
{
	assert(text && ret_wall_ms);

	const bool fraction = has_shape(text, "0000-00-00T00:00:00.000Z");
	if (!fraction && !has_shape(text, "0000-00-00T00:00:00Z"))
		return err_set(err, ERR_INVALID, "not a time of the form 2026-03-01T19:30:00.000Z");

	const struct tm wanted = {
		.tm_year = digits(text, 4) - 1900,
		.tm_mon = digits(text + 5, 2) - 1,
		.tm_mday = digits(text + 8, 2),
		.tm_hour = digits(text + 11, 2),
		.tm_min = digits(text + 14, 2),
		.tm_sec = digits(text + 17, 2),
	};
	struct tm real = wanted;
	const time_t seconds = timegm(&real);
	/* timegm turns 30 February into 2 March: a date that changes is not one of the calendar. */
	if (real.tm_year != wanted.tm_year || real.tm_mon != wanted.tm_mon ||
	    real.tm_mday != wanted.tm_mday || real.tm_hour != wanted.tm_hour ||
	    real.tm_min != wanted.tm_min || real.tm_sec != wanted.tm_sec)
		return err_set(err, ERR_INVALID, "no such day or time of day");

	*ret_wall_ms = (int64_t)seconds * 1000 + (fraction ? digits(text + 20, 3) : 0);
	return ERR_OK;
}
