/*
 * What a lane does when the world around it fails, one turn after the other in memory. The
 * promises: an unsettled message is never dropped, a settled one never settled twice, and order is
 * kept.
 */
#include "lane_world.h"

#include <criterion/criterion.h>

static struct world world;

static void tear_down(void)
{
	world_done(&world);
}

TestSuite(lane, .fini = tear_down);

static const char *owner(const char *seat_id)
{
	return world_seat(&world, seat_id)->booking_id;
}

Test(lane, settles_a_batch_in_order_and_reports_it)
{
	world_init(&world, 10);
	world_book(&world, 1, "u1", "A1");
	world_book(&world, 2, "u2", "A1");
	world_book(&world, 3, "u3", "A2");

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3+ ");
	cr_expect_eq(world.commits, 1, "one transaction for the batch");
	cr_expect_eq(world.memory.progress[0], 3);
	cr_expect_eq(world.partitions[0].reported, 3);
	cr_expect_eq(world.locked_now, 0);
	cr_expect_eq(world_counted(&world, VERDICT_CONFIRMED, REASON_NONE), 2);
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_SEAT_TAKEN), 1);
}

Test(lane, takes_what_is_there_and_no_more_than_its_bound)
{
	world_init(&world, 2);
	for (int i = 0; i < 5; i++)
		world_book(&world, i + 1, "u", "A1");

	cr_assert(world_settle(&world));

	cr_expect_eq(world.takes, 3);
	cr_expect_eq(world.commits, 3);
	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3- 4- 5- ");
}

Test(lane, begins_where_the_ledger_stands)
{
	world_init(&world, 10);
	for (int i = 0; i < 4; i++)
		world_book(&world, i + 1, "u", i < 2 ? "A1" : "A2");
	world.memory.progress[0] = 2;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "3+ 4- ");
}

Test(lane, keeps_its_batch_while_the_ledger_is_away)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	for (int i = 0; i < 5; i++)
		world_book(&world, i + 1, "u", "A1");
	world.ledger_down = 200;

	world_turn(&world, 100);
	cr_expect(lane_is_busy(world.lane));
	cr_expect_not(lane_is_ledger_up(world.lane));
	cr_expect_eq(world.memory.progress[0], 0);
	cr_expect_eq(world.letter_count, 0);
	cr_expect_eq(world.takes, 1);

	world.ledger_down = 0;
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3- 4- 5- ");
	cr_expect(lane_is_ledger_up(world.lane));
	cr_expect_eq(world.letter_count, 0, "an outage makes no dead letters");
}

Test(lane, waits_longer_after_each_failure_but_no_longer_than_its_bound)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	world_book(&world, 1, "u", "A1");
	world.ledger_down = 1000000;
	const int64_t from_us = world.clock_us;

	while (world.begins < 20)
		world_turn(&world, 1);
	const int64_t spent_ms = (world.clock_us - from_us) / 1000;

	cr_expect_gt(spent_ms, 10000, "%lld ms", (long long)spent_ms);
	cr_expect_lt(spent_ms, 20000, "%lld ms", (long long)spent_ms);
}

Test(lane, starts_nothing_until_the_ledger_says_where)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world.ledger_down = 5;

	world_turn(&world, 3);
	cr_expect_eq(world.starts, 0);
	cr_expect_eq(world.takes, 0);

	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ ");
}

Test(lane, finds_a_commit_done_whose_answer_was_lost)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world_book(&world, 2, "u", "A2");
	world.next_commit = WORLD_LOSE_AFTER;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ 2+ ");
	cr_expect_eq(world.commits, 1, "not a second time");
	cr_expect_eq(world.begins, 1);
	cr_expect_eq(world.partitions[0].reported, 2);
	cr_expect_eq(world_seat(&world, "A1")->version, 1);
	cr_expect_eq(world_counted(&world, VERDICT_CONFIRMED, REASON_NONE), 2);
	cr_expect_eq(metric_get(world.counted.fenced), 0);
}

Test(lane, repeats_a_commit_that_was_lost_with_its_connection)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world.next_commit = WORLD_LOSE_BEFORE;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_eq(world.begins, 2);
	cr_expect_eq(world.commits, 1);
	cr_expect_eq(world_seat(&world, "A1")->version, 1);
}

/* Until the bug is mended, here by itself. */
Test(lane, settles_what_stands_before_a_command_that_the_ledger_will_not_have)
{
	world_init(&world, 10);
	for (int i = 1; i <= 7; i++)
		world_book(&world, i, "u", "A1");
	world.unfit = 6;

	world_pass(&world, 10000);
	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3- 4- 5- ");
	cr_expect_eq(world.partitions[0].reported, 5);
	cr_expect(lane_is_busy(world.lane));

	world.unfit = 0;
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3- 4- 5- 6- 7- ");

	const int commits = world.commits;
	world_book(&world, 8, "u", "A2");
	world_book(&world, 9, "u", "A3");
	cr_assert(world_settle(&world));
	cr_expect_eq(world.commits, commits + 1, "the next batch is whole again");
}

