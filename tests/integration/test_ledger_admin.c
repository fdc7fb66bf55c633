/* What administrators ask for, on a real PostgreSQL: seats that are blocked, events that are
 * cancelled and whose bookings a sweep ends, the limit on live holds, and who asked from where. */
#include "ledger_desk.h"
#include "log.h"
#include "services.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define SEATS 20

static struct fixture_name event;
static struct fixture_name cluster;
static struct ledger_desk desk;

/* A sweep looks by the partition's number: each test has one of its own. */
static void set_up(void)
{
	log_open("test_ledger_admin", LOG_LEVEL_ERROR);
	event = fixture_name("admin");
	cluster = fixture_name("cluster");
	desk_open(&desk, cluster.text, event.text, (1 << 25) + (int32_t)getpid());
	fixture_event(desk.pg, event.text, SEATS);
}

static void tear_down(void)
{
	desk_close(&desk);
}

TestSuite(ledger_admin, .init = set_up, .fini = tear_down);

static void expect_outcome(size_t i, enum verdict verdict, enum reason reason)
{
	cr_expect_eq(desk.outcomes[i].verdict, verdict, "%zu: %s", i,
		     verdict_name(desk.outcomes[i].verdict));
	cr_expect_eq(desk.outcomes[i].reason, reason, "%zu: %s", i,
		     desk.outcomes[i].reason ? reason_name(desk.outcomes[i].reason) : "none");
}

static const char *booking(int number)
{
	return desk_of_booking(&desk,
			       "SELECT concat_ws(' ', mode, status, reason, version, seat_ids,"
			       " seats_lost, seat_prices, total_minor, currency)"
			       " FROM bookings WHERE booking_id = $1::uuid",
			       number);
}

static const char *last_row(int number)
{
	return desk_of_booking(&desk,
			       "SELECT concat_ws(' ', coalesce(command, 'nobody'), result, status,"
			       " reason, actor, address, seat_ids, seat_statuses, seat_versions)"
			       " FROM booking_log WHERE booking_id = $1::uuid"
			       " ORDER BY booking_version DESC LIMIT 1",
			       number);
}

static int64_t seats_that_are(const char *status)
{
	return strtoll(fixture_sql(desk.pg,
				   "SELECT count(*) FROM seats"
				   " WHERE event_id = $1 AND status = $2 AND user_id IS NULL"
				   " AND booking_id IS NULL AND hold_expires_at IS NULL",
				   event.text, status, NULL),
		       NULL, 10);
}

Test(ledger_admin, blocks_and_unblocks_what_it_can)
{
	(void)desk_book(&desk, 1, "ann", "A1");
	(void)desk_hold(&desk, 2, "bob", "A2 A3");
	desk_go_on(&desk);
	desk_lapse(&desk, 2);

	(void)desk_administer(&desk, COMMAND_BLOCK, 3, "A1 A2 A4");
	(void)desk_administer(&desk, COMMAND_BLOCK, 4, "A1 Z99");
	(void)desk_book(&desk, 5, "zoe", "A2");
	(void)desk_administer(&desk, COMMAND_UNBLOCK, 6, "A4 A5");
	desk_settle(&desk, 2, 6);

	cr_expect_str_eq(booking(3), "block done 1 {A1,A2,A4} {A1} {}");
	cr_expect_str_eq(last_row(3), "block done done root {A2,A4} {blocked,blocked} {3,1}");
	cr_expect_str_eq(booking(4), "block rejected seat_not_found 1 {A1,Z99} {A1,Z99} {}");
	expect_outcome(2, VERDICT_REJECTED, REASON_SEAT_BLOCKED);
	cr_expect_str_eq(booking(6), "unblock done 1 {A4,A5} {A5} {}");
	cr_expect_str_eq(last_row(6), "unblock done done root {A4} {available} {2}");
	cr_expect_str_eq(last_row(2),
			 "nobody done expired hold_expired {A2,A3} {available,available} {2,2}");
	cr_expect_eq(seats_that_are("blocked"), 1);

	desk_settle(&desk, 6, 10);
	for (size_t i = 0; i < 4; i++)
		expect_outcome(i, VERDICT_DUPLICATE, REASON_NONE);
}

Test(ledger_admin, notes_who_asked_and_from_where)
{
	struct command *const booked = desk_book(&desk, 1, "ann", "A1");
	(void)snprintf(booked->address, sizeof(booked->address), "192.0.2.7");
	desk_go_on(&desk);
	cr_expect_str_eq(last_row(1), "book done confirmed ann 192.0.2.7 {A1} {booked} {1}");

	struct command *const cancelled = desk_act(&desk, COMMAND_CANCEL, 1, "", 1);
	(void)snprintf(cancelled->actor, sizeof(cancelled->actor), "root");
	(void)snprintf(cancelled->address, sizeof(cancelled->address), "2001:db8::1");
	desk_go_on(&desk);
	cr_expect_str_eq(last_row(1),
			 "cancel done cancelled root 2001:db8::1 {A1} {available} {2}");
}

