/* The booking log told to a real Kafka: no row is left out, and each booking's come in order. */
#include "changes.h"
#include "clock.h"
#include "kafka.h"
#include "outbox_fixture.h"
#include "tcp_proxy.h"
#include "told.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")
NEEDS_SERVICE("TEST_KAFKA_BROKERS")

#define WRITERS      4
#define TURNS_RACING 200
#define READ_MS      20000

static struct outbox_fixture fixture;
static struct err err;

static void setup(void)
{
	outbox_fixture_open(&fixture);
}

static void setup_with_topic(void)
{
	setup();
	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
}

static void teardown(void)
{
	outbox_fixture_close(&fixture);
}

static void teardown_with_topic(void)
{
	kafka_topic_delete(fixture.topic);
	teardown();
}

TestSuite(outbox, .init = setup_with_topic, .fini = teardown_with_topic);
TestSuite(outbox_outage, .init = setup, .fini = teardown);

/* Turns until all rows are told: also those that must wait for a transaction of someone else. */
static void follow(struct outbox *outbox)
{
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_SETTLE_MS;

	do {
		int64_t wait_ms = 0;
		const err_code code = outbox_turn(outbox, &wait_ms, &err);
		cr_assert(code == ERR_OK || code == ERR_UNAVAILABLE, "%s", err.text);
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the log is not told: %s",
			     code == ERR_OK ? "still rows" : err.text);
	} while (outbox_fixture_rows_not_told(&fixture) > 0);
}

Test(outbox, tells_each_row_once_when_nothing_happens)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	outbox_fixture_write(fixture.pg, 1, 20, 1, 3);
	follow(outbox);
	cr_expect(outbox_is_active(outbox));
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 60);
	told_expect_in_order(20, 3);
	cr_expect_str_eq(told[0].type, "seatline.booking.held");
	cr_expect_eq(outbox_fixture_metric(&fixture, "\nseatline_outbox_published_total "), 60);
	cr_expect_eq(outbox_fixture_metric(&fixture, "\nseatline_outbox_active "), 1);
	outbox_close(outbox);
}

Test(outbox, leaves_no_row_of_a_transaction_out_that_commits_late)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	struct pg *const early = projector_fixture_pg(&fixture.projector);
	struct pg *const late = projector_fixture_pg(&fixture.projector);
	int64_t wait_ms = 0;
	bool is_unknown = false;

	follow(outbox);
	cr_assert_eq(pg_begin(late, &err), ERR_OK);
	/* It has the smaller transaction id and sequence numbers. */
	outbox_fixture_write(late, 1, 5, 1, 1);
	cr_assert_eq(pg_begin(early, &err), ERR_OK);
	outbox_fixture_write(early, 6, 10, 1, 1);
	cr_assert_eq(pg_commit(early, &is_unknown, &err), ERR_OK);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(outbox_turn(outbox, &wait_ms, &err), ERR_OK, "%s", err.text);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 0, "told what an older transaction may still precede");

	cr_assert_eq(pg_commit(late, &is_unknown, &err), ERR_OK);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 10);
	told_expect_in_order(10, 1);
	pg_free(early);
	pg_free(late);
	outbox_close(outbox);
}

/* A writer of its own, each of whose rows is in a transaction that lasts a moment. */
struct writer {
	struct pg *pg;
	int booking;
	int versions;
};

static void *write_slowly(void *argument)
{
	struct writer *const writer = argument;
	bool is_unknown = false;
	struct err writer_err = { 0 };

	for (int version = 1; version <= writer->versions; version++) {
		if (pg_begin(writer->pg, &writer_err) != ERR_OK)
			return argument;
		outbox_fixture_write(writer->pg, writer->booking, writer->booking, version,
				     version);
		if ((version + writer->booking) % 3 == 0)
			clock_sleep_ms(1);
		if (pg_commit(writer->pg, &is_unknown, &writer_err) != ERR_OK)
			return argument;
	}
	return NULL;
}

