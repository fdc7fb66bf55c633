#include "seat_lock_redis.h"

#include "clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHA_BYTES_MAX   41
#define TOPIC_BYTES_MAX 250
#define OWNER_BYTES_MAX 17
#define TOKEN_BYTES_MAX (TOPIC_BYTES_MAX + 16 + OWNER_BYTES_MAX)
#define KEY_BYTES_MAX   (sizeof("seatline:lock:{}:") + 2 * IDENT_BYTES_MAX)
/* Scripts are lost when Redis restarts or is flushed; a second loss within one call is not bad
 * luck. */
#define ATTEMPTS_MAX 2
/* For a batch, beside the bound of each answer: a lane that waits settles nothing. */
#define BATCH_MS_MAX 1000

/* KEYS[1] the lock; ARGV: own token, "<topic>/<partition>|", expiry in ms. 0 foreign, 1 taken, 2
 * taken over from another owner of the same partition. */
static const char LOCK_SCRIPT[] =
	"local held = redis.call('GET', KEYS[1])\n"
	"if held and string.sub(held, 1, #ARGV[2]) ~= ARGV[2] then return 0 end\n"
	"redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])\n"
	"if held and held ~= ARGV[1] then return 2 end\n"
	"return 1\n";

/* KEYS[1] the lock; ARGV: own token. */
static const char UNLOCK_SCRIPT[] =
	"if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end\n"
	"return 0\n";

struct script {
	const char *text;
	char sha[SHA_BYTES_MAX]; /* "" until loaded */
};

struct seat_lock_redis {
	struct redis *redis;
	char ttl[24];
	char owner[OWNER_BYTES_MAX];
	struct script lock;
	struct script unlock;
};

struct seat_lock_redis *seat_lock_redis_new(struct redis *redis, int64_t ttl_ms)
{
	assert(redis && ttl_ms > 0);

	struct seat_lock_redis *const locks = calloc(1, sizeof(*locks));
	assert(locks);
	uint64_t random = 0;
	const ssize_t len = getrandom(&random, sizeof(random), 0);
	assert(len == (ssize_t)sizeof(random));
	locks->redis = redis;
	(void)snprintf(locks->owner, sizeof(locks->owner), "%016llx", (unsigned long long)random);
	(void)snprintf(locks->ttl, sizeof(locks->ttl), "%lld", (long long)ttl_ms);
	locks->lock.text = LOCK_SCRIPT;
	locks->unlock.text = UNLOCK_SCRIPT;

	return locks;
}

void seat_lock_redis_free(struct seat_lock_redis *locks)
{
	free(locks);
}