/* One seat a booking, held and booked in turn. */
static void sell_all(void)
{
	for (int i = 1; i <= SEATS; i++) {
		char seat[8];
		(void)snprintf(seat, sizeof(seat), "A%d", i);
		(void)(i % 2 ? desk_hold : desk_book)(&desk, i, "ann", seat);
	}
	desk_go_on(&desk);
}

static void call_off(void)
{
	(void)desk_administer(&desk, COMMAND_CANCEL_EVENT, 50, "");
	desk_go_on(&desk);
}

Test(ledger_admin, ends_the_bookings_of_a_cancelled_event_in_several_batches)
{
	sell_all();
	cr_expect_not(desk_has_to_end(&desk));
	call_off();
	desk_lapse(&desk, 1);

	cr_expect_str_eq(booking(50), "cancel_event done 1 {} {} {}");
	cr_expect_eq(desk_number(&desk, "SELECT version FROM events WHERE event_id = $1"
					" AND cancelled_at <= clock_timestamp()"),
		     2);
	cr_expect(desk_has_to_end(&desk));
	for (int left = SEATS; left > 0; left -= 8)
		cr_expect_eq(desk_sweep(&desk, 8), left < 8 ? left : 8);
	cr_expect_not(desk_has_to_end(&desk));
	cr_expect_eq(desk_sweep(&desk, 8), 0);
	cr_expect_eq(seats_that_are("available"), SEATS);
	cr_expect_str_eq(last_row(1), "nobody done expired hold_expired {A1} {available} {2}");
	cr_expect_str_eq(last_row(2), "nobody done cancelled event_cancelled {A2} {available} {2}");
	cr_expect_str_eq(last_row(3), "nobody done cancelled event_cancelled {A3} {available} {2}");
	cr_expect_eq(desk_progress(&desk), SEATS + 1, "a sweep consumes nothing");

	(void)desk_book(&desk, 60, "zoe", "A1");
	(void)desk_administer(&desk, COMMAND_CANCEL_EVENT, 51, "");
	(void)desk_act(&desk, COMMAND_CANCEL, 2, "ann", 2);
	desk_settle(&desk, SEATS + 1, SEATS + 4);
	expect_outcome(0, VERDICT_REJECTED, REASON_EVENT_CANCELLED);
	expect_outcome(1, VERDICT_REJECTED, REASON_EVENT_CANCELLED);
	expect_outcome(2, VERDICT_UNCHANGED, REASON_ALREADY_CANCELLED);
	cr_expect_eq(desk_number(&desk, "SELECT version FROM events WHERE event_id = $1"), 2);
}

/* The owner dies with a sweep open, and its next one finds all that is left. */
Test(ledger_admin, leaves_to_its_next_owner_what_a_sweep_did_not_commit)
{
	struct ledger_desk next;

	sell_all();
	call_off();
	cr_expect_eq(desk_sweep(&desk, 5), 5);
	cr_assert_eq(desk.ledger.ops->sweep(desk.ledger.ctx, &desk.name, SEATS + 1, 5, desk.state,
					    &desk.now_ms, &desk.err),
		     ERR_OK);
	pg_drop(desk.pg);

	desk_open(&next, cluster.text, event.text, desk.name.partition);
	cr_expect(desk_has_to_end(&next));
	cr_expect_eq(desk_sweep(&next, 100), SEATS - 5);
	cr_expect_not(desk_has_to_end(&next));
	cr_expect_eq(desk_number(&next, "SELECT count(*) FROM booking_log WHERE event_id = $1"
					" AND status = 'cancelled' AND command IS NULL"),
		     SEATS);
	desk_close(&next);
}

Test(ledger_admin, leaves_a_cancelled_events_bookings_to_their_partitions_owner)
{
	struct ledger_desk other;

	desk_open(&other, cluster.text, event.text, desk.name.partition + (1 << 24));
	sell_all();
	call_off();
	cr_expect_not(desk_has_to_end(&other));
	cr_expect_eq(desk_sweep(&other, 100), 0);
	cr_expect_eq(desk_sweep(&desk, 100), SEATS);
	desk_close(&other);
}

