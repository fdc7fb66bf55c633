/* Lives of bookings on a real PostgreSQL: every command, holds that ran out, limits, keys, and what
 * is written of each. */
#include "ledger_desk.h"
#include "log.h"
#include "services.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")

static struct fixture_name event;
static struct fixture_name cluster;
static struct ledger_desk desk;

/* Holds are swept by partition number alone: each test has one of its own. */
static void set_up(void)
{
	log_open("test_ledger_life", LOG_LEVEL_ERROR);
	event = fixture_name("life");
	cluster = fixture_name("cluster");
	desk_open(&desk, cluster.text, event.text, 1000 + (int32_t)getpid());
	fixture_event(desk.pg, event.text, 20);
	(void)fixture_sql(desk.pg,
			  "UPDATE seats SET price_minor = 100 * (position + 1)"
			  " WHERE event_id = $1",
			  event.text, NULL, NULL);
}

static void tear_down(void)
{
	desk_close(&desk);
}

TestSuite(ledger_life, .init = set_up, .fini = tear_down);

static void set_event(const char *sql)
{
	(void)fixture_sql(desk.pg, sql, event.text, NULL, NULL);
}

/* The booking: status, version, total, payment, extensions, and whether a time is set. */
static const char *booking(int number)
{
	return desk_of_booking(&desk,
			       "SELECT concat_ws(' ', status, reason, version, mode, user_id,"
			       " seat_prices, total_minor, currency, payment_reference,"
			       " extensions, CASE WHEN expires_at IS NOT NULL THEN 'until' END)"
			       " FROM bookings WHERE booking_id = $1::uuid",
			       number);
}

/* A row of its history; `version` is one digit. */
static const char *row(int number, char version)
{
	const char text[] = { version, '\0' };

	return fixture_sql(desk.pg,
			   "SELECT concat_ws(' ', coalesce(command, 'ran out'), result, refusal,"
			   " status, reason, 'by ' || actor, payment_reference,"
			   " CASE WHEN expires_at IS NOT NULL THEN 'until' END, seat_ids,"
			   " seat_positions, seat_statuses, seat_versions)"
			   " FROM booking_log WHERE booking_id = $1::uuid"
			   " AND booking_version = $2::integer",
			   desk_booking_id(&desk, number).text, text, NULL);
}

/* A seat: status, version, whose, and whether it is a booking's until a time. */
static const char *seat(const char *seat_id)
{
	return fixture_sql(desk.pg,
			   "SELECT concat_ws(' ', status, version, user_id,"
			   " CASE WHEN booking_id IS NOT NULL THEN 'booking' END,"
			   " CASE WHEN hold_expires_at IS NOT NULL THEN 'until' END)"
			   " FROM seats WHERE event_id = $1 AND seat_id = $2",
			   event.text, seat_id, NULL);
}

static const char no_seats[] = "{} {} {} {}";

static void expect_row(int number, char version, const char *text, const char *changes)
{
	char expected[FIXTURE_TEXT_BYTES_MAX];
	(void)snprintf(expected, sizeof(expected), "%s %s", text, changes);

	cr_expect_str_eq(row(number, version), expected);
}

Test(ledger_life, holds_seats_until_a_time)
{
	(void)desk_hold(&desk, 1, "ann", "A3 A1");
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1), "held 1 hold ann {300,100} 400 EUR 0 until");
	expect_row(1, '1', "hold done held by ann until", "{A3,A1} {2,0} {held,held} {1,1}");
	cr_expect_str_eq(seat("A1"), "held 1 ann booking until");
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM seats AS s JOIN bookings AS b"
					" USING (booking_id) WHERE s.event_id = $1 AND"
					" s.hold_expires_at = b.expires_at AND b.expires_at ="
					" b.decided_at + interval '120 s'"),
		     2);
}

