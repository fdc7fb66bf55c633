/*
 * raw_http - a client that sends what it is told, byte by byte, and tells how the connection ended.
 *
 * Owns     a connection owns its socket, until raw_close.
 * Errors   what a test cannot go on without fails the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_ANSWER_BYTES_MAX (4u << 20)
#define RAW_WAIT_MS          8000

struct raw_connection {
	int fd;
	char *data; /* all that came, and a NUL */
	size_t len;
	size_t read_to; /* where the next answer begins */
	bool is_closed; /* by the server, in order */
	bool is_reset;
};

/* One answer: status 0 when the connection ended before it was whole. */
struct raw_answer {
	int status;
	const char *head; /* not NUL-terminated at its end */
	size_t head_len;
	const char *body;
	size_t body_len;
};

void raw_open(struct raw_connection *connection, int port);
void raw_close(struct raw_connection *connection);

void raw_send(struct raw_connection *connection, const char *bytes, size_t len);
void raw_send_text(struct raw_connection *connection, const char *text);

/* The next answer on the connection; is_head: the answer to a HEAD, which has no body. */
struct raw_answer raw_read(struct raw_connection *connection, bool is_head);
/* Reads until the server closes; false when it did not within wait_ms. */
bool raw_read_to_end(struct raw_connection *connection, int64_t wait_ms);
/* True when bytes have come after the last answer. */
bool raw_has_rest(const struct raw_connection *connection);

/* Copies a header's value, "" when there is none. */
void raw_header(const struct raw_answer *answer, const char *name, char *buf, size_t size);

/* Fail the test, and let it go on. */
void raw_expect_header(const struct raw_answer *answer, const char *name, const char *value);
void raw_expect_body(const struct raw_answer *answer, const char *body);
