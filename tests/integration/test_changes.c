/* Reading the log of a real PostgreSQL while transactions overlap: no row is ever passed by. */
#include "changes.h"
#include "clock.h"
#include "projector_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

#define SEATS   400
#define WRITERS 4
#define READ_MS 20000

static struct projector_fixture fixture;
static struct pg *reader;
static struct err err;

static void setup(void)
{
	projector_fixture_open(&fixture);
	projector_fixture_event(&fixture, "e", SEATS);
	reader = projector_fixture_pg(&fixture);
}

static void teardown(void)
{
	pg_free(reader);
	projector_fixture_close(&fixture);
}

TestSuite(changes, .init = setup, .fini = teardown);

/* Reads what can be read now; answers how many rows came. */
static size_t read_once(struct log_position *at, int64_t rows_max, bool *seen)
{
	_cleanup_(log_batch_done) struct log_batch batch = { 0 };

	cr_assert_eq(changes_read(reader, at, rows_max, &batch, &err), ERR_OK, "%s", err.text);
	cr_expect_leq(batch.count, (size_t)rows_max);
	for (size_t i = 0; i < batch.count; i++) {
		const struct log_row *const row = &batch.rows[i];
		const struct log_position place = { row->xid, row->seq };
		cr_expect_eq(log_position_compare(at, &place), -1, "rows go back");
		*at = place;
		cr_assert_eq(row->seat_count, 1);
		cr_expect(!seen[row->seats[0].position], "a row came twice");
		seen[row->seats[0].position] = true;
	}
	return batch.count;
}

/* Reads until that many rows came, or the time is over; answers how many. */
static size_t read_all(struct log_position *at, size_t wanted, int64_t rows_max, bool *seen)
{
	const int64_t deadline_ms = clock_monotonic_ms() + READ_MS;
	size_t count = 0;

	while (count < wanted && clock_monotonic_ms() < deadline_ms)
		count += read_once(at, rows_max, seen);
	return count;
}

Test(changes, reads_every_row_of_writers_that_overlap)
{
	static bool seen[SEATS];
	struct log_position at = { 0 };
	struct pg *writers[WRITERS];
	struct pg *const own = fixture.pg;
	bool is_unknown = false;
	size_t count = 0;

	for (int i = 0; i < WRITERS; i++)
		writers[i] = projector_fixture_pg(&fixture);
	/* In each round the transactions take their ids in one order and commit in the other. */
	for (int round = 0; round < SEATS / WRITERS; round++) {
		for (int i = 0; i < WRITERS; i++) {
			fixture.pg = writers[i];
			cr_assert_eq(pg_begin(writers[i], &err), ERR_OK);
			projector_fixture_book(&fixture, "e", round * WRITERS + i,
					       round * WRITERS + i);
		}
		for (int i = WRITERS - 1; i >= 0; i--) {
			cr_assert_eq(pg_commit(writers[i], &is_unknown, &err), ERR_OK);
			count += read_once(&at, 3, seen);
		}
	}
	fixture.pg = own;
	count += read_all(&at, SEATS - count, 3, seen);
	cr_expect_eq(count, SEATS, "%zu of %d rows came", count, SEATS);
	for (int i = 0; i < WRITERS; i++)
		pg_free(writers[i]);
}

/* A writer of its own: seats i, i + WRITERS, .. each in a transaction that lasts a moment. */
static void *write_seats(void *argument)
{
	struct projector_fixture *const writer = argument;
	const int first = writer->config.batch_max > 0 ? (int)writer->config.batch_max - 1 : 0;
	bool is_unknown = false;
	struct err writer_err = { 0 };

	for (int i = first; i < SEATS; i += WRITERS) {
		if (pg_begin(writer->pg, &writer_err) != ERR_OK)
			return argument;
		projector_fixture_book(writer, "e", i, i);
		if (i % 3 == 0)
			clock_sleep_ms(1);
		if (pg_commit(writer->pg, &is_unknown, &writer_err) != ERR_OK)
			return argument;
	}
	return NULL;
}

