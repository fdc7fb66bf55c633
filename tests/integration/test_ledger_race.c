/* Transactions at the same time on a real PostgreSQL: no seat, offset or key is given twice, none
 * waits for another in a circle, and a hold's last moment has one winner. */
#include "clock.h"
#include "ledger_desk.h"
#include "log.h"
#include "services.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define RACERS       2
#define RACES        40
#define SEATS        20
#define SETS_AT_ONCE 12
#define ATTEMPTS_MAX 5
#define HOLD_MS      100 /* the shortest that an event may have */
#define ROUNDS       25
#define SWEEPS_MAX   500
#define LOOK_MS      20
#define LOOKS_MAX    500

static struct fixture_name event;
static struct fixture_name cluster;
static struct ledger_desk desk;

static void set_up(void)
{
	log_open("test_ledger_race", LOG_LEVEL_ERROR);
	event = fixture_name("race");
	cluster = fixture_name("cluster");
	desk_open(&desk, cluster.text, event.text, 0);
	fixture_event(desk.pg, event.text, SEATS);
}

static void tear_down(void)
{
	desk_close(&desk);
}

TestSuite(ledger_race, .init = set_up, .fini = tear_down);

struct racer {
	struct ledger_desk desk;
	pthread_t thread;
	pthread_barrier_t *line;
	int number;
	int won;
	int retries;
	const char *complaint; /* Criterion's assertions are for its own thread only. */
};

static void race(void *(*how)(void *), int32_t first, int32_t second, struct racer *racers)
{
	pthread_barrier_t line;
	cr_assert_eq(pthread_barrier_init(&line, NULL, RACERS), 0);
	for (int i = 0; i < RACERS; i++) {
		memset(&racers[i], 0, sizeof(racers[i]));
		racers[i].number = i;
		racers[i].line = &line;
		desk_open(&racers[i].desk, cluster.text, event.text, i ? second : first);
		cr_assert_eq(desk_progress(&racers[i].desk), 0);
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
	(void)pthread_barrier_destroy(&line);
}

static void await(const struct racer *racer)
{
	(void)pthread_barrier_wait(racer->line); /* Answers who was last. */
}

/* ---- Seats ---- */

static bool settle_once(struct racer *racer, int64_t from)
{
	struct ledger_desk *const at = &racer->desk;

	racer->complaint = "begin";
	if (desk_begin(at, from, from + (int64_t)at->count) != ERR_OK)
		return false;
	desk_decide(at);
	racer->complaint = "commit";
	if (desk_commit(at) != ERR_OK)
		return false;
	racer->complaint = NULL;

	return true;
}

/* Wants the same seats from a partition of its own, in opposite order. */
static void *race_for_seats(void *ctx)
{
	struct racer *const racer = ctx;
	struct ledger_desk *const at = &racer->desk;

	for (int i = 0; i < RACES; i++) {
		char seats[32];
		const int seat = i % (SEATS - 1) + 1;
		(void)snprintf(seats, sizeof(seats), racer->number ? "A%d A%d" : "A%2$d A%1$d",
			       seat, seat + 1);
		desk_reset(at);
		(void)desk_book(at, 1000 * (racer->number + 1) + i, racer->number ? "b" : "a",
				seats);
		await(racer);
		if (racer->complaint || !settle_once(racer, i))
			continue; /* Who has failed still comes to the line: the other waits. */
		racer->won += at->outcomes[0].verdict == VERDICT_CONFIRMED;
	}
	return NULL;
}

/* What holds of every event, whoever raced: the log's arrays, unrolled, give each seat's life. */
static void expect_sound(void)
{
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM bookings AS b,"
					" unnest(b.seat_ids) AS u (seat_id)"
					" LEFT JOIN seats AS s ON s.event_id = $1 AND"
					" s.seat_id = u.seat_id WHERE b.event_id = $1 AND"
					" b.status IN ('held', 'confirmed') AND"
					" s.booking_id IS DISTINCT FROM b.booking_id"),
		     0, "each live booking has all its seats");
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM seats AS s LEFT JOIN bookings AS b"
					" USING (booking_id) WHERE s.event_id = $1 AND"
					" s.booking_id IS NOT NULL AND"
					" coalesce(b.status, '') NOT IN ('held', 'confirmed')"),
		     0, "each taken seat is of a live booking");
	cr_expect_eq(desk_number(&desk,
				 "WITH life AS (SELECT c.seat_id, c.status, c.version,"
				 " lag(c.status, 1, 'available') OVER w AS was,"
				 " lag(l.booking_id) OVER w AS whose, l.booking_id"
				 " FROM booking_log AS l, unnest(l.seat_ids, l.seat_statuses,"
				 " l.seat_versions) AS c (seat_id, status, version)"
				 " WHERE l.event_id = $1"
				 " WINDOW w AS (PARTITION BY c.seat_id ORDER BY c.version))"
				 " SELECT count(*) FROM life"
				 " WHERE was <> 'available' AND whose <> booking_id"),
		     0, "no seat goes from one owner to another");
	cr_expect_eq(desk_number(&desk, "SELECT (SELECT sum(version) FROM seats"
					" WHERE event_id = $1) - (SELECT sum(cardinality(seat_ids))"
					" FROM booking_log WHERE event_id = $1)"),
		     0, "a seat's version counts its changes");
}