Test(ledger_life, confirms_a_hold)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	desk_go_on(&desk);
	struct command *const confirm = desk_act(&desk, COMMAND_CONFIRM, 1, "ann", 1);
	(void)snprintf(confirm->payment_reference, sizeof(confirm->payment_reference),
		       "pay 'n' \"1\"");
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "", 2);
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1), "confirmed 3 hold ann {100,200} 300 EUR pay 'n' \"1\" 0");
	expect_row(1, '2', "confirm done confirmed by ann pay 'n' \"1\"",
		   "{A1,A2} {0,1} {booked,booked} {2,2}");
	expect_row(1, '3', "confirm unchanged already_confirmed confirmed pay 'n' \"1\"", no_seats);
	cr_expect_str_eq(seat("A2"), "booked 2 ann booking");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT b.decided_at = l.decided_at FROM bookings AS b"
					 " JOIN booking_log AS l USING (booking_id)"
					 " WHERE booking_id = $1::uuid AND booking_version = 2",
					 1),
			 "t", "a row that is not done leaves the decision's time");
}

Test(ledger_life, extends_a_hold_as_often_as_the_event_allows)
{
	(void)desk_hold(&desk, 1, "ann", "A1");
	desk_go_on(&desk);
	(void)fixture_sql(desk.pg,
			  "UPDATE bookings SET expires_at = expires_at - interval '1 min'"
			  " WHERE event_id = $1",
			  event.text, NULL, NULL);
	for (int i = 1; i <= 2; i++) {
		(void)desk_act(&desk, COMMAND_EXTEND, 1, "", i);
		desk_go_on(&desk);
	}

	cr_expect_str_eq(booking(1), "held 3 hold ann {100} 100 EUR 1 until");
	expect_row(1, '2', "extend done held until", no_seats);
	expect_row(1, '3', "extend refused extension_limit held until", no_seats);
	cr_expect_str_eq(seat("A1"), "held 1 ann booking until", "the map stays as it is");
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM seats AS s JOIN bookings AS b"
					" USING (booking_id) WHERE s.event_id = $1 AND"
					" s.hold_expires_at = b.expires_at AND b.expires_at ="
					" b.decided_at + interval '120 s'"),
		     1);
}

Test(ledger_life, cancels_what_is_held_and_what_is_confirmed)
{
	(void)desk_hold(&desk, 1, "ann", "A1");
	(void)desk_book(&desk, 2, "bob", "A2");
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "ann", 1);
	(void)desk_act(&desk, COMMAND_CANCEL, 2, "eve", 2);
	(void)desk_act(&desk, COMMAND_CANCEL, 2, "bob", 3);
	(void)desk_act(&desk, COMMAND_CANCEL, 2, "bob", 4);
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1), "cancelled 2 hold ann {100} 100 EUR 0");
	expect_row(1, '2', "cancel done cancelled by ann", "{A1} {0} {available} {2}");
	expect_row(2, '2', "cancel refused not_owner confirmed by eve", no_seats);
	expect_row(2, '3', "cancel done cancelled by bob", "{A2} {1} {available} {2}");
	expect_row(2, '4', "cancel unchanged already_cancelled cancelled by bob", no_seats);
	cr_expect_str_eq(seat("A1"), "available 2");
	cr_expect_str_eq(seat("A2"), "available 2");
}

Test(ledger_life, writes_a_row_for_each_step_of_a_life_within_one_batch)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	struct command *const confirm = desk_act(&desk, COMMAND_CONFIRM, 1, "", 1);
	(void)snprintf(confirm->payment_reference, sizeof(confirm->payment_reference), "p");
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "", 2);
	(void)desk_book(&desk, 2, "bob", "A2");
	desk_go_on(&desk);

	expect_row(1, '1', "hold done held by ann until", "{A1,A2} {0,1} {held,held} {1,1}");
	expect_row(1, '2', "confirm done confirmed p", "{A1,A2} {0,1} {booked,booked} {2,2}");
	expect_row(1, '3', "cancel done cancelled p", "{A1,A2} {0,1} {available,available} {3,3}");
	expect_row(2, '1', "book done confirmed by bob", "{A2} {1} {booked} {4}");
	cr_expect_str_eq(booking(1), "cancelled 3 hold ann {100,200} 300 EUR p 0");
	cr_expect_str_eq(seat("A1"), "available 3");
	cr_expect_str_eq(seat("A2"), "booked 4 bob booking");
	cr_expect_str_eq(fixture_sql(desk.pg,
				     "SELECT string_agg(booking_version::text, '' ORDER BY seq)"
				     " FROM booking_log WHERE event_id = $1",
				     event.text, NULL, NULL),
			 "1231");
}

