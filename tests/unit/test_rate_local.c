#include "rate_local.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COST   ((int64_t)6000000)
#define WINDOW ((int64_t)60000000)

static struct rate_local *local;

static void done(void)
{
	rate_local_free(local);
}

TestSuite(rate_local, .fini = done);

/* The debt after one was taken; -1: none was. */
static int64_t take(const char *key, int64_t now_us)
{
	int64_t debt_us = -2;

	return rate_local_take(local, key, COST, WINDOW, now_us, &debt_us) ? debt_us : -1;
}

Test(rate_local, lends_the_quota_at_once_and_no_more)
{
	local = rate_local_new(8);
	for (int64_t i = 1; i <= 10; i++)
		cr_expect_eq(take("ann", 1000), i * COST);
	cr_expect_eq(take("ann", 1000), -1);
	cr_expect_eq(take("ann", 1000 + COST - 1), -1, "a moment too early");
}

Test(rate_local, fills_evenly_and_no_further_than_full)
{
	local = rate_local_new(8);
	for (int i = 0; i < 10; i++)
		(void)take("ann", 0);
	cr_expect_eq(take("ann", COST), WINDOW, "one came back");
	cr_expect_eq(take("ann", COST), -1);
	cr_expect_eq(take("ann", 100 * WINDOW), COST, "however long ago that was");
}

Test(rate_local, takes_nothing_for_what_it_refuses)
{
	local = rate_local_new(8);
	for (int i = 0; i < 10; i++)
		(void)take("ann", 0);
	for (int i = 0; i < 1000; i++)
		cr_expect_eq(take("ann", 1), -1);
	cr_expect_eq(take("ann", COST), WINDOW);
}

Test(rate_local, keeps_users_apart)
{
	local = rate_local_new(8);
	for (int i = 0; i < 10; i++)
		(void)take("ann", 0);
	cr_expect_eq(take("bob", 0), COST);
	cr_expect_eq(take("ann", 0), -1);
	cr_expect_eq(take("an", 0), COST);
}

/* With a clock that says 0 or less, as any clock may at its beginning. */
Test(rate_local, begins_full_at_any_time)
{
	local = rate_local_new(8);
	cr_expect_eq(take("ann", 0), COST);
	cr_expect_eq(take("bob", -5000), COST);
}

Test(rate_local, forgets_whom_it_heard_of_longest_ago_when_it_is_full)
{
	char key[16];

	local = rate_local_new(4);
	for (int i = 0; i < 4; i++) {
		(void)snprintf(key, sizeof(key), "user%d", i);
		(void)take(key, 0);
	}
	cr_expect_eq(take("user0", 0), 2 * COST, "still known, and now the latest");
	(void)take("user4", 0); /* user1 goes */
	cr_expect_eq(take("user0", 0), 3 * COST);
	cr_expect_eq(take("user2", 0), 2 * COST);
	cr_expect_eq(take("user3", 0), 2 * COST);
	cr_expect_eq(take("user1", 0), COST, "forgotten");
}

Test(rate_local, stays_within_its_bound_with_any_number_of_users)
{
	char key[16];

	local = rate_local_new(100);
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(key, sizeof(key), "user%d", i);
		cr_expect_eq(take(key, 0), COST);
	}
	for (int i = 9900; i < 10000; i++) {
		(void)snprintf(key, sizeof(key), "user%d", i);
		cr_expect_eq(take(key, 0), 2 * COST, "%s", key);
	}
	cr_expect_eq(take("user9899", 0), COST);
}

Test(rate_local, has_again_what_was_given_back)
{
	local = rate_local_new(2);
	for (int i = 0; i < 10; i++)
		(void)take("ann", 0);
	rate_local_give_back(local, "ann", COST);
	cr_expect_eq(take("ann", 0), WINDOW);
	cr_expect_eq(take("ann", 0), -1);
	rate_local_give_back(local, "nobody", COST);
	cr_expect_eq(take("nobody", 0), COST, "nobody took any");
	rate_local_give_back(local, "nobody", COST);
	rate_local_give_back(local, "nobody", COST);
	for (int64_t i = 1; i <= 10; i++)
		cr_expect_eq(take("nobody", 2 * COST), i * COST, "no more than full");
}