Test(changes, reads_every_row_while_writers_race)
{
	static bool seen[SEATS];
	struct log_position at = { 0 };
	struct projector_fixture writers[WRITERS];
	pthread_t threads[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fixture;
		writers[i].pg = projector_fixture_pg(&fixture);
		writers[i].config.batch_max = i + 1; /* which seats are its own */
		cr_assert_eq(pthread_create(&threads[i], NULL, write_seats, &writers[i]), 0);
	}
	const size_t count = read_all(&at, SEATS, 50, seen);
	for (int i = 0; i < WRITERS; i++) {
		void *failed = NULL;
		cr_assert_eq(pthread_join(threads[i], &failed), 0);
		cr_expect_null(failed);
		pg_free(writers[i].pg);
	}
	cr_expect_eq(count, SEATS, "%zu of %d rows came", count, SEATS);
}

static void expect_booking(const struct booking_values *booking)
{
	cr_expect_str_eq(booking->booking_id, "01234567-89ab-8def-8123-456789abcdef");
	cr_expect_eq(booking->version, 2);
	cr_expect_str_eq(booking->event_id, "e");
	cr_expect_str_eq(booking->user_id, "u1");
	cr_expect_str_eq(booking->mode, "hold");
	cr_expect_str_eq(booking->status, "expired");
	cr_expect_str_eq(booking->reason, "hold_expired");
	cr_expect_str_eq(booking->seats, "{S1,S2}");
	cr_expect_str_eq(booking->seats_lost, "{S2}");
	cr_expect_str_eq(booking->prices, "{4200,0}");
	cr_expect_eq(booking->total_minor, 4200);
	cr_expect_str_eq(booking->currency, "EUR");
	cr_expect_str_eq(booking->payment_reference, "pay_1");
	cr_expect_eq(booking->extensions, 3);
	cr_expect_eq(booking->requested_at_ms, INT64_C(1772393400123));
	cr_expect_eq(booking->decided_at_ms, INT64_C(1772397001000));
	cr_expect_eq(booking->expires_at_ms, INT64_C(1772397000999));
}

static void expect_decision(const struct decision *decision)
{
	cr_expect_eq(decision->version, 2);
	cr_expect_eq(decision->at_ms, INT64_C(1772397001000));
	cr_expect_str_eq(decision->status, "expired");
	cr_expect_str_eq(decision->command, "confirm");
	cr_expect_str_eq(decision->command_id, "11111111-89ab-8def-8123-456789abcdef");
	cr_expect_str_eq(decision->actor, "someone");
	cr_expect_str_eq(decision->result, "refused");
	cr_expect_str_eq(decision->reason, "not_owner");
	cr_expect_eq(decision->expires_at_ms, INT64_C(1772397000999));
}

static void expect_nulls(const struct log_row *row)
{
	cr_expect_null(row->booking.event_id);
	cr_expect_null(row->booking.user_id);
	cr_expect_null(row->booking.mode);
	cr_expect_null(row->booking.currency);
	cr_expect_null(row->booking.payment_reference);
	cr_expect_eq(row->booking.total_minor, NUMBER_NONE);
	cr_expect_eq(row->booking.expires_at_ms, NUMBER_NONE);
	cr_expect_null(row->decision.command);
	cr_expect_null(row->decision.command_id);
	cr_expect_null(row->decision.actor);
	cr_expect_str_eq(row->decision.result, "done");
	cr_expect_str_eq(row->decision.reason, "booking_not_found");
	cr_expect(row->is_done);
	cr_expect_eq(row->seat_count, 0);
}

