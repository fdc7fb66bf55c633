#include "redis_memory.h"

#include "actors.h"
#include "redis.h"
#include "scheduler.h"
#include "tables.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_BYTES_MAX 64
#define QUEUE_MAX       256

enum call { CALL_LOAD_LOCK, CALL_LOAD_UNLOCK, CALL_LOCK, CALL_UNLOCK };

struct queued {
	enum call call;
	int event, key_count;
	int seats[WORLD_SEATS + 1];
	char token[TOKEN_BYTES_MAX], prefix[TOKEN_BYTES_MAX];
	int64_t ttl_ms;
};

struct redis {
	int64_t retry_ms, retry_at_ms;
	bool is_open;
	struct queued queue[QUEUE_MAX];
	size_t next, end;
};

struct key {
	char value[TOKEN_BYTES_MAX]; /* "": none */
	int64_t expires_ms;
	const struct redis *maker;
};

static struct {
	struct key keys[WORLD_EVENTS + 1][WORLD_SEATS + 1];
	bool has_lock_script, has_unlock_script;
} server;

/* The linker has the programs call these. */
struct redis *__wrap_redis_new(const struct redis_config *config);
void __wrap_redis_free(struct redis *redis);
err_code __wrap_redis_ensure(struct redis *redis, struct err *err);
void __wrap_redis_fail(struct redis *redis);
err_code __wrap_redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens,
			     struct err *err);
err_code __wrap_redis_reply(struct redis *redis, redisReply **ret, struct err *err);
void __wrap_freeReplyObject(void *reply);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);

void redis_memory_flush(void)
{
	memset(&server, 0, sizeof(server));
}

void redis_memory_begin(void)
{
	redis_memory_flush();
}

/* Owners of locks are drawn like everything else. */
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	const uint64_t number = draw();
	(void)flags;
	assert(len <= sizeof(number));

	memcpy(buf, &number, len);
	return (ssize_t)len;
}

/* ---- The scripts ---- */

static struct key *key_at(const struct queued *queued, int i)
{
	struct key *const key = &server.keys[queued->event][queued->seats[i]];

	if (key->value[0] != '\0' && key->expires_ms <= scheduler_now_ms()) {
		*key = (struct key){ 0 };
		world_count(locks_expired);
	}
	return key;
}

/* LOCK_SCRIPT, for one key */
static char run_lock(const struct redis *redis, const struct queued *queued, int i)
{
	struct key *const key = key_at(queued, i);
	const bool is_held = key->value[0] != '\0';
	const bool is_own = strcmp(key->value, queued->token) == 0;

	if (is_held && strncmp(key->value, queued->prefix, strlen(queued->prefix)) != 0) {
		world_count(locks_foreign);
		return '0';
	}
	memcpy(key->value, queued->token, sizeof(key->value));
	key->expires_ms = scheduler_now_ms() + queued->ttl_ms;
	key->maker = redis;
	world_count(locks_taken);
	if (!is_held || is_own)
		return '1';
	world_count(locks_taken_over);
	return '2';
}

/* UNLOCK_SCRIPT, for one key */
static void run_unlock(const struct redis *redis, const struct queued *queued, int i)
{
	struct key *const key = key_at(queued, i);

	if (strcmp(key->value, queued->token) != 0) {
		if (key->value[0] != '\0')
			world_count(unlocks_too_late);
		return;
	}
	if (key->maker != redis)
		violate("the lock of seat s%d of e%d is given back by who did not take it",
			queued->seats[i], queued->event);
	*key = (struct key){ 0 };
}

/* What the script answers. */
static void run_script(const struct redis *redis, const struct queued *queued,
		       char answer[static WORLD_SEATS + 2])
{
	int len = 0;

	for (int i = 0; i < queued->key_count; i++) {
		if (queued->call == CALL_LOCK)
			answer[len++] = run_lock(redis, queued, i);
		else
			run_unlock(redis, queued, i);
	}
	answer[len] = '\0';
}

/* ---- The client ---- */

struct redis *__wrap_redis_new(const struct redis_config *config)
{
	struct redis *const redis = calloc(1, sizeof(*redis));
	assert(redis);
	redis->retry_ms = config->retry_ms;

	return redis;
}

void __wrap_redis_free(struct redis *redis)
{
	free(redis);
}

void __wrap_redis_fail(struct redis *redis)
{
	redis->is_open = false;
	redis->next = redis->end = 0;
	redis->retry_at_ms = scheduler_now_ms() + redis->retry_ms;
}

static err_code failed(struct redis *redis, const char *why, struct err *err)
{
	__wrap_redis_fail(redis);
	world_count(locks_lost);
	return err_set(err, ERR_UNAVAILABLE, "redis: %s", why);
}

