#include "http_internal.h"

#include "clock.h"
#include "random.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DISCARD_BYTES_MAX (1u << 18)
#define DISCARD_MS_MAX    2000
#define ALLOW_BYTES_MAX   64
#define PIECE_BYTES       16 /* of a body, between two looks at the clock */

/* --- pure pieces --- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool http_percent_decode(const char *text, size_t len, bool plus_is_space, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '%') {
			const int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
			const int low = len - i > 2 ? hex_value(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0' || used + 1 >= size)
			return false;
		buf[used++] = c;
	}
	if (used >= size)
		return false;
	buf[used] = '\0';
	return true;
}

static bool take_param(const char *segment, size_t len, char param[HTTP_PARAM_BYTES_MAX])
{
	if (len == 0 || !http_percent_decode(segment, len, false, param, HTTP_PARAM_BYTES_MAX))
		return false;
	return strcmp(param, ".") != 0 && strcmp(param, "..") != 0;
}

bool http_path_match(const char *pattern, const char *path,
		     char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX])
{
	size_t taken = 0;

	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		const size_t pattern_len = strcspn(pattern, "/");
		const size_t path_len = strcspn(path, "/");
		if (*pattern == '{') {
			assert(taken < HTTP_PARAMS_MAX); /* A pattern of ours with too many. */
			if (!take_param(path, path_len, params[taken++]))
				return false;
		} else if (pattern_len != path_len || memcmp(pattern, path, path_len) != 0) {
			return false;
		}
		pattern += pattern_len;
		path += path_len;
	}
	return *pattern == '\0' && *path == '\0';
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Parameters of a media type: only charset=utf-8, quoted or not. */
static bool are_params_utf8(const char *text)
{
	static const char name[] = "charset=", plain[] = "utf-8", quoted[] = "\"utf-8\"";

	text = skip_blanks(text);
	if (*text == '\0')
		return true;
	if (*text != ';')
		return false;
	text = skip_blanks(text + 1);
	if (strncasecmp(text, name, strlen(name)) != 0)
		return false;
	text += strlen(name);
	const size_t len = strcspn(text, " \t;");
	const bool named = (len == strlen(plain) && strncasecmp(text, plain, len) == 0) ||
			   (len == strlen(quoted) && strncasecmp(text, quoted, len) == 0);
	return named && *skip_blanks(text + len) == '\0';
}

bool http_media_type_is(const char *value, const char *type)
{
	return value && strncasecmp(value, type, strlen(type)) == 0 &&
	       are_params_utf8(value + strlen(type));
}

bool http_content_length_parse(const char *text, size_t *ret)
{
	const size_t len = strlen(text);
	if (len == 0 || len > HTTP_CONTENT_LENGTH_DIGITS_MAX || strspn(text, "0123456789") != len)
		return false;

	size_t number = 0;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (size_t)(text[i] - '0');
	*ret = number;
	return true;
}

bool http_query_find(const char *query, const char *name, char *buf, size_t size, bool *ret_bad)
{
	const size_t name_len = strlen(name);
	bool found = false;

	*ret_bad = false;
	while (*query) {
		const size_t pair_len = strcspn(query, "&");
		const size_t key_len = strcspn(query, "=&");
		if (key_len == name_len && memcmp(query, name, name_len) == 0) {
			const size_t from = key_len < pair_len ? key_len + 1 : pair_len;
			if (found ||
			    !http_percent_decode(query + from, pair_len - from, true, buf, size))
				*ret_bad = true;
			found = true;
		}
		query += pair_len;
		query += *query == '&';
	}
	return found;
}

bool http_etag_matches(const char *if_none_match, const char *etag)
{
	const size_t etag_len = strlen(etag);
	const char *at = if_none_match;

	if (strcmp(skip_blanks(at), "*") == 0)
		return true;
	while (*at) {
		at += strspn(at, " \t,");
		if (strncmp(at, "W/", 2) == 0)
			at += 2;
		const size_t len = strcspn(at, ", \t");
		if (len == etag_len && memcmp(at, etag, len) == 0)
			return true;
		at += len;
	}
	return false;
}

/* --- headers and parameters --- */

static const struct mg_request_info *info_of(const struct http_request *request)
{
	return mg_get_request_info(request->connection);
}

/* The next header of that name from *at on; NULL at the end. */
static const char *next_header(const struct mg_request_info *info, const char *name, int *at)
{
	while (*at < info->num_headers) {
		const struct mg_header *header = &info->http_headers[(*at)++];
		if (strcasecmp(header->name, name) == 0)
			return header->value;
	}
	return NULL;
}

