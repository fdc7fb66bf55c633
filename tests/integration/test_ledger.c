/* The ledger on a real PostgreSQL: what of a batch is written, the fence, and what is left when
 * something fails. */
#include "ledger_desk.h"
#include "log.h"
#include "services.h"

#include <stdio.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")

static struct fixture_name event;
static struct fixture_name cluster;
static struct ledger_desk desk;

static void set_up(void)
{
	log_open("test_ledger", LOG_LEVEL_ERROR);
	event = fixture_name("ledger");
	cluster = fixture_name("cluster");
	desk_open(&desk, cluster.text, event.text, 0);
	fixture_event(desk.pg, event.text, 20);
}

static void tear_down(void)
{
	desk_close(&desk);
}

TestSuite(ledger, .init = set_up, .fini = tear_down);

Test(ledger, enters_a_partition_at_zero_and_once)
{
	int64_t next = -1;
	bool fresh = false;
	const struct ledger_ops *const ops = desk.ledger.ops;

	cr_assert_eq(ops->progress(desk.ledger.ctx, &desk.name, &next, &fresh, &desk.err), ERR_OK);
	cr_expect_eq(next, 0);
	cr_expect(fresh);
	cr_assert_eq(ops->progress(desk.ledger.ctx, &desk.name, &next, &fresh, &desk.err), ERR_OK);
	cr_expect_not(fresh);
}

Test(ledger, writes_seats_bookings_and_log_in_the_order_of_the_batch)
{
	cr_assert_eq(desk_progress(&desk), 0);
	(void)desk_book(&desk, 1, "ann", "A3 A1");
	(void)desk_book(&desk, 2, "bob", "A2 A3");
	(void)desk_book(&desk, 3, "bob", "A2 Z9");
	(void)snprintf(desk_book(&desk, 4, "cid", "A1")->event_id, IDENT_BYTES_MAX, "nowhere");
	desk_settle(&desk, 0, 4);

	cr_expect_eq(desk_progress(&desk), 4);
	cr_expect_str_eq(
		desk_of_booking(&desk,
				"SELECT status || ' ' || user_id || ' ' || seat_ids::text ||"
				" ' ' || version || ' ' || (reason IS NULL)"
				" FROM bookings WHERE booking_id = $1::uuid",
				1),
		"confirmed ann {A3,A1} 1 true");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT reason || seats_lost::text FROM bookings"
					 " WHERE booking_id = $1::uuid",
					 2),
			 "seat_taken{A3}");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT reason || seats_lost::text FROM bookings"
					 " WHERE booking_id = $1::uuid",
					 3),
			 "seat_not_found{Z9}");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT reason || seats_lost::text FROM bookings"
					 " WHERE booking_id = $1::uuid",
					 4),
			 "event_not_found{}");
	cr_expect_str_eq(desk_of_booking(&desk,
					 "SELECT (extract(epoch FROM requested_at) * 1000)::bigint"
					 " FROM bookings WHERE booking_id = $1::uuid",
					 1),
			 "1772393400123");
	cr_expect_str_eq(
		desk_of_booking(&desk,
				"SELECT booking_version || booking_seats::text || seat_ids::text"
				" || seat_positions::text || seat_statuses::text ||"
				" seat_versions::text FROM booking_log"
				" WHERE booking_id = $1::uuid",
				1),
		"1{A3,A1}{A3,A1}{2,0}{booked,booked}{1,1}");
	cr_expect_str_eq(
		desk_of_booking(&desk,
				"SELECT status || reason || seats_lost::text || seat_ids::text"
				" FROM booking_log WHERE booking_id = $1::uuid",
				2),
		"rejectedseat_taken{A3}{}");
	cr_expect_eq(
		desk_number(&desk,
			    "SELECT count(*) FROM seats WHERE event_id = $1 AND status = 'booked'"
			    " AND user_id = 'ann' AND version = 1"),
		2);
	cr_expect_str_eq(
		fixture_sql(desk.pg,
			    "SELECT string_agg(right(booking_id::text, 1), '' ORDER BY seq)"
			    " FROM booking_log WHERE left(booking_id::text, 24) = left($1, 24)",
			    desk_booking_id(&desk, 0).text, NULL, NULL),
		"1234");
	cr_expect_eq(
		desk_number(
			&desk,
			"SELECT count(DISTINCT decided_at) FROM booking_log WHERE event_id = $1"),
		1);
}