Test(ledger_admin, limits_live_holds_over_batches)
{
	fixture_sql(desk.pg, "UPDATE events SET holds_per_user_max = 2 WHERE event_id = $1",
		    event.text, NULL, NULL);
	(void)desk_hold(&desk, 1, "ann", "A1");
	(void)desk_book(&desk, 2, "ann", "A2 A3 A4");
	desk_go_on(&desk);
	(void)desk_hold(&desk, 3, "ann", "A5 A6");
	(void)desk_hold(&desk, 4, "ann", "A5");
	(void)desk_hold(&desk, 5, "bob", "A6 A7");
	desk_settle(&desk, 2, 5);
	expect_outcome(0, VERDICT_REJECTED, REASON_HOLD_LIMIT);
	expect_outcome(1, VERDICT_HELD, REASON_NONE);
	expect_outcome(2, VERDICT_HELD, REASON_NONE);
	desk_reset(&desk);

	desk_lapse(&desk, 4);
	(void)desk_hold(&desk, 6, "ann", "A8");
	(void)desk_act(&desk, COMMAND_CONFIRM, 6, "ann", 1);
	(void)desk_hold(&desk, 7, "ann", "A9");
	(void)desk_hold(&desk, 8, "ann", "A10");
	desk_settle(&desk, 5, 9);
	expect_outcome(0, VERDICT_HELD, REASON_NONE);
	expect_outcome(1, VERDICT_CONFIRMED, REASON_NONE);
	expect_outcome(2, VERDICT_HELD, REASON_NONE);
	expect_outcome(3, VERDICT_REJECTED, REASON_HOLD_LIMIT);
}

/* Whatever was live before stays, and everything that is asked for comes to an outcome. */
Test(ledger_admin, goes_on_when_fewer_holds_are_allowed_than_are_live)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2 A3");
	(void)desk_hold(&desk, 2, "ann", "A4");
	desk_go_on(&desk);
	fixture_sql(desk.pg,
		    "UPDATE events SET seats_per_user_max = 10, holds_per_user_max = 2"
		    " WHERE event_id = $1",
		    event.text, NULL, NULL);

	(void)desk_book(&desk, 3, "ann", "A5");
	(void)desk_hold(&desk, 4, "bob", "A6 A7");
	desk_go_on(&desk);
	(void)desk_hold(&desk, 5, "ann", "A8");
	(void)desk_act(&desk, COMMAND_EXTEND, 1, "ann", 1);
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "ann", 2);
	(void)desk_hold(&desk, 6, "ann", "A9");
	(void)desk_book(&desk, 7, "ann", "A10");
	desk_settle(&desk, 4, 9);

	expect_outcome(0, VERDICT_REJECTED, REASON_HOLD_LIMIT);
	expect_outcome(1, VERDICT_EXTENDED, REASON_NONE);
	expect_outcome(2, VERDICT_CONFIRMED, REASON_NONE);
	expect_outcome(3, VERDICT_HELD, REASON_NONE);
	expect_outcome(4, VERDICT_CONFIRMED, REASON_NONE);
	cr_expect_str_eq(booking(3), "book confirmed 1 {A5} {} {0} 0 EUR");
}

Test(ledger_admin, goes_on_when_fewer_seats_are_allowed_than_are_live)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2 A3");
	desk_go_on(&desk);
	fixture_sql(desk.pg,
		    "UPDATE events SET seats_per_user_max = 2, holds_per_user_max = 1"
		    " WHERE event_id = $1",
		    event.text, NULL, NULL);
	(void)desk_book(&desk, 2, "ann", "A5");
	(void)desk_hold(&desk, 3, "ann", "A6");
	(void)desk_act(&desk, COMMAND_EXTEND, 1, "ann", 1);
	(void)desk_administer(&desk, COMMAND_BLOCK, 4, "A7 A8 A9");
	(void)desk_hold(&desk, 5, "bob", "A10");
	(void)desk_act(&desk, COMMAND_CONFIRM, 1, "ann", 2);
	(void)desk_act(&desk, COMMAND_CANCEL, 1, "ann", 3);
	(void)desk_book(&desk, 6, "ann", "A1 A2");
	desk_settle(&desk, 1, 9);

	expect_outcome(0, VERDICT_REJECTED, REASON_SEAT_LIMIT);
	expect_outcome(1, VERDICT_REJECTED, REASON_SEAT_LIMIT);
	expect_outcome(2, VERDICT_EXTENDED, REASON_NONE);
	expect_outcome(3, VERDICT_DONE, REASON_NONE);
	expect_outcome(4, VERDICT_HELD, REASON_NONE);
	expect_outcome(5, VERDICT_CONFIRMED, REASON_NONE);
	expect_outcome(6, VERDICT_CANCELLED, REASON_NONE);
	expect_outcome(7, VERDICT_CONFIRMED, REASON_NONE);
}

/* A worker that decided wrongly. */
Test(ledger_admin, takes_no_more_holds_than_the_limit_whoever_decides)
{
	(void)desk_hold(&desk, 1, "ann", "A1 A2");
	cr_assert_eq(desk_progress(&desk), 0);
	cr_assert_eq(desk_begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	desk_decide(&desk);
	struct ledger_desk other;
	desk_open(&other, cluster.text, event.text, desk.name.partition + (1 << 24));
	fixture_sql(other.pg, "UPDATE events SET holds_per_user_max = 1 WHERE event_id = $1",
		    event.text, NULL, NULL);

	cr_expect_eq(desk_commit(&desk), ERR_INTERNAL);
	cr_expect_eq(desk_number(&other, "SELECT count(*) FROM bookings WHERE event_id = $1"), 0);
	desk_close(&other);
}
