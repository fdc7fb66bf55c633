#include "http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_S "1"
/*
 * Of a shared body: goes with the head in one write, which is worth its copy. 64 clients that read
 * 56 kB each get a fifth more of them than with 8 KiB, and a third more of 550 kB.
 */
#define SHARED_START_BYTES (64u << 10)

static const struct {
	int status;
	const char *name;
} statuses[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_status_name(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "Unknown";
}

void http_response_begin(struct http_response *response, const char *request_id)
{
	response->status = 200;
	response->content_type = "application/json";
	strbuf_reset(&response->headers);
	strbuf_reset(&response->body);
	http_response_unshare(response);
	response->booking_id[0] = '\0';
	response->request_id = request_id;
	response->problem_fields = 0;
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
	assert(!strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));

	strbuf_add_texts(&response->headers, name, ": ", value, "\r\n", NULL);
}

void http_response_share(struct http_response *response, const struct http_shared *shared)
{
	assert(shared->bytes && shared->release);

	http_response_unshare(response);
	response->shared = *shared;
}

void http_response_unshare(struct http_response *response)
{
	if (response->shared.bytes)
		response->shared.release(response->shared.owner);
	response->shared = (struct http_shared){ 0 };
}

void http_problem(struct http_response *response, int status, const char *slug, const char *detail)
{
	struct strbuf *body = &response->body;

	response->status = status;
	response->content_type = "application/problem+json";
	response->problem_fields = 0;
	http_response_unshare(response);
	strbuf_reset(body);
	strbuf_addf(body, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d", slug,
		    http_status_name(status), status);
	if (detail) {
		strbuf_add_text(body, ",\"detail\":");
		strbuf_add_json(body, detail);
	}
	if (response->request_id) {
		/* Its grammar needs no escaping, neither in JSON nor in a URN. */
		strbuf_addf(body, ",\"instance\":\"urn:seatline:request:%s\"",
			    response->request_id);
	}
	strbuf_add_char(body, '}');
}

void http_unavailable(struct http_response *response, const char *detail)
{
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
	http_problem(response, 503, "unavailable", detail);
}

/* Takes back the end of a complete body so that more can follow. */
static void reopen(struct strbuf *body, const char *end)
{
	const size_t len = strlen(end);
	if (body->overflow)
		return;
	assert(body->len > len && memcmp(body->data + body->len - len, end, len) == 0);

	body->len -= len;
	body->data[body->len] = '\0';
}

void http_problem_field(struct http_response *response, const char *field, const char *detail)
{
	struct strbuf *body = &response->body;

	reopen(body, response->problem_fields > 0 ? "]}" : "}");
	strbuf_add_text(body, response->problem_fields > 0 ? "," : ",\"errors\":[");
	strbuf_add_text(body, "{\"field\":");
	strbuf_add_json(body, field);
	strbuf_add_text(body, ",\"detail\":");
	strbuf_add_json(body, detail);
	strbuf_add_text(body, "}]}");
	response->problem_fields++;
}

void http_problem_member(struct http_response *response, const char *name, const char *json)
{
	struct strbuf *body = &response->body;
	assert(response->problem_fields == 0); /* Members come before fields. */

	reopen(body, "}");
	strbuf_add_char(body, ',');
	strbuf_add_json(body, name);
	strbuf_add_char(body, ':');
	strbuf_add_text(body, json);
	strbuf_add_char(body, '}');
}

bool http_etag_is_known(const struct http_request *request, const char *etag)
{
	const char *known = http_header(request, "If-None-Match");

	return known && http_etag_matches(known, etag);
}

bool http_not_modified(const struct http_request *request, struct http_response *response,
		       const char *etag)
{
	http_response_header(response, "ETag", etag);
	if (!http_etag_is_known(request, etag))
		return false;
	response->status = 304;
	http_response_unshare(response);
	strbuf_reset(&response->body);
	return true;
}

static bool is_read(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool has_no_body(int status)
{
	return status == 204 || status == 304;
}

static size_t body_len(const struct http_response *response)
{
	return response->shared.bytes ? response->shared.len : response->body.len;
}

static bool is_too_long(const struct http_response *response)
{
	return response->headers.overflow || response->body.overflow ||
	       body_len(response) > HTTP_RESPONSE_BYTES_MAX;
}

void http_response_head(const struct http_exchange *x, struct strbuf *out)
{
	const struct http_response *response = x->response;

	strbuf_add_text(out, "HTTP/1.1 ");
	strbuf_add_int(out, response->status);
	strbuf_add_texts(out, " ", http_status_name(response->status), "\r\n", NULL);
	if (!has_no_body(response->status)) {
		strbuf_add_texts(out, "Content-Type: ", response->content_type,
				 "\r\nContent-Length: ", NULL);
		strbuf_add_int(out, (int64_t)body_len(response));
		strbuf_add_text(out, "\r\n");
	}
	strbuf_add_texts(out, "X-Request-Id: ", x->request.request_id, "\r\n", NULL);
	if (x->request.traceparent[0] != '\0')
		strbuf_add_texts(out, "traceparent: ", x->request.traceparent, "\r\n", NULL);
	if (!is_read(x->request.method) || response->status >= 400)
		strbuf_add_text(out, "Cache-Control: no-store\r\n");
	strbuf_add(out, response->headers.data, response->headers.len);
	strbuf_add_texts(out, "Connection: ", x->keep_alive ? "keep-alive" : "close", "\r\n\r\n",
			 NULL);
}

static bool write_all(struct http_exchange *x, const char *bytes, size_t len)
{
	return mg_write(x->conn, bytes, len) == (int)len;
}

/*
 * The head with the start of the shared body, of which the rest follows. The copy is not the
 * thread's to keep: few of all threads write at once.
 */
static bool write_shared(struct http_exchange *x, const struct strbuf *head)
{
	const struct http_shared *shared = &x->response->shared;
	const size_t start = shared->len < SHARED_START_BYTES ? shared->len : SHARED_START_BYTES;
	_cleanup_free_ char *joined = malloc(head->len + start);

	if (!joined)
		return false;
	memcpy(joined, head->data, head->len);
	memcpy(joined + head->len, shared->bytes, start);
	return write_all(x, joined, head->len + start) &&
	       (start == shared->len || write_all(x, shared->bytes + start, shared->len - start));
}

static bool write_response(struct http_exchange *x, bool with_body)
{
	const struct http_response *response = x->response;
	struct strbuf *out = &x->thread->out;

	strbuf_reset(out);
	http_response_head(x, out);
	if (with_body && response->shared.bytes)
		return !out->overflow && write_shared(x, out);
	if (with_body)
		strbuf_add(out, response->body.data, response->body.len);
	return !out->overflow && write_all(x, out->data, out->len);
}

void http_response_send(struct http_exchange *x)
{
	struct http_response *response = x->response;

	if (is_too_long(response)) {
		strbuf_reset(&response->headers);
		http_problem(response, 500, "internal-error", "The answer is too long to send.");
	}
	if (atomic_load(&x->server->draining))
		x->keep_alive = false;

	/* A failed write means that the client is gone: nobody is left to tell. */
	if (!write_response(x, strcmp(x->request.method, "HEAD") != 0 &&
				       !has_no_body(response->status)))
		x->keep_alive = false;
	http_response_unshare(response);
	if (!x->keep_alive)
		mg_disable_connection_keep_alive(x->conn);
}
