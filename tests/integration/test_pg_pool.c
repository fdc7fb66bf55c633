/* The pool on a real server that goes, freezes and comes back: nobody waits longer than it says. */
#include "clock.h"
#include "log.h"
#include "pg_pool.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define TIMEOUT_MS 1000
#define WAIT_MS    200
#define MAX        2
/* A connection, a statement, the grace for its answer, and a machine that is busy. */
#define BOUND_MS 15000

static struct tcp_proxy *proxy;
static struct pg_pool *pool;
static struct err err;

static void set_up(void)
{
	log_open("test_pg_pool", LOG_LEVEL_ERROR);
	struct pg *direct = fixture_pg(NULL, TIMEOUT_MS);
	proxy = tcp_proxy_open((uint16_t)strtoul(PQport(pg_conn(direct)), NULL, 10));
	pg_free(direct);

	static char dsn[FIXTURE_TEXT_BYTES_MAX];
	(void)snprintf(dsn, sizeof(dsn), "%s host=127.0.0.1 port=%u", getenv("TEST_PG_DSN"),
		       tcp_proxy_port(proxy));
	const struct pg_config config = {
		.dsn = dsn,
		.application_name = "test_pg_pool",
		.connect_timeout_ms = 2000,
		.statement_timeout_ms = TIMEOUT_MS,
		.idle_in_transaction_timeout_ms = 10000,
	};
	pool = pg_pool_new(&config, MAX, WAIT_MS);
}

static void tear_down(void)
{
	pg_pool_free(pool);
	tcp_proxy_close(proxy);
}

TestSuite(pg_pool, .init = set_up, .fini = tear_down);

/* One statement on a connection of the pool. */
static err_code ask(const char *sql)
{
	struct pg *pg = pg_pool_take(pool, &err);
	if (!pg)
		return err.code;
	const err_code code = pg_query(pg, NULL, sql, NULL, 0, NULL, &err);
	pg_pool_give(pool, pg);
	return code;
}

static void wait_until_up(void)
{
	const int64_t until_ms = clock_monotonic_ms() + BOUND_MS;

	while (ask("SELECT 1") != ERR_OK)
		cr_assert_lt(clock_monotonic_ms(), until_ms, "%s", err.text);
}

Test(pg_pool, connects_when_it_is_needed_and_not_before)
{
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	cr_expect(pg_pool_is_up(pool), "nobody has asked");
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	cr_assert_eq(ask("SELECT 1"), ERR_OK, "%s", err.text);
	cr_expect(pg_pool_is_up(pool));
}

Test(pg_pool, has_as_many_connections_as_it_may_and_no_more)
{
	struct pg *one = pg_pool_take(pool, &err);
	struct pg *two = pg_pool_take(pool, &err);

	cr_assert(one && two, "%s", err.text);
	cr_expect_neq(one, two);
	cr_expect_null(pg_pool_take(pool, &err));
	cr_expect_eq(err.code, ERR_UNAVAILABLE);
	cr_expect(pg_pool_is_up(pool), "it is in use, not down");
	pg_pool_give(pool, one);
	struct pg *again = pg_pool_take(pool, &err);
	cr_expect_eq(again, one);
	pg_pool_give(pool, again);
	pg_pool_give(pool, two);
}

static void *take_and_give(void *ret_code)
{
	*(err_code *)ret_code = ask("SELECT 1");
	return NULL;
}

Test(pg_pool, gives_a_connection_to_who_waits_for_it)
{
	struct pg *one = pg_pool_take(pool, &err);
	struct pg *two = pg_pool_take(pool, &err);
	err_code code = ERR_INTERNAL;
	pthread_t thread;

	cr_assert(one && two);
	cr_assert_eq(pthread_create(&thread, NULL, take_and_give, &code), 0);
	pg_pool_give(pool, one);
	(void)pthread_join(thread, NULL);
	cr_expect_eq(code, ERR_OK);
	pg_pool_give(pool, two);
}

Test(pg_pool, ends_a_transaction_that_was_left_open)
{
	struct pg *pg = pg_pool_take(pool, &err);

	cr_assert_eq(pg_begin(pg, &err), ERR_OK);
	pg_pool_give(pool, pg);
	pg = pg_pool_take(pool, &err);
	cr_expect_eq(PQtransactionStatus(pg_conn(pg)), PQTRANS_IDLE);
	pg_pool_give(pool, pg);
}

Test(pg_pool, does_not_fail_for_a_connection_that_ended_while_nobody_used_it)
{
	struct pg *one = pg_pool_take(pool, &err);
	struct pg *two = pg_pool_take(pool, &err);

	cr_assert(one && two, "%s", err.text);
	pg_pool_give(pool, one);
	pg_pool_give(pool, two);
	/* As if it had been started anew: both connections are reset. */
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	for (int i = 0; i < MAX; i++)
		cr_expect_eq(ask("SELECT 1"), ERR_OK, "%s", err.text);
}

Test(pg_pool, refuses_at_once_after_a_failure_and_then_tries_again)
{
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	cr_expect_eq(ask("SELECT 1"), ERR_UNAVAILABLE);
	cr_expect_not(pg_pool_is_up(pool));

	/* It is back, but that is not looked at for a moment. */
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	const int64_t start_ms = clock_monotonic_ms();
	const err_code code = ask("SELECT 1");
	if (clock_monotonic_ms() - start_ms < PG_POOL_RETRY_MS / 4)
		cr_expect_eq(code, ERR_UNAVAILABLE, "asked within the pause");
	wait_until_up();
	cr_expect(pg_pool_is_up(pool));
}

Test(pg_pool, waits_for_a_frozen_server_no_longer_than_it_says)
{
	cr_assert_eq(ask("SELECT 1"), ERR_OK);
	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	for (int i = 0; i < MAX; i++) {
		const int64_t start_ms = clock_monotonic_ms();
		cr_expect_eq(ask("SELECT 1"), ERR_UNAVAILABLE);
		cr_expect_lt(clock_monotonic_ms() - start_ms, BOUND_MS);
		clock_sleep_ms(PG_POOL_RETRY_MS);
	}
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	wait_until_up();
}

Test(pg_pool, is_not_down_because_a_statement_was_slow_or_wrong)
{
	cr_expect_eq(ask("SELECT pg_sleep(30)"), ERR_UNAVAILABLE);
	cr_expect(pg_pool_is_up(pool));
	cr_expect_eq(ask("SELECT no_such_column"), ERR_INTERNAL);
	cr_expect(pg_pool_is_up(pool));
	cr_expect_eq(ask("SELECT 1"), ERR_OK);
}
