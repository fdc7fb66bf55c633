/*
 * All bytes that a connection carries, as the real server on a socket takes them, against a second
 * reading of them that is as strict as a gateway may be: what is handled is exactly what that
 * reading sees, nothing is handled of which it sees no end, and after what it cannot read for sure
 * the connection is given up. So no bytes of a body are ever taken for a request (smuggling).
 */
#include "fuzz.h"

#include "attr.h"
#include "http.h"
#include "log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BODY_BYTES_MAX   1024
#define ANSWER_BYTES_MAX (1u << 18)
#define HANDLED_MAX      256
#define SERVER_WAIT_S    5
#define WAIT_S           20 /* for a machine that is busy */
#define CONNECTS_MAX     100
#define DIGITS_MAX       15

/* What a handler was given. */
struct handled {
	char method[16];
	char *path;
	char *query;
	char *body;
	size_t body_len;
};

/* A request as the second reading sees it. */
struct reading {
	bool is_clear;
	const char *method;
	size_t method_len;
	const char *path;
	size_t path_len;
	const char *query;
	size_t query_len;
	const char *body;
	size_t body_len;
	size_t lengths; /* Content-Length fields */
	bool is_coded;
};

struct bytes {
	const char *at;
	size_t left;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct handled handled[HANDLED_MAX];
static size_t handled_count;

/* --- the server --- */

static void handle(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	(void)pthread_mutex_lock(&lock); /* Cannot fail: a static, error-free mutex. */
	REQUIRE(handled_count < HANDLED_MAX);
	struct handled *one = &handled[handled_count++];
	(void)snprintf(one->method, sizeof(one->method), "%s", request->method);
	one->path = strdup(request->path);
	one->query = strdup(request->query);
	one->body = malloc(request->body_len + 1);
	REQUIRE(one->path && one->query && one->body);
	memcpy(one->body, request->body, request->body_len);
	one->body_len = request->body_len;
	(void)pthread_mutex_unlock(&lock);
	strbuf_add_text(&response->body, "done");
}

static int open_server(void)
{
	static const struct http_route routes[] = {
		{ "GET", "/{a}", handle, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "POST", "/{a}", handle, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "PUT", "/{a}/{b}", handle, HTTP_JSON_OPTIONAL, HTTP_ACCESS_PUBLIC },
		{ "POST", "/{a}/{b}", handle, HTTP_JSON, HTTP_ACCESS_PUBLIC },
	};
	const struct http_config config = {
		.host = "127.0.0.1",
		.threads = 2,
		.body_bytes_max = BODY_BYTES_MAX,
		.request_timeout_ms = 1000 * SERVER_WAIT_S,
		.keep_alive_timeout_ms = 1000 * SERVER_WAIT_S,
		.service = "fuzz",
	};
	static struct http_server *server;
	struct err err;

	if (!server) {
		log_open("fuzz", LOG_LEVEL_ERROR);
		REQUIRE(http_server_open(&config, routes, sizeof(routes) / sizeof(routes[0]), NULL,
					 NULL, &server, &err) == ERR_OK);
	}
	return http_server_port(server);
}

/* --- the connection --- */

static int connect_to(int port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval wait = { .tv_sec = WAIT_S };

	/* Ports of connections that just ended are free again after a moment. */
	for (int i = 0; i < CONNECTS_MAX; i++) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		REQUIRE(fd >= 0);
		REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
		if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		(void)close(fd);
		(void)usleep(100000);
	}
	REQUIRE(!"a connection");
	return -1;
}

