/* The limit on a real Redis, and on one that goes away: it is shared while it can be. */
#include "clock.h"
#include "log.h"
#include "rate_limit.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS   300
#define TIMEOUT_MS 300
#define QUOTA      5

NEEDS_SERVICE("TEST_REDIS_HOST")

static const struct rate_policy LISTS = { .name = "lists", .quota = QUOTA, .window_s = 3600 };

static struct err err;
static struct metrics *metrics;
static struct rate_limit *limit, *other; /* two programs, or two instances of one */
static struct tcp_proxy *proxy;
static struct redis *redis; /* the test's own, straight to the server */

static struct rate_limit *limit_at(int64_t port)
{
	struct redis_config config = fixture_redis(port);

	config.timeout_ms = TIMEOUT_MS;
	config.retry_ms = RETRY_MS;
	return rate_limit_new(&config, metrics);
}

static void open_limits(void)
{
	struct redis_config config = fixture_redis(0);

	log_open("test_rate_limit", LOG_LEVEL_ERROR);
	metrics = metrics_new();
	proxy = tcp_proxy_open((uint16_t)config.port);
	limit = limit_at(tcp_proxy_port(proxy));
	other = limit_at(0);
	redis = redis_new(&config);
}

static void close_limits(void)
{
	rate_limit_free(limit);
	rate_limit_free(other);
	redis_free(redis);
	tcp_proxy_close(proxy);
	metrics_free(metrics);
}

TestSuite(rate_limit, .init = open_limits, .fini = close_limits);

/* A user that no other test, nor an earlier run, has. There are some per test. */
static const char *new_user(void)
{
	static char users[4][64];
	static size_t count;

	cr_assert_lt(count, sizeof(users) / sizeof(users[0]));
	(void)snprintf(users[count], sizeof(users[count]), "u-%lld-%d-%zu",
		       (long long)clock_wall_ms(), (int)getpid(), count);
	return users[count++];
}