Test(lane, leaves_a_doubt_open_until_the_ledger_answers)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	world_book(&world, 1, "u", "A1");
	world.next_commit = WORLD_LOSE_AFTER;
	world_turn(&world, 1);
	world.ledger_down = 3;

	world_turn(&world, 4);
	cr_expect(lane_is_busy(world.lane));

	while (lane_is_busy(world.lane))
		world_turn(&world, 1);
	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_eq(world.begins, 1);
	cr_expect_eq(world.partitions[0].reported, 1);
}

static void another_owner_settles_two(struct world *w)
{
	w->memory.progress[0] = 2;
}

Test(lane, forgets_its_batch_when_the_fence_has_moved)
{
	world_init(&world, 10);
	for (int i = 0; i < 3; i++)
		world_book(&world, i + 1, "u", "A1");
	world.on_begin = another_owner_settles_two;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "3+ ", "1 and 2 were the other owner's");
	cr_expect_eq(world.restarts, 1);
	cr_expect_eq(metric_get(world.counted.fenced), 1);
	cr_expect_eq(world.locked_now, 0);
}

static void another_owner_settles_all(struct world *w)
{
	w->memory.progress[0] = w->partitions[0].high;
}

Test(lane, never_commits_behind_a_fence_it_lost_while_in_doubt)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world_book(&world, 2, "u", "A2");
	world_book(&world, 3, "u", "A3");
	world.partitions[0].high = 2; /* The third comes later. */
	world.next_commit = WORLD_LOSE_BEFORE;
	world_turn(&world, 1);
	cr_assert(lane_is_busy(world.lane));

	/* Another owner took offsets 0 to 2 in one batch. */
	world.partitions[0].high = 3;
	another_owner_settles_all(&world);
	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "");
	cr_expect_eq(world.commits, 0);
}

Test(lane, leaves_its_batch_to_the_next_owner_when_the_partition_is_revoked)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	cr_assert(world_settle(&world));
	world_book(&world, 2, "u", "A2");
	world.ledger_down = 1000000;
	world_turn(&world, 10);
	cr_assert(lane_is_busy(world.lane));

	world_revoke(&world, 0);
	world_turn(&world, 1);
	cr_expect_not(lane_is_busy(world.lane));

	world.ledger_down = 0;
	world_turn(&world, 20);
	cr_expect_str_eq(world_outcomes(&world), "1+ ", "2 is not ours any more");

	world_assign(&world, 0);
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ 2+ ");
}

Test(lane, drops_a_batch_of_an_earlier_time_of_owning_the_partition)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	world_book(&world, 1, "u", "A1");
	world.ledger_down = 3;
	world_turn(&world, 2);
	cr_assert(lane_is_busy(world.lane));

	/* Away and back between two turns; meanwhile another owner settled it. */
	world_revoke(&world, 0);
	world_assign(&world, 0);
	another_owner_settles_all(&world);
	world.ledger_down = 0;
	world_turn(&world, 20);

	cr_expect_str_eq(world_outcomes(&world), "");
	cr_expect_eq(world.commits, 0);
}

Test(lane, goes_on_without_locks_when_they_are_away)
{
	world_init(&world, 10);
	for (int i = 0; i < 3; i++)
		world_book(&world, i + 1, "u", "A1");
	world.locks_down = 1000;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3- ");
	cr_expect_eq(metric_get(world.counted.lock_unavailable), 1);
}

Test(lane, settles_what_stands_before_a_foreign_lock_and_then_the_rest_in_order)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world_book(&world, 2, "u", "A2");
	world_book(&world, 3, "u", "A3");
	world_book(&world, 4, "u", "A2");
	world.foreign[1] = 5;

	world_turn(&world, 1);
	cr_expect_str_eq(world_outcomes(&world), "1+ ", "3 must not overtake 2");
	cr_expect_eq(world.memory.progress[0], 1);

	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ 2+ 3+ 4- ");
	cr_expect_eq(world.commits, 2);
	cr_expect_gt(metric_get(world.counted.lock_contention), 0);
	cr_expect_eq(metric_get(world.counted.lock_given_up), 0);
}

Test(lane, holds_no_lock_while_it_waits_for_one)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A2");
	world_book(&world, 2, "u", "A1");
	world.foreign[1] = 1000;

	world_turn(&world, 5);

	cr_expect_eq(world.commits, 0);
	cr_expect_eq(world.locked_now, 0);
}