Test(ledger_life, rejects_an_id_that_was_never_stored)
{
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "ann", 1);
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "ann", 2);
	(void)desk_hold(&desk, 1, "ann", "A1");
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1), "rejected booking_not_found 2 {} 0");
	expect_row(1, '1', "confirm done rejected booking_not_found by ann", no_seats);
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT refusal FROM booking_log WHERE"
					 " booking_id = $1::uuid AND booking_version = 2",
					 1),
			 "booking_not_found");
	cr_expect_str_eq(seat("A1"), "available 0", "its hold came too late");
}

Test(ledger_life, frees_all_seats_of_a_lapsed_hold_that_is_in_the_way_of_one)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2 A3");
	(void)desk_hold(&desk, 2, "bob", "A4");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);
	(void)desk_hold(&desk, 3, "cid", "A2 A5");
	(void)desk_book(&desk, 4, "dan", "A4");
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1),
			 "expired hold_expired 2 hold ann {100,200,300} 600 EUR 0 until");
	expect_row(1, '2', "ran out done expired hold_expired until",
		   "{A1,A2,A3} {0,1,2} {available,available,available} {2,2,2}");
	expect_row(3, '1', "hold done held by cid until", "{A2,A5} {1,4} {held,held} {3,1}");
	cr_expect_str_eq(booking(4), "rejected seat_taken 1 book dan {} 0");
	cr_expect_str_eq(seat("A1"), "available 2");
	cr_expect_str_eq(seat("A2"), "held 3 cid booking until");
}

Test(ledger_life, leaves_a_lapsed_hold_to_the_sweep_when_nobody_gets_its_seat)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	(void)desk_book(&desk, 2, "bob", "A3");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);
	(void)desk_book(&desk, 3, "cid", "A2 A3");
	desk_go_on(&desk);

	cr_expect_str_eq(booking(1), "held 1 hold ann {100,200} 300 EUR 0 until");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT seats_lost FROM bookings"
					 " WHERE booking_id = $1::uuid",
					 3),
			 "{A3}");
	cr_expect_eq(desk_sweep(&desk, 10), 1);
}

Test(ledger_life, ends_a_hold_that_is_confirmed_too_late)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "ann", 1);
	(void)desk_book(&desk, 2, "bob", "A2");
	desk_go_on(&desk);

	expect_row(1, '2', "ran out done expired hold_expired until",
		   "{A1,A2} {0,1} {available,available} {2,2}");
	expect_row(1, '3', "confirm refused hold_expired expired hold_expired by ann until",
		   no_seats);
	cr_expect_str_eq(booking(2), "confirmed 1 book bob {200} 200 EUR 0");
}

Test(ledger_life, reads_each_rule_of_the_event)
{
	static const struct {
		const char *sql;
		const char *reason;
	} cases[] = {
		{ "UPDATE events SET cancelled_at = now() WHERE event_id = $1", "event_cancelled" },
		{ "UPDATE events SET cancelled_at = NULL,"
		  " sales_open_at = now() + interval '1 h' WHERE event_id = $1",
		  "sales_not_open" },
		{ "UPDATE events SET sales_open_at = now() - interval '2 h',"
		  " sales_close_at = now() - interval '1 h' WHERE event_id = $1",
		  "sales_closed" },
		{ "UPDATE events SET sales_close_at = now() + interval '1 h',"
		  " seats_per_user_max = 1 WHERE event_id = $1",
		  "seat_limit" },
		{ "UPDATE seats SET status = 'blocked' WHERE event_id = $1 AND seat_id = 'A2'",
		  "seat_blocked" },
	};

	for (int i = 0; i < (int)(sizeof(cases) / sizeof(cases[0])); i++) {
		set_event(cases[i].sql);
		(void)desk_hold(&desk, i, "ann", i == 4 ? "A2" : "A1 A2");
		desk_go_on(&desk);
		cr_expect_str_eq(desk_of_booking(&desk,
						 "SELECT reason FROM bookings"
						 " WHERE booking_id = $1::uuid",
						 i),
				 cases[i].reason);
	}
	set_event("UPDATE events SET hold_ttl_ms = 5000, currency = 'CHF' WHERE event_id = $1");
	(void)desk_hold(&desk, 9, "ann", "A1");
	desk_go_on(&desk);
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT currency || (expires_at - decided_at)"
					 " FROM bookings WHERE booking_id = $1::uuid",
					 9),
			 "CHF00:00:05");
}