Test(ledger_race, sells_no_seat_twice_to_two_lanes)
{
	struct racer racers[RACERS];

	race(race_for_seats, 1, 2, racers);

	cr_expect_gt(racers[0].won + racers[1].won, 0);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1"),
		     2 * RACES);
	cr_expect_eq(desk_number(&desk, "SELECT max(version) FROM seats WHERE event_id = $1"), 1);
	expect_sound();
}

static void want_three(struct racer *racer, int number)
{
	char seats[32];
	const int first = (number * 7 + racer->number * 3) % SEATS;

	(void)snprintf(seats, sizeof(seats), "A%d A%d A%d", (first + 11) % SEATS + 1, first + 1,
		       (first + 5) % SEATS + 1);
	(void)desk_hold(&racer->desk, 100000 * (racer->number + 1) + number, "u", seats);
}

/* Batches of sets that overlap in every order, which hold, cancel and let holds lapse. */
static void *race_for_sets(void *ctx)
{
	struct racer *const racer = ctx;
	struct ledger_desk *const at = &racer->desk;
	int64_t next = 0;

	for (int i = 0; i < RACES; i++) {
		if (i == RACES / 2)
			(void)usleep(HOLD_MS * 1000); /* All holds so far run out. */
		desk_reset(at);
		for (int k = 0; k < SETS_AT_ONCE; k++) {
			const int number = i * SETS_AT_ONCE + k;
			want_three(racer, number);
			if (k % 3 == 0)
				(void)desk_act(at, COMMAND_CANCEL,
					       100000 * (racer->number + 1) + number, "", number);
		}
		await(racer);
		for (int n = 0; n < ATTEMPTS_MAX && !settle_once(racer, next); n++) {
			racer->retries++;
			if (strstr(at->err.text, "moved while loading"))
				continue;
			await(racer);
			return NULL;
		}
		next += (int64_t)at->count;
	}
	return NULL;
}

Test(ledger_race, lets_no_two_lanes_wait_for_each_other_over_overlapping_sets)
{
	struct racer racers[RACERS];
	(void)fixture_sql(desk.pg, "UPDATE events SET hold_ttl_ms = 100 WHERE event_id = $1",
			  event.text, NULL, NULL);

	race(race_for_sets, 1, 2, racers);

	cr_expect_gt(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1 AND"
					" status = 'expired'"),
		     0);
	cr_expect_gt(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1 AND"
					" status = 'cancelled'"),
		     0);
	expect_sound();
}

/* ---- Offsets ---- */

/* Works as one of two owners of one partition: each offset must be settled by one of them. */
static void *race_for_offsets(void *ctx)
{
	struct racer *const racer = ctx;
	struct ledger_desk *const at = &racer->desk;

	for (int64_t next = 0; next < RACES;) {
		desk_reset(at);
		(void)desk_book(at, (int)next + 1, "ann", "A1");
		racer->complaint = "begin";
		const err_code code = desk_begin(at, next, next + 1);
		if (code == ERR_CONFLICT) {
			bool fresh = false;
			racer->complaint = "progress";
			if (at->ledger.ops->progress(at->ledger.ctx, &at->name, &next, &fresh,
						     NULL) != ERR_OK)
				return NULL;
			racer->complaint = NULL;
			continue;
		}
		if (code != ERR_OK)
			return NULL;
		desk_decide(at);
		racer->complaint = "commit";
		if (desk_commit(at) != ERR_OK)
			return NULL;
		racer->complaint = NULL;
		racer->won++;
		next++;
	}
	return NULL;
}

