#include "clock.h"
#include "http.h"
#include "log.h"
#include "ops.h"
#include "raw_http.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define BODY_BYTES_MAX     1000
#define REQUEST_TIMEOUT_MS 600
#define KEEP_ALIVE_MS      3000
#define THREADS            8
#define LARGE_BYTES        (1u << 20)
#define SLOW_MS            500
#define X10                "xxxxxxxxxx"
#define X100               X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static struct http_server *server;
static struct metrics *metrics;
static struct raw_connection client;
static int port;
static atomic_int handled;

static void echo(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	atomic_fetch_add(&handled, 1);
	if (http_not_modified(request, response, "\"7\""))
		return;
	strbuf_add_text(&response->body, request->params[0]);
	strbuf_add(&response->body, request->body, request->body_len);
}

static void take(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	atomic_fetch_add(&handled, 1);
	response->status = 202;
	strbuf_add(&response->body, request->body, request->body_len);
}

static void large(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	(void)request;
	for (size_t i = 0; i < LARGE_BYTES; i++)
		strbuf_add_char(&response->body, (char)('a' + i % 26));
}

static void slow(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	(void)request;
	atomic_fetch_add(&handled, 1);
	clock_sleep_ms(SLOW_MS);
	strbuf_add_text(&response->body, "done");
}

static const struct http_route routes[] = {
	{ "GET", "/echo/{id}", echo, HTTP_PLAIN }, { "POST", "/echo/{id}", take, HTTP_PLAIN },
	{ "POST", "/json", take, HTTP_JSON },      { "GET", "/large", large, HTTP_PLAIN },
	{ "GET", "/slow", slow, HTTP_PLAIN },
};

static struct http_config make_config(void)
{
	return (struct http_config){
		.host = "127.0.0.1",
		.port = 0,
		.threads = THREADS,
		.body_bytes_max = BODY_BYTES_MAX,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = KEEP_ALIVE_MS,
		.service = "test",
	};
}

static void open_all(void)
{
	const struct http_config config = make_config();
	struct err err = { 0 };

	log_open("test_http_server", LOG_LEVEL_WARN);
	metrics = metrics_new();
	cr_assert_eq(http_server_open(&config, routes, COUNT(routes), NULL, metrics, &server, &err),
		     ERR_OK, "%s", err.text);
	port = http_server_port(server);
	cr_assert_gt(port, 0);
	raw_open(&client, port);
}

static void close_all(void)
{
	raw_close(&client);
	http_server_close(server, 0);
	metrics_free(metrics);
}

TestSuite(http_server, .init = open_all, .fini = close_all);

static void expect_header(const struct raw_answer *answer, const char *name, const char *value)
{
	char buf[256];

	raw_header(answer, name, buf, sizeof(buf));
	cr_expect_str_eq(buf, value, "%s: '%s', expected '%s'", name, buf, value);
}

static void expect_body(const struct raw_answer *answer, const char *body)
{
	cr_expect(answer->body_len == strlen(body) &&
			  memcmp(answer->body, body, answer->body_len) == 0,
		  "'%.*s' instead of '%s'", (int)answer->body_len, answer->body, body);
}

/* Sends text on a connection of its own and expects one answer that ends it. */
static void expect_refusal(const char *text, size_t len, int status)
{
	raw_close(&client);
	raw_open(&client, port);
	raw_send(&client, text, len);

	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, status, "%d for %s", answer.status, text);
	if (answer.status == 0)
		return;
	expect_header(&answer, "Connection", "close");
	expect_header(&answer, "Content-Type", "application/problem+json");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS), "not closed after %s", text);
	cr_expect_not(raw_has_rest(&client), "a second answer to %s", text);
}

Test(http_server, refuses_what_two_parsers_may_frame_differently)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
#define POST "POST /echo/a HTTP/1.1\r\nHost: x\r\n"
#define NEXT "GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
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
		{ "\x16\x03\x01\x02\x01", 400 },
#undef POST
#undef NEXT
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_refusal(bad[i].text, strlen(bad[i].text), bad[i].status);
	expect_refusal("GET /echo/\0a HTTP/1.1\r\nHost: x\r\n\r\n", 35, 400);
	cr_expect_eq(atomic_load(&handled), 0);
}

