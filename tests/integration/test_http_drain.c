#include "clock.h"
#include "http_fixture.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct http_fixture fixture;

static void open_fixture(void)
{
	http_fixture_open(&fixture);
}

static void close_fixture(void)
{
	http_fixture_close(&fixture);
}

TestSuite(http_drain, .init = open_fixture, .fini = close_fixture);

static void *close_server(void *linger_ms)
{
	http_server_close(fixture.server, *(const int64_t *)linger_ms);
	return NULL;
}

static pthread_t begin_close(const int64_t *linger_ms)
{
	union {
		const void *in;
		void *out; /* the thread only reads it */
	} argument = { .in = linger_ms };
	pthread_t closer;

	cr_assert_eq(pthread_create(&closer, NULL, close_server, argument.out), 0);
	return closer;
}

static void end_close(pthread_t closer)
{
	cr_assert_eq(pthread_join(closer, NULL), 0);
	fixture.server = NULL; /* http_server_close ignores it at the end of the test. */
}

Test(http_drain, drains_kept_connections_politely)
{
	static const int64_t linger_ms = 2000;
	struct raw_connection idle;

	raw_open(&idle, fixture.port);
	raw_send_text(&idle, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&idle, false).status, 200);
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	struct raw_answer answer = raw_read(&fixture.client, false);
	raw_expect_header(&answer, "Connection", "keep-alive");

	const pthread_t closer = begin_close(&linger_ms);
	clock_sleep_ms(100);
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect(fixture.client.is_closed);
	cr_expect(raw_read_to_end(&idle, RAW_WAIT_MS));
	cr_expect(idle.is_closed);
	end_close(closer);
	raw_close(&idle);
}

Test(http_drain, answers_a_running_request_before_it_stops)
{
	static const int64_t linger_ms = 0;

	raw_send_text(&fixture.client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&fixture.handled) == 0)
		clock_sleep_ms(5);
	const pthread_t closer = begin_close(&linger_ms);
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_body(&answer, "done");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect(fixture.client.is_closed);
	end_close(closer);
}

Test(http_drain, cuts_new_work_while_the_last_request_runs)
{
	static const int64_t linger_ms = 0;
	struct raw_connection late;

	raw_send_text(&fixture.client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&fixture.handled) == 0)
		clock_sleep_ms(5);
	const pthread_t closer = begin_close(&linger_ms);
	clock_sleep_ms(50);
	raw_open(&late, fixture.port);
	raw_send_text(&late, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect(raw_read_to_end(&late, RAW_WAIT_MS));
	cr_expect(late.is_closed);
	cr_expect_not(raw_has_rest(&late));
	cr_expect_eq(atomic_load(&fixture.handled), 1);
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
	end_close(closer);
	raw_close(&late);
}
