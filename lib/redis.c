#include "redis.h"

#include "clock.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct redis {
	char *host;
	char *user;
	char *password;
	int port;
	int64_t timeout_ms;
	int64_t retry_ms;
	int64_t retry_at_ms; /* no attempt before this time */
	redisContext *conn;
	atomic_bool up; /* read by the ops thread */
};

static char *copy(const char *text)
{
	char *const ret = strdup(text ? text : "");
	assert(ret);

	return ret;
}

struct redis *redis_new(const struct redis_config *config)
{
	assert(config && config->host && config->timeout_ms > 0 && config->retry_ms >= 0);

	/* hiredis writes with write(2): a server that closed the connection would kill the process.
	 */
	(void)signal(SIGPIPE, SIG_IGN); /* Cannot fail for this signal. */

	struct redis *const redis = calloc(1, sizeof(*redis));
	assert(redis);
	redis->host = copy(config->host);
	redis->user = copy(config->user);
	redis->password = copy(config->password);
	redis->port = (int)config->port;
	redis->timeout_ms = config->timeout_ms;
	redis->retry_ms = config->retry_ms;

	return redis;
}

static void disconnect(struct redis *redis)
{
	redisFree(redis->conn); /* Ignores NULL. */
	redis->conn = NULL;
	atomic_store(&redis->up, false);
}

void redis_free(struct redis *redis)
{
	if (!redis)
		return;

	disconnect(redis);
	free(redis->host);
	free(redis->user);
	free(redis->password);
	free(redis);
}

void redis_fail(struct redis *redis)
{
	disconnect(redis);
	redis->retry_at_ms = clock_monotonic_ms() + redis->retry_ms;
}

bool redis_is_up(const struct redis *redis)
{
	return atomic_load(&redis->up);
}

static err_code failed(struct redis *redis, const char *doing, const char *text, struct err *err)
{
	(void)err_set(err, ERR_UNAVAILABLE, "redis: %s: %s", doing, text);
	redis_fail(redis);

	return ERR_UNAVAILABLE;
}

static err_code authenticate(struct redis *redis, struct err *err)
{
	if (redis->password[0] == '\0')
		return ERR_OK;

	const char *with_user[] = { "AUTH", redis->user, redis->password };
	const char *without[] = { "AUTH", redis->password };
	const bool named = redis->user[0] != '\0';

	err_code code = redis_append(redis, named ? 3 : 2, named ? with_user : without, NULL, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(redis_reply_freep) redisReply *reply = NULL;
	code = redis_reply(redis, &reply, err);
	if (code != ERR_OK)
		return code;
	if (reply->type == REDIS_REPLY_ERROR)
		return failed(redis, "authenticate", reply->str, err);

	return ERR_OK;
}

/* Between pipelines the server has nothing to say: readable means closed. Noticing it here saves
 * the pause that a failure in mid-pipeline costs. */
static bool is_stale(const struct redis *redis)
{
	struct pollfd socket = { .fd = redis->conn->fd, .events = POLLIN };

	return poll(&socket, 1, 0) != 0;
}

err_code redis_ensure(struct redis *redis, struct err *err)
{
	if (redis->conn && !is_stale(redis))
		return ERR_OK;
	disconnect(redis);

	if (clock_monotonic_ms() < redis->retry_at_ms)
		return err_set(err, ERR_UNAVAILABLE, "redis: failed a moment ago");

	const struct timeval timeout = { .tv_sec = redis->timeout_ms / 1000,
					 .tv_usec = redis->timeout_ms % 1000 * 1000 };
	redis->conn = redisConnectWithTimeout(redis->host, redis->port, timeout);
	if (!redis->conn)
		return failed(redis, "connect", "out of memory", err);
	if (redis->conn->err)
		return failed(redis, "connect", redis->conn->errstr, err);
	if (redisSetTimeout(redis->conn, timeout) != REDIS_OK)
		return failed(redis, "set the time-out", redis->conn->errstr, err);

	const err_code code = authenticate(redis, err);
	if (code == ERR_OK)
		atomic_store(&redis->up, true);

	return code;
}

err_code redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens,
		      struct err *err)
{
	assert(argc > 0 && argv);

	if (!redis->conn)
		return err_set(err, ERR_UNAVAILABLE, "redis: not connected");
	if (redisAppendCommandArgv(redis->conn, argc, argv, lens) != REDIS_OK)
		return failed(redis, "append", redis->conn->errstr, err);

	return ERR_OK;
}

err_code redis_reply(struct redis *redis, redisReply **ret, struct err *err)
{
	if (!redis->conn)
		return err_set(err, ERR_UNAVAILABLE, "redis: not connected");

	void *reply = NULL;
	if (redisGetReply(redis->conn, &reply) != REDIS_OK)
		return failed(redis, "reply", redis->conn->errstr, err);
	*ret = reply;

	return ERR_OK;
}
