#include "rate_limit.h"

#include "clock.h"
#include "log.h"
#include "rate_local.h"
#include "redis_pool.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US        1000000
#define KEY_PREFIX       "seatline:rate:"
#define CLASS_BYTES_MAX  (RATE_NAME_BYTES_MAX + RATE_WHO_BYTES_MAX) /* "<class>:<who>" */
#define KEY_BYTES_MAX    (sizeof(KEY_PREFIX "{}") + CLASS_BYTES_MAX)
#define SHA_BYTES_MAX    41
#define NUMBER_BYTES_MAX 24
#define HEADER_BYTES_MAX 64
/* Scripts are lost when Redis restarts or is flushed; a second loss at once is not bad luck. */
#define ATTEMPTS_MAX 2

/*
 * KEYS one bucket; ARGV: what one costs (negative: it is given back) and the most that is lent, in
 * microseconds. Whether one was taken, and the debt after that. A debt beyond the window is one of
 * a clock that was set back, or of another limit.
 */
static const char SCRIPT[] =
	"local time = redis.call('TIME')\n"
	"local now = time[1] * 1000000 + time[2]\n"
	"local cost, window = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
	"local full = tonumber(redis.call('GET', KEYS[1]) or now) or now\n"
	"local debt = math.min(math.max(full - now, 0), window)\n"
	"if debt + cost > window then return { 0, debt } end\n"
	"debt = math.max(debt + cost, 1)\n"
	"redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', "
	"math.ceil(debt / 1000))\n"
	"return { 1, debt }\n";

struct rate_limit {
	struct redis_pool *pool;
	struct rate_local *local;
	pthread_mutex_t sha_lock;
	char sha[SHA_BYTES_MAX]; /* the script's name; "" until Redis was told it */
	atomic_bool up;
	struct metric *allowed;
	struct metric *refused;
	struct metric *counted_here;
};

/* One question, and what it came to. */
struct taking {
	char bucket[CLASS_BYTES_MAX]; /* "<class>:<who>" */
	int64_t cost_us;
	int64_t window_us;
	bool is_taken;
	int64_t debt_us;
};

struct rate_limit *rate_limit_new(const struct redis_config *redis, struct metrics *metrics)
{
	struct rate_limit *const limit = calloc(1, sizeof(*limit));
	assert(limit);

	limit->pool = redis_pool_new(redis);
	limit->local = rate_local_new(RATE_LOCAL_BUCKETS_MAX);
	(void)pthread_mutex_init(&limit->sha_lock, NULL); /* Cannot fail on Linux. */
	atomic_init(&limit->up, true);
	limit->allowed = metrics_add_counter(metrics, "seatline_rate_limit_total",
					     "answer=\"allowed\"",
					     "What users asked for under a limit, by the answer.");
	limit->refused = metrics_add_counter(metrics, "seatline_rate_limit_total",
					     "answer=\"refused\"",
					     "What users asked for under a limit, by the answer.");
	limit->counted_here =
		metrics_add_counter(metrics, "seatline_rate_limit_local_total", NULL,
				    "Of these, what was counted here, since Redis did not.");
	return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
	if (!limit)
		return;

	redis_pool_free(limit->pool);
	rate_local_free(limit->local);
	(void)pthread_mutex_destroy(&limit->sha_lock); /* Nobody holds it: cannot fail. */
	free(limit);
}

bool rate_limit_is_up(const struct rate_limit *limit)
{
	return atomic_load(&limit->up);
}

/* --- Redis --- */

static err_code call(struct redis *redis, int argc, const char **argv, redisReply **ret,
		     struct err *err)
{
	const err_code code = redis_append(redis, argc, argv, NULL, err);

	return code == ERR_OK ? redis_reply(redis, ret, err) : code;
}

static bool read_sha(struct rate_limit *limit, char ret[static SHA_BYTES_MAX])
{
	(void)pthread_mutex_lock(&limit->sha_lock);
	memcpy(ret, limit->sha, SHA_BYTES_MAX);
	(void)pthread_mutex_unlock(&limit->sha_lock);
	return ret[0] != '\0';
}

static err_code load(struct rate_limit *limit, struct redis *redis, char ret[static SHA_BYTES_MAX],
		     struct err *err)
{
	const char *argv[] = { "SCRIPT", "LOAD", SCRIPT };
	_cleanup_(redis_reply_freep) redisReply *reply = NULL;
	const err_code code = call(redis, 3, argv, &reply, err);

	if (code != ERR_OK)
		return code;
	if (reply->type != REDIS_REPLY_STRING || reply->len != SHA_BYTES_MAX - 1)
		return err_set(err, ERR_UNAVAILABLE, "redis: SCRIPT LOAD: %s",
			       reply->type == REDIS_REPLY_ERROR ? reply->str : "no name");
	memcpy(ret, reply->str, SHA_BYTES_MAX);
	(void)pthread_mutex_lock(&limit->sha_lock);
	memcpy(limit->sha, ret, SHA_BYTES_MAX);
	(void)pthread_mutex_unlock(&limit->sha_lock);
	return ERR_OK;
}

static err_code read_reply(const redisReply *reply, struct taking *taking, struct err *err)
{
	if (reply->type == REDIS_REPLY_ERROR)
		return err_set(err, ERR_UNAVAILABLE, "redis: %s", reply->str);
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER ||
	    reply->element[1]->type != REDIS_REPLY_INTEGER)
		return err_set(err, ERR_UNAVAILABLE, "redis: an answer of another kind");

	taking->is_taken = reply->element[0]->integer == 1;
	taking->debt_us = reply->element[1]->integer;
	return ERR_OK;
}

