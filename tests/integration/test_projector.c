/* The projector on real servers: whatever happens to it, the read model ends up equal. */
#include "clock.h"
#include "projector_fixture.h"
#include "state.h"
#include "store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

static struct projector_fixture fixture;
static struct err err;

static void setup(void)
{
	projector_fixture_open(&fixture);
}

static void teardown(void)
{
	projector_fixture_close(&fixture);
}

TestSuite(projector, .init = setup, .fini = teardown);

static void position(struct read_model_state *ret)
{
	cr_assert_eq(state_read(fixture.mongo, ret, &err), ERR_OK, "%s", err.text);
}

Test(projector, builds_an_empty_read_model_by_itself_and_follows)
{
	projector_fixture_event(&fixture, "e", 1500);
	projector_fixture_event(&fixture, "e-2", 3);
	projector_fixture_event(&fixture, "no-seats", 0);
	projector_fixture_book(&fixture, "e", 0, 4);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	cr_expect(projector_is_active(projector));
	projector_fixture_expect_equal(&fixture);

	projector_fixture_book(&fixture, "e", 990, 1010);
	projector_fixture_book(&fixture, "e-2", 1, 1);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps",
					     "{\"_id\":\"e/0001\",\"version\":11,"
					     "\"counts.booked\":11,\"seats.0.user_id\":\"u1000\"}"),
		     1);
	cr_expect_eq(projector_fixture_count(&fixture, "events",
					     "{\"_id\":\"e\",\"version\":26,\"counts.booked\":26,"
					     "\"counts.available\":1474,\"blocks\":2}"),
		     1);
	projector_close(projector);
}

Test(projector, writes_events_that_come_or_change_later)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_event(&fixture, "late", 10);
	clock_sleep_ms(fixture.config.events_check_ms + 5);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);

	(void)projector_fixture_sql(fixture.pg, "UPDATE events SET name = 'New', version = 2");
	(void)projector_fixture_sql(fixture.pg, "UPDATE seats SET price_minor = 7");
	clock_sleep_ms(fixture.config.events_check_ms + 5);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	cr_expect_eq(projector_fixture_count(&fixture, "events", "{\"name\":\"New\"}"), 1);
	projector_close(projector);
}

Test(projector, writes_the_map_of_an_event_that_is_booked_before_it_was_seen)
{
	fixture.config.events_check_ms = 60000;
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_event(&fixture, "hot", 2000);
	projector_fixture_event(&fixture, "hotter", 20);
	projector_fixture_book(&fixture, "hot", 1, 2);
	projector_fixture_book(&fixture, "hotter", 1, 2);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, skips_seats_that_postgresql_no_longer_has)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_event(&fixture, "e", 4);
	projector_fixture_book(&fixture, "e", 1, 3);
	(void)projector_fixture_sql(fixture.pg, "DELETE FROM seats WHERE position = 3");
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, shows_positions_without_a_seat_as_null)
{
	projector_fixture_event(&fixture, "gaps", 5);
	(void)projector_fixture_sql(fixture.pg, "DELETE FROM seats WHERE position IN (0, 2)");
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "gaps", 1, 3);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps",
					     "{\"seats.0\":null,\"seats.1.seat_id\":\"S1\","
					     "\"seats.1.status\":\"booked\",\"seats.2\":null}"),
		     1);
	projector_close(projector);
}

Test(projector, reads_all_again_without_changing_anything)
{
	projector_fixture_event(&fixture, "e", 1200);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 0, 1100);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);

	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"xid\":\"0\",\"seq\":\"0\"}}");
	fixture.config.batch_max = 7; /* other batches than the first time */
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, completes_what_a_crash_left_at_each_step)
{
	static const char *const undo[][3] = {
		{ "events", "{\"_id\":\"e\"}",
		  "{\"$set\":{\"version\":1,\"counts.booked\":1,\"counts.available\":9}}" },
		{ "bookings", "{\"user_id\":\"u5\"}", NULL },
		{ "seat_maps", "{\"_id\":\"e/0000\"}",
		  "{\"$set\":{\"version\":1,\"counts.booked\":1,\"counts.available\":9,"
		  "\"seats.5.status\":\"available\",\"seats.5.version\":0,"
		  "\"seats.5.user_id\":null,\"seats.5.booking_id\":null}}" },
	};

	projector_fixture_event(&fixture, "e", 10);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 4, 4);
	projector_fixture_follow(&fixture, projector);
	struct read_model_state before;
	position(&before);
	projector_fixture_book(&fixture, "e", 5, 5);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);

	/* As if it had ended before the position, before the events, ... was written. */
	for (size_t steps = 0; steps <= sizeof(undo) / sizeof(undo[0]); steps++) {
		char update[128];
		for (size_t i = 0; i < steps; i++) {
			if (undo[i][2])
				projector_fixture_update(&fixture, undo[i][0], undo[i][1],
							 undo[i][2]);
			else
				projector_fixture_delete(&fixture, undo[i][0], undo[i][1]);
		}
		(void)snprintf(
			update, sizeof(update), "{\"$set\":{\"xid\":\"%llu\",\"seq\":\"%lld\"}}",
			(unsigned long long)before.position.xid, (long long)before.position.seq);
		projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
					 update);
		projector = projector_fixture_start(&fixture);
		projector_fixture_follow(&fixture, projector);
		projector_fixture_expect_equal(&fixture);
		projector_close(projector);
	}
}

