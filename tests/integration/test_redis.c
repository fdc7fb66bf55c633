/* The Redis adapter on a real server: a Redis that is away costs its user little, once. */
#include "clock.h"
#include "redis.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <stdlib.h>

NEEDS_SERVICE("TEST_REDIS_HOST")

static struct err err;

static err_code ping(struct redis *redis)
{
	const char *argv[] = { "PING" };
	_cleanup_(redis_reply_freep) redisReply *reply = NULL;

	err_code code = redis_ensure(redis, &err);
	if (code == ERR_OK)
		code = redis_append(redis, 1, argv, NULL, &err);
	if (code == ERR_OK)
		code = redis_reply(redis, &reply, &err);
	if (code == ERR_OK)
		cr_expect_str_eq(reply->str, "PONG");

	return code;
}

static struct tcp_proxy *proxy_open(void)
{
	return tcp_proxy_open((uint16_t)fixture_redis(0).port);
}

static struct redis *open_at(int64_t port)
{
	const struct redis_config config = fixture_redis(port);

	return redis_new(&config);
}

Test(redis, answers_a_pipeline_in_order_and_error_replies_are_replies)
{
	struct redis *const redis = open_at(0);
	const char *first[] = { "ECHO", "1" };
	const char *second[] = { "NOSUCHCOMMAND" };
	const char *third[] = { "ECHO", "3" };
	redisReply *replies[3];

	cr_assert_eq(redis_ensure(redis, &err), ERR_OK, "%s", err.text);
	cr_expect(redis_is_up(redis));
	cr_assert_eq(redis_append(redis, 2, first, NULL, &err), ERR_OK);
	cr_assert_eq(redis_append(redis, 1, second, NULL, &err), ERR_OK);
	cr_assert_eq(redis_append(redis, 2, third, NULL, &err), ERR_OK);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(redis_reply(redis, &replies[i], &err), ERR_OK, "%s", err.text);
	cr_expect_str_eq(replies[0]->str, "1");
	cr_expect_eq(replies[1]->type, REDIS_REPLY_ERROR);
	cr_expect_str_eq(replies[2]->str, "3");
	for (int i = 0; i < 3; i++)
		redis_reply_free(replies[i]);
	redis_free(redis);
}

Test(redis, fails_once_in_its_bound_and_then_at_once_until_the_pause_is_over)
{
	struct tcp_proxy *const proxy = proxy_open();
	struct redis *const redis = open_at(tcp_proxy_port(proxy));
	cr_assert_eq(ping(redis), ERR_OK, "%s", err.text);

	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	int64_t from_ms = clock_monotonic_ms();
	cr_expect_eq(ping(redis), ERR_UNAVAILABLE);
	cr_expect_lt(clock_monotonic_ms() - from_ms, 900);
	cr_expect_not(redis_is_up(redis));

	from_ms = clock_monotonic_ms();
	for (int i = 0; i < 100; i++)
		cr_expect_eq(ping(redis), ERR_UNAVAILABLE);
	cr_expect_lt(clock_monotonic_ms() - from_ms, 100, "the pause costs nothing");

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	cr_expect_eq(ping(redis), ERR_UNAVAILABLE, "still in the pause");
	clock_sleep_ms(1100);
	cr_expect_eq(ping(redis), ERR_OK, "%s", err.text);
	cr_expect(redis_is_up(redis));
	redis_free(redis);
	tcp_proxy_close(proxy);
}

Test(redis, opens_a_connection_again_that_the_server_closed_while_idle)
{
	struct tcp_proxy *const proxy = proxy_open();
	struct redis *const redis = open_at(tcp_proxy_port(proxy));
	cr_assert_eq(ping(redis), ERR_OK);

	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	clock_sleep_ms(50);

	cr_expect_eq(ping(redis), ERR_OK, "no pause: %s", err.text);
	redis_free(redis);
	tcp_proxy_close(proxy);
}

Test(redis, reports_a_wrong_password_as_unavailable)
{
	struct redis_config config = fixture_redis(0);
	config.user = "nobody-by-this-name";
	config.password = "wrong";
	struct redis *const redis = redis_new(&config);

	cr_expect_eq(redis_ensure(redis, &err), ERR_UNAVAILABLE);
	cr_expect_not(redis_is_up(redis));
	redis_free(redis);
}