Test(ledger_life, counts_the_live_seats_of_a_buyer)
{
	set_event("UPDATE events SET seats_per_user_max = 3 WHERE event_id = $1");
	(void)desk_book(&desk, 1, "ann", "A1");
	(void)desk_hold(&desk, 2, "ann", "A2");
	(void)desk_hold(&desk, 3, "ann", "A3");
	(void)desk_book(&desk, 4, "bob", "A4 A5 A6");
	desk_go_on(&desk);
	(void)desk_book(&desk, 5, "ann", "A7");
	desk_go_on(&desk);
	cr_expect_str_eq(booking(5), "rejected seat_limit 1 book ann {} 0");

	/* What is given up and what ran out no longer counts, in the very same batch. */
	desk_lapse(&desk, 2);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "ann", 1);
	(void)desk_book(&desk, 6, "ann", "A8 A9");
	(void)desk_book(&desk, 7, "ann", "A10");
	desk_go_on(&desk);
	cr_expect_str_eq(booking(6), "confirmed 1 book ann {800,900} 1700 EUR 0");
	cr_expect_str_eq(booking(7), "rejected seat_limit 1 book ann {} 0");
}

Test(ledger_life, is_guarded_against_a_decision_over_the_limit)
{
	set_event("UPDATE events SET seats_per_user_max = 2 WHERE event_id = $1");
	(void)desk_book(&desk, 1, "ann", "A1 A2");
	desk_go_on(&desk);
	cr_expect_eq(pg_query(desk.pg, NULL,
			      "INSERT INTO bookings (booking_id, event_id, user_id, mode,"
			      " seat_ids, seat_prices, status, requested_at, decided_at)"
			      " SELECT gen_random_uuid(), event_id, user_id, mode, '{A3}', '{1}',"
			      " status, requested_at, decided_at FROM bookings"
			      " WHERE user_id = 'ann' AND status = 'confirmed'",
			      NULL, 0, NULL, &desk.err),
		     ERR_INTERNAL);

	/* The limit falls between loading and writing: nothing is written, the next attempt
	 * rejects. */
	set_event("UPDATE events SET seats_per_user_max = 4 WHERE event_id = $1");
	const int64_t at = desk_progress(&desk);
	(void)desk_book(&desk, 2, "ann", "A3");
	cr_assert_eq(desk_begin(&desk, at, at + 1), ERR_OK, "%s", desk.err.text);
	desk_decide(&desk);
	struct pg *const other = fixture_pg(NULL, 3000);
	(void)fixture_sql(other, "UPDATE events SET seats_per_user_max = 2 WHERE event_id = $1",
			  event.text, NULL, NULL);
	pg_free(other);
	cr_expect_eq(desk_commit(&desk), ERR_INTERNAL);
	desk_go_on(&desk);
	cr_expect_str_eq(booking(2), "rejected seat_limit 1 book ann {} 0");
}

static void give_key(struct command *command, char last)
{
	(void)snprintf(command->idempotency_key.text, sizeof(command->idempotency_key.text),
		       "%.35s%c", desk_booking_id(&desk, 77).text, last);
}

Test(ledger_life, gives_a_key_one_booking)
{
	give_key(desk_book(&desk, 1, "ann", "A1"), '1');
	give_key(desk_book(&desk, 2, "ann", "A2"), '2');
	desk_go_on(&desk);
	give_key(desk_book(&desk, 1, "ann", "A1"), '1');
	give_key(desk_book(&desk, 3, "ann", "A3"), '1');
	give_key(desk_book(&desk, 4, "ann", "A4"), '4');
	give_key(desk_book(&desk, 5, "ann", "A5"), '4');
	desk_settle(&desk, 2, 6);

	cr_expect_eq(desk.outcomes[0].verdict, VERDICT_DUPLICATE);
	cr_expect_str_eq(booking(3), "rejected idempotency_key_reused 1 book ann {} 0");
	cr_expect_str_eq(booking(4), "confirmed 1 book ann {400} 400 EUR 0");
	cr_expect_str_eq(booking(5), "rejected idempotency_key_reused 1 book ann {} 0");
	cr_expect_eq(desk_number(&desk, "SELECT count(idempotency_key) FROM bookings"
					" WHERE event_id = $1"),
		     3);
}

