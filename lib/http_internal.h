/*
 * http_internal - what the files of http share; the pure pieces are tested through it.
 *
 * http.c           the server: open, close, one request from gate to log line
 * http_request.c   reading: what a request must be, routes, headers, parameters
 * http_access.c    who calls, and who may
 * http_response.c  writing: problems, the head, the one write
 */
#pragma once

#include "http.h"
#include "http_gate.h"

#include <civetweb.h>
#include <stdatomic.h>

/* A head has room for nginx's 4 x 8 KiB, so that behind a gateway nginx refuses first. */
#define HTTP_HEAD_BYTES_MAX            (48u << 10)
#define HTTP_URI_BYTES_MAX             8192u
#define HTTP_CONTENT_LENGTH_DIGITS_MAX 15
#define HTTP_METHOD_KINDS              5 /* GET, POST, PUT, DELETE, the rest */
#define HTTP_STATUS_CLASSES            4 /* 2xx .. 5xx */

struct http_metrics {
	struct metric *requests[HTTP_METHOD_KINDS][HTTP_STATUS_CLASSES];
	struct metric *seconds;
	struct metric *turned_away;
};

/* What a thread keeps from one request to the next. */
struct http_thread {
	struct http_response response;
	struct strbuf out;
	char *body; /* body_bytes_max and a NUL */
};

struct http_server {
	struct http_config config;
	const struct http_route *routes;
	size_t route_count;
	void *ctx;
	struct http_gate gate;
	struct mg_context *mg;
	bool has_metrics;
	struct http_metrics metrics;
	char start_error[128]; /* what civetweb said first while starting */
	bool started;
	atomic_bool draining;
	atomic_bool stopping;
	_Atomic int64_t asides;        /* that run              */
	_Atomic int64_t public_asides; /* of these, PUBLIC ones */
	atomic_uint active; /* requests between the gate and their last byte */
	_Atomic int64_t last_request_ms;
};

/* One request on its way through the server. */
struct http_exchange {
	struct http_server *server;
	struct http_thread *thread;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	struct http_request request;
	struct http_response *response;
	int64_t start_us;
	size_t content_length;
	bool keep_alive;
	bool body_unread;
};

/* --- http_request.c --- */

/* Names the request before anything is judged: method, path, request id, traceparent. */
void http_request_begin(struct http_exchange *x, bool is_parsed);
/*
 * Judges and reads the request. The route to serve, or NULL with the refusal in the response.
 */
const struct http_route *http_request_accept(struct http_exchange *x);
/* Reads what a refused client still sends, within bounds, so that closing does not reset it. */
void http_request_discard(const struct http_exchange *x);

/* True when path matches; fills params. A {..} takes one segment, decoded; "." and ".." never. */
bool http_path_match(const char *pattern, const char *path,
		     char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX]);
bool http_media_type_is(const char *value, const char *type);
/* Plain digits only. */
bool http_content_length_parse(const char *text, size_t *ret);
/* Decodes text[0..len) into buf; false: bad encoding, a NUL, or longer than size allows. */
bool http_percent_decode(const char *text, size_t len, bool plus_is_space, char *buf, size_t size);
/* http_query on the query's text. */
bool http_query_find(const char *query, const char *name, char *buf, size_t size, bool *ret_bad);
/* True when an If-None-Match of this value names etag, compared weakly. */
bool http_etag_matches(const char *if_none_match, const char *etag);

/* --- http_access.c --- */

err_code http_access_check(const struct http_config *config, const struct http_route *routes,
			   size_t count, struct err *err) _must_check_;
/* forwarded is the X-Forwarded-For, or NULL. "" when neither is an address. */
void http_access_address(const char *forwarded, const char *peer,
			 char ret[static HTTP_ADDRESS_BYTES_MAX]);
/* Fills in the caller. False: 401 or 403 is in the response. */
bool http_access_judge(struct http_exchange *x, const struct http_route *route);

/* --- http_response.c --- */

void http_response_begin(struct http_response *response, const char *request_id);
const char *http_status_name(int status);
/* Sends the response; settles whether the connection stays. */
void http_response_send(struct http_exchange *x);
/* The head, up to and with the empty line. */
void http_response_head(const struct http_exchange *x, struct strbuf *out);
