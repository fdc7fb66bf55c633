/*
 * worker_fixture - what the worker's integration tests share: names nobody else uses, rows, topics.
 *
 * Every function fails the test when it cannot do its work.
 */
#pragma once

#include "command.h"
#include "pg.h"
#include "redis.h"
#include "source.h"

#include <criterion/criterion.h>

#define FIXTURE_NAME_BYTES_MAX 48
#define FIXTURE_TEXT_BYTES_MAX 512

struct fixture_name {
	char text[FIXTURE_NAME_BYTES_MAX];
};

/* Unique among runs, programs and tests that run at once; also a good ident. */
struct fixture_name fixture_name(const char *stem);

/* TEST_PG_DSN, connected. A dsn of its own (a proxy's) may be given instead of NULL. */
struct pg *fixture_pg(const char *dsn, int64_t statement_timeout_ms);
/* Runs a statement with up to three parameters; the first value of the first row, "" for none. */
const char *fixture_sql(struct pg *pg, const char *sql, const char *a, const char *b,
			const char *c);
int64_t fixture_number(struct pg *pg, const char *sql, const char *a);
/* An event with seats A1, A2, .. */
void fixture_event(struct pg *pg, const char *event_id, int seats);

/* TEST_REDIS_HOST, _PORT and _PASSWORD, or the port given when it is not 0. */
struct redis_config fixture_redis(int64_t port);

const char *fixture_brokers(void);
void fixture_topic(const char *topic, int partitions);
/* Values "0", "1", .. onto one partition. */
void fixture_produce(const char *topic, int partition, int from, int count);
/* The same in one transaction, whose end takes an offset that no consumer sees. */
void fixture_produce_transaction(const char *topic, int partition, int from, int count);
/* Has the log drop what is before the offset. */
void fixture_drop_before(const char *topic, int partition, int64_t offset);
