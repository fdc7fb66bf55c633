#include "http_gate.h"

#include <criterion/criterion.h>

#define SLOW_US  1000000
#define QUICK_US 1000
#define LEAST    4
#define FIRST    (LEAST + HTTP_GATE_FIRST)
#define MOST     200

static struct http_gate gate;

static void set_up(void)
{
	http_gate_init(&gate, LEAST, MOST, SLOW_US);
}

static void tear_down(void)
{
	http_gate_done(&gate);
}

/* How many more may enter; they have entered. */
static int64_t fill(void)
{
	int64_t entered = 0;

	while (entered < 2 * MOST && http_gate_enter(&gate))
		entered++;
	return entered;
}

static void leave(int64_t count, int64_t took_us, int64_t now_us)
{
	for (int64_t i = 0; i < count; i++)
		http_gate_leave(&gate, took_us, now_us);
}

TestSuite(http_gate, .init = set_up, .fini = tear_down);

Test(http_gate, lets_as_many_in_as_may_and_another_one_for_each_that_leaves)
{
	cr_assert_eq(fill(), FIRST);
	cr_expect_not(http_gate_enter(&gate));
	leave(2, SLOW_US, SLOW_US);
	cr_expect_eq(fill(), 2);
}

Test(http_gate, lets_half_as_many_in_when_one_was_too_slow)
{
	cr_assert_eq(fill(), FIRST);
	leave(FIRST, SLOW_US + 1, 2 * SLOW_US);
	cr_expect_eq(fill(), FIRST / 2, "once for all that were slow together");
}

Test(http_gate, never_lets_fewer_in_than_the_least)
{
	for (int64_t i = 2; i < 100; i++) {
		cr_assert(http_gate_enter(&gate));
		http_gate_leave(&gate, SLOW_US + 1, i * SLOW_US);
	}
	cr_expect_eq(fill(), LEAST);
}

Test(http_gate, lets_all_in_again_soon_when_they_are_quick)
{
	int64_t rounds = 0;

	for (int64_t i = 2; i < 100; i++) {
		cr_assert(http_gate_enter(&gate));
		http_gate_leave(&gate, SLOW_US + 1, i * SLOW_US);
	}
	for (int64_t entered = 0; entered < MOST; rounds++) {
		cr_assert_lt(rounds, 20);
		entered = fill();
		leave(entered, QUICK_US, 100 * SLOW_US);
	}
	cr_expect_leq(rounds, 15, "%d rounds", (int)rounds);
}

Test(http_gate, never_lets_more_in_than_the_most)
{
	for (int i = 0; i < 20; i++)
		leave(fill(), QUICK_US, SLOW_US);
	cr_expect_eq(fill(), MOST);
}

Test(http_gate, learns_nothing_from_quick_ones_that_were_alone_or_from_those_in_between)
{
	for (int i = 0; i < 100; i++) {
		cr_assert(http_gate_enter(&gate));
		http_gate_leave(&gate, QUICK_US, 3 * SLOW_US);
	}
	cr_assert_eq(fill(), FIRST);
	leave(FIRST, SLOW_US * 3 / 4, 3 * SLOW_US);
	cr_expect_eq(fill(), FIRST);
}

Test(http_gate, without_a_bound_on_time_lets_everybody_in)
{
	struct http_gate open;

	http_gate_init(&open, 0, 1, 0);
	for (int i = 0; i < 10; i++)
		cr_expect(http_gate_enter(&open));
	http_gate_leave(&open, 100 * SLOW_US, SLOW_US);
	http_gate_done(&open);
}
