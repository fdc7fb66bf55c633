/* The ledger on a real PostgreSQL: claims, losers, duplicates, the fence, and two lanes at one
 * seat. */
#include "batch.h"
#include "clock.h"
#include "decide.h"
#include "ledger_pg.h"
#include "log.h"
#include "services.h"
#include "state.h"
#include "worker_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define COMMANDS_MAX 64
#define RACERS 2
#define RACES 40

/* One ledger with its connection, and the batch it works on. */
struct desk {
	struct pg *pg;
	struct ledger_pg *ledger_pg;
	struct ledger ledger;
	struct partition_name name;
	struct state *state;
	struct batch_item *items;
	size_t count;
	int64_t now_ms;
	struct err err;
};

static struct fixture_name event;
static struct fixture_name cluster;

static void desk_open(struct desk *desk, int32_t partition)
{
	*desk = (struct desk){ .name = { cluster.text, "t", partition } };
	desk->pg = fixture_pg(NULL, 3000);
	desk->ledger_pg = ledger_pg_new(desk->pg);
	desk->ledger = ledger_pg_ops(desk->ledger_pg);
	desk->state = state_new(COMMANDS_MAX);
	desk->items = calloc(COMMANDS_MAX, sizeof(desk->items[0]));
	cr_assert(desk->items);
}

static void desk_close(struct desk *desk)
{
	ledger_pg_free(desk->ledger_pg);
	pg_free(desk->pg);
	state_free(desk->state);
	free(desk->items);
}

static struct desk desk;

static void set_up(void)
{
	log_open("test_ledger", LOG_LEVEL_ERROR);
	event = fixture_name("ledger");
	cluster = fixture_name("cluster");
	desk_open(&desk, 0);
	fixture_event(desk.pg, event.text, 20);
}

static void tear_down(void)
{
	desk_close(&desk);
}

TestSuite(ledger, .init = set_up, .fini = tear_down);

/* Booking ids are unique in the table: the event's time makes them so. */
static struct booking_id booking_id(int number)
{
	struct booking_id ret;
	const char *const dash = strchr(event.text, '-');
	const unsigned pid = (unsigned)strtoul(dash + 1, NULL, 10);
	const unsigned long long ms = strtoull(strchr(dash + 1, '-') + 1, NULL, 10);

	(void)snprintf(ret.text, sizeof(ret.text), "%08llx-%04x-8000-8000-%012x",
	               ms & 0xffffffffu, pid & 0xffffu, (unsigned)number);

	return ret;
}

static void reset(struct desk *at)
{
	at->count = 0;
	state_reset(at->state);
}

/* Seats "A1 A2"; event NULL is the fixture's. */
static void ask(struct desk *at, int number, const char *user, const char *event_id,
                const char *seats)
{
	struct batch_item *const item = &at->items[at->count++];
	struct command *const command = &item->command;
	char list[128];
	char *rest = list;

	memset(item, 0, sizeof(*item));
	item->is_command = true;
	command->booking_id = booking_id(number);
	command->requested_at_ms = 1772393400123;
	(void)snprintf(command->event_id, sizeof(command->event_id), "%s",
	               event_id ? event_id : event.text);
	(void)snprintf(command->user_id, sizeof(command->user_id), "%s", user);
	(void)snprintf(list, sizeof(list), "%s", seats);
	for (char *seat = strsep(&rest, " "); seat; seat = strsep(&rest, " "))
		(void)snprintf(command->seat_ids[command->seat_count++], IDENT_BYTES_MAX, "%s",
		               seat);
	state_want(at->state, command);
}

static err_code begin(struct desk *at, int64_t from, int64_t to)
{
	return at->ledger.ops->begin(at->ledger.ctx, &at->name, from, to, at->state, &at->now_ms,
	                             &at->err);
}

static void decide_all(struct desk *at)
{
	for (size_t i = 0; i < at->count; i++) {
		at->items[i].outcome = decide(at->state, &at->items[i].command, at->now_ms);
		state_apply(at->state, &at->items[i].command, &at->items[i].outcome);
	}
}

static err_code commit(struct desk *at)
{
	return at->ledger.ops->commit(at->ledger.ctx, at->state, at->items, at->count, at->now_ms,
	                              &at->err);
}

static void settle(struct desk *at, int64_t from, int64_t to)
{
	cr_assert_eq(begin(at, from, to), ERR_OK, "%s", at->err.text);
	decide_all(at);
	cr_assert_eq(commit(at), ERR_OK, "%s", at->err.text);
}

