#include "raw_http.h"

#include "clock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_open(struct raw_connection *connection, int port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;

	*connection = (struct raw_connection){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
					       .data = malloc(RAW_ANSWER_BYTES_MAX + 1) };
	cr_assert_geq(connection->fd, 0);
	cr_assert(connection->data);
	connection->data[0] = '\0';
	cr_assert_eq(connect(connection->fd, (const struct sockaddr *)&address, sizeof(address)), 0,
		     "connect: %s", strerror(errno));
	cr_assert_eq(setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

void raw_close(struct raw_connection *connection)
{
	(void)close(connection->fd); /* A test's socket: nothing is lost. */
	free(connection->data);
	*connection = (struct raw_connection){ .fd = -1 };
}

void raw_send(struct raw_connection *connection, const char *bytes, size_t len)
{
	while (len > 0) {
		const ssize_t sent = send(connection->fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0)
			return; /* The server has closed: the answer tells. */
		bytes += sent;
		len -= (size_t)sent;
	}
}

void raw_send_text(struct raw_connection *connection, const char *text)
{
	raw_send(connection, text, strlen(text));
}

/* Waits for more bytes; false at the connection's end or when none came until then. */
static bool receive(struct raw_connection *connection, int64_t until_ms)
{
	struct pollfd poller = { .fd = connection->fd, .events = POLLIN };
	const int64_t left_ms = until_ms - clock_monotonic_ms();

	if (connection->is_closed || connection->is_reset || left_ms <= 0 ||
	    poll(&poller, 1, (int)left_ms) <= 0)
		return false;
	cr_assert_lt(connection->len, RAW_ANSWER_BYTES_MAX);
	const ssize_t got = recv(connection->fd, connection->data + connection->len,
				 RAW_ANSWER_BYTES_MAX - connection->len, 0);
	if (got <= 0) {
		connection->is_closed = got == 0;
		connection->is_reset = got < 0;
		return false;
	}
	connection->len += (size_t)got;
	connection->data[connection->len] = '\0';
	return true;
}

void raw_header(const struct raw_answer *answer, const char *name, char *buf, size_t size)
{
	const char *at = answer->head, *end = answer->head + answer->head_len;
	const size_t len = strlen(name);

	buf[0] = '\0';
	while (at && at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		if ((size_t)(end - at) > len && strncasecmp(at, name, len) == 0 && at[len] == ':') {
			const char *value = at + len + 1 + strspn(at + len + 1, " ");
			(void)snprintf(buf, size, "%.*s", (int)strcspn(value, "\r"), value);
			return;
		}
	}
}

struct raw_answer raw_read(struct raw_connection *connection, bool is_head)
{
	const int64_t until_ms = clock_monotonic_ms() + RAW_WAIT_MS;
	struct raw_answer answer = { .head = connection->data + connection->read_to };
	const char *end;
	char length[24];

	while (!(end = strstr(connection->data + connection->read_to, "\r\n\r\n")))
		if (!receive(connection, until_ms))
			return answer;
	answer.head_len = (size_t)(end + 4 - answer.head);
	answer.body = end + 4;
	raw_header(&answer, "Content-Length", length, sizeof(length));
	const size_t body_len = is_head ? 0 : strtoul(length, NULL, 10);
	while (connection->data + connection->len < answer.body + body_len)
		if (!receive(connection, until_ms))
			return answer;
	answer.body_len = body_len;
	connection->read_to = (size_t)(answer.body - connection->data) + body_len;
	cr_assert_eq(strncmp(answer.head, "HTTP/1.1 ", 9), 0, "no answer: %.40s", answer.head);
	answer.status = (int)strtol(answer.head + 9, NULL, 10);
	return answer;
}

bool raw_read_to_end(struct raw_connection *connection, int64_t wait_ms)
{
	const int64_t until_ms = clock_monotonic_ms() + wait_ms;

	while (receive(connection, until_ms))
		;
	return connection->is_closed || connection->is_reset;
}

bool raw_has_rest(const struct raw_connection *connection)
{
	return connection->len > connection->read_to;
}

void raw_expect_header(const struct raw_answer *answer, const char *name, const char *value)
{
	char buf[256];

	raw_header(answer, name, buf, sizeof(buf));
	cr_expect_str_eq(buf, value, "%s: '%s', expected '%s'", name, buf, value);
}

void raw_expect_body(const struct raw_answer *answer, const char *body)
{
	cr_expect(answer->body_len == strlen(body) &&
			  memcmp(answer->body, body, answer->body_len) == 0,
		  "'%.*s' instead of '%s'", (int)answer->body_len, answer->body, body);
}