Test(ledger_race, settles_each_offset_once_for_two_owners_of_a_partition)
{
	struct racer racers[RACERS];

	race(race_for_offsets, 3, 3, racers);

	cr_expect_eq(racers[0].won + racers[1].won, RACES);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1"),
		     RACES);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM booking_log WHERE event_id = $1"),
		     RACES);
}

/* ---- Turns ---- */

static int64_t ledger_ms(struct pg *pg)
{
	_cleanup_(PQclearp) PGresult *res = NULL;

	if (pg_query(pg, NULL, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
		     NULL, 0, &res, NULL) != ERR_OK)
		return INT64_MAX;

	return strtoll(PQgetvalue(res, 0, 0), NULL, 10);
}

/* Settles one offset, when it is its turn. */
static void *wait_for_turn(void *ctx)
{
	struct racer *const racer = ctx;

	desk_reset(&racer->desk);
	(void)desk_book(&racer->desk, 1, "ann", "A1");
	(void)settle_once(racer, 0); /* What went wrong is its complaint. */
	return NULL;
}

static void await_a_session_that_waits(struct pg *pg)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		if (fixture_number(pg,
				   "SELECT count(*) FROM pg_stat_activity WHERE $1 <> '' AND"
				   " datname = current_database() AND wait_event_type = 'Lock'",
				   event.text) > 0)
			return;
		clock_sleep_ms(LOOK_MS);
	}
	cr_assert(false, "nobody waits");
}

/* What a transaction decides, it decides as it is when it comes to its turn, whenever it began: by
 * the clock of then, and in the log behind whatever was decided before. */
Test(ledger_race, lets_an_owner_decide_at_its_turn_and_not_before)
{
	struct racer racer = { 0 };
	desk_open(&racer.desk, cluster.text, event.text, 0);
	cr_assert_eq(desk_progress(&racer.desk), 0);
	(void)desk_book(&desk, 2, "bob", "A2");
	cr_assert_eq(desk_begin(&desk, 0, 1), ERR_OK, "%s", desk.err.text);
	cr_assert_eq(pthread_create(&racer.thread, NULL, wait_for_turn, &racer), 0);

	struct pg *const other = fixture_pg(NULL, 3000);
	await_a_session_that_waits(other);
	const int64_t xid = fixture_number(
		other, "SELECT pg_current_xact_id()::text::bigint WHERE $1 <> ''", event.text);
	clock_sleep_ms(LOOK_MS);
	const int64_t turn_ms = ledger_ms(other);
	desk.ledger.ops->rollback(desk.ledger.ctx);
	cr_assert_eq(pthread_join(racer.thread, NULL), 0);

	cr_expect_null(racer.complaint, "%s: %s", racer.complaint, racer.desk.err.text);
	cr_expect_geq(racer.desk.now_ms, turn_ms, "decided by the clock of before its turn");
	cr_expect_gt(desk_number(&desk, "SELECT xid::text::bigint FROM booking_log"
					" WHERE event_id = $1"),
		     xid, "decided after what the log has behind it");
	pg_free(other);
	desk_close(&racer.desk);
}

/* ---- Keys ---- */

static void book_with_key(struct racer *racer, int i, int key)
{
	char seat[16];
	(void)snprintf(seat, sizeof(seat), "A%d", racer->number * 10 + key + 1);
	struct command *const command =
		desk_book(&racer->desk, 10000 * (racer->number + 1) + 2 * i + key, "ann", seat);

	(void)snprintf(command->idempotency_key.text, sizeof(command->idempotency_key.text),
		       "%.24s%012x", command->booking_id.text, (unsigned)(500000 + 2 * i + key));
}

/* Uses the same two keys from a partition of its own, in opposite order. */
static void *race_for_keys(void *ctx)
{
	struct racer *const racer = ctx;

	for (int i = 0; i < RACES; i++) {
		desk_reset(&racer->desk);
		book_with_key(racer, i, racer->number);
		book_with_key(racer, i, 1 - racer->number);
		await(racer);
		/* Who comes second fails, once, on the key that it could not see. */
		if (!settle_once(racer, 2 * i)) {
			racer->retries++;
			if (!strstr(racer->desk.err.text, "23505") || !settle_once(racer, 2 * i))
				racer->complaint = "not because of the key alone";
		}
		await(racer);
	}
	return NULL;
}

