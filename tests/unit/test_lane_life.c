/* What becomes of bookings in a lane: one command after the other, in one batch and in many, and
 * delivered again. */
#include "lane_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct world world;

static void tear_down(void)
{
	world_done(&world);
}

TestSuite(lane_life, .fini = tear_down);

static void tell_a_life(void)
{
	world_hold(&world, 1, "u", "A1 A2");
	world_act(&world, "extend", 1, 1);
	world_act(&world, "confirm", 1, 2);
	world_hold(&world, 2, "v", "A3 A1");
	world_hold(&world, 3, "v", "A3");
	world_act(&world, "cancel", 3, 3);
	world_book(&world, 4, "w", "A3");
	world_act(&world, "cancel", 1, 4);
	world_act(&world, "confirm", 1, 5);
	world_act(&world, "confirm", 99, 6);
}

static void expect_that_life(void)
{
	cr_expect_str_eq(world_outcomes(&world), "1c 2- 3c 4+ 99- ");
	cr_expect_eq(world.memory.row_count, 10);
	cr_expect_eq(world_booking(&world, 1)->version, 5);
	cr_expect_eq(world_seat(&world, "A1")->version, 3);
	cr_expect_eq(world_seat(&world, "A3")->version, 3);
	cr_expect_eq(world_seat(&world, "A3")->status, SEAT_BOOKED);
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_SEAT_TAKEN), 1);
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_BOOKING_NOT_FOUND), 1);
	cr_expect_eq(world_counted(&world, VERDICT_REFUSED, REASON_BOOKING_CANCELLED), 1);
	cr_expect_eq(world_counted(&world, VERDICT_CANCELLED, REASON_NONE), 2);
	cr_expect_eq(world_counted(&world, VERDICT_EXTENDED, REASON_NONE), 1);
}

Test(lane_life, is_the_same_in_one_batch_and_in_ten)
{
	static const size_t sizes[] = { 10, 3, 1 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		world_init(&world, sizes[i]);
		tell_a_life();
		cr_assert(world_settle(&world));
		expect_that_life();
		if (i + 1 < sizeof(sizes) / sizeof(sizes[0]))
			world_done(&world);
	}
}

Test(lane_life, is_not_lived_twice_when_the_log_is_rewound)
{
	world_init(&world, 4);
	tell_a_life();
	cr_assert(world_settle(&world));
	world.memory.progress[0] = 0;
	world_revoke(&world, 0);
	world_assign(&world, 0);

	cr_assert(world_settle(&world));

	expect_that_life();
	cr_expect_eq(metric_get(world.counted.duplicates), 10);
}

Test(lane_life, is_told_once_when_a_commits_answer_was_lost)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	tell_a_life();
	world.next_commit = WORLD_LOSE_AFTER;

	cr_assert(world_settle(&world));

	expect_that_life();
	cr_expect_eq(world.begins, 1);
}

Test(lane_life, is_decided_anew_when_a_commit_was_lost)
{
	world_init(&world, 10);
	world_turn(&world, 1);
	tell_a_life();
	world.next_commit = WORLD_LOSE_BEFORE;

	cr_assert(world_settle(&world));

	expect_that_life();
	cr_expect_eq(world.begins, 2);
}

Test(lane_life, locks_the_seats_that_a_batch_names_and_no_others)
{
	world_init(&world, 10);
	world_hold(&world, 1, "u", "A1 A2");
	cr_assert(world_settle(&world));
	cr_expect_eq(world.locked_most, 2);
	world.locked_most = 0;
	const int locks = world.locks;

	world_act(&world, "confirm", 1, 1);
	cr_assert(world_settle(&world));
	cr_expect_eq(world.locks, locks, "confirm names no seats");

	world_act(&world, "cancel", 1, 2);
	world_book(&world, 2, "v", "A2");
	world.partitions[0].started = false; /* One batch for both. */
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1c 2+ ");
	cr_expect_eq(world.locked_most, 1, "though the batch came to know another seat");
	cr_expect_eq(world.locked_now, 0, "and gave back what it had locked");
}

Test(lane_life, counts_each_refusal_by_its_reason)
{
	world_init(&world, 10);
	world_act(&world, "cancel", 1, 1);
	world_act(&world, "cancel", 1, 2);
	world_book(&world, 2, "u", "A1");
	world_act(&world, "extend", 2, 3);
	world_act(&world, "confirm", 2, 4);

	cr_assert(world_settle(&world));

	cr_expect_eq(world_counted(&world, VERDICT_REFUSED, REASON_BOOKING_NOT_FOUND), 1);
	cr_expect_eq(world_counted(&world, VERDICT_REFUSED, REASON_ALREADY_CONFIRMED), 1);
	cr_expect_eq(world_counted(&world, VERDICT_UNCHANGED, REASON_ALREADY_CONFIRMED), 1);
}

Test(lane_life, keeps_to_the_limit_of_seats_within_a_batch_and_after_it)
{
	world_init(&world, 10);
	state_event(world.memory.store, "e")->seats_per_user_max = 2;
	world_book(&world, 1, "u", "A1");
	world_hold(&world, 2, "u", "A2 A3");
	world_book(&world, 3, "u", "A2");
	world_book(&world, 4, "v", "A3");
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1+ 2- 3+ 4+ ");

	world_book(&world, 5, "u", "A4");
	world_act(&world, "cancel", 1, 1);
	world_book(&world, 6, "u", "A4");
	cr_assert(world_settle(&world));
	cr_expect_str_eq(world_outcomes(&world), "1c 2- 3+ 4+ 5- 6+ ");
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_SEAT_LIMIT), 2);
}

Test(lane_life, gives_one_key_one_booking_and_rejects_another_with_it)
{
	char value[WORLD_VALUE_BYTES_MAX];
	world_init(&world, 2);

	for (int i = 0; i < 3; i++) {
		(void)snprintf(value, sizeof(value),
			       "{\"type\":\"book\","
			       "\"bookingId\":\"00000000-0000-8000-8000-%012d\","
			       "\"eventId\":\"e\",\"seatIds\":[\"%s\"],"
			       "\"idempotencyKey\":\"00000000-0000-8000-9000-00000000000a\","
			       "\"userId\":\"u\",\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}",
			       i < 2 ? 1 : 2, i < 2 ? "A1" : "A2");
		world_append(&world, value);
	}
	cr_assert(world_settle(&world));

	cr_expect_str_eq(world_outcomes(&world), "1+ 2- ");
	cr_expect_eq(metric_get(world.counted.duplicates), 1);
	cr_expect_eq(world_counted(&world, VERDICT_REJECTED, REASON_IDEMPOTENCY_KEY_REUSED), 1);
}