Test(http_server, refuses_a_length_hidden_behind_too_many_headers)
{
	char text[4096] = "POST /echo/a HTTP/1.1\r\nHost: x\r\n";

	for (int i = 0; i < 63; i++)
		strcat(text, "X-Filler: 1\r\n");
	strcat(text, "Content-Length: 40\r\n\r\n"
		     "GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_refusal(text, strlen(text), 400);
	cr_expect_eq(atomic_load(&handled), 0);
}

Test(http_server, answers_pipelined_requests_in_order)
{
	raw_send_text(&client,
		      "GET /echo/one HTTP/1.1\r\nHost: x\r\n\r\n"
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 3\r\n\r\ntwo"
		      "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
		      "HEAD /echo/four HTTP/1.1\r\nHost: x\r\n\r\n"
		      "GET /echo/five HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 200);
	expect_body(&answer, "one");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 202);
	expect_body(&answer, "two");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 404);
	expect_header(&answer, "Connection", "keep-alive");
	answer = raw_read(&client, true);
	cr_expect_eq(answer.status, 200);
	expect_header(&answer, "Content-Length", "4");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 200);
	expect_body(&answer, "five");
	expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	cr_expect(client.is_closed);
	cr_expect_not(raw_has_rest(&client));
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
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		raw_send_text(&client, bad[i].text);
		const struct raw_answer answer = raw_read(&client, false);
		cr_assert_eq(answer.status, bad[i].status, "%d for %s", answer.status, bad[i].text);
		expect_header(&answer, "Content-Type", "application/problem+json");
		expect_header(&answer, "Cache-Control", "no-store");
		expect_header(&answer, "Connection", "keep-alive");
		if (bad[i].status == 405)
			expect_header(&answer, "Allow",
				      strstr(bad[i].text, "echo") ? "GET, HEAD, POST" : "POST");
	}
	cr_expect_eq(atomic_load(&handled), 0);
}

static void post_of_size(size_t bytes)
{
	char head[128];

	(void)snprintf(head, sizeof(head),
		       "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		       "Content-Length: %zu\r\n\r\n",
		       bytes);
	raw_send_text(&client, head);
	for (size_t i = 0; i < bytes; i++)
		raw_send(&client, "x", 1);
}

Test(http_server, bounds_the_body)
{
	post_of_size(BODY_BYTES_MAX);
	struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 202);
	cr_expect_eq(answer.body_len, BODY_BYTES_MAX);

	/* The rest of the body is read, so that the client gets its answer and not a reset. */
	post_of_size(20 * BODY_BYTES_MAX);
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 413);
	expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	cr_expect(client.is_closed);
	cr_expect_eq(atomic_load(&handled), 1);
}

Test(http_server, does_not_wait_for_a_body_that_is_only_announced)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 999999999999999\r\n\r\n");
	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 413);
	cr_expect_lt(clock_monotonic_ms() - start_ms, REQUEST_TIMEOUT_MS);
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
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
	raw_close(&client);
	raw_open(&client, port);
	raw_send_text(&client, text);
	cr_expect_eq(raw_read(&client, false).status, 200);
	free(text);
}

Test(http_server, times_a_slow_head_out)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x");
	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 400);
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	cr_expect(client.is_closed);
	cr_expect_geq(clock_monotonic_ms() - start_ms, REQUEST_TIMEOUT_MS - 50);
	cr_expect_lt(clock_monotonic_ms() - start_ms, 5 * REQUEST_TIMEOUT_MS);
}

Test(http_server, times_a_slow_body_out_however_it_drips)
{
	const int64_t start_ms = clock_monotonic_ms();

	raw_send_text(&client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Content-Length: 500\r\n\r\n");
	while (!raw_read_to_end(&client, 100) &&
	       clock_monotonic_ms() - start_ms < 10 * REQUEST_TIMEOUT_MS)
		raw_send_text(&client, "x");
	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 408);
	cr_expect_lt(clock_monotonic_ms() - start_ms, 5 * REQUEST_TIMEOUT_MS);
	cr_expect_eq(atomic_load(&handled), 0);
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
		raw_close(&client);
		raw_open(&client, port);
		raw_send_text(&client, halves[i % COUNT(halves)]);
	}
	raw_close(&client);
	raw_open(&client, port);
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&client, false).status, 200);
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
		raw_close(&client);
		raw_open(&client, port);
		raw_send_text(&client, cases[i].text);
		struct raw_answer answer = raw_read(&client, false);
		cr_assert_eq(answer.status, 200, "%s", cases[i].text);
		expect_header(&answer, "Connection", cases[i].connection);
		if (strcmp(cases[i].connection, "close") == 0) {
			cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
			cr_expect(client.is_closed);
			continue;
		}
		raw_send_text(&client, cases[i].text);
		answer = raw_read(&client, false);
		cr_expect_eq(answer.status, 200, "not kept: %s", cases[i].text);
	}
}

Test(http_server, names_each_request)
{
	char id[REQUEST_ID_BYTES_MAX], other[REQUEST_ID_BYTES_MAX];

	raw_send_text(&client,
		      "GET /echo/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine/1:a\r\n"
		      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		      "\r\n\r\n");
	struct raw_answer answer = raw_read(&client, false);
	expect_header(&answer, "X-Request-Id", "mine/1:a");
	expect_header(&answer, "traceparent",
		      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

	raw_send_text(&client, "GET /none HTTP/1.1\r\nHost: x\r\nX-Request-Id: not valid\r\n"
			       "traceparent: 00-x\r\n\r\n");
	answer = raw_read(&client, false);
	raw_header(&answer, "X-Request-Id", id, sizeof(id));
	cr_expect_eq(strlen(id), 32, "'%s'", id);
	expect_header(&answer, "traceparent", "");
	cr_expect(strstr(answer.body, id), "the problem does not name the request");

	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = raw_read(&client, false);
	raw_header(&answer, "X-Request-Id", other, sizeof(other));
	cr_expect_eq(strlen(other), 32);
	cr_expect_str_neq(other, id);
}

Test(http_server, answers_304_without_a_body)
{
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/\"7\"\r\n\r\n");
	struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 304);
	expect_header(&answer, "ETag", "\"7\"");
	cr_expect_not(raw_has_rest(&client));

	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"6\"\r\n\r\n");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 200);
	expect_body(&answer, "a");
}