err_code __wrap_redis_ensure(struct redis *redis, struct err *err)
{
	nemesis_strike(world.strikes);
	scheduler_yield();
	if (scheduler_is_dying() || scheduler_now_ms() < redis->retry_at_ms)
		return err_set(err, ERR_UNAVAILABLE, "redis: in pause");
	if (world.redis_down || !world.has_locks || fails(world.redis_faults))
		return failed(redis, "no connection", err);
	redis->is_open = true;
	return ERR_OK;
}

static void read_key(const char *text, struct queued *ret)
{
	const char *const event = strchr(text, '{');
	const char *const seat = strrchr(text, ':');
	assert(event && seat);

	/* What one call names is in one place of a cluster. */
	assert(ret->key_count == 0 || ret->event == number_of(event + 1));
	assert(ret->key_count <= WORLD_SEATS);
	ret->event = number_of(event + 1);
	ret->seats[ret->key_count] = number_of(seat + 1);
	assert(ret->event <= WORLD_EVENTS && ret->seats[ret->key_count] <= WORLD_SEATS);
	ret->key_count++;
}

err_code __wrap_redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens,
			     struct err *err)
{
	(void)lens;
	if (!redis->is_open || scheduler_is_dying())
		return err_set(err, ERR_UNAVAILABLE, "redis: not connected");
	assert(redis->end < QUEUE_MAX && argc >= 3);

	struct queued *const queued = &redis->queue[redis->end++];
	*queued = (struct queued){ .call = CALL_LOAD_LOCK };
	if (strcmp(argv[0], "SCRIPT") == 0) {
		queued->call = strstr(argv[2], "'DEL'") ? CALL_LOAD_UNLOCK : CALL_LOAD_LOCK;
		return ERR_OK;
	}
	queued->call = strcmp(argv[1], "lock") == 0 ? CALL_LOCK : CALL_UNLOCK;
	const char **const arguments = argv + 3 + strtol(argv[2], NULL, 10);
	for (const char **key = argv + 3; key < arguments; key++)
		read_key(*key, queued);
	(void)snprintf(queued->token, sizeof(queued->token), "%s", arguments[0]);
	if (queued->call == CALL_LOCK) {
		(void)snprintf(queued->prefix, sizeof(queued->prefix), "%s", arguments[1]);
		queued->ttl_ms = strtoll(arguments[2], NULL, 10);
	}
	return ERR_OK;
}

static redisReply *reply_text(int type, const char *text)
{
	redisReply *const ret = calloc(1, sizeof(*ret));
	assert(ret);
	ret->type = type;
	ret->str = strdup(text);
	assert(ret->str);
	ret->len = strlen(text);

	return ret;
}

void __wrap_freeReplyObject(void *reply)
{
	redisReply *const text = reply;

	if (text)
		free(text->str);
	free(text);
}

static redisReply *execute(struct redis *redis, const struct queued *queued)
{
	const bool is_lock = queued->call == CALL_LOCK;

	if (queued->call == CALL_LOAD_LOCK || queued->call == CALL_LOAD_UNLOCK) {
		const bool loads_lock = queued->call == CALL_LOAD_LOCK;
		*(loads_lock ? &server.has_lock_script : &server.has_unlock_script) = true;
		return reply_text(REDIS_REPLY_STRING, loads_lock ? "lock" : "unlock");
	}
	if (!(is_lock ? server.has_lock_script : server.has_unlock_script))
		return reply_text(REDIS_REPLY_ERROR, "NOSCRIPT No matching script");
	char answer[WORLD_SEATS + 2];
	run_script(redis, queued, answer);
	return reply_text(REDIS_REPLY_STRING, answer);
}

err_code __wrap_redis_reply(struct redis *redis, redisReply **ret, struct err *err)
{
	if (redis->next == 0)
		scheduler_yield();
	if (scheduler_is_dying() || !redis->is_open)
		return err_set(err, ERR_UNAVAILABLE, "redis: not connected");
	if (world.redis_down)
		return failed(redis, "down", err);
	if (fails(world.redis_faults)) {
		/* All was sent, and is done; the answers are lost. */
		for (; redis->next < redis->end && one_in(2); redis->next++)
			__wrap_freeReplyObject(execute(redis, &redis->queue[redis->next]));
		return failed(redis, "the connection broke", err);
	}
	assert(redis->next < redis->end);
	*ret = execute(redis, &redis->queue[redis->next++]);
	if (redis->next == redis->end)
		redis->next = redis->end = 0;
	else if (one_in(4))
		scheduler_yield();
	return ERR_OK;
}