Test(projector, loses_no_row_of_a_transaction_that_commits_late)
{
	projector_fixture_event(&fixture, "e", 10);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);

	/* The older transaction commits last. */
	struct pg *const older = projector_fixture_pg(&fixture);
	struct pg *const own = fixture.pg;
	cr_assert_eq(pg_begin(older, &err), ERR_OK);
	fixture.pg = older;
	projector_fixture_book(&fixture, "e", 1, 1);
	fixture.pg = own;
	projector_fixture_book(&fixture, "e", 2, 2);
	projector_fixture_turn(projector);
	cr_expect_eq(projector_fixture_count(&fixture, "bookings", "{}"), 0,
		     "read past a transaction that still runs");

	bool is_unknown = false;
	cr_assert_eq(pg_commit(older, &is_unknown, &err), ERR_OK);
	projector_fixture_follow(&fixture, projector);
	cr_expect_eq(projector_fixture_count(&fixture, "bookings", "{}"), 2);
	projector_fixture_expect_equal(&fixture);
	pg_free(older);
	projector_close(projector);
}

Test(projector, lets_versions_decide_when_the_log_is_out_of_order)
{
	projector_fixture_event(&fixture, "e", 10);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 1, 1);
	projector_fixture_book(&fixture, "e", 1, 1);
	/* The newer change of the seat gets the place of the older in the log. */
	(void)projector_fixture_sql(
		fixture.pg,
		"UPDATE booking_log SET xid = (CASE seq WHEN (SELECT min(seq) FROM booking_log)"
		" THEN (SELECT max(xid::text::bigint) FROM booking_log)"
		" ELSE (SELECT min(xid::text::bigint) FROM booking_log) END)::text::xid8");
	fixture.config.batch_max = 1;
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, stands_by_while_another_leads_and_takes_over)
{
	int64_t wait_ms = 0;

	projector_fixture_event(&fixture, "e", 10);
	struct projector *const first = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, first);
	struct projector_fixture other = fixture; /* the same databases */
	struct projector *second = NULL;
	struct metrics *const metrics = metrics_new();
	cr_assert_eq(projector_open(&other.config, metrics, &second, &err), ERR_OK);
	cr_assert_eq(projector_turn(second, &wait_ms, &err), ERR_OK, "%s", err.text);
	cr_expect(!projector_is_active(second));
	cr_expect(projector_has_postgresql(second) && projector_has_mongodb(second),
		  "a standby is ready");
	cr_expect_leq(wait_ms, 1000);

	projector_fixture_book(&fixture, "e", 1, 3);
	projector_close(first);
	projector_fixture_follow(&fixture, second);
	cr_expect(projector_is_active(second));
	projector_fixture_expect_equal(&fixture);
	projector_close(second);
	metrics_free(metrics);
}

Test(projector, stops_leading_when_its_session_is_lost_and_comes_back)
{
	int64_t wait_ms = 0;

	projector_fixture_event(&fixture, "e", 10);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	(void)projector_fixture_sql(fixture.pg,
				    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
				    " application_name = 'projector'"
				    " AND datname = current_database()");
	projector_fixture_book(&fixture, "e", 1, 3);
	clock_sleep_ms(20);
	cr_expect_eq(projector_turn(projector, &wait_ms, &err), ERR_UNAVAILABLE);
	cr_expect(!projector_has_postgresql(projector));
	projector_fixture_follow(&fixture, projector);
	cr_expect(projector_is_active(projector));
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, gives_way_to_a_newer_term)
{
	int64_t wait_ms = 0;

	projector_fixture_event(&fixture, "e", 10);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	struct read_model_state before;
	position(&before);
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$inc\":{\"term\":{\"$numberLong\":\"1\"}}}");
	projector_fixture_book(&fixture, "e", 1, 3);
	/* It reads the rows once no older transaction runs on the server, and then notices. */
	err_code code = ERR_OK;
	for (int i = 0; i < 2000 && code == ERR_OK; i++) {
		code = projector_turn(projector, &wait_ms, &err);
		clock_sleep_ms(wait_ms);
	}
	cr_expect_eq(code, ERR_UNAVAILABLE);
	cr_expect(!projector_is_active(projector));
	struct read_model_state after;
	position(&after);
	cr_expect_eq(log_position_compare(&before.position, &after.position), 0,
		     "moved its successor's position");
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, takes_over_where_another_has_written_its_blocks)
{
	projector_fixture_event(&fixture, "e", 10);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 1, 1);
	projector_fixture_follow(&fixture, projector); /* remembers the block */

	/* A second projector wrote seat 2's booking: what is remembered is stale. */
	projector_fixture_book(&fixture, "e", 2, 2);
	projector_fixture_update(&fixture, "seat_maps", "{\"_id\":\"e/0000\"}",
				 "{\"$set\":{\"seats.2.status\":\"booked\","
				 "\"seats.2.version\":{\"$numberLong\":\"1\"}},"
				 "\"$inc\":{\"version\":1,\"counts.booked\":1,"
				 "\"counts.available\":-1}}");
	projector_fixture_book(&fixture, "e", 3, 3);
	projector_fixture_follow(&fixture, projector);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps",
					     "{\"version\":3,\"counts.booked\":3,"
					     "\"seats.3.status\":\"booked\"}"),
		     1);
	cr_expect_eq(
		projector_fixture_count(&fixture, "events", "{\"version\":3,\"counts.booked\":3}"),
		1);
	projector_close(projector);
}