Test(http_server, sends_a_large_answer_whole)
{
	raw_send_text(&client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
	const struct raw_answer answer = raw_read(&client, false);
	cr_assert_eq(answer.status, 200);
	cr_assert_eq(answer.body_len, LARGE_BYTES);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		cr_assert_eq(answer.body[i], (char)('a' + i % 26), "at %zu", i);
}

Test(http_server, says_continue_only_before_a_body_it_will_take)
{
	raw_send_text(&client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	struct raw_answer answer = raw_read(&client, true);
	cr_expect_eq(answer.status, 100);
	raw_send_text(&client, "{}");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 202);
	expect_body(&answer, "{}");

	raw_send_text(&client, "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
			       "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 415);
	expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&client, REQUEST_TIMEOUT_MS / 2));

	raw_close(&client);
	raw_open(&client, port);
	raw_send_text(&client,
		      "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		      "Expect: miracles\r\nContent-Length: 2\r\n\r\n");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 417);
}

Test(http_server, serves_more_clients_than_it_has_threads)
{
	enum { CLIENTS = 10 * THREADS };
	static struct raw_connection clients[CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++) {
		raw_open(&clients[i], port);
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
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&client, false).status, 200);
	cr_expect(raw_read_to_end(&client, KEEP_ALIVE_MS + 3000));
	cr_expect(client.is_closed);
	cr_expect_not(raw_has_rest(&client));
}

static void *close_server(void *linger_ms)
{
	http_server_close(server, *(const int64_t *)linger_ms);
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
	server = NULL; /* http_server_close ignores it at the end of the test. */
}

Test(http_server, drains_kept_connections_politely)
{
	static const int64_t linger_ms = 2000;
	struct raw_connection idle;

	raw_open(&idle, port);
	raw_send_text(&idle, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&idle, false).status, 200);
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	struct raw_answer answer = raw_read(&client, false);
	expect_header(&answer, "Connection", "keep-alive");

	const pthread_t closer = begin_close(&linger_ms);
	clock_sleep_ms(100);
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 200);
	expect_header(&answer, "Connection", "close");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	cr_expect(client.is_closed);
	cr_expect(raw_read_to_end(&idle, RAW_WAIT_MS));
	cr_expect(idle.is_closed);
	end_close(closer);
	raw_close(&idle);
}

Test(http_server, answers_a_running_request_before_it_stops)
{
	static const int64_t linger_ms = 0;

	raw_send_text(&client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&handled) == 0)
		clock_sleep_ms(5);
	const pthread_t closer = begin_close(&linger_ms);
	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, 200);
	expect_body(&answer, "done");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	cr_expect(client.is_closed);
	end_close(closer);
}

Test(http_server, refuses_new_work_while_the_last_request_runs)
{
	static const int64_t linger_ms = 0;
	struct raw_connection late;

	raw_send_text(&client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	while (atomic_load(&handled) == 0)
		clock_sleep_ms(5);
	const pthread_t closer = begin_close(&linger_ms);
	clock_sleep_ms(50);
	raw_open(&late, port);
	raw_send_text(&late, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	const struct raw_answer answer = raw_read(&late, false);
	cr_expect_eq(answer.status, 503);
	expect_header(&answer, "Retry-After", "1");
	expect_header(&answer, "Connection", "close");
	cr_expect_eq(atomic_load(&handled), 1);
	cr_expect_eq(raw_read(&client, false).status, 200);
	end_close(closer);
	raw_close(&late);
}

Test(http_server, says_when_its_port_is_taken)
{
	struct http_config config = make_config();
	struct http_server *second = NULL;
	struct err err = { 0 };

	config.port = port;
	cr_expect_eq(http_server_open(&config, routes, COUNT(routes), NULL, NULL, &second, &err),
		     ERR_UNAVAILABLE);
	cr_expect(strstr(err.text, "bind"), "%s", err.text);
	cr_expect_null(second);
	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_eq(raw_read(&client, false).status, 200);
}

Test(http_server, counts_requests)
{
	_cleanup_(strbuf_done) struct strbuf text;

	raw_send_text(&client, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n"
			       "HEAD /echo/a HTTP/1.1\r\nHost: x\r\n\r\n"
			       "POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	cr_expect(raw_read_to_end(&client, RAW_WAIT_MS));
	strbuf_init(&text, 1u << 16);
	metrics_render(metrics, &text);
	cr_expect(strstr(text.data, "http_requests_total{method=\"GET\",status=\"2xx\"} 2\n"));
	cr_expect(strstr(text.data, "http_requests_total{method=\"POST\",status=\"4xx\"} 1\n"));
	cr_expect(strstr(text.data, "http_request_seconds_count 3\n"));
}