/* The test's own question to Redis; the caller's to free. */
static redisReply *ask(int argc, const char **argv)
{
	redisReply *reply = NULL;

	cr_assert_eq(redis_ensure(redis, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(redis_append(redis, argc, argv, NULL, &err), ERR_OK);
	cr_assert_eq(redis_reply(redis, &reply, &err), ERR_OK, "%s", err.text);
	return reply;
}

static int64_t ask_number(const char *command, const char *argument)
{
	const char *argv[] = { command, argument };
	_cleanup_(redis_reply_freep) redisReply *reply = ask(2, argv);

	return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : reply->integer;
}

static void key_of(const char *who, char buf[static 128])
{
	(void)snprintf(buf, 128, "seatline:rate:{lists:%s}", who);
}

/* How many were counted here. */
static int64_t counted(void)
{
	static const char line[] = "\nseatline_rate_limit_local_total ";
	struct strbuf text;

	strbuf_init(&text, 1 << 20);
	metrics_render(metrics, &text);

	const char *const at = strstr(text.data, line);
	const int64_t ret = at ? strtoll(at + strlen(line), NULL, 10) : -1;

	strbuf_done(&text);
	return ret;
}

static int allowed_of(struct rate_limit *from, const char *who, int count)
{
	int allowed = 0;

	for (int i = 0; i < count; i++)
		allowed += rate_limit_take(from, &LISTS, who).is_allowed;
	return allowed;
}

Test(rate_limit, is_one_for_all_programs)
{
	const char *const who = new_user();

	for (int left = QUOTA - 1; left >= 0; left--) {
		const struct rate_answer answer =
			rate_limit_take(left % 2 ? limit : other, &LISTS, who);

		cr_expect(answer.is_allowed);
		cr_expect_eq(answer.remaining, left);
	}
	cr_expect_eq(allowed_of(limit, who, 10), 0);
	cr_expect_eq(allowed_of(other, who, 10), 0);
	cr_expect(rate_limit_is_up(limit) && rate_limit_is_up(other));
	cr_expect_eq(counted(), 0);
}

Test(rate_limit, keeps_users_apart)
{
	cr_expect_eq(allowed_of(limit, new_user(), QUOTA + 1), QUOTA);
	cr_expect_eq(allowed_of(limit, new_user(), QUOTA + 1), QUOTA);
}

/* What is written is a time of Redis' clock, and no longer kept than it says something. */
Test(rate_limit, goes_by_the_servers_clock_and_expires)
{
	const char *const who = new_user();
	const char *time[] = { "TIME" };
	const int64_t cost_ms = LISTS.window_s * 1000 / QUOTA;
	char key[128];

	key_of(who, key);
	cr_expect(rate_limit_take(limit, &LISTS, who).is_allowed);

	_cleanup_(redis_reply_freep) redisReply *now = ask(1, time);
	const int64_t now_us = strtoll(now->element[0]->str, NULL, 10) * 1000000 +
			       strtoll(now->element[1]->str, NULL, 10);
	const int64_t full_us = ask_number("GET", key);
	const int64_t expires_ms = ask_number("PTTL", key);

	cr_expect_leq(full_us, now_us + cost_ms * 1000);
	cr_expect_gt(full_us, now_us);
	cr_expect(expires_ms > 0 && expires_ms <= cost_ms, "%lld", (long long)expires_ms);
}

/* Redis' clock was set back, or the limit was another one: nobody is locked out for longer. */
Test(rate_limit, owes_no_more_than_a_window)
{
	const struct rate_policy second = { .name = "lists", .quota = 1, .window_s = 1 };
	const char *const who = new_user();
	char key[128];

	key_of(who, key);

	const char *argv[] = { "SET", key, "99999999999999999", "PX", "60000" };

	redis_reply_free(ask(5, argv));

	const struct rate_answer answer = rate_limit_take(limit, &second, who);

	cr_expect_not(answer.is_allowed);
	cr_expect_eq(answer.reset_s, 1);
}

Test(rate_limit, goes_on_after_the_scripts_are_lost)
{
	const char *const who = new_user();
	const char *argv[] = { "SCRIPT", "FLUSH", "SYNC" };

	cr_expect_eq(allowed_of(limit, who, 2), 2);
	redis_reply_free(ask(3, argv));
	cr_expect_eq(allowed_of(limit, who, QUOTA), QUOTA - 2);
	cr_expect(rate_limit_is_up(limit));
	cr_expect_eq(counted(), 0);
}

/* However it fails, the same: nobody is refused for that, and nobody gets more than the quota. */
static void expect_local(enum tcp_proxy_mode mode)
{
	const char *const who = new_user();

	cr_expect_eq(allowed_of(limit, who, QUOTA), QUOTA);
	cr_expect_eq(allowed_of(limit, who, 1), 0);
	tcp_proxy_set(proxy, mode);
	cr_expect_eq(allowed_of(limit, who, QUOTA + 5), QUOTA, "a bucket of this process");
	cr_expect_not(rate_limit_is_up(limit));
	cr_expect_eq(counted(), QUOTA + 5);
	cr_expect_eq(allowed_of(limit, new_user(), QUOTA + 5), QUOTA);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);

	const int64_t until_ms = clock_monotonic_ms() + 10000;

	while (!rate_limit_is_up(limit)) {
		(void)rate_limit_take(limit, &LISTS, who);
		cr_assert_lt(clock_monotonic_ms(), until_ms, "Redis is not asked again");
		clock_sleep_ms(10);
	}
	cr_expect_eq(allowed_of(limit, who, 1), 0, "Redis has not forgotten");
	cr_expect_eq(allowed_of(limit, new_user(), QUOTA + 1), QUOTA);
}

Test(rate_limit, counts_here_while_redis_is_stopped)
{
	expect_local(TCP_PROXY_REFUSE);
}

Test(rate_limit, counts_here_while_redis_is_frozen)
{
	expect_local(TCP_PROXY_STALL);
}

/* A key of another kind, as whoever shares the Redis may make: an error, and no refusal. */
Test(rate_limit, counts_here_when_redis_answers_with_an_error)
{
	const char *const who = new_user();
	char key[128];

	key_of(who, key);

	const char *argv[] = { "LPUSH", key, "x" };

	redis_reply_free(ask(3, argv));
	cr_expect_eq(allowed_of(limit, who, QUOTA + 1), QUOTA);
	cr_expect_eq(counted(), QUOTA + 1);
	(void)ask_number("DEL", key);
}

Test(rate_limit, takes_a_value_that_is_no_number_for_none)
{
	const char *const who = new_user();
	char key[128];

	key_of(who, key);

	const char *argv[] = { "SET", key, "soon" };

	redis_reply_free(ask(3, argv));
	cr_expect_eq(allowed_of(limit, who, QUOTA + 1), QUOTA);
	cr_expect_eq(counted(), 0);
}

Test(rate_limit, has_again_what_was_given_back)
{
	const char *const who = new_user();

	for (int i = 0; i < 3 * QUOTA; i++) {
		cr_expect(rate_limit_take(limit, &LISTS, who).is_allowed);
		rate_limit_give_back(other, &LISTS, who);
	}
	rate_limit_give_back(limit, &LISTS, who);
	cr_expect_eq(allowed_of(limit, who, QUOTA + 1), QUOTA, "no more than full");
	rate_limit_give_back(limit, &LISTS, who);
	cr_expect_eq(allowed_of(other, who, 2), 1);
	cr_expect_eq(counted(), 0);

	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	cr_expect_eq(allowed_of(limit, who, QUOTA + 1), QUOTA);
	rate_limit_give_back(limit, &LISTS, who);
	cr_expect_eq(allowed_of(limit, who, 2), 1);
}
