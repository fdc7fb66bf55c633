/*
 * When a lane ends holds that ran out: often enough that maps are right, never so that bookings
 * wait, and not at all where another owner may.
 */
#include "lane_world.h"

#include <criterion/criterion.h>

#define TTL_MS   500
#define SWEEP_MS 1000

static struct world world;

static void init(size_t batch_max, int64_t sweep_ms)
{
	world_init_sweeping(&world, batch_max, sweep_ms);
	state_event(world.memory.store, "e")->hold_ttl_ms = TTL_MS;
}

static void tear_down(void)
{
	world_done(&world);
}

TestSuite(lane_sweep, .fini = tear_down);

static void turn_until_swept(void)
{
	for (int i = 0; i < 1000 && world.sweeps == 0; i++)
		world_turn(&world, 1);
	cr_assert_gt(world.sweeps, 0);
}

static void hold_all_seats(void)
{
	world_hold(&world, 1, "u", "A1 A2");
	world_hold(&world, 2, "v", "A3");
	world_hold(&world, 3, "w", "A4");
	cr_assert(world_settle(&world));
}

Test(lane_sweep, ends_a_hold_that_ran_out_and_leaves_the_others)
{
	init(10, SWEEP_MS);
	hold_all_seats();
	world_act(&world, "confirm", 2, 1);
	cr_assert(world_settle(&world));

	world_pass(&world, 2 * SWEEP_MS);

	cr_expect_str_eq(world_outcomes(&world), "1e 2+ 3e ");
	cr_expect_eq(world_seat(&world, "A2")->status, SEAT_AVAILABLE);
	cr_expect_eq(world_seat(&world, "A2")->version, 2);
	cr_expect_eq(world_seat(&world, "A3")->status, SEAT_BOOKED);
	cr_expect_eq(world_booking(&world, 1)->reason, REASON_HOLD_EXPIRED);
	cr_expect_eq(metric_get(world.counted.expired), 2);
	cr_expect_eq(world.sweeps, 1, "one transaction for both");
	cr_expect_eq(world.locks, world.unlocks, "a sweep locks no seats");
	cr_expect_eq(world.memory.progress[0], 4, "it consumes nothing");
}

Test(lane_sweep, looks_as_often_as_it_is_told_and_opens_nothing_in_vain)
{
	init(10, SWEEP_MS);
	world_pass(&world, 10 * SWEEP_MS);

	cr_expect_geq(world.looks, 9);
	cr_expect_leq(world.looks, 11);
	cr_expect_eq(world.sweeps, 0);
}

Test(lane_sweep, waits_for_the_time_of_the_hold)
{
	init(10, 50);
	hold_all_seats();
	world_pass(&world, TTL_MS / 2);

	cr_expect_str_eq(world_outcomes(&world), "1h 2h 3h ");
	world_pass(&world, TTL_MS);
	cr_expect_str_eq(world_outcomes(&world), "1e 2e 3e ");
}

Test(lane_sweep, goes_on_at_once_after_a_full_transaction)
{
	init(1, SWEEP_MS);
	hold_all_seats();
	world_pass(&world, TTL_MS);
	const int64_t from_us = world.clock_us;
	turn_until_swept();
	world_turn(&world, 3);

	cr_expect_str_eq(world_outcomes(&world), "1e 2e 3e ");
	cr_expect_leq(world.clock_us - from_us, (SWEEP_MS + 200) * 1000);
	cr_expect_eq(metric_get(world.counted.expired), 3);
}

Test(lane_sweep, sweeps_between_batches_that_follow_each_other)
{
	init(1, SWEEP_MS);
	hold_all_seats();
	for (int i = 0; i < 20; i++)
		world_book(&world, 10 + i, "x", "Z9");
	world.clock_us += 2000 * 1000;

	world_turn(&world, 5);

	cr_expect(world.memory.progress[0] < world.partitions[0].high, "there is work to do");
	cr_expect_eq(metric_get(world.counted.expired), 3);
	cr_expect_eq(world.memory.progress[0], 3 + 5, "and each turn did some");
}

Test(lane_sweep, does_nothing_when_it_is_off)
{
	init(10, 0);
	hold_all_seats();
	world_pass(&world, 10 * SWEEP_MS);

	cr_expect_str_eq(world_outcomes(&world), "1h 2h 3h ");
	cr_expect_eq(world.looks, 0);
}