static int count_headers(const struct mg_request_info *info, const char *name)
{
	int at = 0, count = 0;

	while (next_header(info, name, &at))
		count++;
	return count;
}

const char *http_header(const struct http_request *request, const char *name)
{
	int at = 0;

	return next_header(info_of(request), name, &at);
}

static const char *last_header(const struct http_request *request, const char *name)
{
	const struct mg_request_info *info = info_of(request);
	const char *last = NULL;
	int at = 0;

	for (const char *value = next_header(info, name, &at); value;
	     value = next_header(info, name, &at))
		last = value;
	return last;
}

bool http_is_second_attempt(const struct http_request *request)
{
	return http_header(request, HTTP_ATTEMPT_HEADER) != NULL;
}

bool http_header_is_ambiguous(const struct http_request *request, const char *name)
{
	const struct mg_request_info *info = info_of(request);
	int at = 0;

	const char *first = next_header(info, name, &at);
	for (const char *more = first; more; more = next_header(info, name, &at))
		if (strcmp(more, first) != 0)
			return true;
	return false;
}

bool http_query(const struct http_request *request, const char *name, char *buf, size_t size,
		bool *ret_bad)
{
	return http_query_find(request->query, name, buf, size, ret_bad);
}

/* --- beginning --- */

static void make_request_id(char buf[static REQUEST_ID_BYTES_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];

	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		buf[2 * i] = digits[random[i] >> 4];
		buf[2 * i + 1] = digits[random[i] & 0xf];
	}
	buf[2 * sizeof(random)] = '\0';
}

void http_request_begin(struct http_exchange *x, bool is_parsed)
{
	struct http_request *request = &x->request;
	const struct mg_request_info *info = x->info;

	/* After a failed parse civetweb leaves the pointers of the request before. */
	request->connection = x->conn;
	request->method = is_parsed ? info->request_method : "";
	request->path = is_parsed && info->local_uri_raw ? info->local_uri_raw : "";
	request->query = is_parsed && info->query_string ? info->query_string : "";
	request->body = "";

	const char *id = http_header(request, "X-Request-Id");
	if (id && ident_is_valid_request_id(id, strlen(id)))
		(void)snprintf(request->request_id, sizeof(request->request_id), "%s", id);
	else
		make_request_id(request->request_id);

	const char *parent = http_header(request, "traceparent");
	if (parent && ident_is_valid_traceparent(parent, strlen(parent)))
		(void)snprintf(request->traceparent, sizeof(request->traceparent), "%s", parent);

	http_access_address(last_header(request, "X-Forwarded-For"), info->remote_addr,
			    request->address);
}

/* --- judging --- */

/* Answers a problem and gives up the connection: where the next request begins is not known. */
static bool refuse_framing(struct http_exchange *x, int status, const char *slug,
			   const char *detail)
{
	x->keep_alive = false;
	x->body_unread = true;
	http_problem(x->response, status, slug, detail);
	return false;
}

/* The parser overwrites the blanks before a colon with NULs, and leaves those after it. */
static bool has_blank_before_colon(const struct mg_header *header)
{
	const char *from = header->name + strlen(header->name) + 1;

	return memchr(from, '\0', (size_t)(header->value - from)) != NULL;
}

/*
 * One space after the method and one after the target: civetweb takes any blanks for it, line ends
 * among them. It has overwritten them, and the '?' before a query, with NULs.
 */
static bool is_start_whole(const struct mg_request_info *info)
{
	static const ptrdiff_t version_at = sizeof(" HTTP/") - 1;
	const char *method_end = info->request_method + strlen(info->request_method);
	const char *target_end = info->request_uri + strlen(info->request_uri);

	if (info->query_string)
		target_end = info->query_string + strlen(info->query_string);
	return info->request_uri - method_end == 1 && info->http_version - target_end == version_at;
}

/*
 * civetweb stops reading headers, without an error, at its 64th, at a folded line and at a name it
 * does not like; what it has not read may be a Content-Length. So the head is accepted only if each
 * parsed line ends in CRLF where the next begins, and the last one in the empty line. The parser
 * has overwritten the CRLF of each line, and the last byte of the head, with NULs.
 */
static bool is_head_whole(const struct mg_request_info *info)
{
	const char *end = info->http_version + strlen(info->http_version);

	if (!is_start_whole(info))
		return false;
	for (int i = 0; i < info->num_headers; i++) {
		const struct mg_header *header = &info->http_headers[i];
		if (header->name - end != 2 || has_blank_before_colon(header))
			return false;
		end = header->value + strlen(header->value);
	}
	if ((size_t)(end - info->request_method) + 4 > HTTP_HEAD_BYTES_MAX)
		return false; /* Nothing can follow within civetweb's buffer. */
	/* After a request line without headers the parser has overwritten the empty line too. */
	const char rest[] = { 0, 0, info->num_headers > 0 ? '\r' : '\0', 0 };
	for (size_t i = 0; i < sizeof(rest); i++)
		if (end[i] != rest[i])
			return false;
	return true;
}