/* Sends all of it and reads until the server closes. It may do so before it has read all. */
static size_t exchange(const uint8_t *data, size_t size, char *answers)
{
	const int fd = connect_to(open_server());
	size_t sent = 0, len = 0;

	while (sent < size) {
		const ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	(void)shutdown(fd, SHUT_WR); /* Fails when the server has closed. */
	for (;;) {
		REQUIRE(len < ANSWER_BYTES_MAX);
		const ssize_t n = recv(fd, answers + len, ANSWER_BYTES_MAX - len, 0);
		if (n < 0 && errno == EINTR)
			continue; /* libFuzzer's alarm. */
		if (n < 0 && errno != ECONNRESET)
			REQUIRE(!"an end in time");
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	(void)close(fd);
	return len;
}

/* --- the second reading --- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* More than a token may have; but all who read such a name find it where it is, unknown. */
static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return len > 0;
}

/* The line up to CRLF; false when there is none, or a CR or NUL or LF alone in it. */
static bool take_line(struct bytes *bytes, const char **ret, size_t *ret_len)
{
	const char *end = memmem(bytes->at, bytes->left, "\r\n", 2);
	if (!end)
		return false;
	*ret = bytes->at;
	*ret_len = (size_t)(end - bytes->at);
	bytes->left -= *ret_len + 2;
	bytes->at = end + 2;
	return !memchr(*ret, '\0', *ret_len) && !memchr(*ret, '\r', *ret_len) &&
	       !memchr(*ret, '\n', *ret_len);
}

/* method SP target SP HTTP/1.x */
static bool read_start(const char *line, size_t len, struct reading *ret)
{
	const char *end = line + len;
	const char *first = memchr(line, ' ', len);
	const char *last = memrchr(line, ' ', len);

	if (!first || first == last || end - last != 9 || memcmp(last, " HTTP/1.", 8) != 0 ||
	    (end[-1] != '0' && end[-1] != '1'))
		return false;
	ret->method = line;
	ret->method_len = (size_t)(first - line);
	for (const char *c = first + 1; c < last; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	const char *query = memchr(first + 1, '?', (size_t)(last - first - 1));
	ret->path = first + 1;
	ret->path_len = (size_t)((query ? query : last) - ret->path);
	ret->query = query ? query + 1 : last;
	ret->query_len = (size_t)(last - ret->query);
	return is_name(ret->method, ret->method_len);
}

static bool is_named(const char *line, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(line, name, len) == 0;
}

static bool read_length(const char *value, size_t len, size_t *ret)
{
	size_t number = 0;

	if (len == 0 || len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		number = number * 10 + (size_t)(value[i] - '0');
	}
	*ret = number;
	return true;
}

static bool read_field(const char *line, size_t len, struct reading *ret)
{
	const char *colon = memchr(line, ':', len);

	if (!colon || !is_name(line, (size_t)(colon - line)))
		return false;
	const char *value = colon + 1, *end = line + len;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	const size_t name_len = (size_t)(colon - line);
	ret->is_coded |= is_named(line, name_len, "Transfer-Encoding");
	if (!is_named(line, name_len, "Content-Length"))
		return true;
	ret->lengths++;
	return read_length(value, (size_t)(end - value), &ret->body_len);
}

/*
 * A request line ends where civetweb lets it end: at a CR or LF and one blank more, whatever it is.
 * It has overwritten both, so that what the gateway would never send cannot be told from CRLF.
 */
static bool take_start(struct bytes *bytes, const char **ret, size_t *ret_len)
{
	size_t len = 0;

	while (len < bytes->left && bytes->at[len] != '\r' && bytes->at[len] != '\n')
		len++;
	if (len + 2 > bytes->left || !is_blank(bytes->at[len + 1]))
		return false;
	*ret = bytes->at;
	*ret_len = len;
	bytes->at += len + 2;
	bytes->left -= len + 2;
	return !memchr(*ret, '\0', len);
}

/* The next request of what was sent; bytes move past it. */
static struct reading read_request(struct bytes *bytes)
{
	struct reading ret = { .is_clear = false };
	const char *line;
	size_t len;

	/* RFC 9112, section 2.2: empty lines before a request are none. Blanks are let pass too:
	 * what follows them is a request or nothing. */
	while (bytes->left > 0 && is_blank(*bytes->at)) {
		bytes->at++;
		bytes->left--;
	}
	if (!take_start(bytes, &line, &len) || !read_start(line, len, &ret))
		return ret;
	for (;;) {
		if (!take_line(bytes, &line, &len))
			return ret;
		if (len == 0)
			break;
		if (!read_field(line, len, &ret))
			return ret;
	}
	if (ret.is_coded || ret.lengths > 1 || ret.body_len > bytes->left)
		return ret;
	ret.body = bytes->at;
	bytes->at += ret.body_len;
	bytes->left -= ret.body_len;
	ret.is_clear = true;
	return ret;
}

/* --- answers --- */

struct answer {
	int status;
	bool closes;
};

/* False at the end. */
static bool next_answer(struct bytes *bytes, bool is_head, struct answer *ret)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t body_len = 0;
	const char *line;
	size_t len;

	*ret = (struct answer){ .closes = false };
	while (bytes->left >= strlen(go_on) && memcmp(bytes->at, go_on, strlen(go_on)) == 0) {
		bytes->at += strlen(go_on);
		bytes->left -= strlen(go_on);
	}
	if (bytes->left == 0)
		return false;
	REQUIRE(take_line(bytes, &line, &len) && len > 12 && memcmp(line, "HTTP/1.1 ", 9) == 0);
	ret->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
	for (;;) {
		struct reading field = { .is_clear = false };
		REQUIRE(take_line(bytes, &line, &len));
		if (len == 0)
			break;
		REQUIRE(read_field(line, len, &field));
		body_len = field.lengths ? field.body_len : body_len;
		ret->closes |= is_named(line, len, "Connection: close");
	}
	body_len = is_head ? 0 : body_len;
	REQUIRE(bytes->left >= body_len);
	bytes->at += body_len;
	bytes->left -= body_len;
	return true;
}

static bool is_text(const char *bytes, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(bytes, text, len) == 0;
}

static void check_handled(const struct handled *one, const struct reading *reading)
{
	REQUIRE(is_text(reading->method, reading->method_len, one->method));
	REQUIRE(is_text(reading->path, reading->path_len, one->path));
	REQUIRE(is_text(reading->query, reading->query_len, one->query));
	REQUIRE(reading->body_len == one->body_len);
	REQUIRE(memcmp(reading->body, one->body, one->body_len) == 0);
}

/*
 * A request of HTTP/1.0 without header fields has no body and ends its connection, so it does not
 * matter that its end may be any blanks.
 */
static bool is_bare(struct bytes bytes)
{
	static const char version[] = " HTTP/1.0";
	const char *end = memmem(bytes.at, bytes.left, version, strlen(version));
	size_t blanks = 0;

	if (!end)
		return false;
	bytes.left -= (size_t)(end - bytes.at) + strlen(version);
	for (end += strlen(version); blanks < bytes.left && is_blank(end[blanks]);)
		blanks++;
	return blanks >= strlen("\r\n\r\n");
}

/* How many requests were handled, by the second reading. */
static size_t check(struct bytes sent, struct bytes answers)
{
	struct answer answer;
	size_t count = 0;

	for (;;) {
		const struct bytes before = sent;
		const struct reading reading = read_request(&sent);
		const bool is_head =
			reading.method && is_text(reading.method, reading.method_len, "HEAD");
		if (!next_answer(&answers, is_head || !reading.is_clear, &answer))
			return count;
		if (!reading.is_clear) {
			REQUIRE(answer.closes);
			REQUIRE(answer.status >= 400 || is_bare(before));
			return count + (answer.status < 300);
		}
		if (answer.status < 300) {
			REQUIRE(count < handled_count);
			check_handled(&handled[count++], &reading);
		}
		if (answer.closes) {
			/* What civetweb cannot parse has no method: the refusal has its body. */
			REQUIRE(answers.left == 0 || (is_head && answer.status == 400));
			return count;
		}
	}
}

static void forget_handled(void)
{
	for (size_t i = 0; i < handled_count; i++) {
		free(handled[i].path);
		free(handled[i].query);
		free(handled[i].body);
	}
	handled_count = 0;
}

/* Who refuses everything is never wrong: these are taken. */
static void check_served(void)
{
	static const char good[] = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"
				   "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
				   "PUT /a/b HTTP/1.1\r\nHost: x\r\n\r\n";
	static char answers[ANSWER_BYTES_MAX];
	static bool is_checked;

	if (is_checked)
		return;
	is_checked = true;
	const size_t len = exchange((const uint8_t *)good, strlen(good), answers);
	REQUIRE(check((struct bytes){ good, strlen(good) }, (struct bytes){ answers, len }) == 3);
	forget_handled();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answers[ANSWER_BYTES_MAX];

	check_served();
	const size_t len = exchange(data, size, answers);

	(void)pthread_mutex_lock(&lock);
	const size_t count =
		check((struct bytes){ (const char *)data, size }, (struct bytes){ answers, len });
	REQUIRE(count == handled_count);
	forget_handled();
	(void)pthread_mutex_unlock(&lock);
	return 0;
}