static void begin_writers(struct writer *writers, pthread_t *threads, int versions)
{
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ projector_fixture_pg(&fixture.projector), i + 1,
					      versions };
		cr_assert_eq(pthread_create(&threads[i], NULL, write_slowly, &writers[i]), 0);
	}
}

static void end_writers(struct writer *writers, const pthread_t *threads)
{
	for (int i = 0; i < WRITERS; i++) {
		void *failed = NULL;
		cr_assert_eq(pthread_join(threads[i], &failed), 0);
		cr_expect_null(failed);
		pg_free(writers[i].pg);
	}
}

Test(outbox, tells_every_row_in_order_while_writers_race)
{
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	fixture.config->events_batch_max = 7;
	struct outbox *const outbox = outbox_fixture_start(&fixture);

	begin_writers(writers, threads, 100);
	for (int i = 0; i < TURNS_RACING; i++) {
		int64_t wait_ms = 0;
		cr_assert_eq(outbox_turn(outbox, &wait_ms, &err), ERR_OK, "%s", err.text);
	}
	end_writers(writers, threads);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, WRITERS * 100);
	told_expect_in_order(WRITERS, 100);
	outbox_close(outbox);
}

Test(outbox, keeps_each_bookings_order_within_a_batch)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);

	outbox_fixture_write(fixture.pg, 1, 1, 1, 50);  /* one booking, fifty times in a row */
	outbox_fixture_write(fixture.pg, 2, 30, 1, 50); /* many, interleaved                 */
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 30 * 50);
	told_expect_in_order(30, 50);
	outbox_close(outbox);
}

#ifdef SEATLINE_FAULT_POINTS
/* A send that fails may leave any part of itself in the topic: so nothing of it may come after what
 * is not there yet. */
Test(outbox, sends_no_row_before_kafka_has_the_one_before_it)
{
	outbox_fixture_write(fixture.pg, 1, 10, 1, 3);
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		struct outbox *const outbox = outbox_fixture_start(&fixture);
		(void)setenv("FAULT_POINT", "projector_outbox_after_wave", 1);
		int64_t wait_ms = 0;
		while (outbox_turn(outbox, &wait_ms, &err) != ERR_INTERNAL)
			; /* It is killed on the way. */
		_exit(EXIT_FAILURE);
	}

	int status = 0;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 10);
	told_expect_in_order(10, 1);
}
#endif

/* One that leads no longer, and does not know it yet. */
Test(outbox, never_takes_its_position_back)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	outbox_fixture_write(fixture.pg, 1, 1, 1, 1);
	follow(outbox);
	outbox_fixture_write(fixture.pg, 1, 1, 2, 2);
	(void)projector_fixture_sql(fixture.pg, "UPDATE outbox_progress SET xid = '1000000000'");

	for (int64_t wait_ms = 0;
	     outbox_fixture_metric(&fixture, "\nseatline_outbox_published_total ") < 2;)
		cr_assert_eq(outbox_turn(outbox, &wait_ms, &err), ERR_OK, "%s", err.text);

	cr_expect_str_eq(projector_fixture_sql(fixture.pg, "SELECT xid FROM outbox_progress"),
			 "1000000000");
	outbox_close(outbox);
}

Test(outbox, goes_on_after_a_restart_where_it_was)
{
	struct outbox *outbox = outbox_fixture_start(&fixture);
	outbox_fixture_write(fixture.pg, 1, 10, 1, 1);
	follow(outbox);
	outbox_close(outbox);

	outbox_fixture_write(fixture.pg, 1, 10, 2, 2);
	outbox = outbox_fixture_start(&fixture);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 20, "%zu messages for 20 rows", told_count);
	told_expect_in_order(10, 2);
	outbox_close(outbox);
}

