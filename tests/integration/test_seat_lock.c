/* Seat locks on a real Redis: whose lock gives way to whom. */
#include "clock.h"
#include "log.h"
#include "seat_lock_redis.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_REDIS_HOST")

#define SEATS  3
#define MANY   1000
#define TTL_MS 5000

static struct fixture_name event;
static struct redis *redis;
static struct seat seats[SEATS];
static enum seat_lock_result results[MANY];
static struct err err;

static void set_up(void)
{
	const struct redis_config config = fixture_redis(0);

	log_open("test_seat_lock", LOG_LEVEL_ERROR);
	event = fixture_name("lock");
	redis = redis_new(&config);
	for (int i = 0; i < SEATS; i++) {
		(void)snprintf(seats[i].event_id, sizeof(seats[i].event_id), "%s", event.text);
		(void)snprintf(seats[i].seat_id, sizeof(seats[i].seat_id), "A%d", i + 1);
	}
}

static void tear_down(void)
{
	redis_free(redis);
}

TestSuite(seat_lock, .init = set_up, .fini = tear_down);

static struct partition_name partition(int32_t number)
{
	return (struct partition_name){ "cluster", "topic", number };
}

static err_code lock(struct seat_lock_redis *locks, int32_t number, size_t count)
{
	const struct partition_name name = partition(number);
	const struct seat_lock as = seat_lock_redis_ops(locks);

	return as.ops->lock(as.ctx, &name, seats, count, results, &err);
}

static void unlock(struct seat_lock_redis *locks, int32_t number, size_t count)
{
	const struct partition_name name = partition(number);
	const struct seat_lock as = seat_lock_redis_ops(locks);

	as.ops->unlock(as.ctx, &name, seats, count);
}

static redisReply *command(int argc, const char **argv)
{
	redisReply *reply = NULL;

	cr_assert_eq(redis_ensure(redis, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(redis_append(redis, argc, argv, NULL, &err), ERR_OK);
	cr_assert_eq(redis_reply(redis, &reply, &err), ERR_OK, "%s", err.text);

	return reply;
}

/* The lock's expiry in ms, or -2 when there is none. */
static long long remaining_ms(int seat)
{
	char key[256];
	(void)snprintf(key, sizeof(key), "seatline:lock:{%s}:A%d", event.text, seat);
	const char *argv[] = { "PTTL", key };
	redisReply *const reply = command(2, argv);
	const long long ret = reply->integer;

	redis_reply_free(reply);

	return ret;
}

static void expect(const char *what, const enum seat_lock_result *wanted)
{
	for (int i = 0; i < SEATS; i++)
		cr_expect_eq(results[i], wanted[i], "%s: seat %d is %d", what, i, results[i]);
}

static const enum seat_lock_result all_taken[] = { SEAT_LOCK_TAKEN, SEAT_LOCK_TAKEN,
						   SEAT_LOCK_TAKEN };

Test(seat_lock, is_taken_with_an_expiry_and_again_by_its_owner)
{
	struct seat_lock_redis *const mine = seat_lock_redis_new(redis, TTL_MS);

	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	expect("first", all_taken);
	cr_expect_gt(remaining_ms(1), 0);
	cr_expect_leq(remaining_ms(1), TTL_MS);

	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	expect("again", all_taken);

	unlock(mine, 0, SEATS);
	for (int i = 1; i <= SEATS; i++)
		cr_expect_eq(remaining_ms(i), -2);
	seat_lock_redis_free(mine);
}

Test(seat_lock, is_taken_over_at_once_by_the_partitions_next_owner)
{
	static const enum seat_lock_result taken_over[] = { SEAT_LOCK_TAKEN_OVER, SEAT_LOCK_TAKEN,
							    SEAT_LOCK_TAKEN };
	struct seat_lock_redis *const dead = seat_lock_redis_new(redis, TTL_MS);
	struct seat_lock_redis *const next = seat_lock_redis_new(redis, TTL_MS);

	cr_assert_eq(lock(dead, 0, 1), ERR_OK);
	cr_assert_eq(lock(next, 0, SEATS), ERR_OK);
	expect("next", taken_over);

	unlock(dead, 0, SEATS);
	cr_expect_gt(remaining_ms(1), 0, "the former owner gives back nothing of the next one's");
	unlock(next, 0, SEATS);
	cr_expect_eq(remaining_ms(1), -2);
	seat_lock_redis_free(dead);
	seat_lock_redis_free(next);
}

Test(seat_lock, is_foreign_to_another_partition_until_given_back)
{
	static const enum seat_lock_result wanted[] = { SEAT_LOCK_FOREIGN, SEAT_LOCK_TAKEN,
							SEAT_LOCK_TAKEN };
	struct seat_lock_redis *const here = seat_lock_redis_new(redis, TTL_MS);
	struct seat_lock_redis *const there = seat_lock_redis_new(redis, TTL_MS);

	cr_assert_eq(lock(here, 1, 1), ERR_OK);
	/* Partition 11's name begins like partition 1's. */
	cr_assert_eq(lock(there, 11, SEATS), ERR_OK);
	expect("there", wanted);
	unlock(there, 11, SEATS);
	cr_expect_gt(remaining_ms(1), 0);

	unlock(here, 1, 1);
	cr_assert_eq(lock(there, 11, SEATS), ERR_OK);
	expect("after", all_taken);
	unlock(there, 11, SEATS);
	seat_lock_redis_free(here);
	seat_lock_redis_free(there);
}

Test(seat_lock, expires)
{
	struct seat_lock_redis *const brief = seat_lock_redis_new(redis, 100);
	struct seat_lock_redis *const other = seat_lock_redis_new(redis, TTL_MS);

	cr_assert_eq(lock(brief, 0, SEATS), ERR_OK);
	clock_sleep_ms(200);
	cr_assert_eq(lock(other, 1, SEATS), ERR_OK);
	expect("after the expiry", all_taken);
	unlock(other, 1, SEATS);
	seat_lock_redis_free(brief);
	seat_lock_redis_free(other);
}

Test(seat_lock, loads_its_scripts_again_when_redis_lost_them)
{
	const char *flush[] = { "SCRIPT", "FLUSH" };
	struct seat_lock_redis *const mine = seat_lock_redis_new(redis, TTL_MS);

	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK);
	redis_reply_free(command(2, flush));
	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	expect("after a flush", all_taken);
	redis_reply_free(command(2, flush));
	unlock(mine, 0, SEATS);
	cr_expect_eq(remaining_ms(1), -2);
	seat_lock_redis_free(mine);
}

Test(seat_lock, treats_a_key_of_another_kind_as_locks_that_are_away)
{
	char key[256];
	(void)snprintf(key, sizeof(key), "seatline:lock:{%s}:A2", event.text);
	const char *push[] = { "LPUSH", key, "x" };
	const char *del[] = { "DEL", key };
	struct seat_lock_redis *const mine = seat_lock_redis_new(redis, TTL_MS);

	redis_reply_free(command(3, push));
	cr_expect_eq(lock(mine, 0, SEATS), ERR_UNAVAILABLE);
	redis_reply_free(command(2, del));
	cr_expect_eq(lock(mine, 0, SEATS), ERR_OK, "the connection is in step: %s", err.text);
	unlock(mine, 0, SEATS);
	seat_lock_redis_free(mine);
}

static struct seat many[MANY];

/* Of this many events, in turn. */
static void name_many(int events)
{
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(many[i].event_id, sizeof(many[i].event_id), "%s.%d", event.text,
			       i % events);
		(void)snprintf(many[i].seat_id, sizeof(many[i].seat_id), "M%d", i);
	}
}