static void tell_a_life(void)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	give_key(desk_hold(&desk, 2, "bob", "A3"), '2');
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_EXTEND, 1, "", 1);
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "", 2);
	(void)desk_act(&desk, COMMAND_CONFIRM, 2, "eve", 3);
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "", 4);
	(void)desk_act(&desk, COMMAND_CONFIRM, 9, "", 5);
	(void)desk_book(&desk, 3, "cid", "A2 A3");
	desk_go_on(&desk);
}

static void write_digest(char digest[static 64])
{
	(void)snprintf(digest, 64, "%s",
		       fixture_sql(desk.pg,
				   "SELECT md5(string_agg(row, E'\\n' ORDER BY row)) FROM ("
				   "SELECT s::text AS row FROM seats AS s WHERE event_id = $1"
				   " UNION ALL SELECT b::text FROM bookings AS b"
				   " WHERE left(b.booking_id::text, 24) = left($2, 24)"
				   " UNION ALL SELECT l::text FROM booking_log AS l"
				   " WHERE left(l.booking_id::text, 24) = left($2, 24)) AS rows",
				   event.text, desk_booking_id(&desk, 0).text, NULL));
}

Test(ledger_life, is_not_lived_twice_when_the_log_is_rewound)
{
	char before[64];
	char after[64];
	tell_a_life();
	write_digest(before);
	cr_assert_eq(desk.ledger.ops->rewind(desk.ledger.ctx, &desk.name, desk_progress(&desk), 0,
					     &desk.err),
		     ERR_OK);

	tell_a_life();

	write_digest(after);
	cr_expect_str_eq(after, before);
	cr_expect_eq(desk_progress(&desk), 8);
}

Test(ledger_life, sweeps_its_partition_the_longest_ago_first)
{
	struct ledger_desk other;
	desk_open(&other, cluster.text, event.text, desk.name.partition + (1 << 24));
	for (int i = 1; i <= 4; i++)
		(void)desk_hold(&desk, i, "ann",
				(const char *[]){ "A1", "A2 A3", "A4", "A5" }[i - 1]);
	desk_go_on(&desk);
	(void)desk_hold(&other, 5, "bob", "A6");
	desk_go_on(&other);
	cr_expect_not(desk_has_to_end(&desk));
	cr_expect_eq(desk_sweep(&desk, 10), 0);
	desk_lapse(&desk, 3);
	(void)usleep(2000); /* Two holds do not run out in one millisecond. */
	desk_lapse(&desk, 2);
	(void)usleep(2000);
	desk_lapse(&desk, 1);
	desk_lapse(&desk, 5);

	cr_expect(desk_has_to_end(&desk));
	cr_expect_eq(desk_sweep(&desk, 2), 2);
	cr_expect_str_eq(booking(1), "held 1 hold ann {100} 100 EUR 0 until");
	expect_row(2, '2', "ran out done expired hold_expired until",
		   "{A2,A3} {1,2} {available,available} {2,2}");
	cr_expect_eq(desk_sweep(&desk, 2), 1);
	cr_expect_not(desk_has_to_end(&desk));
	cr_expect_str_eq(seat("A1"), "available 2");
	cr_expect_str_eq(seat("A5"), "held 1 ann booking until");
	cr_expect_str_eq(seat("A6"), "held 1 bob booking until", "another partition's");
	cr_expect_eq(desk_progress(&desk), 4, "a sweep consumes nothing");
	cr_expect(desk_has_to_end(&other));
	cr_expect_eq(desk_sweep(&other, 2), 1);
	desk_close(&other);
}

Test(ledger_life, sweeps_nothing_for_an_owner_whose_fence_is_gone)
{
	(void)desk_hold(&desk, 1, "ann", "A1");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);

	cr_expect_eq(desk.ledger.ops->sweep(desk.ledger.ctx, &desk.name, 0, 10, desk.state,
					    &desk.now_ms, &desk.err),
		     ERR_CONFLICT);
	cr_expect_eq(PQtransactionStatus(pg_conn(desk.pg)), PQTRANS_IDLE);
	cr_expect_str_eq(seat("A1"), "held 1 ann booking until");
}

