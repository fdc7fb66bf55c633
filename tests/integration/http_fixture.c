#include "http_fixture.h"

#include "clock.h"
#include "log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void echo(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct http_fixture *fixture = ctx;

	atomic_fetch_add(&fixture->handled, 1);
	if (http_not_modified(request, response, "\"7\""))
		return;
	strbuf_add_text(&response->body, request->params[0]);
}

static void take(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct http_fixture *fixture = ctx;

	atomic_fetch_add(&fixture->handled, 1);
	response->status = 202;
	strbuf_add(&response->body, request->body, request->body_len);
}

static void large(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	(void)request;
	for (size_t i = 0; i < HTTP_FIXTURE_LARGE_BYTES; i++)
		strbuf_add_char(&response->body, (char)('a' + i % 26));
}

static void give_back(void *owner)
{
	struct http_fixture *fixture = owner;

	atomic_fetch_sub(&fixture->lent, 1);
}

static void lend(void *ctx, const struct http_request *request, struct http_response *response)
{
	static char bytes[HTTP_FIXTURE_LARGE_BYTES];
	struct http_fixture *fixture = ctx;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 26);
	atomic_fetch_add(&fixture->lent, 1);
	http_response_share(response,
			    &(struct http_shared){ bytes, sizeof(bytes), give_back, fixture });
	(void)http_not_modified(request, response, "\"7\"");
}

static void slow(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct http_fixture *fixture = ctx;

	(void)request;
	atomic_fetch_add(&fixture->handled, 1);
	clock_sleep_ms(HTTP_FIXTURE_SLOW_MS);
	strbuf_add_text(&response->body, "done");
}

static void tell_caller(void *ctx, const struct http_request *request,
			struct http_response *response)
{
	(void)ctx;
	strbuf_add_texts(&response->body, request->caller.user_id, " ", request->address, NULL);
}

/* A word in place of a token. */
static bool authenticate(void *ctx, const struct http_request *request, struct http_caller *ret)
{
	const char *token = http_header(request, "Authorization");

	(void)ctx;
	if (!token)
		return true;
	ret->role = strcmp(token, "admin") == 0 ? HTTP_ROLE_ADMIN : HTTP_ROLE_USER;
	(void)snprintf(ret->user_id, sizeof(ret->user_id), "%s", token);
	return strcmp(token, "admin") == 0 || strcmp(token, "ann") == 0;
}

err_code http_fixture_open_server(struct http_fixture *fixture, int port, struct metrics *metrics,
				  struct http_server **ret, struct err *err)
{
	static const struct http_route routes[] = {
		{ "GET", "/echo/{id}", echo, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "POST", "/echo/{id}", take, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "POST", "/json", take, HTTP_JSON, HTTP_ACCESS_PUBLIC },
		{ "PUT", "/optional", take, HTTP_JSON_OPTIONAL, HTTP_ACCESS_PUBLIC },
		{ "DELETE", "/optional", take, HTTP_JSON_OPTIONAL, HTTP_ACCESS_PUBLIC },
		{ "GET", "/large", large, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/lent", lend, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/slow", slow, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/aside", slow, HTTP_ASIDE, HTTP_ACCESS_PUBLIC },
		{ "GET", "/aside/user", slow, HTTP_ASIDE, HTTP_ACCESS_USER },
		{ "GET", "/caller", tell_caller, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "POST", "/user", take, HTTP_JSON, HTTP_ACCESS_USER },
		{ "POST", "/admin", take, HTTP_JSON | HTTP_MERGE_PATCH, HTTP_ACCESS_ADMIN },
	};
	const struct http_config config = {
		.host = "127.0.0.1",
		.port = port,
		.threads = HTTP_FIXTURE_THREADS,
		.body_bytes_max = HTTP_FIXTURE_BODY_BYTES_MAX,
		.request_timeout_ms = HTTP_FIXTURE_REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = HTTP_FIXTURE_KEEP_ALIVE_MS,
		.slow_ms = fixture->slow_ms,
		.handlers_min = 1,
		.asides_max = 2,
		.public_asides_max = 1,
		.authenticate = authenticate,
		.service = "test",
	};

	return http_server_open(&config, routes, sizeof(routes) / sizeof(routes[0]), fixture,
				metrics, ret, err);
}

void http_fixture_open(struct http_fixture *fixture)
{
	struct err err = { 0 };

	log_open("test_http", LOG_LEVEL_WARN);
	fixture->metrics = metrics_new();
	cr_assert_eq(http_fixture_open_server(fixture, 0, fixture->metrics, &fixture->server, &err),
		     ERR_OK, "%s", err.text);
	fixture->port = http_server_port(fixture->server);
	cr_assert_gt(fixture->port, 0);
	raw_open(&fixture->client, fixture->port);
}

void http_fixture_close(struct http_fixture *fixture)
{
	raw_close(&fixture->client);
	http_server_close(fixture->server, 0);
	metrics_free(fixture->metrics);
}

void http_fixture_reconnect(struct http_fixture *fixture)
{
	raw_close(&fixture->client);
	raw_open(&fixture->client, fixture->port);
}
