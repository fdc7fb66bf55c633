/*
 * http - a small HTTP server on civetweb: a route table, strict requests, problem+json answers.
 *
 * Before a handler runs, the server has refused, in this order: both request-smuggling forms
 * (Content-Length with Transfer-Encoding, two Content-Lengths) and heads that two parsers may read
 * differently (400), a chunked body (411), unknown routes (404), wrong methods (405 with Allow),
 * callers who are not who they say or say nothing where somebody is asked for (401), or who may not
 * (403), for routes with HTTP_JSON a content type that is not application/json in UTF-8 (415), a
 * body that is over-long (413) or does not come in time (408).
 * It matches the raw path: an encoded or dotted path is no route.
 * It answers X-Request-Id on every response (the client's if valid, else a new one), and head and
 * body leave in one write. HEAD is served by GET routes, without the body. Answers to commands and
 * problems say Cache-Control: no-store. A connection whose body was not read is closed.
 * Handlers that take longer than slow_ms lower how many run at once (http_gate): one more is
 * answered 503 with Retry-After at once, which says that nothing was done. So it is not said to a
 * gateway's second attempt (HTTP_ATTEMPT_HEADER), of which the first may have been carried out.
 *
 * Owns     the request's strings live until the handler returns; response buffers are the server's.
 *          A shared body is borrowed from http_response_share until it is released, on the
 *          handler's thread.
 * Threads  a handler runs on any of `threads` threads; a connection holds one for its lifetime, so
 *          nothing long-lived may be served here, and there must be threads for all connections
 *          that a gateway opens: those it keeps idle, and those with a request. Whoever comes
 *          when all threads are held waits until a connection ends, perhaps for seconds.
 * Errors   http_server_open: ERR_UNAVAILABLE the port is taken, ERR_INTERNAL civetweb refused.
 * Source   civetweb 1.15; RFC 9110, 9112, 9457.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "ident.h"
#include "metrics.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HTTP_PARAMS_MAX 2
#define HTTP_ROUTES_MAX 32
#define HTTP_PARAM_BYTES_MAX 129
#define HTTP_HEADERS_BYTES_MAX 2048
#define HTTP_BOOKING_ID_BYTES_MAX 37
#define HTTP_RESPONSE_BYTES_MAX (32u << 20)
#define HTTP_ADDRESS_BYTES_MAX 46 /* of an IPv6 address, and its NUL */

/* Who may call a route. What is not said is nobody: http_server_open refuses such a table. */
enum http_access { HTTP_ACCESS_NONE, HTTP_ACCESS_PUBLIC, HTTP_ACCESS_USER, HTTP_ACCESS_ADMIN };
enum http_role { HTTP_ROLE_NOBODY, HTTP_ROLE_USER, HTTP_ROLE_ADMIN };

struct http_caller {
	enum http_role role;
	bool is_open;                 /* open mode: nobody is asked who they are, role is ADMIN */
	char user_id[IDENT_BYTES_MAX]; /* "" for nobody, and in open mode                       */
	int64_t until_s;              /* end of the token, in Unix seconds; 0: there is none    */
};

struct http_request {
	const char *method;
	const char *path;  /* raw, without the query */
	const char *query; /* raw, "" when there is none */
	const char *body;  /* NUL-terminated; may hold NULs before body_len */
	size_t body_len;
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX]; /* of the {..}, decoded */
	char request_id[REQUEST_ID_BYTES_MAX];
	char traceparent[TRACEPARENT_BYTES_MAX]; /* "" when none valid was sent */
	const void *connection;                  /* for http_header */
	struct http_caller caller;
	/* The client's, as the gateway says in the last of X-Forwarded-For; else the peer's. */
	char address[HTTP_ADDRESS_BYTES_MAX];
};

/* Bytes that others keep, and are sent from where they are. */
struct http_shared {
	const char *bytes; /* NULL: there are none */
	size_t len;
	void (*release)(void *owner); /* once they are sent, or not wanted after all */
	void *owner;
};

struct http_response {
	int status;                /* 200 until set */
	const char *content_type;  /* a literal; "application/json" until set */
	struct strbuf headers;     /* further "Name: value\r\n" lines */
	struct strbuf body;
	struct http_shared shared; /* the body, when it has bytes */
	/* Set by a handler whose request is about one booking: for the request's log line. */
	char booking_id[HTTP_BOOKING_ID_BYTES_MAX];
	const char *request_id;    /* the server's: the instance of a problem */
	unsigned problem_fields;   /* the server's: entries in errors[]       */
};

typedef void http_handler(void *ctx, const struct http_request *request,
                          struct http_response *response);

/*
 * Who is it? True: *ret, which is nobody, is filled in where a valid token was sent. False: what
 * was sent is not valid, which is a 401 on any route. Runs before the body is read, on any thread.
 */
typedef bool http_authenticate(void *ctx, const struct http_request *request,
                               struct http_caller *ret);