static int64_t progress(struct desk *at)
{
	int64_t ret = -1;
	bool fresh = false;

	cr_assert_eq(at->ledger.ops->progress(at->ledger.ctx, &at->name, &ret, &fresh, &at->err),
	             ERR_OK, "%s", at->err.text);

	return ret;
}

static int64_t count(const char *sql)
{
	return fixture_number(desk.pg, sql, event.text);
}

static const char *of_booking(const char *sql, int number)
{
	return fixture_sql(desk.pg, sql, booking_id(number).text, NULL, NULL);
}

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
	cr_assert_eq(progress(&desk), 0);
	ask(&desk, 1, "ann", NULL, "A3 A1");
	ask(&desk, 2, "bob", NULL, "A2 A3");
	ask(&desk, 3, "bob", NULL, "A2 Z9");
	ask(&desk, 4, "cid", "nowhere", "A1");
	settle(&desk, 0, 4);

	cr_expect_eq(progress(&desk), 4);
	cr_expect_str_eq(of_booking("SELECT status || ' ' || user_id || ' ' || seat_ids::text ||"
	                            " ' ' || version || ' ' || (reason IS NULL)"
	                            " FROM bookings WHERE booking_id = $1::uuid", 1),
	                 "confirmed ann {A3,A1} 1 true");
	cr_expect_str_eq(of_booking("SELECT reason || seats_lost::text FROM bookings"
	                            " WHERE booking_id = $1::uuid", 2), "seat_taken{A3}");
	cr_expect_str_eq(of_booking("SELECT reason || seats_lost::text FROM bookings"
	                            " WHERE booking_id = $1::uuid", 3), "seat_not_found{Z9}");
	cr_expect_str_eq(of_booking("SELECT reason || seats_lost::text FROM bookings"
	                            " WHERE booking_id = $1::uuid", 4), "event_not_found{}");
	cr_expect_str_eq(of_booking("SELECT (extract(epoch FROM requested_at) * 1000)::bigint"
	                            " FROM bookings WHERE booking_id = $1::uuid", 1),
	                 "1772393400123");
	cr_expect_str_eq(
		of_booking("SELECT booking_version || booking_seats::text || seat_ids::text"
			   " || seat_positions::text || seat_statuses::text ||"
			   " seat_versions::text FROM booking_log"
			   " WHERE booking_id = $1::uuid",
			   1),
		"1{A3,A1}{A3,A1}{2,0}{booked,booked}{1,1}");
	cr_expect_str_eq(of_booking("SELECT status || reason || seats_lost::text || seat_ids::text"
	                            " FROM booking_log WHERE booking_id = $1::uuid", 2),
	                 "rejectedseat_taken{A3}{}");
	cr_expect_eq(count("SELECT count(*) FROM seats WHERE event_id = $1 AND status = 'booked'"
	                   " AND user_id = 'ann' AND version = 1"), 2);
	cr_expect_str_eq(
		fixture_sql(desk.pg,
			    "SELECT string_agg(right(booking_id::text, 1), '' ORDER BY seq)"
			    " FROM booking_log WHERE left(booking_id::text, 24) = left($1, 24)",
			    booking_id(0).text, NULL, NULL),
		"1234");
	cr_expect_eq(
		count("SELECT count(DISTINCT decided_at) FROM booking_log WHERE event_id = $1"), 1);
}

Test(ledger, gives_a_booking_of_an_earlier_batch_no_second_effect)
{
	cr_assert_eq(progress(&desk), 0);
	ask(&desk, 1, "ann", NULL, "A1 A2");
	settle(&desk, 0, 1);
	reset(&desk);
	ask(&desk, 1, "ann", NULL, "A1 A2");
	ask(&desk, 1, "eve", NULL, "A3");
	settle(&desk, 1, 3);

	cr_expect_eq(desk.items[0].outcome.verdict, VERDICT_DUPLICATE);
	cr_expect_eq(desk.items[1].outcome.verdict, VERDICT_CONTRADICTION);
	cr_expect_eq(progress(&desk), 3);
	cr_expect_eq(count("SELECT sum(version) FROM seats WHERE event_id = $1"), 2);
	cr_expect_eq(count("SELECT count(*) FROM booking_log WHERE event_id = $1"), 1);
}

