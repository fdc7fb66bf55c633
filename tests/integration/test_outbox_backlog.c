/* The outbox leaves the processors to maps that are behind, and yet tells the log. */
#include "clock.h"
#include "kafka_topic.h"
#include "outbox.h"
#include "projector_fixture.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")
NEEDS_SERVICE("TEST_KAFKA_BROKERS")

#define PARTITIONS        3
#define SETTLE_MS         20000
#define POLL_MS           5
#define METRICS_BYTES_MAX (256u << 10)

/* Maps that are behind whenever that is asked, up to `times`. */
struct maps_behind {
	int times;
	int asked;
	int64_t told; /* rows, when they were behind last */
};

static struct projector_fixture fixture;
static char topic[KAFKA_TOPIC_BYTES_MAX];
static struct metrics *metrics;
static struct err err;

static void setup(void)
{
	projector_fixture_open(&fixture);
	kafka_topic_name("booking_events", topic);
	kafka_topic_create(topic, PARTITIONS);
	metrics = metrics_new();
	struct projector_config *const config = &fixture.config;
	(void)snprintf(config->kafka_brokers, sizeof(config->kafka_brokers), "%s",
		       getenv("TEST_KAFKA_BROKERS"));
	(void)snprintf(config->events_topic, sizeof(config->events_topic), "%s", topic);
	config->events_batch_max = 500;
	config->kafka_message_timeout_ms = 1000;
}

static void teardown(void)
{
	metrics_free(metrics);
	kafka_topic_delete(topic);
	projector_fixture_close(&fixture);
}

TestSuite(outbox_backlog, .init = setup, .fini = teardown);

static void write_row(void)
{
	(void)projector_fixture_sql(
		fixture.pg,
		"INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, status,"
		" booking_seats, requested_at, decided_at, seat_ids, seat_positions, seat_statuses,"
		" seat_versions, mode, command, result)"
		" VALUES (gen_random_uuid(), 1, 'e', 'u', 'held', '{S1}', now(), now(), '{S1}',"
		" '{1}', '{held}', '{1}', 'hold', 'hold', 'done') RETURNING seq");
}

static int64_t rows_not_told(void)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM booking_log AS l WHERE NOT EXISTS (SELECT"
		       " FROM outbox_progress AS p WHERE (p.xid, p.seq) >= (l.xid, l.seq)"
		       " AND p.sink LIKE '%%/%s')",
		       topic);
	return strtoll(projector_fixture_sql(fixture.pg, sql), NULL, 10);
}

/* Also from the outbox's thread. */
static int64_t rows_told(void)
{
	static const char name[] = "\nseatline_outbox_published_total ";
	_cleanup_(strbuf_done) struct strbuf text;
	strbuf_init(&text, METRICS_BYTES_MAX);
	metrics_render(metrics, &text);
	const char *const line = strstr(text.data, name);

	return line ? strtoll(line + strlen(name), NULL, 10) : -1;
}

static bool is_behind(void *ctx)
{
	struct maps_behind *const maps = ctx;

	maps->asked++;
	if (maps->asked > maps->times)
		return false;
	maps->told = rows_told();
	return true;
}

static void *run(void *argument)
{
	struct err run_err = { 0 };

	return outbox_run(argument, &run_err) == ERR_OK ? NULL : argument;
}

static void run_until_told(struct maps_behind *maps)
{
	const int64_t deadline_ms = clock_monotonic_ms() + SETTLE_MS;
	struct outbox *outbox = NULL;
	pthread_t thread;
	void *failed = NULL;

	write_row();
	cr_assert_eq(outbox_open(&fixture.config, metrics, &outbox, &err), ERR_OK, "%s", err.text);
	outbox_give_way_to(outbox, is_behind, maps);
	cr_assert_eq(pthread_create(&thread, NULL, run, outbox), 0);
	while (rows_not_told() > 0) {
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the log is not told");
		clock_sleep_ms(POLL_MS);
	}
	outbox_stop(outbox);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_expect_null(failed, "it could not go on");
	outbox_close(outbox);
}

Test(outbox_backlog, gives_way_while_maps_are_behind)
{
	struct maps_behind maps = { .times = 5 };

	run_until_told(&maps);
	cr_expect_gt(maps.asked, maps.times);
	cr_expect_eq(maps.told, 0, "%" PRId64 " told while maps were behind", maps.told);
}

Test(outbox_backlog, tells_the_log_however_long_maps_are_behind)
{
	struct maps_behind maps = { .times = INT_MAX };

	run_until_told(&maps);
}