Test(ledger, gives_a_booking_of_an_earlier_batch_no_second_effect)
{
	cr_assert_eq(desk_progress(&desk), 0);
	(void)desk_book(&desk, 1, "ann", "A1 A2");
	desk_settle(&desk, 0, 1);
	desk_reset(&desk);
	(void)desk_book(&desk, 1, "ann", "A1 A2");
	(void)desk_book(&desk, 1, "eve", "A3");
	desk_settle(&desk, 1, 3);

	cr_expect_eq(desk.outcomes[0].verdict, VERDICT_DUPLICATE);
	cr_expect_eq(desk.outcomes[1].verdict, VERDICT_CONTRADICTION);
	cr_expect_eq(desk_progress(&desk), 3);
	cr_expect_eq(desk_number(&desk, "SELECT sum(version) FROM seats WHERE event_id = $1"), 2);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM booking_log WHERE event_id = $1"), 1);
}

Test(ledger, moves_the_fence_over_a_batch_without_commands)
{
	cr_assert_eq(desk_progress(&desk), 0);
	desk_settle(&desk, 0, 5);

	cr_expect_eq(desk_progress(&desk), 5);
}

Test(ledger, writes_nothing_for_an_owner_whose_fence_is_gone)
{
	cr_assert_eq(desk_progress(&desk), 0);
	desk_settle(&desk, 0, 5);
	(void)desk_book(&desk, 1, "ann", "A1");

	cr_expect_eq(desk_begin(&desk, 0, 1), ERR_CONFLICT);
	cr_expect_eq(PQtransactionStatus(pg_conn(desk.pg)), PQTRANS_IDLE, "no transaction is left");
	cr_expect_eq(desk_progress(&desk), 5);
	cr_expect_eq(desk_number(&desk,
				 "SELECT count(*) FROM seats WHERE event_id = $1 AND version > 0"),
		     0);
}

Test(ledger, undoes_all_when_it_is_rolled_back)
{
	cr_assert_eq(desk_progress(&desk), 0);
	(void)desk_book(&desk, 1, "ann", "A1");
	cr_assert_eq(desk_begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	desk.ledger.ops->rollback(desk.ledger.ctx);

	cr_expect_eq(desk_progress(&desk), 0);
	desk_reset(&desk);
	(void)desk_book(&desk, 1, "ann", "A1");
	desk_settle(&desk, 0, 1);
	cr_expect_eq(desk.outcomes[0].verdict, VERDICT_CONFIRMED);
}

Test(ledger, loses_the_whole_batch_with_its_session_and_takes_it_again)
{
	struct ledger_desk other;
	desk_open(&other, cluster.text, event.text, 7);
	char pid[16];
	(void)snprintf(pid, sizeof(pid), "%d", PQbackendPID(pg_conn(desk.pg)));
	cr_assert_eq(desk_progress(&desk), 0);
	(void)desk_book(&desk, 1, "ann", "A1");
	cr_assert_eq(desk_begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	desk_decide(&desk);

	(void)fixture_sql(other.pg, "SELECT pg_terminate_backend($1::integer, 2000)", pid, NULL,
			  NULL);
	cr_expect_eq(desk_commit(&desk), ERR_UNAVAILABLE);
	cr_expect_eq(desk_progress(&desk), 0);

	desk_reset(&desk);
	(void)desk_book(&desk, 1, "ann", "A1");
	desk_settle(&desk, 0, 1);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM booking_log WHERE event_id = $1"), 1);
	desk_close(&other);
}

Test(ledger, rewinds_only_from_where_it_stands)
{
	const struct ledger_ops *const ops = desk.ledger.ops;
	cr_assert_eq(desk_progress(&desk), 0);
	desk_settle(&desk, 0, 9);

	cr_expect_eq(ops->rewind(desk.ledger.ctx, &desk.name, 8, 2, &desk.err), ERR_CONFLICT);
	cr_expect_eq(desk_progress(&desk), 9);
	cr_expect_eq(ops->rewind(desk.ledger.ctx, &desk.name, 9, 2, &desk.err), ERR_OK);
	cr_expect_eq(desk_progress(&desk), 2);
}

Test(ledger, works_with_the_rights_of_its_own_role_only)
{
	cr_assert_eq(desk_progress(&desk), 0);
	(void)fixture_sql(desk.pg, "SET ROLE seatline_worker", NULL, NULL, NULL);
	(void)desk_book(&desk, 1, "ann", "A1");
	(void)desk_book(&desk, 2, "ann", "A1");
	desk_settle(&desk, 0, 2);
	cr_expect_eq(desk_progress(&desk), 2);

	cr_expect_eq(pg_query(desk.pg, NULL, "DELETE FROM bookings", NULL, 0, NULL, &desk.err),
		     ERR_INTERNAL);
	cr_expect_eq(pg_query(desk.pg, NULL, "UPDATE seats SET price_minor = 0", NULL, 0, NULL,
			      &desk.err),
		     ERR_INTERNAL);
	cr_expect_eq(pg_query(desk.pg, NULL, "UPDATE booking_log SET user_id = 'x'", NULL, 0, NULL,
			      &desk.err),
		     ERR_INTERNAL);
}