static err_code load(struct redis *redis, struct script *script, struct err *err)
{
	if (script->sha[0] != '\0')
		return ERR_OK;

	const char *argv[] = { "SCRIPT", "LOAD", script->text };
	err_code code = redis_append(redis, 3, argv, NULL, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(redis_reply_freep) redisReply *reply = NULL;
	code = redis_reply(redis, &reply, err);
	if (code != ERR_OK)
		return code;
	if (reply->type != REDIS_REPLY_STRING || reply->len >= SHA_BYTES_MAX) {
		redis_fail(redis);
		return err_set(err, ERR_UNAVAILABLE, "redis: SCRIPT LOAD: %s",
			       reply->type == REDIS_REPLY_ERROR ? reply->str : "no string");
	}
	memcpy(script->sha, reply->str, reply->len);
	script->sha[reply->len] = '\0';

	return ERR_OK;
}

/* What one call says to all keys. */
struct run {
	struct seat_lock_redis *locks;
	struct script *script;
	int argument_count;
	const char *arguments[3];
	int64_t deadline_ms;
};

static err_code append(const struct run *run, const struct seat *seat, struct err *err)
{
	char key[KEY_BYTES_MAX];
	const int len =
		snprintf(key, sizeof(key), "seatline:lock:{%s}:%s", seat->event_id, seat->seat_id);
	assert(len > 0 && (size_t)len < sizeof(key));

	const char *argv[4 + 3] = { "EVALSHA", run->script->sha, "1", key };
	for (int i = 0; i < run->argument_count; i++)
		argv[4 + i] = run->arguments[i];

	return redis_append(run->locks->redis, 4 + run->argument_count, argv, NULL, err);
}

/*
 * Reads one reply per seat; results may be NULL. All replies are read, also after one that is an
 * error, or the connection would be out of step; one that is too slow is closed.
 */
static err_code read_replies(const struct run *run, size_t count, enum seat_lock_result *results,
			     bool *ret_no_script, struct err *err)
{
	err_code ret = ERR_OK;

	for (size_t i = 0; i < count; i++) {
		_cleanup_(redis_reply_freep) redisReply *reply = NULL;
		if (clock_monotonic_ms() > run->deadline_ms) {
			redis_fail(run->locks->redis);
			return err_set(err, ERR_UNAVAILABLE, "redis: too slow for a batch");
		}
		const err_code code = redis_reply(run->locks->redis, &reply, err);
		if (code != ERR_OK)
			return code;
		if (reply->type == REDIS_REPLY_INTEGER) {
			if (results)
				results[i] = reply->integer == 0   ? SEAT_LOCK_FOREIGN
					     : reply->integer == 2 ? SEAT_LOCK_TAKEN_OVER
								   : SEAT_LOCK_TAKEN;
			continue;
		}
		const char *const text =
			reply->type == REDIS_REPLY_ERROR ? reply->str : "no number";
		if (strncmp(text, "NOSCRIPT", strlen("NOSCRIPT")) == 0)
			*ret_no_script = true;
		ret = err_set(err, ERR_UNAVAILABLE, "redis: %s", text);
	}
	return ret;
}

static err_code run_once(const struct run *run, const struct seat *seats, size_t count,
			 enum seat_lock_result *results, bool *ret_no_script, struct err *err)
{
	err_code code = load(run->locks->redis, run->script, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < count; i++) {
		code = append(run, &seats[i], err);
		if (code != ERR_OK)
			return code;
	}
	return read_replies(run, count, results, ret_no_script, err);
}

/* Running a script again for a seat that already had its turn changes nothing. */
static err_code run_all(const struct run *run, const struct seat *seats, size_t count,
			enum seat_lock_result *results, struct err *err)
{
	err_code code = redis_ensure(run->locks->redis, err);

	for (int i = 0; i < ATTEMPTS_MAX && code == ERR_OK; i++) {
		bool no_script = false;
		code = run_once(run, seats, count, results, &no_script, err);
		if (!no_script)
			return code;
		run->script->sha[0] = '\0';
		if (i + 1 < ATTEMPTS_MAX)
			code = ERR_OK;
	}
	return code;
}

static void write_token(const struct seat_lock_redis *locks, const struct partition_name *name,
			char buf[static TOKEN_BYTES_MAX], char prefix[static TOKEN_BYTES_MAX])
{
	(void)snprintf(prefix, TOKEN_BYTES_MAX, "%s/%d|", name->topic, (int)name->partition);
	const int len = snprintf(buf, TOKEN_BYTES_MAX, "%s/%d|%s", name->topic,
				 (int)name->partition, locks->owner);
	assert(len > 0 && len < (int)TOKEN_BYTES_MAX);
}

static err_code lock(void *ctx, const struct partition_name *name, const struct seat *seats,
		     size_t count, enum seat_lock_result *ret, struct err *err)
{
	struct seat_lock_redis *const locks = ctx;
	char token[TOKEN_BYTES_MAX];
	char prefix[TOKEN_BYTES_MAX];
	write_token(locks, name, token, prefix);

	const struct run run = { .locks = locks,
				 .script = &locks->lock,
				 .argument_count = 3,
				 .arguments = { token, prefix, locks->ttl },
				 .deadline_ms = clock_monotonic_ms() + BATCH_MS_MAX };

	return run_all(&run, seats, count, ret, err);
}

static void unlock(void *ctx, const struct partition_name *name, const struct seat *seats,
		   size_t count)
{
	struct seat_lock_redis *const locks = ctx;
	char token[TOKEN_BYTES_MAX];
	char prefix[TOKEN_BYTES_MAX];
	write_token(locks, name, token, prefix);

	const struct run run = { .locks = locks,
				 .script = &locks->unlock,
				 .argument_count = 1,
				 .arguments = { token },
				 .deadline_ms = clock_monotonic_ms() + BATCH_MS_MAX };
	/* What is not given back expires, or is taken over by the partition's next owner. */
	(void)run_all(&run, seats, count, NULL, NULL);
}

struct seat_lock seat_lock_redis_ops(struct seat_lock_redis *locks)
{
	static const struct seat_lock_ops ops = { .lock = lock, .unlock = unlock };

	return (struct seat_lock){ .ops = &ops, .ctx = locks };
}