Test(ledger, gives_away_a_hold_that_ran_out_and_not_one_that_has_not)
{
	static const char hold[] =
		"UPDATE seats SET status = 'held', booking_id = gen_random_uuid(), user_id = 'old',"
		" hold_expires_at = clock_timestamp() + $3::interval WHERE event_id = $1 AND "
		"seat_id = $2";
	cr_assert_eq(progress(&desk), 0);
	(void)fixture_sql(desk.pg, hold, event.text, "A1", "-1 ms");
	(void)fixture_sql(desk.pg, hold, event.text, "A2", "1 minute");
	ask(&desk, 1, "ann", NULL, "A1");
	ask(&desk, 2, "ann", NULL, "A2");
	settle(&desk, 0, 2);

	cr_expect_eq(desk.items[0].outcome.verdict, VERDICT_CONFIRMED);
	cr_expect_eq(desk.items[1].outcome.reason, REJECTION_SEAT_TAKEN);
	cr_expect_eq(count("SELECT count(*) FROM seats WHERE event_id = $1 AND user_id = 'ann'"
	                   " AND hold_expires_at IS NULL AND status = 'booked'"), 1);
}

Test(ledger, moves_the_fence_over_a_batch_without_commands)
{
	cr_assert_eq(progress(&desk), 0);
	settle(&desk, 0, 5);

	cr_expect_eq(progress(&desk), 5);
}

Test(ledger, writes_nothing_for_an_owner_whose_fence_is_gone)
{
	cr_assert_eq(progress(&desk), 0);
	settle(&desk, 0, 5);
	ask(&desk, 1, "ann", NULL, "A1");

	cr_expect_eq(begin(&desk, 0, 1), ERR_CONFLICT);
	cr_expect_eq(PQtransactionStatus(pg_conn(desk.pg)), PQTRANS_IDLE, "no transaction is left");
	cr_expect_eq(progress(&desk), 5);
	cr_expect_eq(count("SELECT count(*) FROM seats WHERE event_id = $1 AND version > 0"), 0);
}

Test(ledger, undoes_all_when_it_is_rolled_back)
{
	cr_assert_eq(progress(&desk), 0);
	ask(&desk, 1, "ann", NULL, "A1");
	cr_assert_eq(begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	desk.ledger.ops->rollback(desk.ledger.ctx);

	cr_expect_eq(progress(&desk), 0);
	reset(&desk);
	ask(&desk, 1, "ann", NULL, "A1");
	settle(&desk, 0, 1);
	cr_expect_eq(desk.items[0].outcome.verdict, VERDICT_CONFIRMED);
}

Test(ledger, loses_the_whole_batch_with_its_session_and_takes_it_again)
{
	struct desk other;
	desk_open(&other, 7);
	char pid[16];
	(void)snprintf(pid, sizeof(pid), "%d", PQbackendPID(pg_conn(desk.pg)));
	cr_assert_eq(progress(&desk), 0);
	ask(&desk, 1, "ann", NULL, "A1");
	cr_assert_eq(begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	decide_all(&desk);

	(void)fixture_sql(other.pg, "SELECT pg_terminate_backend($1::integer, 2000)", pid, NULL,
	                  NULL);
	cr_expect_eq(commit(&desk), ERR_UNAVAILABLE);
	cr_expect_eq(progress(&desk), 0);

	reset(&desk);
	ask(&desk, 1, "ann", NULL, "A1");
	settle(&desk, 0, 1);
	cr_expect_eq(count("SELECT count(*) FROM booking_log WHERE event_id = $1"), 1);
	desk_close(&other);
}

Test(ledger, rewinds_only_from_where_it_stands)
{
	const struct ledger_ops *const ops = desk.ledger.ops;
	cr_assert_eq(progress(&desk), 0);
	settle(&desk, 0, 9);

	cr_expect_eq(ops->rewind(desk.ledger.ctx, &desk.name, 8, 2, &desk.err), ERR_CONFLICT);
	cr_expect_eq(progress(&desk), 9);
	cr_expect_eq(ops->rewind(desk.ledger.ctx, &desk.name, 9, 2, &desk.err), ERR_OK);
	cr_expect_eq(progress(&desk), 2);
}

struct racer {
	struct desk desk;
	pthread_t thread;
	int number;
	int won;
	const char *complaint;
};

/* Races for the same seats, in opposite order, from partitions of its own. */
static void *race_for_seats(void *ctx)
{
	struct racer *const racer = ctx;
	struct desk *const at = &racer->desk;

	for (int i = 0; i < RACES; i++) {
		char seats[32];
		const int seat = i % 19 + 1;
		(void)snprintf(seats, sizeof(seats), racer->number ? "A%d A%d" : "A%2$d A%1$d",
			       seat, seat + 1);
		reset(at);
		ask(at, 1000 * (racer->number + 1) + i, racer->number ? "b" : "a", NULL, seats);
		while (begin(at, i, i + 1) == ERR_UNAVAILABLE)
			;
		decide_all(at);
		if (commit(at) != ERR_OK) {
			racer->complaint = "commit";
			return NULL;
		}
		racer->won += at->items[0].outcome.verdict == VERDICT_CONFIRMED;
	}
	return NULL;
}

/* Races as two owners of one partition: each offset must be settled by one of them. */
static void *race_for_offsets(void *ctx)
{
	struct racer *const racer = ctx;
	struct desk *const at = &racer->desk;

	for (int64_t next = 0; next < RACES;) {
		reset(at);
		ask(at, (int)next + 1, "ann", NULL, "A1");
		const err_code code = begin(at, next, next + 1);
		if (code == ERR_CONFLICT) {
			bool fresh = false;
			racer->complaint = "progress";
			if (at->ledger.ops->progress(at->ledger.ctx, &at->name, &next, &fresh,
			                             NULL) != ERR_OK)
				return NULL;
			racer->complaint = NULL;
			continue;
		}
		racer->complaint = "begin or commit";
		if (code != ERR_OK)
			return NULL;
		decide_all(at);
		if (commit(at) != ERR_OK)
			return NULL;
		racer->complaint = NULL;
		racer->won++;
		next++;
	}
	return NULL;
}

static void race(void *(*how)(void *), int32_t first, int32_t second, struct racer *racers)
{
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ .number = i };
		desk_open(&racers[i].desk, i ? second : first);
		cr_assert_eq(progress(&racers[i].desk), 0);
	}
	for (int i = 0; i < RACERS; i++)
		cr_assert_eq(pthread_create(&racers[i].thread, NULL, how, &racers[i]), 0);
	for (int i = 0; i < RACERS; i++) {
		cr_assert_eq(pthread_join(racers[i].thread, NULL), 0);
		cr_expect_null(racers[i].complaint, "%s: %s", racers[i].complaint,
		               racers[i].desk.err.text);
	}
	for (int i = 0; i < RACERS; i++)
		desk_close(&racers[i].desk);
}