Test(lane, goes_on_without_a_foreign_lock_after_its_wait)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world.foreign[0] = 1000000;
	const int64_t from_us = world.clock_us;

	cr_assert(world_settle(&world));

	const int64_t waited_ms = (world.clock_us - from_us) / 1000;
	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_geq(waited_ms, 2000);
	cr_expect_lt(waited_ms, 2200, "%lld", (long long)waited_ms);
	cr_expect_eq(metric_get(world.counted.lock_given_up), 1);
}

Test(lane, stores_dead_letters_before_it_moves_on_and_delays_no_good_message)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world_append(&world, "rubbish");
	world_book(&world, 2, "u", "A2");
	world_append(&world, "{}");

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ 2+ ");
	cr_assert_eq(world.letter_count, 2);
	cr_expect_eq(world.letters[0], 1);
	cr_expect_eq(world.letters[1], 3);
	cr_expect_eq(world.memory.progress[0], 4);
}

Test(lane, moves_the_offset_past_a_batch_of_nothing_but_rubbish)
{
	world_init(&world, 10);
	for (int i = 0; i < 3; i++)
		world_append(&world, "rubbish");

	cr_assert(world_settle(&world));

	cr_expect_eq(world.letter_count, 3);
	cr_expect_eq(world.locks, 0, "there is nothing to lock");
	cr_expect_eq(world.memory.progress[0], 3);
}

Test(lane, keeps_the_batch_while_dead_letters_cannot_be_stored)
{
	world_init(&world, 10);
	world_append(&world, "rubbish");
	world_book(&world, 1, "u", "A1");
	world.letters_down = 3;

	world_turn(&world, 2);
	cr_expect(lane_is_busy(world.lane));
	cr_expect_eq(world.begins, 0, "nothing moves before the letter is stored");

	cr_assert(world_settle(&world));
	cr_expect_eq(world.letter_count, 1);
	cr_expect_str_eq(world_outcomes(&world), "1+ ");
}

Test(lane, stores_a_letter_once_though_the_ledger_makes_it_try_again)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	world_append(&world, "rubbish");
	world.ledger_down = 5;

	cr_assert(world_settle(&world));

	cr_expect_eq(world.letter_count, 1);
}

Test(lane, gives_a_message_that_comes_twice_one_effect)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world_book(&world, 1, "u", "A1");
	cr_assert(world_settle(&world));
	world_book(&world, 1, "u", "A1");
	world_book(&world, 1, "v", "A2");
	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_eq(world_seat(&world, "A1")->version, 1);
	cr_expect_str_eq(owner("A2"), "");
	cr_expect_eq(metric_get(world.counted.duplicates), 2);
	cr_expect_eq(metric_get(world.counted.contradictions), 1);
}

Test(lane, processes_a_rewound_log_again_without_a_second_effect)
{
	world_init(&world, 4);
	for (int i = 0; i < 12; i++)
		world_book(&world, i + 1, "u", i % 2 ? "A1" : "A2");
	cr_assert(world_settle(&world));
	const int64_t a1 = world_seat(&world, "A1")->version;
	world.memory.progress[0] = 0;
	world_revoke(&world, 0);
	world_assign(&world, 0);

	cr_assert(world_settle(&world));

	cr_expect_eq(world.memory.row_count, 12);
	cr_expect_eq(world_seat(&world, "A1")->version, a1);
	cr_expect_eq(metric_get(world.counted.duplicates), 12);
}

Test(lane, begins_at_the_first_message_left_when_the_log_dropped_some)
{
	world_init(&world, 10);
	for (int i = 0; i < 6; i++)
		world_book(&world, i + 1, "u", "A1");
	world.memory.progress[0] = 1;
	world.partitions[0].low = 4;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "5+ 6- ");
	cr_expect_eq(metric_get(world.counted.messages_lost), 3);
}

Test(lane, sets_its_progress_back_for_a_log_that_began_anew_but_not_at_first_sight)
{
	world_init(&world, 10);
	world_book(&world, 1, "u", "A1");
	world.memory.progress[0] = 1000;
	const int64_t from_us = world.clock_us;

	world_turn(&world, 3);
	cr_expect_eq(world.memory.progress[0], 1000, "a new leader may not know its end yet");

	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_geq((world.clock_us - from_us) / 1000, 5000);
}

Test(lane, starts_a_partition_though_another_cannot_be_started)
{
	world_init(&world, 10);
	world_assign(&world, 1);
	world_book(&world, 1, "u", "A1");
	world.memory.progress[1] = 99;

	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ ");
	cr_expect_not(world.partitions[1].started);
}
