/* Who may call what, and what is said to those who may not, in which order. */
#include "clock.h"
#include "http_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BODY "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static struct http_fixture fixture = { .slow_ms = HTTP_FIXTURE_SLOW_MS / 2 };

static void open_fixture(void)
{
	http_fixture_open(&fixture);
}

static void close_fixture(void)
{
	http_fixture_close(&fixture);
}

TestSuite(http_access, .init = open_fixture, .fini = close_fixture);

static struct raw_answer ask(const char *line, const char *token, const char *rest)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: x\r\n%s%s%s%s", line,
		       token ? "Authorization: " : "", token ? token : "", token ? "\r\n" : "",
		       rest);
	http_fixture_reconnect(&fixture);
	raw_send_text(&fixture.client, text);
	return raw_read(&fixture.client, false);
}

static void expect_status(const char *line, const char *token, const char *rest, int status)
{
	const int handled = atomic_load(&fixture.handled);
	const struct raw_answer answer = ask(line, token, rest);
	char challenge[128];

	cr_expect_eq(answer.status, status, "%s as %s: %d", line, token ? token : "nobody",
		     answer.status);
	cr_expect_eq(atomic_load(&fixture.handled), handled + (status < 400), "%s", line);
	raw_header(&answer, "WWW-Authenticate", challenge, sizeof(challenge));
	if (status != 401)
		cr_expect_str_eq(challenge, "");
	else
		cr_expect_str_eq(challenge, token ? "Bearer realm=\"seatline\", "
						    "error=\"invalid_token\""
						  : "Bearer realm=\"seatline\"");
}

Test(http_access, lets_each_role_call_what_is_its_own)
{
	expect_status("POST /user", NULL, BODY, 401);
	expect_status("POST /user", "ann", BODY, 202);
	expect_status("POST /user", "admin", BODY, 202);
	expect_status("POST /admin", NULL, BODY, 401);
	expect_status("POST /admin", "ann", BODY, 403);
	expect_status("POST /admin", "admin", BODY, 202);
	expect_status("POST /json", NULL, BODY, 202);
}

Test(http_access, does_not_take_a_bad_token_for_none)
{
	expect_status("POST /json", "ben", BODY, 401);
	expect_status("POST /user", "ben", BODY, 401);
	expect_status("POST /admin", "ben", BODY, 401);
}

Test(http_access, refuses_in_order)
{
	static const char text[] = "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
	static const char long_body[] =
		"Content-Type: application/json\r\nContent-Length: 1001\r\n\r\n";
	static const char long_text[] = "Content-Type: text/plain\r\nContent-Length: 1001\r\n\r\n";

	expect_status("POST /nothing", "ben", BODY, 404);
	expect_status("PUT /user", "ben", BODY, 405);
	expect_status("POST /user", NULL, text, 401);
	expect_status("POST /admin", "ann", text, 403);
	expect_status("POST /admin", "admin", text, 415);
	expect_status("POST /nothing", NULL, long_body, 404);
	expect_status("POST /user", NULL, long_body, 401);
	expect_status("POST /admin", "ann", long_text, 403);
	expect_status("POST /admin", "admin", long_text, 415);
	expect_status("POST /admin", "admin", long_body, 413);
}

Test(http_access, keeps_the_connection_of_whom_it_refused)
{
	static const char both[] = "POST /user HTTP/1.1\r\nHost: x\r\n" BODY
				   "GET /echo/next HTTP/1.1\r\nHost: x\r\n\r\n";

	raw_send_text(&fixture.client, both);
	cr_expect_eq(raw_read(&fixture.client, false).status, 401);
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_body(&answer, "next");
}

Test(http_access, gives_up_the_connection_when_more_comes_than_it_reads)
{
	const struct raw_answer answer =
		ask("POST /user", NULL,
		    "Content-Length: 1001\r\n\r\nGET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n");

	cr_expect_eq(answer.status, 401);
	raw_expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect_not(raw_has_rest(&fixture.client));
}

