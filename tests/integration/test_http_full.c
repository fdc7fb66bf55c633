#include "clock.h"
#include "http_fixture.h"

#include <criterion/criterion.h>

#define SLOW_MS 100 /* less than GET /slow takes */
#define ECHO    "GET /echo/a HTTP/1.1\r\nHost: x\r\n"

static struct http_fixture fixture = { .slow_ms = SLOW_MS };

static void open_fixture(void)
{
	http_fixture_open(&fixture);
}

static void close_fixture(void)
{
	http_fixture_close(&fixture);
}

TestSuite(http_full, .init = open_fixture, .fini = close_fixture);

static struct raw_answer ask(struct raw_connection *connection, const char *request)
{
	raw_send_text(connection, request);
	return raw_read(connection, false);
}

/* Until one at a time is let in: each slow one halves how many. */
static void be_slow(void)
{
	for (int at_once = HTTP_FIXTURE_THREADS; at_once > 1; at_once /= 2)
		cr_assert_eq(
			ask(&fixture.client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

static void begin_slow_one(void)
{
	const int before = atomic_load(&fixture.handled);

	raw_send_text(&fixture.client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&fixture.handled) == before)
		clock_sleep_ms(5);
}

Test(http_full, turns_away_at_once_what_finds_all_places_taken)
{
	struct raw_connection other;

	be_slow();
	begin_slow_one();
	raw_open(&other, fixture.port);
	const int handled = atomic_load(&fixture.handled);
	const int64_t start_ms = clock_monotonic_ms();
	const struct raw_answer answer = ask(&other, ECHO "\r\n");
	cr_expect_lt(clock_monotonic_ms() - start_ms, HTTP_FIXTURE_SLOW_MS);
	cr_expect_eq(answer.status, 503);
	raw_expect_header(&answer, "Retry-After", "1");
	raw_expect_header(&answer, "Content-Type", "application/problem+json");
	raw_expect_header(&answer, "Connection", "keep-alive");
	cr_expect_eq(atomic_load(&fixture.handled), handled);

	/* There is a place again. */
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
	cr_expect_eq(ask(&other, ECHO "\r\n").status, 200);
	raw_close(&other);
}

/* The instance asked first may have stored it: nobody may say that nothing was done. */
Test(http_full, lets_a_second_attempt_in)
{
	struct raw_connection other;

	be_slow();
	begin_slow_one();
	raw_open(&other, fixture.port);
	cr_expect_eq(ask(&other, ECHO HTTP_ATTEMPT_HEADER ": again\r\n\r\n").status, 200);
	cr_expect_eq(ask(&other, ECHO "\r\n").status, 503);
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
	raw_close(&other);
}