Test(changes, reads_rows_as_they_were_written)
{
	const struct log_position start = { 0 };
	const int64_t deadline_ms = clock_monotonic_ms() + READ_MS;
	_cleanup_(log_batch_done) struct log_batch batch = { 0 };

	(void)projector_fixture_sql(
		fixture.pg,
		"INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, status,"
		" reason, booking_seats, seats_lost, requested_at, decided_at, expires_at,"
		" seat_ids, seat_positions, seat_statuses, seat_versions, mode, command,"
		" command_id, actor, result, refusal, extensions, seat_prices, total_minor,"
		" currency, payment_reference) VALUES"
		" ('01234567-89ab-8def-8123-456789abcdef', 2, 'e', 'u1', 'expired', 'hold_expired',"
		" '{S1,S2}', '{S2}', '2026-03-01T19:30:00.123456Z', '2026-03-01T20:30:01Z',"
		" '2026-03-01T20:30:00.9999Z', '{S1,a:b}', '{1,9999999}', '{held,blocked}',"
		" '{7,9223372036854775807}', 'hold', 'confirm',"
		" '11111111-89ab-8def-8123-456789abcdef', 'someone', 'refused', 'not_owner', 3,"
		" '{4200,0}', 4200, 'EUR', 'pay_1'),"
		" ('01234567-89ab-8def-8123-456789abcde0', 1, NULL, NULL, 'rejected',"
		" 'booking_not_found', '{}', '{}', now(), now(), NULL, '{}', '{}', '{}', '{}',"
		" NULL, NULL, NULL, NULL, 'done', NULL, 0, '{}', NULL, NULL, NULL)");
	while (batch.count == 0 && clock_monotonic_ms() < deadline_ms) {
		log_batch_done(&batch);
		cr_assert_eq(changes_read(reader, &start, 10, &batch, &err), ERR_OK, "%s",
			     err.text);
	}
	cr_assert_eq(batch.count, 2);
	const struct log_row *const row = &batch.rows[0];
	expect_booking(&row->booking);
	expect_decision(&row->decision);
	cr_expect(!row->is_done);
	cr_assert_eq(row->seat_count, 2);
	cr_expect_str_eq(row->seats[1].seat_id, "a:b");
	cr_expect_eq(row->seats[1].position, 9999999);
	cr_expect_eq(row->seats[1].status, SEAT_BLOCKED);
	cr_expect_eq(row->seats[1].version, INT64_MAX);
	expect_nulls(&batch.rows[1]);
	cr_expect_eq(batch.last.seq, batch.rows[1].seq);
}

Test(changes, stops_at_a_row_that_makes_no_sense)
{
	static const char *const values[] = {
		"'{S1}', '{1}', '{sold}', '{1}'",
		"'{S1}', '{-1}', '{held}', '{1}'",
		"'{S1}', '{10000000}', '{held}', '{1}'",
		"'{NULL}', '{1}', '{held}', '{1}'",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char sql[512];
		const struct log_position start = { 0 };
		const int64_t deadline_ms = clock_monotonic_ms() + READ_MS;
		err_code code = ERR_OK;

		(void)snprintf(
			sql, sizeof(sql),
			"INSERT INTO booking_log (booking_id, booking_version, event_id,"
			" user_id, status, booking_seats, requested_at, decided_at,"
			" seat_ids, seat_positions, seat_statuses, seat_versions) VALUES"
			" (gen_random_uuid(), 1, 'e', 'u', 'held', '{S1}', now(), now(), %s)",
			values[i]);
		(void)projector_fixture_sql(fixture.pg, sql);
		while (code == ERR_OK && clock_monotonic_ms() < deadline_ms) {
			struct log_batch batch = { 0 };
			code = changes_read(reader, &start, 10, &batch, &err);
			log_batch_done(&batch);
		}
		cr_expect_eq(code, ERR_INTERNAL, "%s was accepted", values[i]);
		(void)projector_fixture_sql(fixture.pg, "TRUNCATE booking_log");
	}
}

Test(changes, wakes_by_notification_and_measures_the_lag)
{
	const struct log_position start = { 0 };
	struct changes_lag lag;

	cr_assert_eq(changes_listen(reader, &err), ERR_OK, "%s", err.text);
	cr_expect(!changes_wait(reader, 10), "woke without a notification");
	cr_assert_eq(changes_lag(reader, &start, &lag, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(lag.rows, 0);
	cr_expect_eq(lag.oldest_ms, 0);

	projector_fixture_book(&fixture, "e", 0, 4);
	(void)projector_fixture_sql(fixture.pg, "NOTIFY booking_log");
	cr_expect(changes_wait(reader, 5000), "slept through a notification");
	cr_expect(!changes_wait(reader, 1), "woke twice");
	clock_sleep_ms(30);
	cr_assert_eq(changes_lag(reader, &start, &lag, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(lag.rows, 5);
	cr_expect_geq(lag.oldest_ms, 30);
	cr_expect_lt(lag.oldest_ms, 60000);
}