Test(http_access, tells_handlers_who_calls_and_from_where)
{
	struct raw_answer answer =
		ask("GET /caller", "ann",
		    "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2, 203.0.113.9\r\n\r\n");
	raw_expect_body(&answer, "ann 203.0.113.9");
	answer = ask("GET /caller", NULL, "\r\n");
	raw_expect_body(&answer, " 127.0.0.1");
}

Test(http_access, takes_no_empty_token_for_none)
{
	expect_status("GET /caller", "", "\r\n", 401);
}

Test(http_access, takes_merge_patches_where_they_are_asked_for)
{
	static const char patch[] =
		"Content-Type: application/merge-patch+json\r\nContent-Length: 2\r\n\r\n{}";

	expect_status("POST /admin", "admin", patch, 202);
	expect_status("POST /user", "admin", patch, 415);
}

/* Two that take long: one is let in, and neither tells on the others. */
Test(http_access, has_a_bound_of_its_own_for_what_takes_long)
{
	struct raw_connection other;
	const int before = atomic_load(&fixture.handled);

	raw_send_text(&fixture.client, "GET /aside HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&fixture.handled) == before)
		clock_sleep_ms(5);
	raw_open(&other, fixture.port);
	raw_send_text(&other, "GET /aside HTTP/1.1\r\nHost: x\r\n\r\n");
	const struct raw_answer refused = raw_read(&other, false);
	cr_expect_eq(refused.status, 503);
	raw_expect_header(&refused, "Retry-After", "1");
	/* The gateway's second attempt is bound as well, but not told that nothing was done. */
	raw_send_text(&other, "GET /aside HTTP/1.1\r\nHost: x\r\nSeatline-Attempt: 2\r\n\r\n");
	const struct raw_answer again = raw_read(&other, false);
	cr_expect_eq(again.status, 503);
	cr_expect_not(memmem(again.body, again.body_len, "Nothing was done", 16));
	raw_close(&other);
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
}

static void send_aside(struct raw_connection *connection, const char *rest)
{
	const int before = atomic_load(&fixture.handled);

	raw_open(connection, fixture.port);
	raw_send_text(connection, "GET /aside");
	raw_send_text(connection, rest);
	while (atomic_load(&fixture.handled) == before)
		clock_sleep_ms(5);
}

/* However many log in: nobody in particular does not get all places. */
Test(http_access, leaves_places_to_those_who_are_known)
{
	struct raw_connection nobody, user;

	send_aside(&nobody, " HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(ask("GET /aside", NULL, "\r\n").status, 503);
	send_aside(&user, "/user HTTP/1.1\r\nHost: x\r\nAuthorization: ann\r\n\r\n");
	cr_expect_eq(ask("GET /aside/user", "ann", "\r\n").status, 503, "a bound for all");
	cr_expect_eq(raw_read(&nobody, false).status, 200);
	cr_expect_eq(raw_read(&user, false).status, 200);
	raw_close(&nobody);
	raw_close(&user);
	cr_expect_eq(ask("GET /aside/user", "ann", "\r\n").status, 200);
	cr_expect_eq(ask("GET /aside", NULL, "\r\n").status, 200);
}

Test(http_access, does_not_slow_down_others_for_what_takes_long)
{
	struct raw_connection slow_one, other;

	/* Each took twice as long as slow_ms, which would leave a single place to the others. */
	for (int i = 0; i < 4; i++) {
		const struct raw_answer answer = ask("GET /aside", NULL, "\r\n");
		cr_assert_eq(answer.status, 200);
	}
	const int before = atomic_load(&fixture.handled);
	raw_open(&slow_one, fixture.port);
	raw_send_text(&slow_one, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&fixture.handled) == before)
		clock_sleep_ms(5);
	raw_open(&other, fixture.port);
	raw_send_text(&other, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&other, false).status, 200);
	raw_close(&other);
	raw_close(&slow_one);
}