Test(projector, rebuilds_when_postgresql_is_another_one)
{
	projector_fixture_event(&fixture, "e", 10);
	projector_fixture_book(&fixture, "e", 1, 3);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);

	(void)projector_fixture_sql(fixture.pg, "UPDATE ledger SET ledger_id = gen_random_uuid()");
	(void)projector_fixture_sql(fixture.pg, "UPDATE seats SET status = 'available',"
						" booking_id = NULL, user_id = NULL, version = 0");
	(void)projector_fixture_sql(fixture.pg, "TRUNCATE bookings, booking_log");
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, rebuilds_when_its_position_lies_in_the_future)
{
	projector_fixture_event(&fixture, "e", 10);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"xid\":\"18446744073709551000\"}}");
	projector_fixture_book(&fixture, "e", 1, 3);
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

Test(projector, finishes_a_rebuild_that_was_cut_short)
{
	projector_fixture_event(&fixture, "e", 10);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"rebuilding\":true}}");
	projector_fixture_delete(&fixture, "seat_maps", "{}");
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

static void *run(void *argument)
{
	struct err run_err = { 0 };

	return projector_run(argument, &run_err) == ERR_OK ? NULL : argument;
}

Test(projector, runs_until_stopped_and_sees_a_booking_soon)
{
	pthread_t thread;
	void *failed = NULL;

	projector_fixture_event(&fixture, "e", 100);
	fixture.config.poll_ms = 60000; /* so that only a notification can be this quick */
	struct projector *const projector = projector_fixture_start(&fixture);
	cr_assert_eq(pthread_create(&thread, NULL, run, projector), 0);
	for (int i = 0; i < 200 && !projector_is_active(projector); i++)
		clock_sleep_ms(10);
	clock_sleep_ms(100);

	const int64_t start_ms = clock_monotonic_ms();
	projector_fixture_book(&fixture, "e", 1, 1);
	/* Again and again: the row may have to wait for a transaction of another test. */
	while (projector_fixture_count(&fixture, "events", "{\"version\":1}") == 0 &&
	       clock_monotonic_ms() - start_ms < 10000) {
		(void)projector_fixture_sql(fixture.pg, "NOTIFY booking_log");
		clock_sleep_ms(20);
	}
	cr_expect_lt(clock_monotonic_ms() - start_ms, 10000);

	const int64_t stop_ms = clock_monotonic_ms();
	projector_stop(projector);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_expect_null(failed);
	cr_expect_lt(clock_monotonic_ms() - stop_ms, 10000);
	projector_close(projector);
}

/* Turns until it read rows; answers whether that made it behind. */
static bool is_behind_after_batch(struct projector *projector)
{
	for (int64_t wait_ms = 1; wait_ms > 0;)
		cr_assert_eq(projector_turn(projector, &wait_ms, &err), ERR_OK, "%s", err.text);
	return projector_is_behind(projector);
}

Test(projector, is_behind_after_many_full_batches_however_small)
{
	fixture.config.batch_max = 100;
	projector_fixture_event(&fixture, "e", 1100);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);

	projector_fixture_book(&fixture, "e", 0, 1049);
	for (int i = 1; i <= 9; i++)
		cr_expect_not(is_behind_after_batch(projector), "after %d batches", i);
	cr_expect(is_behind_after_batch(projector), "after 1,000 rows");
	cr_expect_not(is_behind_after_batch(projector), "the last batch is not full");
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

static const char *all_rows(void)
{
	return projector_fixture_sql(
		fixture.pg, "SELECT md5(string_agg(r, '\n' ORDER BY r COLLATE \"C\")) FROM ("
			    " SELECT to_jsonb(t)::text AS r FROM events AS t UNION ALL"
			    " SELECT to_jsonb(t)::text FROM seats AS t UNION ALL"
			    " SELECT to_jsonb(t)::text FROM bookings AS t UNION ALL"
			    " SELECT to_jsonb(t)::text FROM booking_log AS t) AS rows");
}

Test(projector, goes_on_after_the_newest_migration_was_taken_back_and_made_again)
{
	projector_fixture_event(&fixture, "e", 20);
	projector_fixture_book(&fixture, "e", 0, 4);
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	char before[64];
	(void)snprintf(before, sizeof(before), "%s", all_rows());
	cr_assert_gt(strlen(before), 0);

	projector_close(projector);
	projector_fixture_migrate_anew(fixture.pg);
	cr_expect_str_eq(all_rows(), before);

	projector_fixture_book(&fixture, "e", 5, 9);
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}