Test(ledger_life, does_not_decide_on_what_does_not_fit_together)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	desk_go_on(&desk);
	/* As if somebody else had moved it between the statements. */
	set_event("UPDATE seats SET booking_id = gen_random_uuid(),"
		  " hold_expires_at = now() - interval '1 s'"
		  " WHERE event_id = $1 AND seat_id = 'A2'");
	const int64_t at = desk_progress(&desk);

	(void)desk_book(&desk, 2, "bob", "A2");
	cr_expect_eq(desk_begin(&desk, at, at + 1), ERR_UNAVAILABLE);
	cr_expect_eq(PQtransactionStatus(pg_conn(desk.pg)), PQTRANS_IDLE);
	desk_reset(&desk);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "ann", 1);
	cr_expect_eq(desk_begin(&desk, at, at + 1), ERR_UNAVAILABLE);
	cr_expect_eq(desk_progress(&desk), at);
}

/* The attempts that a lane makes. */
static void go_on_at_last(void)
{
	const int64_t at = desk_progress(&desk);

	for (int i = 0; i < 3; i++)
		cr_expect_eq(desk_begin(&desk, at, at + (int64_t)desk.count), ERR_UNAVAILABLE);
	desk_go_on(&desk);
}

Test(ledger_life, goes_on_without_seats_that_were_taken_from_it)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2 A3");
	(void)desk_book(&desk, 2, "bob", "A4 A5");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);
	/* By hand, and for good. */
	set_event("DELETE FROM seats WHERE event_id = $1 AND seat_id = 'A2'");
	set_event("UPDATE seats SET status = 'blocked', booking_id = NULL, user_id = NULL,"
		  " hold_expires_at = NULL, version = version + 1"
		  " WHERE event_id = $1 AND seat_id = 'A3'");
	set_event("UPDATE seats SET status = 'available', booking_id = NULL, user_id = NULL,"
		  " version = version + 1 WHERE event_id = $1 AND seat_id = 'A5'");

	(void)desk_book(&desk, 3, "cid", "A1");
	go_on_at_last();
	expect_row(1, '2', "ran out done expired hold_expired until", "{A1} {0} {available} {2}");
	cr_expect_str_eq(booking(3), "confirmed 1 book cid {100} 100 EUR 0");
	cr_expect_str_eq(seat("A3"), "blocked 2");

	(void)desk_book(&desk, 4, "dan", "A1"); /* Nothing wrong with that. */
	desk_go_on(&desk);
	(void)desk_act(&desk, COMMAND_CANCEL, 2, "bob", 1);
	go_on_at_last();
	expect_row(2, '2', "cancel done cancelled by bob", "{A4} {3} {available} {2}");
	cr_expect_str_eq(seat("A5"), "available 2");
}

Test(ledger_life, sweeps_what_is_left_of_a_hold)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	desk_go_on(&desk);
	desk_lapse(&desk, 1);
	set_event("DELETE FROM seats WHERE event_id = $1 AND seat_id = 'A2'");

	cr_expect_eq(desk_sweep(&desk, 10), 1);
	cr_expect_str_eq(seat("A1"), "available 2");
	cr_expect_not(desk_has_to_end(&desk));
}

Test(ledger_life, takes_a_seat_that_is_held_by_nobody)
{
	set_event("UPDATE seats SET status = 'held', booking_id = gen_random_uuid(), user_id = 'x',"
		  " hold_expires_at = now() - interval '1 s'"
		  " WHERE event_id = $1 AND seat_id = 'A2'");

	(void)desk_book(&desk, 2, "bob", "A2");
	go_on_at_last();
	cr_expect_str_eq(booking(2), "confirmed 1 book bob {200} 200 EUR 0");
}

Test(ledger_life, needs_no_more_rights_than_its_role_has)
{
	set_event("UPDATE events SET seats_per_user_max = 5 WHERE event_id = $1");
	(void)fixture_sql(desk.pg, "SET ROLE seatline_worker", NULL, NULL, NULL);
	tell_a_life();
	(void)desk_sweep(&desk, 10);
	cr_expect_not(desk_has_to_end(&desk));
}
