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

/* One call has seats of one event: the event's id is what Redis Cluster places keys by. */
#define KEYS_MAX      128
#define ARGUMENTS_MAX 3

/* KEYS locks; ARGV: own token, "<topic>/<partition>|", expiry in ms. For each a digit: 0 foreign, 1
 * taken, 2 taken over from another owner of the same partition. */
static const char LOCK_SCRIPT[] =
	"local ret = {}\n"
	"for i, key in ipairs(KEYS) do\n"
	"  local held = redis.call('GET', key)\n"
	"  if held and string.sub(held, 1, #ARGV[2]) ~= ARGV[2] then\n"
	"    ret[i] = 0\n"
	"  else\n"
	"    redis.call('SET', key, ARGV[1], 'PX', ARGV[3])\n"
	"    ret[i] = held and held ~= ARGV[1] and 2 or 1\n"
	"  end\n"
	"end\n"
	"return table.concat(ret)\n";

/* KEYS locks; ARGV: own token. */
static const char UNLOCK_SCRIPT[] =
	"local own = {}\n"
	"for i, held in ipairs(redis.call('MGET', unpack(KEYS))) do\n"
	"  if held == ARGV[1] then own[#own + 1] = KEYS[i] end\n"
	"end\n"
	"if #own > 0 then redis.call('DEL', unpack(own)) end\n"
	"return ''\n";

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
	/* Of the seats in hand, event by event. */
	const struct seat **order;
	size_t order_max;
	char keys[KEYS_MAX][KEY_BYTES_MAX];
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
	if (!locks)
		return;

	free(locks->order);
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

/* What is said to all keys. */
struct run {
	struct seat_lock_redis *locks;
	struct script *script;
	const struct seat *seats;
	size_t count;
	enum seat_lock_result *results; /* as seats; may be NULL */
	int argument_count;
	const char *arguments[ARGUMENTS_MAX];
	int64_t deadline_ms;
};

static int compare_events(const void *a, const void *b)
{
	const struct seat *const *const one = a;
	const struct seat *const *const other = b;

	return strcmp((*one)->event_id, (*other)->event_id);
}

static void put_in_order(const struct run *run)
{
	struct seat_lock_redis *const locks = run->locks;

	if (locks->order_max < run->count) {
		free(locks->order);
		locks->order = calloc(run->count, sizeof(locks->order[0]));
		assert(locks->order);
		locks->order_max = run->count;
	}
	for (size_t i = 0; i < run->count; i++)
		locks->order[i] = &run->seats[i];
	qsort(locks->order, run->count, sizeof(locks->order[0]), compare_events);
}

/* How many seats, from the `from`-th in order, one call has. */
static size_t call_size(const struct run *run, size_t from)
{
	const struct seat *const *const order = run->locks->order;
	size_t ret = 1;

	while (from + ret < run->count && ret < KEYS_MAX &&
	       strcmp(order[from + ret]->event_id, order[from]->event_id) == 0)
		ret++;

	return ret;
}

static err_code append(const struct run *run, size_t from, size_t size, struct err *err)
{
	struct seat_lock_redis *const locks = run->locks;
	char key_count[16];
	const char *argv[3 + KEYS_MAX + ARGUMENTS_MAX] = { "EVALSHA", run->script->sha, key_count };
	int argc = 3;

	(void)snprintf(key_count, sizeof(key_count), "%zu", size);
	for (size_t i = 0; i < size; i++) {
		const struct seat *const seat = locks->order[from + i];
		const int len = snprintf(locks->keys[i], KEY_BYTES_MAX, "seatline:lock:{%s}:%s",
					 seat->event_id, seat->seat_id);
		assert(len > 0 && (size_t)len < KEY_BYTES_MAX);
		argv[argc++] = locks->keys[i];
	}
	for (int i = 0; i < run->argument_count; i++)
		argv[argc++] = run->arguments[i];

	return redis_append(locks->redis, argc, argv, NULL, err);
}

/* A digit for each seat of the call; none when nobody wants to know. */
static err_code read_results(const struct run *run, size_t from, size_t size,
			     const redisReply *reply, struct err *err)
{
	if (!run->results)
		return ERR_OK;
	if (reply->len != size)
		return err_set(err, ERR_UNAVAILABLE, "redis: %zu answers for %zu seats",
			       (size_t)reply->len, size);
	for (size_t i = 0; i < size; i++)
		run->results[run->locks->order[from + i] - run->seats] =
			reply->str[i] == '0'   ? SEAT_LOCK_FOREIGN
			: reply->str[i] == '2' ? SEAT_LOCK_TAKEN_OVER
					       : SEAT_LOCK_TAKEN;
	return ERR_OK;
}

/*
 * Reads one reply per call. All replies are read, also after one that is an error, or the
 * connection would be out of step; one that is too slow is closed.
 */
static err_code read_replies(const struct run *run, bool *ret_no_script, struct err *err)
{
	err_code ret = ERR_OK;
	size_t size = 0;

	for (size_t from = 0; from < run->count; from += size) {
		_cleanup_(redis_reply_freep) redisReply *reply = NULL;
		size = call_size(run, from);
		if (clock_monotonic_ms() > run->deadline_ms) {
			redis_fail(run->locks->redis);
			return err_set(err, ERR_UNAVAILABLE, "redis: too slow for a batch");
		}
		err_code code = redis_reply(run->locks->redis, &reply, err);
		if (code != ERR_OK)
			return code;
		if (reply->type == REDIS_REPLY_STRING) {
			code = read_results(run, from, size, reply, err);
			ret = code == ERR_OK ? ret : code;
			continue;
		}
		const char *const text =
			reply->type == REDIS_REPLY_ERROR ? reply->str : "no string";
		if (strncmp(text, "NOSCRIPT", strlen("NOSCRIPT")) == 0)
			*ret_no_script = true;
		ret = err_set(err, ERR_UNAVAILABLE, "redis: %s", text);
	}
	return ret;
}

static err_code run_once(const struct run *run, bool *ret_no_script, struct err *err)
{
	size_t size = 0;

	err_code code = load(run->locks->redis, run->script, err);
	if (code != ERR_OK)
		return code;
	for (size_t from = 0; from < run->count; from += size) {
		size = call_size(run, from);
		code = append(run, from, size, err);
		if (code != ERR_OK)
			return code;
	}
	return read_replies(run, ret_no_script, err);
}

/* Running a script again for a seat that already had its turn changes nothing. */
static err_code run_all(const struct run *run, struct err *err)
{
	err_code code = redis_ensure(run->locks->redis, err);

	put_in_order(run);

	for (int i = 0; i < ATTEMPTS_MAX && code == ERR_OK; i++) {
		bool no_script = false;
		code = run_once(run, &no_script, err);
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
				 .seats = seats,
				 .count = count,
				 .results = ret,
				 .argument_count = 3,
				 .arguments = { token, prefix, locks->ttl },
				 .deadline_ms = clock_monotonic_ms() + BATCH_MS_MAX };

	return run_all(&run, err);
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
				 .seats = seats,
				 .count = count,
				 .argument_count = 1,
				 .arguments = { token },
				 .deadline_ms = clock_monotonic_ms() + BATCH_MS_MAX };
	/* What is not given back expires, or is taken over by the partition's next owner. */
	(void)run_all(&run, NULL);
}

struct seat_lock seat_lock_redis_ops(struct seat_lock_redis *locks)
{
	static const struct seat_lock_ops ops = { .lock = lock, .unlock = unlock };

	return (struct seat_lock){ .ops = &ops, .ctx = locks };
}
