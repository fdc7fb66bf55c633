#include "clock.h"
#include "log.h"
#include "stop.h"
#include "table.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(stop, waits_as_long_as_told)
{
	stop_block();
	const int64_t start_ms = clock_monotonic_ms();
	cr_expect_not(stop_wait(40));
	cr_expect_geq(clock_monotonic_ms() - start_ms, 40);
	cr_expect_not(stop_wait(0));
}

Test(stop, notices_both_signals_even_when_sent_before)
{
	static const int signals[] = { SIGTERM, SIGINT };

	stop_block();
	for (size_t i = 0; i < COUNT(signals); i++) {
		cr_assert_eq(kill(getpid(), signals[i]), 0);
		cr_expect(stop_wait(5000), "missed signal %d", signals[i]);
		cr_expect_not(stop_wait(0));
	}
}

static void *ask_to_stop(void *nothing)
{
	clock_sleep_ms(50);
	(void)kill(getpid(), SIGTERM);
	return nothing;
}

Test(stop, wakes_from_an_endless_wait)
{
	stop_block();
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, ask_to_stop, NULL), 0);
	cr_expect(stop_wait(-1));
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(stop, turns_a_hung_up_peer_into_an_error)
{
	int ends[2];
	stop_block();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	cr_expect_eq(write(ends[1], "x", 1), -1);
	(void)close(ends[1]);
}

Test(stop, ends_a_process_that_does_not_end_itself)
{
	int ends[2];
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);

	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		log_open("tester", LOG_LEVEL_INFO);
		stop_arm_deadline(50);
		clock_sleep_ms(10000); /* What hangs. */
		_exit(0);
	}
	(void)close(ends[1]);

	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 1);

	char text[1000] = "";
	cr_expect_gt(read(ends[0], text, sizeof(text) - 1), 0);
	cr_expect(strstr(text, "\"event\":\"drain_overran\",\"within_ms\":50"), "%s", text);
	(void)close(ends[0]);
}

Test(stop, leaves_a_process_that_ends_in_time_alone)
{
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		stop_arm_deadline(10000);
		_exit(7);
	}

	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 7);
}