Test(ledger, sells_no_seat_twice_to_two_lanes_that_race_for_it)
{
	struct racer racers[RACERS];

	race(race_for_seats, 1, 2, racers);

	cr_expect_gt(racers[0].won + racers[1].won, 0);
	cr_expect_eq(count("SELECT count(*) FROM bookings WHERE event_id = $1"), 2 * RACES);
	cr_expect_eq(count("SELECT max(version) FROM seats WHERE event_id = $1"), 1);
	cr_expect_eq(count("SELECT count(*) FROM (SELECT unnest(seat_ids) AS seat, event_id"
	                   " FROM bookings WHERE event_id = $1 AND status = 'confirmed') AS sold"
	                   " GROUP BY event_id HAVING count(*) > count(DISTINCT seat)"), 0);
	cr_expect_eq(count("SELECT count(*) FROM bookings AS b, unnest(b.seat_ids) AS u (seat_id)"
	                   " JOIN seats AS s USING (seat_id) WHERE b.event_id = $1 AND"
	                   " s.event_id = $1 AND b.status = 'confirmed' AND"
	                   " s.booking_id <> b.booking_id"), 0);
}

Test(ledger, settles_each_offset_once_for_two_owners_of_a_partition)
{
	struct racer racers[RACERS];

	race(race_for_offsets, 3, 3, racers);

	cr_expect_eq(racers[0].won + racers[1].won, RACES);
	cr_expect_eq(count("SELECT count(*) FROM bookings WHERE event_id = $1"), RACES);
	cr_expect_eq(count("SELECT count(*) FROM booking_log WHERE event_id = $1"), RACES);
}

Test(ledger, works_with_the_rights_of_its_own_role_only)
{
	cr_assert_eq(progress(&desk), 0);
	(void)fixture_sql(desk.pg, "SET ROLE seatline_worker", NULL, NULL, NULL);
	ask(&desk, 1, "ann", NULL, "A1");
	ask(&desk, 2, "ann", NULL, "A1");
	settle(&desk, 0, 2);
	cr_expect_eq(progress(&desk), 2);

	cr_expect_eq(pg_query(desk.pg, NULL, "DELETE FROM bookings", NULL, 0, NULL, &desk.err),
	             ERR_INTERNAL);
	cr_expect_eq(pg_query(desk.pg, NULL, "UPDATE seats SET price_minor = 0", NULL, 0, NULL,
	                      &desk.err), ERR_INTERNAL);
	cr_expect_eq(pg_query(desk.pg, NULL, "UPDATE booking_log SET user_id = 'x'", NULL, 0, NULL,
	                      &desk.err), ERR_INTERNAL);
}
