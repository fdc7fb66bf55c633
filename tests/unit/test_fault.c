#include "fault.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What becomes of a process that passes "before_commit" as often as told under this FAULT_POINT:
 * the number of the signal that ended it, or 0.
 */
static int pass(const char *wanted, int times)
{
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		if (wanted)
			(void)setenv("FAULT_POINT", wanted, 1);
		for (int i = 0; i < times; i++) {
			FAULT_POINT("before");
			FAULT_POINT("before_commit");
		}
		_exit(0);
	}

	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

Test(fault, kills_at_the_point_that_is_named)
{
	cr_expect_eq(pass("before_commit", 1), SIGKILL);
	cr_expect_eq(pass("before_commit:1", 1), SIGKILL);
}

Test(fault, kills_at_the_time_that_is_given)
{
	cr_expect_eq(pass("before_commit:3", 2), 0);
	cr_expect_eq(pass("before_commit:3", 3), SIGKILL);
}

Test(fault, passes_all_other_points)
{
	cr_expect_eq(pass(NULL, 3), 0);
	cr_expect_eq(pass("", 3), 0);
	cr_expect_eq(pass("after_commit", 3), 0);
	cr_expect_eq(pass("before_commit_too", 3), 0);
	cr_expect_eq(pass("before_", 3), 0);
}

/* How often a process stops that passes "before_commit" as often as told under this FAULT_POINT. */
static int stops(const char *wanted, int times)
{
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		(void)setenv("FAULT_POINT", wanted, 1);
		for (int i = 0; i < times; i++)
			FAULT_POINT("before_commit");
		_exit(0);
	}

	for (int ret = 0;; ret++) {
		int status = -1;
		cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
		if (WIFEXITED(status))
			return ret;
		cr_assert(WIFSTOPPED(status));
		cr_assert_eq(kill(child, SIGCONT), 0);
	}
}

Test(fault, stops_at_each_so_many_times_and_goes_on)
{
	cr_expect_eq(stops("before_commit:1:stop", 3), 3);
	cr_expect_eq(stops("before_commit:3:stop", 2), 0);
	cr_expect_eq(stops("before_commit:3:stop", 7), 2);
	cr_expect_eq(stops("before_commit:0:stop", 3), 0);
	cr_expect_eq(stops("after_commit:1:stop", 3), 0);
}
