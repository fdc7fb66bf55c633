/*
 * http_fixture - an HTTP server inside the test, with small limits, and a client connected to it.
 *
 * Routes   GET /echo/{id} answers the id, ETag "7"; POST /echo/{id}, for JSON only POST /json, and
 *          for JSON or nothing PUT and DELETE /optional answer 202 with the body; GET /large
 *          answers HTTP_FIXTURE_LARGE_BYTES, GET /lent the same from its own bytes, ETag "7";
 *          GET /slow takes HTTP_FIXTURE_SLOW_MS, as do GET /aside, of which one may run, and GET
 *          /aside/user: two of both. GET /caller answers who calls from where. POST /user and
 *          /admin take JSON from those.
 * Tokens   "Authorization: ann" is a user's, "admin" an administrator's, others are not valid.
 */
#pragma once

#include "http.h"
#include "metrics.h"
#include "raw_http.h"

#include <stdatomic.h>

#define HTTP_FIXTURE_BODY_BYTES_MAX     1000
#define HTTP_FIXTURE_REQUEST_TIMEOUT_MS 600
#define HTTP_FIXTURE_KEEP_ALIVE_MS      3000
#define HTTP_FIXTURE_THREADS            8
#define HTTP_FIXTURE_LARGE_BYTES        (1u << 20)
#define HTTP_FIXTURE_SLOW_MS            500

struct http_fixture {
	struct http_server *server;
	struct metrics *metrics;
	struct raw_connection client;
	int port;
	atomic_int handled; /* requests that reached a handler */
	atomic_int lent;    /* shared bodies not given back yet  */
	int64_t slow_ms;    /* set before it is opened; 0: handlers may take as they like */
};

void http_fixture_open(struct http_fixture *fixture);
void http_fixture_close(struct http_fixture *fixture);

/* Another server with the same routes, on this port. */
err_code http_fixture_open_server(struct http_fixture *fixture, int port, struct metrics *metrics,
				  struct http_server **ret, struct err *err) _must_check_;
/* A new client instead of the present one. */
void http_fixture_reconnect(struct http_fixture *fixture);