/* What a kill between Kafka's acknowledgement and the position in PostgreSQL leaves. */
Test(outbox, repeats_itself_word_for_word_after_a_crash)
{
	struct outbox *outbox = outbox_fixture_start(&fixture);
	outbox_fixture_write(fixture.pg, 1, 10, 1, 1);
	follow(outbox);
	(void)projector_fixture_sql(fixture.pg, "CREATE TABLE before AS TABLE outbox_progress");
	outbox_fixture_write(fixture.pg, 1, 10, 2, 3);
	follow(outbox);
	outbox_close(outbox);
	(void)projector_fixture_sql(fixture.pg, "UPDATE outbox_progress AS p SET xid = b.xid,"
						" seq = b.seq FROM before AS b");

	outbox = outbox_fixture_start(&fixture);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 50);
	told_expect_in_order(10, 3);
	for (size_t i = 0; i < told_count; i++) {
		int times = 0;
		for (size_t k = 0; k < told_count; k++) {
			if (strcmp(told[i].id, told[k].id) != 0)
				continue;
			times++;
			cr_expect_eq(told[i].value_len, told[k].value_len);
		}
		cr_expect_eq(times, told[i].version == 1 ? 1 : 2, "%s came %d times", told[i].id,
			     times);
	}
	outbox_close(outbox);
}

Test(outbox, begins_anew_in_another_cluster)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	char sql[512];

	outbox_fixture_write(fixture.pg, 1, 3, 1, 1);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO outbox_progress (sink, xid, seq)"
		       " SELECT 'another/%s', pg_current_xact_id(), 1000",
		       fixture.topic);
	(void)projector_fixture_sql(fixture.pg, sql);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 3);
	cr_expect_str_eq(projector_fixture_sql(fixture.pg, "SELECT count(*) FROM outbox_progress"),
			 "2");
	outbox_close(outbox);
}

Test(outbox, has_one_of_two_at_work_and_the_other_take_over)
{
	struct outbox *both[2];
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		both[i] = outbox_fixture_start(&fixture);
		cr_assert_eq(pthread_create(&threads[i], NULL, outbox_fixture_run, both[i]), 0);
	}
	outbox_fixture_write(fixture.pg, 1, 10, 1, 5);
	outbox_fixture_wait_told(&fixture);
	cr_assert_eq(outbox_is_active(both[0]) + outbox_is_active(both[1]), 1);
	const int first = outbox_is_active(both[0]) ? 0 : 1;
	outbox_stop(both[first]);
	cr_assert_eq(pthread_join(threads[first], NULL), 0);
	outbox_close(both[first]);

	outbox_fixture_write(fixture.pg, 1, 10, 6, 9);
	outbox_fixture_wait_told(&fixture);
	cr_expect(outbox_is_active(both[!first]));
	outbox_stop(both[!first]);
	cr_assert_eq(pthread_join(threads[!first], NULL), 0);
	outbox_close(both[!first]);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 90, "%zu messages for 90 rows", told_count);
	told_expect_in_order(10, 9);
}

Test(outbox, loses_nothing_when_its_sessions_are_ended_again_and_again)
{
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	struct outbox *both[2];
	pthread_t runners[2];
	fixture.config->events_batch_max = 5;

	for (int i = 0; i < 2; i++) {
		both[i] = outbox_fixture_start(&fixture);
		cr_assert_eq(pthread_create(&runners[i], NULL, outbox_fixture_run, both[i]), 0);
	}
	begin_writers(writers, threads, 60);
	for (int i = 0; i < 8; i++) {
		clock_sleep_ms(30);
		(void)projector_fixture_sql(
			fixture.pg, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
				    " WHERE datname = current_database()"
				    " AND application_name = 'projector-outbox'");
	}
	end_writers(writers, threads);
	outbox_fixture_wait_told(&fixture);
	for (int i = 0; i < 2; i++) {
		void *failed = NULL;
		outbox_stop(both[i]);
		cr_assert_eq(pthread_join(runners[i], &failed), 0);
		cr_expect_null(failed);
		outbox_close(both[i]);
	}
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_geq(told_count, WRITERS * 60);
	told_expect_in_order(WRITERS, 60);
}