static bool judge_head(struct http_exchange *x)
{
	const struct mg_request_info *info = x->info;
	const int hosts = count_headers(info, "Host");

	if (!is_head_whole(info))
		return refuse_framing(x, 400, "bad-request",
				      "The request's head is malformed or has too many headers.");
	if (hosts > 1 || (hosts == 0 && strcmp(info->http_version, "1.1") == 0))
		return refuse_framing(x, 400, "bad-request",
				      "The request needs exactly one Host header.");
	/* A request has no fragment, and a proxy in front would end the query there. */
	if (strchr(x->request.path, '#') || strchr(x->request.query, '#'))
		return refuse_framing(x, 400, "bad-request", "The request's URI has a fragment.");
	if (strlen(x->request.path) + strlen(x->request.query) > HTTP_URI_BYTES_MAX)
		return refuse_framing(x, 414, "uri-too-long", "The request's URI is too long.");
	return true;
}

/* RFC 9112, section 6.3; stricter, because a proxy in front may read the rest differently. */
static bool judge_framing(struct http_exchange *x)
{
	const bool is_coded = count_headers(x->info, "Transfer-Encoding") > 0;
	const int lengths = count_headers(x->info, "Content-Length");
	int at = 0;

	if (is_coded && lengths > 0)
		return refuse_framing(x, 400, "bad-request",
				      "Content-Length and Transfer-Encoding exclude each other.");
	if (is_coded)
		return refuse_framing(x, 411, "length-required",
				      "Send the body with a Content-Length, not in chunks.");
	if (lengths > 1)
		return refuse_framing(x, 400, "bad-request",
				      "The request has more than one Content-Length.");
	if (lengths == 1 && !http_content_length_parse(next_header(x->info, "Content-Length", &at),
						       &x->content_length))
		return refuse_framing(x, 400, "bad-request", "Content-Length is not a number.");
	return true;
}

static bool is_too_long(const struct http_exchange *x)
{
	return x->content_length > (size_t)x->server->config.body_bytes_max;
}

static bool refuse_length(struct http_exchange *x)
{
	char detail[96];

	(void)snprintf(detail, sizeof(detail), "The body may have at most %lld bytes.",
		       (long long)x->server->config.body_bytes_max);
	return refuse_framing(x, 413, "content-too-large", detail);
}

/* Whether civetweb will keep the connection and the client expects it to. */
static bool is_keep_alive_wanted(const struct mg_request_info *info)
{
	int at = 0;
	const char *value = next_header(info, "Connection", &at);

	if (!value)
		return strcmp(info->http_version, "1.1") == 0;
	for (; value; value = next_header(info, "Connection", &at))
		if (strcasecmp(value, "keep-alive") != 0)
			return false;
	return true;
}

/* --- routes --- */

