#include "clock.h"
#include "http_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct http_fixture fixture;

static void open_fixture(void)
{
	http_fixture_open(&fixture);
}

static void close_fixture(void)
{
	http_fixture_close(&fixture);
}

TestSuite(http_server, .init = open_fixture, .fini = close_fixture);

/* Sends text on a connection of its own and expects one answer that ends it. */
static void expect_refusal(const char *text, size_t len, int status)
{
	http_fixture_reconnect(&fixture);
	raw_send(&fixture.client, text, len);

	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, status, "%d for %s", answer.status, text);
	if (answer.status == 0)
		return;
	raw_expect_header(&answer, "Connection", "close");
	raw_expect_header(&answer, "Content-Type", "application/problem+json");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS), "not closed after %s", text);
	cr_expect_not(raw_has_rest(&fixture.client), "a second answer to %s", text);
}

Test(http_server, refuses_what_two_parsers_may_frame_differently)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
#define POST "POST /echo/a HTTP/1.1\r\nHost: x\r\n"
#define NEXT "GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
		{ "GET  /echo/a HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET \r\n/echo/a HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a?b \r\nHTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
		  400 },
		{ POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" NEXT,
		  400 },
		{ POST "Content-Length: 4\r\nTransfer-Encoding: identity\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4\r\nContent-Length: 0\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 0\r\nContent-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4, 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: +4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: -4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 0x4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4abc\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length:\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: a\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length : 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Content-Length: 4\n\r\nabcd" NEXT, 400 },
		{ POST "X: y\r\n Content-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "X: y\r\n\xe9: z\r\nContent-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ "POST /echo/a HTTP/1.1\r\n Host: x\r\nContent-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ "POST /echo/a HTTP/1.1\nHost: x\nContent-Length: 4\n\nabcd" NEXT, 400 },
		{ "POST /echo/a HTTP/1.1\r\nHost: x\nContent-Length: 4\r\n\r\nabcd" NEXT, 400 },
		{ POST "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" NEXT, 411 },
		{ POST "Transfer-Encoding: xchunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" NEXT, 400 },
		{ POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" NEXT, 400 },
		{ POST "transfer-encoding: gzip\r\n\r\n0\r\n\r\n" NEXT, 400 },
		{ "\r\n\r\nPOST /echo/a HTTP/1.1\r\nHost: x\r\n"
		  "Content-Length: 3\r\n\r\nabc" NEXT,
		  400 },
		{ "\r\n\r\n\v\fPOST /echo/a HTTP/1.1\r\nHost: x\r\n"
		  "Content-Length: 2\r\n\r\nab" NEXT,
		  400 },
		{ "\r\n\r\nPOST /echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n" NEXT
		  "                                                            ",
		  400 },
		{ "\r\n\r\n", 400 },
		{ "GET /echo/a HTTP/1.1\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nX\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nX: a\x01\r\n\r\n" NEXT, 400 },
		{ "GET  HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a HTTP/2.0\r\nHost: x\r\n\r\n" NEXT, 505 },
		{ "GET /echo/a HTTP/1.10\r\nHost: x\r\n\r\n" NEXT, 505 },
		{ "BREW /echo/a HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "get /echo/a HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET echo/a HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a#b HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "GET /echo/a?#&b=c HTTP/1.1\r\nHost: x\r\n\r\n" NEXT, 400 },
		{ "\x16\x03\x01\x02\x01", 400 },
#undef POST
#undef NEXT
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_refusal(bad[i].text, strlen(bad[i].text), bad[i].status);
	expect_refusal("GET /echo/\0a HTTP/1.1\r\nHost: x\r\n\r\n", 35, 400);
	cr_expect_eq(atomic_load(&fixture.handled), 0);
}

Test(http_server, refuses_a_length_hidden_behind_too_many_headers)
{
	_cleanup_(strbuf_done) struct strbuf text;

	strbuf_init(&text, 4096);
	strbuf_add_text(&text, "POST /echo/a HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 63; i++)
		strbuf_add_text(&text, "X-Filler: 1\r\n");
	strbuf_add_text(&text, "Content-Length: 40\r\n\r\n"
			       "GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_refusal(text.data, text.len, 400);
	cr_expect_eq(atomic_load(&fixture.handled), 0);
}

Test(http_server, answers_pipelined_requests_in_order)
{
	raw_send_text(&fixture.client,
		      "GET /echo/one HTTP/1.1\r\nHost: x\r\n\r\n"
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 3\r\n\r\ntwo"
		      "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
		      "HEAD /echo/four HTTP/1.1\r\nHost: x\r\n\r\n"
		      "GET /echo/five HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_body(&answer, "one");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 202);
	raw_expect_body(&answer, "two");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 404);
	raw_expect_header(&answer, "Connection", "keep-alive");
	answer = raw_read(&fixture.client, true);
	cr_expect_eq(answer.status, 200);
	raw_expect_header(&answer, "Content-Length", "4");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_body(&answer, "five");
	raw_expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect(fixture.client.is_closed);
	cr_expect_not(raw_has_rest(&fixture.client));
}

Test(http_server, answers_each_wrong_request_with_its_status)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /echo/ HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /echo/.. HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /x/../echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /%65cho/a HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /echo/a%00 HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /.htpasswd HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /cgi-bin/x.cgi HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "PUT /echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405 },
		{ "DELETE /json HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "GET /json HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "OPTIONS /json HTTP/1.1\r\nHost: x\r\nOrigin: y\r\n"
		  "Access-Control-Request-Method: POST\r\n\r\n",
		  405 },
		{ "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415 },
		{ "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  415 },
		{ "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		  "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
		  415 },
		{ "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 415 },
		{ "PUT /optional HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415 },
		{ "DELETE /optional HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  415 },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		raw_send_text(&fixture.client, bad[i].text);
		const struct raw_answer answer = raw_read(&fixture.client, false);
		cr_assert_eq(answer.status, bad[i].status, "%d for %s", answer.status, bad[i].text);
		raw_expect_header(&answer, "Content-Type", "application/problem+json");
		raw_expect_header(&answer, "Cache-Control", "no-store");
		raw_expect_header(&answer, "Connection", "keep-alive");
		if (bad[i].status == 405)
			raw_expect_header(&answer, "Allow",
					  strstr(bad[i].text, "echo") ? "GET, HEAD, POST" : "POST");
	}
	cr_expect_eq(atomic_load(&fixture.handled), 0);
}

Test(http_server, asks_for_a_content_type_only_where_there_is_a_body)
{
	static const struct {
		const char *text, *body;
	} good[] = {
		{ "PUT /optional HTTP/1.1\r\nHost: x\r\n\r\n", "" },
		{ "PUT /optional HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "" },
		{ "PUT /optional HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n", "" },
		{ "PUT /optional HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "{}" },
		{ "DELETE /optional HTTP/1.1\r\nHost: x\r\n\r\n", "" },
		{ "DELETE /optional HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "{}" },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		raw_send_text(&fixture.client, good[i].text);
		const struct raw_answer answer = raw_read(&fixture.client, false);
		cr_assert_eq(answer.status, 202, "%d for %s", answer.status, good[i].text);
		raw_expect_body(&answer, good[i].body);
		raw_expect_header(&answer, "Connection", "keep-alive");
	}
	cr_expect_eq(atomic_load(&fixture.handled), (int)COUNT(good));
}

static void post_of_size(size_t bytes)
{
	char head[128];

	(void)snprintf(head, sizeof(head),
		       "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		       "Content-Length: %zu\r\n\r\n",
		       bytes);
	raw_send_text(&fixture.client, head);
	for (size_t i = 0; i < bytes; i++)
		raw_send(&fixture.client, "x", 1);
}

Test(http_server, bounds_the_body)
{
	post_of_size(HTTP_FIXTURE_BODY_BYTES_MAX);
	struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 202);
	cr_expect_eq(answer.body_len, HTTP_FIXTURE_BODY_BYTES_MAX);

	/* The rest of the body is read, so that the client gets its answer and not a reset. */
	post_of_size(20 * HTTP_FIXTURE_BODY_BYTES_MAX);
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 413);
	raw_expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect(fixture.client.is_closed);
	cr_expect_eq(atomic_load(&fixture.handled), 1);
}

Test(http_server, does_not_wait_for_a_body_that_is_only_announced)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&fixture.client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 999999999999999\r\n\r\n");
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 413);
	cr_expect_lt(clock_monotonic_ms() - start_ms, HTTP_FIXTURE_REQUEST_TIMEOUT_MS);
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
}

Test(http_server, bounds_the_head)
{
	char *text = malloc(70000);

	cr_assert(text);
	/* As long as civetweb's buffer, so that nothing unread turns the answer into a reset. */
	(void)snprintf(text, 70000, "GET /echo/a HTTP/1.1\r\nHost: x\r\nX: ");
	const size_t len = strlen(text);
	memset(text + len, 'x', 48 * 1024 - len);
	expect_refusal(text, 48 * 1024, 400);

	memset(text + 5, 'x', 8300);
	memcpy(text + 8305, " HTTP/1.1\r\nHost: x\r\n\r\n", 23);
	expect_refusal(text, strlen(text), 414);

	(void)snprintf(text, 70000, "GET /echo/a HTTP/1.1\r\nHost: x\r\nX: ");
	memset(text + len, 'x', 33000);
	memcpy(text + len + 33000, "\r\n\r\n", 5);
	http_fixture_reconnect(&fixture);
	raw_send_text(&fixture.client, text);
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
	free(text);
}

Test(http_server, times_a_slow_head_out)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x");
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 400);
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	cr_expect(fixture.client.is_closed);
	cr_expect_geq(clock_monotonic_ms() - start_ms, HTTP_FIXTURE_REQUEST_TIMEOUT_MS - 50);
	cr_expect_lt(clock_monotonic_ms() - start_ms, 5 * HTTP_FIXTURE_REQUEST_TIMEOUT_MS);
}

Test(http_server, times_a_slow_body_out_however_it_drips)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&fixture.client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 500\r\n\r\n");
	while (!raw_read_to_end(&fixture.client, 100) &&
	       clock_monotonic_ms() - start_ms < 10 * HTTP_FIXTURE_REQUEST_TIMEOUT_MS)
		raw_send_text(&fixture.client, "x");
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 408);
	cr_expect_lt(clock_monotonic_ms() - start_ms, 5 * HTTP_FIXTURE_REQUEST_TIMEOUT_MS);
	cr_expect_eq(atomic_load(&fixture.handled), 0);
}

Test(http_server, survives_clients_that_leave_midway)
{
	static const char *const halves[] = {
		"",
		"G",
		"GET /echo/a HTTP/1.1\r\n",
		"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		"Content-Length: 500\r\n\r\n{",
		"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
	};

	for (size_t i = 0; i < 4 * COUNT(halves); i++) {
		http_fixture_reconnect(&fixture);
		raw_send_text(&fixture.client, halves[i % COUNT(halves)]);
	}
	http_fixture_reconnect(&fixture);
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
}

Test(http_server, keeps_or_closes_as_the_client_wants)
{
	static const struct {
		const char *text, *connection;
	} cases[] = {
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n", "keep-alive" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
		  "keep-alive" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n",
		  "keep-alive" },
		{ "GET /echo/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive" },
		{ "GET /echo/a HTTP/1.0\r\n\r\n", "close" },
		{ "GET /echo/a HTTP/1.0\r\nHost: x\r\n\r\n", "close" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n"
		  "Connection: close\r\n\r\n",
		  "close" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
		  "Upgrade: websocket\r\n\r\n",
		  "close" },
		{ "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
		  "Upgrade: h2c\r\n\r\n",
		  "close" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		http_fixture_reconnect(&fixture);
		raw_send_text(&fixture.client, cases[i].text);
		struct raw_answer answer = raw_read(&fixture.client, false);
		cr_assert_eq(answer.status, 200, "%s", cases[i].text);
		raw_expect_header(&answer, "Connection", cases[i].connection);
		if (strcmp(cases[i].connection, "close") == 0) {
			cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
			cr_expect(fixture.client.is_closed);
			continue;
		}
		raw_send_text(&fixture.client, cases[i].text);
		answer = raw_read(&fixture.client, false);
		cr_expect_eq(answer.status, 200, "not kept: %s", cases[i].text);
	}
}

Test(http_server, names_each_request)
{
	char id[REQUEST_ID_BYTES_MAX], other[REQUEST_ID_BYTES_MAX];

	raw_send_text(&fixture.client,
		      "GET /echo/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine/1:a\r\n"
		      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		      "\r\n\r\n");
	struct raw_answer answer = raw_read(&fixture.client, false);
	raw_expect_header(&answer, "X-Request-Id", "mine/1:a");
	raw_expect_header(&answer, "traceparent",
			  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

	raw_send_text(&fixture.client,
		      "GET /none HTTP/1.1\r\nHost: x\r\nX-Request-Id: not valid\r\n"
		      "traceparent: 00-x\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	raw_header(&answer, "X-Request-Id", id, sizeof(id));
	cr_expect_eq(strlen(id), 32, "'%s'", id);
	raw_expect_header(&answer, "traceparent", "");
	cr_expect(strstr(answer.body, id), "the problem does not name the request");

	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	raw_header(&answer, "X-Request-Id", other, sizeof(other));
	cr_expect_eq(strlen(other), 32);
	cr_expect_str_neq(other, id);
}

Test(http_server, answers_304_without_a_body)
{
	raw_send_text(&fixture.client,
		      "GET /echo/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/\"7\"\r\n\r\n");
	struct raw_answer answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 304);
	raw_expect_header(&answer, "ETag", "\"7\"");
	cr_expect_not(raw_has_rest(&fixture.client));

	raw_send_text(&fixture.client,
		      "GET /echo/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"6\"\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 200);
	raw_expect_body(&answer, "a");
}

static void expect_large(const char *path)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_send_text(&fixture.client, request);
	const struct raw_answer answer = raw_read(&fixture.client, false);
	cr_assert_eq(answer.status, 200);
	cr_assert_eq(answer.body_len, HTTP_FIXTURE_LARGE_BYTES);
	for (size_t i = 0; i < HTTP_FIXTURE_LARGE_BYTES; i++)
		cr_assert_eq(answer.body[i], (char)('a' + i % 26), "at %zu", i);
}

Test(http_server, sends_a_large_answer_whole)
{
	expect_large("/large");
}

Test(http_server, sends_what_is_shared_whole_and_gives_it_back)
{
	expect_large("/lent");
	expect_large("/lent");
	raw_send_text(&fixture.client, "HEAD /lent HTTP/1.1\r\nHost: x\r\n\r\n");

	struct raw_answer answer = raw_read(&fixture.client, true);
	cr_expect_eq(answer.status, 200);
	raw_expect_header(&answer, "Content-Length", "1048576");
	raw_send_text(&fixture.client,
		      "GET /lent HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"7\"\r\n\r\n");
	answer = raw_read(&fixture.client, true);
	cr_expect_eq(answer.status, 304);
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	raw_expect_body(&answer, "a");
	cr_expect_eq(atomic_load(&fixture.lent), 0);
}

Test(http_server, says_continue_only_before_a_body_it_will_take)
{
	raw_send_text(&fixture.client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	struct raw_answer answer = raw_read(&fixture.client, true);
	cr_expect_eq(answer.status, 100);
	raw_send_text(&fixture.client, "{}");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 202);
	raw_expect_body(&answer, "{}");

	raw_send_text(&fixture.client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
		      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 415);
	raw_expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&fixture.client, HTTP_FIXTURE_REQUEST_TIMEOUT_MS / 2));

	http_fixture_reconnect(&fixture);
	raw_send_text(&fixture.client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Expect: miracles\r\nContent-Length: 2\r\n\r\n");
	answer = raw_read(&fixture.client, false);
	cr_expect_eq(answer.status, 417);
}

Test(http_server, serves_more_clients_than_it_has_threads)
{
	enum { CLIENTS = 10 * HTTP_FIXTURE_THREADS };
	static struct raw_connection clients[CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++) {
		raw_open(&clients[i], fixture.port);
		raw_send_text(&clients[i],
			      "GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		cr_expect_eq(raw_read(&clients[i], false).status, 200, "client %zu", i);
		raw_close(&clients[i]);
	}
}

Test(http_server, closes_an_idle_connection_in_order)
{
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
	cr_expect(raw_read_to_end(&fixture.client, HTTP_FIXTURE_KEEP_ALIVE_MS + 3000));
	cr_expect(fixture.client.is_closed);
	cr_expect_not(raw_has_rest(&fixture.client));
}

Test(http_server, says_when_its_port_is_taken)
{
	struct http_server *second = NULL;
	struct err err = { 0 };

	cr_expect_eq(http_fixture_open_server(&fixture, fixture.port, NULL, &second, &err),
		     ERR_UNAVAILABLE);
	cr_expect(strstr(err.text, "bind"), "%s", err.text);
	cr_expect_null(second);
	raw_send_text(&fixture.client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&fixture.client, false).status, 200);
}

Test(http_server, counts_requests)
{
	_cleanup_(strbuf_done) struct strbuf text;

	raw_send_text(&fixture.client,
		      "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n"
		      "HEAD /echo/a HTTP/1.1\r\nHost: x\r\n\r\n"
		      "POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	cr_expect(raw_read_to_end(&fixture.client, RAW_WAIT_MS));
	strbuf_init(&text, 1u << 16);
	metrics_render(fixture.metrics, &text);
	cr_expect(strstr(text.data, "http_requests_total{method=\"GET\",status=\"2xx\"} 2\n"));
	cr_expect(strstr(text.data, "http_requests_total{method=\"POST\",status=\"4xx\"} 1\n"));
	cr_expect(strstr(text.data, "http_request_seconds_count 3\n"));
}