Test(ledger_race, gives_a_key_one_booking_when_two_partitions_use_it_at_once)
{
	struct racer racers[RACERS];

	race(race_for_keys, 1, 2, racers);

	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1"),
		     4 * RACES, "each has an outcome");
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM bookings WHERE event_id = $1 AND"
					" reason IS DISTINCT FROM 'idempotency_key_reused'"),
		     2 * RACES, "one of two that used the same key");
	cr_expect_eq(desk_number(&desk, "SELECT count(DISTINCT idempotency_key) FROM bookings"
					" WHERE event_id = $1"),
		     2 * RACES);
}

/* ---- The last moment of a hold ---- */

static int64_t moment_ms; /* of this round, by the ledger's clock; the line orders its uses */

static void wait_until(struct racer *racer, int64_t ms)
{
	while (ledger_ms(racer->desk.pg) < ms)
		(void)usleep(200);
}

static void confirm_at_the_moment(struct racer *racer, int round)
{
	struct ledger_desk *const at = &racer->desk;

	wait_until(racer, moment_ms + round % 11 - 5);
	desk_reset(at);
	(void)desk_act(at, COMMAND_CONFIRM, round + 1, "ann", 2 * round);
	if (settle_once(racer, 3 * round + 1))
		racer->won += at->outcomes[0].verdict == VERDICT_CONFIRMED;
}

/* Knows of the partition what its owner knows, so the fence lets one of the two go first: a sweep
 * that comes second meets the conflict. */
static void sweep_at_the_moment(struct racer *racer, int round)
{
	struct ledger_desk *const at = &racer->desk;
	size_t swept = 0;

	wait_until(racer, moment_ms - 5);
	for (int n = 0; n < SWEEPS_MAX && swept == 0; n++) {
		desk_reset(at);
		racer->complaint = "sweep";
		const err_code code =
			at->ledger.ops->sweep(at->ledger.ctx, &at->name, 3 * round + 1, 10,
					      at->state, &at->now_ms, &at->err);
		if (code == ERR_CONFLICT)
			racer->complaint = NULL;
		if (code != ERR_OK)
			return;
		swept = journal_sweep(at->journal, at->state, at->now_ms);
		racer->complaint = "commit a sweep";
		if (desk_commit(at) != ERR_OK)
			return;
		racer->complaint = NULL;
		racer->won += (int)swept;
	}
}

static void *race_for_the_moment(void *ctx)
{
	struct racer *const racer = ctx;
	struct ledger_desk *const at = &racer->desk;

	for (int round = 0; round < ROUNDS; round++) {
		if (racer->number == 0) {
			desk_reset(at);
			(void)desk_hold(at, round + 1, "ann", "A1 A2");
			(void)settle_once(racer, 3 * round);
			moment_ms = at->now_ms + HOLD_MS;
		}
		await(racer);
		if (racer->number == 0)
			confirm_at_the_moment(racer, round);
		else
			sweep_at_the_moment(racer, round);
		await(racer);
		if (racer->number == 0) { /* The seats are the next round's. */
			desk_reset(at);
			(void)desk_act(at, COMMAND_CANCEL, round + 1, "ann", 2 * round + 1);
			(void)settle_once(racer, 3 * round + 2);
		}
	}
	return NULL;
}

Test(ledger_race, gives_the_last_moment_of_a_hold_one_winner)
{
	struct racer racers[RACERS];
	(void)fixture_sql(desk.pg, "UPDATE events SET hold_ttl_ms = 100 WHERE event_id = $1",
			  event.text, NULL, NULL);

	const int32_t own = 5000 + (int32_t)getpid(); /* Nobody else's holds are swept. */
	race(race_for_the_moment, own, own, racers);

	cr_expect_leq(racers[0].won + racers[1].won, ROUNDS);
	cr_expect_eq(desk_number(&desk, "SELECT count(*) FROM (SELECT booking_id FROM booking_log"
					" WHERE event_id = $1 AND (status = 'expired' AND"
					" command IS NULL OR status = 'confirmed' AND"
					" result = 'done') GROUP BY booking_id"
					" HAVING count(*) = 1) AS won"),
		     ROUNDS);
	cr_expect_eq(desk_number(&desk, "SELECT sum(version) FROM seats WHERE event_id = $1"),
		     2 * (2 * ROUNDS + racers[0].won), "held and freed, or held, booked and freed");
	expect_sound();
}
