/*
 * redis - one Redis connection that never holds its user up: bounded waits, and a pause after a
 * failure.
 *
 * Owns     struct redis owns its connection.
 * Threads  one connection, one thread.
 * Errors   ERR_UNAVAILABLE: down, slow, or within the pause of retry_ms after a failure (at once).
 *
 * Source   hiredis 0.14.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

static inline void redis_reply_free(redisReply *reply)
{
	freeReplyObject(reply);
}
DEFINE_CLEANUP(redisReply *, redis_reply_free)

struct redis_config {
	const char *host;
	int64_t port;
	const char *user;     /* "" = none; needs a password (ACL)  */
	const char *password; /* "" = none; secret                  */
	int64_t timeout_ms;   /* of connecting and of each answer   */
	int64_t retry_ms;     /* pause after a failure              */
};

struct redis;

/* Does not connect. Copies the config's strings. */
struct redis *redis_new(const struct redis_config *config);
void redis_free(struct redis *redis);

/* Connects if needed. */
err_code redis_ensure(struct redis *redis, struct err *err) _must_check_;
/* After any failed call: closes, and starts the pause. */
void redis_fail(struct redis *redis);
bool redis_is_up(const struct redis *redis);

/* Appends a command to the pipeline; argv as in redisAppendCommandArgv. */
err_code redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens,
		      struct err *err) _must_check_;
/* The next reply of the pipeline. An error reply (NOSCRIPT, ...) is a reply, not a failure. */
err_code redis_reply(struct redis *redis, redisReply **ret, struct err *err) _must_check_;