/*
 * HTTP_JSON_OPTIONAL: without a body no content type is asked for. HTTP_MERGE_PATCH, with one of
 * the others: application/merge-patch+json (RFC 7396) is taken, too. HTTP_ASIDE: it may take long,
 * and that says nothing of the others: at most asides_max such handlers run at once (of which
 * public_asides_max are PUBLIC ones), and how long they take does not lower how many others may.
 */
enum http_route_flag {
	HTTP_PLAIN = 0,
	HTTP_JSON = 1,
	HTTP_JSON_OPTIONAL = 2,
	HTTP_MERGE_PATCH = 4,
	HTTP_ASIDE = 8
};

struct http_route {
	const char *method;
	const char *pattern; /* "/api/bookings/{id}": a {..} matches one non-empty segment */
	http_handler *handle;
	unsigned flags;
	enum http_access access;
};

struct http_config {
	const char *host;              /* the one address listened on          */
	int64_t port;                  /* 0: any free one                      */
	int64_t threads;
	int64_t body_bytes_max;
	int64_t request_timeout_ms;    /* for a head, and again for a body     */
	int64_t keep_alive_timeout_ms; /* idle connection                      */
	int64_t slow_ms;               /* 0: handlers may take as they like    */
	int64_t handlers_min;          /* that run at once however slow        */
	int64_t asides_max;            /* HTTP_ASIDE handlers at once          */
	int64_t public_asides_max;     /* of these, those that are PUBLIC      */
	const char *service;           /* `server` in request lines of the log */
	bool log_requests;             /* info line per request; else debug    */
	http_authenticate *authenticate; /* NULL: every caller is nobody, every route is PUBLIC */
	void *authenticate_ctx;
};

struct http_server;

#define HTTP_ATTEMPT_HEADER "Seatline-Attempt"

/*
 * metrics may be NULL; else http_requests_total{method,status class} and http_request_seconds. One
 * server of a process may have metrics. Routes and the config's strings must outlive the server.
 * Refuses, as ERR_INTERNAL, a route that does not say who may call it, or that nobody could.
 */
err_code http_server_open(const struct http_config *config, const struct http_route *routes,
                          size_t count, void *ctx, struct metrics *metrics,
                          struct http_server **ret, struct err *err) _must_check_;

/* One line per route: {"server":"http","method":"GET","path":"/livez","access":"public"}. */
void http_routes_print(const char *server, const struct http_route *routes, size_t count,
                       FILE *out);

/* Open mode: everybody may do everything, and what they say about who they are is not looked at. */
bool http_authenticate_nobody(void *ctx, const struct http_request *request,
                              struct http_caller *ret);

/* The port it listens on. */
int http_server_port(const struct http_server *server);

/*
 * Drains: from now on each answer says Connection: close; after linger_ms, or once no request has
 * come for a while, cuts what still comes without an answer, waits for running handlers and stops
 * listening. One that has been idle for that while stops at once. Ignores NULL.
 */
void http_server_close(struct http_server *server, int64_t linger_ms);

/* NULL when the client did not send it; the first one when it sent several. */
const char *http_header(const struct http_request *request, const char *name);
/* True when the client sent it several times, with values that are not all the same. */
bool http_header_is_ambiguous(const struct http_request *request, const char *name);
/* The gateway had no answer from the instance that it asked first. */
bool http_is_second_attempt(const struct http_request *request);

/* Copies the percent-decoded value of a query parameter. False: absent. ERR_INVALID is reported
 * through *ret_bad: bad encoding, a NUL, given twice, or longer than size allows. */
bool http_query(const struct http_request *request, const char *name, char *buf, size_t size,
                bool *ret_bad);

void http_response_header(struct http_response *response, const char *name, const char *value);

/* Answers with bytes of the caller's instead of `body`, without a copy; at most
 * HTTP_RESPONSE_BYTES_MAX of them. */
void http_response_share(struct http_response *response, const struct http_shared *shared);
/* Gives them back, if there are any: `body` is the body again. */
void http_response_unshare(struct http_response *response);

/*
 * Makes the response a problem (RFC 9457): {"type","title","status","detail","instance"}; the title
 * is the status's name, `type` is "/problems/<slug>". Then any number of http_problem_field; both
 * leave the body a complete JSON object.
 */
void http_problem(struct http_response *response, int status, const char *slug, const char *detail);
/* The same for 503, with Retry-After: what may be asked again in a moment. */
void http_unavailable(struct http_response *response, const char *detail);
/* Adds {"field","detail"} to errors[]. */
void http_problem_field(struct http_response *response, const char *field, const char *detail);
/* Adds a member; value is JSON. */
void http_problem_member(struct http_response *response, const char *name, const char *json);

/* The client says that it has this one already. etag has its quotes. */
bool http_etag_is_known(const struct http_request *request, const char *etag);

/*
 * Answers from `body` with a strong ETag: sets the header, and 304 without body when If-None-Match
 * names it. True when the handler is done (304), so that it need not render. etag has its quotes.
 */
bool http_not_modified(const struct http_request *request, struct http_response *response,
                       const char *etag);