static bool is_served_by(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void add_method(char allow[ALLOW_BYTES_MAX], const char *method)
{
	const size_t len = strlen(allow);

	(void)snprintf(allow + len, ALLOW_BYTES_MAX - len, "%s%s", len > 0 ? ", " : "", method);
	if (strcmp(method, "GET") == 0)
		add_method(allow, "HEAD");
}

static const struct http_route *find_route(struct http_exchange *x)
{
	const struct http_server *server = x->server;
	struct http_request *request = &x->request;
	char allow[ALLOW_BYTES_MAX] = "";

	for (size_t i = 0; i < server->route_count; i++) {
		const struct http_route *route = &server->routes[i];
		if (!http_path_match(route->pattern, request->path, request->params))
			continue;
		if (is_served_by(route, request->method))
			return route;
		add_method(allow, route->method);
	}
	if (allow[0] == '\0') {
		http_problem(x->response, 404, "not-found", "There is nothing at this path.");
		return NULL;
	}
	http_response_header(x->response, "Allow", allow);
	http_problem(x->response, 405, "method-not-allowed",
		     "The Allow header names what this path answers to.");
	return NULL;
}

static bool must_be_json(const struct http_exchange *x, const struct http_route *route)
{
	return route->flags & HTTP_JSON ||
	       (route->flags & HTTP_JSON_OPTIONAL && x->content_length > 0);
}

static bool judge_content(struct http_exchange *x, const struct http_route *route)
{
	if (must_be_json(x, route)) {
		const char *type = http_header(&x->request, "Content-Type");
		const bool is_taken =
			http_media_type_is(type, "application/json") ||
			(route->flags & HTTP_MERGE_PATCH &&
			 http_media_type_is(type, "application/merge-patch+json"));
		if (count_headers(x->info, "Content-Type") != 1 || !is_taken) {
			http_problem(x->response, 415, "unsupported-media-type",
				     "Send the body as application/json in UTF-8.");
			return false;
		}
	}
	return !is_too_long(x) || refuse_length(x);
}

/* All that can be said before the body is read. */
static const struct http_route *judge_route(struct http_exchange *x)
{
	const struct http_route *route = find_route(x);

	return route && http_access_judge(x, route) && judge_content(x, route) ? route : NULL;
}

/* --- the body --- */

/* True when the client waits for our word before it sends the body. */
static bool is_continue_expected(const struct http_exchange *x)
{
	return x->content_length > 0 && http_header(&x->request, "Expect");
}

static bool judge_expectation(struct http_exchange *x)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (strcasecmp(http_header(&x->request, "Expect"), "100-continue") != 0)
		return refuse_framing(x, 417, "expectation-failed",
				      "Only 100-continue can be expected.");
	if (strcmp(x->info->http_version, "1.1") == 0 &&
	    mg_write(x->conn, go_on, strlen(go_on)) != (int)strlen(go_on))
		x->keep_alive = false; /* The read below will meet the broken connection. */
	return true;
}

/*
 * Empty lines before the request line make civetweb look for the body right after the first two,
 * that is, in what is left of them and in the request line, whose words now end in NULs. A body of
 * blanks, or of the beginning of a method, is no JSON, so nobody who means it is refused.
 */
static bool is_head_again(const struct http_request *request)
{
	const size_t blanks = strspn(request->body, " \t\r\n\v\f");
	const size_t left = request->body_len - blanks;
	const size_t word = strlen(request->method) + 1;

	return memcmp(request->body + blanks, request->method, left < word ? left : word) == 0;
}

/*
 * mg_read waits up to the time-out for each single byte, so only reading in small pieces bounds the
 * whole of it: whoever lets a body drip, past the gateway, has at most PIECE_BYTES + 1 time-outs.
 * What came together with the head, as short bodies do, costs no system call.
 */
static bool receive(struct mg_connection *conn, char *buf, size_t len, int64_t timeout_ms)
{
	const int64_t until_ms = clock_monotonic_ms() + timeout_ms;

	for (size_t at = 0; at < len; at += PIECE_BYTES) {
		const size_t piece = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
		if (mg_read(conn, buf + at, piece) != (int)piece || clock_monotonic_ms() > until_ms)
			return false;
	}
	return true;
}

static bool read_body(struct http_exchange *x)
{
	if (x->content_length == 0)
		return true;

	if (!receive(x->conn, x->thread->body, x->content_length,
		     x->server->config.request_timeout_ms)) {
		x->keep_alive = false; /* And nothing more is read: the client has had its time. */
		http_problem(x->response, 408, "request-timeout",
			     "The body did not arrive in full, or not in time.");
		return false;
	}
	x->thread->body[x->content_length] = '\0';
	x->request.body = x->thread->body;
	x->request.body_len = x->content_length;
	if (is_head_again(&x->request))
		return refuse_framing(x, 400, "bad-request",
				      "There is an empty line before the request.");
	return true;
}

const struct http_route *http_request_accept(struct http_exchange *x)
{
	if (!judge_head(x) || !judge_framing(x))
		return NULL;
	x->keep_alive = is_keep_alive_wanted(x->info);

	const struct http_route *route = judge_route(x);
	if (!route && (is_continue_expected(x) || is_too_long(x))) {
		/* The final answer comes instead of the 100, or of reading: the body may never be
		 * sent, or is more than there is room for. */
		x->keep_alive = false;
		x->body_unread = true;
		return NULL;
	}
	if (is_continue_expected(x) && !judge_expectation(x))
		return NULL;
	return read_body(x) ? route : NULL;
}

void http_request_discard(const struct http_exchange *x)
{
	char scrap[64];
	const int64_t until_ms = clock_monotonic_ms() + DISCARD_MS_MAX;

	if (http_header(&x->request, "Expect"))
		return;
	for (size_t left = DISCARD_BYTES_MAX; left >= sizeof(scrap); left -= sizeof(scrap))
		if (mg_read(x->conn, scrap, sizeof(scrap)) != (int)sizeof(scrap) ||
		    clock_monotonic_ms() > until_ms)
			return;
}