/* ---- Without Kafka ---- */

static void expect_held_up(struct outbox *outbox)
{
	int64_t wait_ms = 0;

	cr_expect_eq(outbox_turn(outbox, &wait_ms, &err), ERR_UNAVAILABLE);
	cr_expect_not(outbox_is_active(outbox));
}

Test(outbox_outage, waits_for_its_topic)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_SETTLE_MS;

	outbox_fixture_write(fixture.pg, 1, 5, 1, 2);
	do
		expect_held_up(outbox);
	while (!strstr(err.text, fixture.topic) && clock_monotonic_ms() < deadline_ms);
	cr_expect(strstr(err.text, fixture.topic), "%s", err.text);
	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	cr_expect_eq(told_count, 10);
	told_expect_in_order(5, 2);
	outbox_close(outbox);
	kafka_topic_delete(fixture.topic);
}

Test(outbox_outage, waits_for_kafka)
{
	const char *const port = strrchr(getenv("TEST_KAFKA_BROKERS"), ':');
	struct tcp_proxy *const proxy = tcp_proxy_open((uint16_t)strtoul(port + 1, NULL, 10));
	(void)snprintf(fixture.config->kafka_brokers, sizeof(fixture.config->kafka_brokers),
		       "127.0.0.1:%u", tcp_proxy_port(proxy));
	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	struct outbox *const outbox = outbox_fixture_start(&fixture);

	outbox_fixture_write(fixture.pg, 1, 5, 1, 2);
	expect_held_up(outbox);
	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	expect_held_up(outbox);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	told_expect_in_order(5, 2);
	outbox_close(outbox);
	tcp_proxy_close(proxy);
	kafka_topic_delete(fixture.topic);
}

static void wait_topic_gone(void)
{
	rd_kafka_t *const client = kafka_topic_client(RD_KAFKA_PRODUCER);
	rd_kafka_topic_t *const handle = rd_kafka_topic_new(client, fixture.topic, NULL);
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_SETTLE_MS;
	bool is_gone = false;

	while (!is_gone) {
		const struct rd_kafka_metadata *found = NULL;
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the topic is still there");
		if (rd_kafka_metadata(client, 0, handle, &found, READ_MS) != 0)
			continue;
		is_gone = found->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		rd_kafka_metadata_destroy(found);
	}
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(client);
}

static void turn_until_held_up(struct outbox *outbox)
{
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_SETTLE_MS;
	int64_t wait_ms = 0;

	while (outbox_turn(outbox, &wait_ms, &err) == ERR_OK)
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "it is not held up");
}

/* Its topic is deleted under it and made again: what the old one was told is gone with it. */
Test(outbox_outage, goes_on_with_a_topic_that_was_made_again)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);

	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
	outbox_fixture_write(fixture.pg, 1, 5, 1, 1);
	follow(outbox);
	kafka_topic_delete(fixture.topic);
	wait_topic_gone();
	outbox_fixture_write(fixture.pg, 1, 5, 2, 2);
	turn_until_held_up(outbox);
	cr_expect_eq(outbox_fixture_rows_not_told(&fixture), 5);
	clock_sleep_ms(1000); /* Lags are told in whole seconds. */
	turn_until_held_up(outbox);
	cr_expect_eq(outbox_fixture_metric(&fixture, "\nseatline_outbox_lag_rows "), 5);
	cr_expect_geq(outbox_fixture_metric(&fixture, "\nseatline_outbox_lag_seconds "), 1);

	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
	follow(outbox);
	told_read(fixture.topic, OUTBOX_PARTITIONS);
	for (size_t i = 0; i < told_count; i++)
		cr_expect_eq(told[i].version, 2);
	cr_expect_geq(told_count, 5);
	outbox_close(outbox);
	kafka_topic_delete(fixture.topic);
}