Test(lane_sweep, lets_a_buyer_have_the_seat_of_a_lapsed_hold_though_it_is_off)
{
	init(10, 0);
	hold_all_seats();
	world_pass(&world, 2 * TTL_MS);
	world_book(&world, 4, "x", "A2");
	world_act(&world, "confirm", 1, 1);

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1e 2h 3h 4+ ");
	cr_expect_eq(world_seat(&world, "A1")->status, SEAT_AVAILABLE, "freed with it");
	cr_expect_eq(world_seat(&world, "A1")->version, 2);
	cr_expect_eq(world_seat(&world, "A2")->version, 3);
	cr_expect_eq(world_counted(&world, VERDICT_REFUSED, REASON_HOLD_EXPIRED), 1);
	cr_expect_eq(metric_get(world.counted.expired), 1);
}

static void another_owner_goes_on(struct world *w)
{
	w->memory.progress[0] = w->partitions[0].high;
}

Test(lane_sweep, touches_nothing_of_a_partition_that_another_owner_has)
{
	init(10, SWEEP_MS);
	hold_all_seats();
	world_book(&world, 4, "x", "Z9");
	world.partitions[0].high--; /* It comes later. */
	world_pass(&world, TTL_MS);
	world.on_begin = another_owner_goes_on;
	world.partitions[0].high++;
	world.partitions[0].position++; /* The other owner's, not taken here. */
	turn_until_swept();

	cr_expect_str_eq(world_outcomes(&world), "1h 2h 3h ");
	cr_expect_eq(metric_get(world.counted.fenced), 1);
	cr_expect_eq(world.restarts, 1);
	world_pass(&world, 2 * SWEEP_MS);
	cr_expect_str_eq(world_outcomes(&world), "1e 2e 3e ", "it reads where it stands, and may");
}

Test(lane_sweep, leaves_the_holds_of_a_partition_that_was_taken_away)
{
	init(1, SWEEP_MS);
	hold_all_seats();
	world_pass(&world, TTL_MS);
	turn_until_swept();
	const int sweeps = world.sweeps;
	world_revoke(&world, 0);

	world_pass(&world, 3 * SWEEP_MS);

	cr_expect_eq(world.sweeps, sweeps);
	cr_expect_str_eq(world_outcomes(&world), "1e 2h 3h ");
}

Test(lane_sweep, tries_again_with_pauses_while_the_ledger_is_away)
{
	init(10, SWEEP_MS);
	hold_all_seats();
	world_pass(&world, TTL_MS);
	world.sweeps_down = 6;
	world_pass(&world, SWEEP_MS);
	cr_expect_str_eq(world_outcomes(&world), "1h 2h 3h ");
	cr_expect_not(lane_is_ledger_up(world.lane));

	const int64_t from_us = world.clock_us;
	for (int i = 0; i < 1000 && world.sweeps_down > 0; i++)
		world_turn(&world, 1);
	cr_assert_eq(world.sweeps_down, 0);
	cr_expect_gt(world.clock_us - from_us, 1000 * 1000, "not at full speed");
	world_pass(&world, 3 * SWEEP_MS);
	cr_expect_str_eq(world_outcomes(&world), "1e 2e 3e ");
	cr_expect(lane_is_ledger_up(world.lane));
}

Test(lane_sweep, books_though_sweeping_fails)
{
	init(10, SWEEP_MS);
	hold_all_seats();
	world_pass(&world, TTL_MS);
	world.sweeps_down = 1000000;
	for (int i = 0; i < 5; i++) {
		world_pass(&world, SWEEP_MS);
		world_book(&world, 10 + i, "x", "Z9");
		cr_assert(world_settle(&world));
	}
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_SEAT_NOT_FOUND), 5);
}

Test(lane_sweep, does_not_mind_whether_a_commit_whose_answer_was_lost_was_done)
{
	static const enum world_commit lost[] = { WORLD_LOSE_BEFORE, WORLD_LOSE_AFTER };

	for (size_t i = 0; i < 2; i++) {
		init(10, SWEEP_MS);
		hold_all_seats();
		world_pass(&world, TTL_MS);
		world.next_commit = lost[i];
		world_pass(&world, 4 * SWEEP_MS);

		cr_expect_str_eq(world_outcomes(&world), "1e 2e 3e ");
		cr_expect_eq(world.memory.row_count, 6, "once each");
		cr_expect_eq(world_seat(&world, "A1")->version, 2);
		if (i == 0)
			world_done(&world);
	}
}