static bool is_script_lost(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR &&
	       strncmp(reply->str, "NOSCRIPT", strlen("NOSCRIPT")) == 0;
}

static err_code ask(struct rate_limit *limit, struct redis *redis, struct taking *taking,
		    struct err *err)
{
	char key[KEY_BYTES_MAX], sha[SHA_BYTES_MAX], cost[NUMBER_BYTES_MAX],
		window[NUMBER_BYTES_MAX];
	const char *argv[] = { "EVALSHA", sha, "1", key, cost, window };
	err_code code = redis_ensure(redis, err);
	bool is_known = read_sha(limit, sha);

	(void)snprintf(key, sizeof(key), KEY_PREFIX "{%s}", taking->bucket);
	(void)snprintf(cost, sizeof(cost), "%" PRId64, taking->cost_us);
	(void)snprintf(window, sizeof(window), "%" PRId64, taking->window_us);
	for (int i = 0; i < ATTEMPTS_MAX && code == ERR_OK; i++) {
		_cleanup_(redis_reply_freep) redisReply *reply = NULL;

		if (!is_known)
			code = load(limit, redis, sha, err);
		if (code == ERR_OK)
			code = call(redis, sizeof(argv) / sizeof(argv[0]), argv, &reply, err);
		if (code == ERR_OK && !is_script_lost(reply))
			return read_reply(reply, taking, err);
		is_known = false;
	}
	return code == ERR_OK ? err_set(err, ERR_UNAVAILABLE, "redis: lost the script twice")
			      : code;
}

/* One line per change, however many requests see it. */
static void note_state(struct rate_limit *limit, bool up, const struct err *err)
{
	if (atomic_exchange(&limit->up, up) == up)
		return;
	if (up)
		log_info("rate_limit_store_back");
	else
		log_warn("rate_limit_store_lost", LOG_STR("error", err->text));
}

static bool take_from_redis(struct rate_limit *limit, struct taking *taking)
{
	struct redis *const redis = redis_pool_take(limit->pool);
	struct err err = { .text = "no connection came free in time" };
	bool is_answered = false;

	if (redis) {
		is_answered = ask(limit, redis, taking, &err) == ERR_OK;
		redis_pool_give_back(limit->pool, redis);
	}
	note_state(limit, is_answered, &err);
	return is_answered;
}

/* --- the limit --- */

static int64_t seconds_up(int64_t us)
{
	return (us + SECOND_US - 1) / SECOND_US;
}

static struct taking taking_of(const struct rate_policy *policy, const char *who)
{
	const int64_t window_us = policy->window_s * SECOND_US;
	struct taking taking = { .cost_us = window_us / policy->quota, .window_us = window_us };
	const int len = snprintf(taking.bucket, sizeof(taking.bucket), "%s:%s", policy->name, who);

	assert(len > 0 && (size_t)len < sizeof(taking.bucket) && taking.cost_us > 0);
	(void)len; /* Only the assertion reads it. */
	return taking;
}

struct rate_answer rate_limit_take(struct rate_limit *limit, const struct rate_policy *policy,
				   const char *who)
{
	assert(policy->quota >= 0 && policy->quota <= RATE_QUOTA_MAX);
	if (policy->quota == 0)
		return (struct rate_answer){ .is_allowed = true };

	struct taking taking = taking_of(policy, who);
	const int64_t window_us = taking.window_us;

	if (!take_from_redis(limit, &taking)) {
		taking.is_taken = rate_local_take(limit->local, taking.bucket, taking.cost_us,
						  window_us, clock_monotonic_us(),
						  &taking.debt_us);
		metric_add(limit->counted_here, 1);
	}
	metric_add(taking.is_taken ? limit->allowed : limit->refused, 1);

	return (struct rate_answer){
		.is_limited = true,
		.is_allowed = taking.is_taken,
		.remaining = (window_us - taking.debt_us) / taking.cost_us,
		.reset_s = seconds_up(taking.is_taken ? taking.debt_us
						      : taking.debt_us + taking.cost_us -
								window_us),
	};
}

void rate_limit_give_back(struct rate_limit *limit, const struct rate_policy *policy,
			  const char *who)
{
	if (policy->quota == 0)
		return;

	struct taking taking = taking_of(policy, who);
	const int64_t cost_us = taking.cost_us;

	taking.cost_us = -cost_us;
	if (!take_from_redis(limit, &taking))
		rate_local_give_back(limit->local, taking.bucket, cost_us);
}

bool rate_limit_say(const struct rate_policy *policy, const struct rate_answer *answer,
		    struct http_response *response)
{
	char text[HEADER_BYTES_MAX];

	if (!answer->is_limited)
		return true;
	(void)snprintf(text, sizeof(text), "\"%s\";q=%" PRId64 ";w=%" PRId64, policy->name,
		       policy->quota, policy->window_s);
	http_response_header(response, "RateLimit-Policy", text);
	(void)snprintf(text, sizeof(text), "\"%s\";r=%" PRId64 ";t=%" PRId64, policy->name,
		       answer->remaining, answer->reset_s);
	http_response_header(response, "RateLimit", text);
	if (answer->is_allowed)
		return true;
	(void)snprintf(text, sizeof(text), "%" PRId64, answer->reset_s);
	http_response_header(response, "Retry-After", text);
	http_problem(response, 429, "too-many-requests",
		     "You have asked for more than your limit allows. Try again later.");
	return false;
}

bool rate_limit_pass(struct rate_limit *limit, const struct rate_policy *policy, const char *who,
		     struct http_response *response)
{
	const struct rate_answer answer = rate_limit_take(limit, policy, who);

	return rate_limit_say(policy, &answer, response);
}