Test(seat_lock, takes_a_whole_batch_and_tells_of_each_seat)
{
	struct seat_lock_redis *const other = seat_lock_redis_new(redis, TTL_MS);
	const struct seat_lock as_other = seat_lock_redis_ops(other);
	const struct partition_name others = partition(1);
	struct seat_lock_redis *const mine = seat_lock_redis_new(redis, TTL_MS);
	const struct seat_lock as = seat_lock_redis_ops(mine);
	const struct partition_name name = partition(0);
	/* More of an event than one call names. */
	name_many(3);

	cr_assert_eq(as_other.ops->lock(as_other.ctx, &others, many + 10, 20, results, &err),
		     ERR_OK);
	cr_assert_eq(as.ops->lock(as.ctx, &name, many, MANY, results, &err), ERR_OK, "%s",
		     err.text);
	for (int i = 0; i < MANY; i++)
		cr_expect_eq(results[i], i >= 10 && i < 30 ? SEAT_LOCK_FOREIGN : SEAT_LOCK_TAKEN,
			     "seat %d", i);
	as.ops->unlock(as.ctx, &name, many, MANY);
	cr_assert_eq(as_other.ops->lock(as_other.ctx, &others, many, MANY, results, &err), ERR_OK);
	for (int i = 0; i < MANY; i++)
		cr_expect_eq(results[i], SEAT_LOCK_TAKEN, "seat %d is given back", i);
	as_other.ops->unlock(as_other.ctx, &others, many, MANY);
	seat_lock_redis_free(mine);
	seat_lock_redis_free(other);
}

Test(seat_lock, waits_no_longer_for_a_batch_though_each_answer_comes_in_time)
{
	struct tcp_proxy *const proxy = tcp_proxy_open((uint16_t)fixture_redis(0).port);
	const struct redis_config config = fixture_redis(tcp_proxy_port(proxy));
	struct redis *const far = redis_new(&config);
	struct seat_lock_redis *const mine = seat_lock_redis_new(far, TTL_MS);
	const struct seat_lock as = seat_lock_redis_ops(mine);
	const struct partition_name name = partition(0);
	name_many(MANY);
	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	tcp_proxy_set(proxy, TCP_PROXY_TRICKLE);

	const int64_t from_ms = clock_monotonic_ms();
	cr_expect_eq(as.ops->lock(as.ctx, &name, many, MANY, results, &err), ERR_UNAVAILABLE);
	cr_expect_lt(clock_monotonic_ms() - from_ms, 5000, "all answers take a minute");
	cr_expect_not_null(strstr(err.text, "batch"), "%s", err.text);

	seat_lock_redis_free(mine);
	redis_free(far);
	tcp_proxy_close(proxy);
}

Test(seat_lock, says_in_its_bound_that_redis_is_away_and_recovers)
{
	struct tcp_proxy *const proxy = tcp_proxy_open((uint16_t)fixture_redis(0).port);
	const struct redis_config config = fixture_redis(tcp_proxy_port(proxy));
	struct redis *const far = redis_new(&config);
	struct seat_lock_redis *const mine = seat_lock_redis_new(far, TTL_MS);

	cr_assert_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	const int64_t from_ms = clock_monotonic_ms();
	cr_expect_eq(lock(mine, 0, SEATS), ERR_UNAVAILABLE);
	cr_expect_lt(clock_monotonic_ms() - from_ms, 900);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	clock_sleep_ms(1100);
	cr_expect_eq(lock(mine, 0, SEATS), ERR_OK, "%s", err.text);
	unlock(mine, 0, SEATS);
	seat_lock_redis_free(mine);
	redis_free(far);
	tcp_proxy_close(proxy);
}
