#include "stop.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void stop_signals(sigset_t *ret)
{
	(void)sigemptyset(ret); /* These fail only for a signal that does not exist. */
	(void)sigaddset(ret, SIGTERM);
	(void)sigaddset(ret, SIGINT);
}

void stop_block(void)
{
	sigset_t set;
	stop_signals(&set);
	(void)sigaddset(&set, SIGPIPE);
	const int status = pthread_sigmask(SIG_BLOCK, &set, NULL);
	assert(status == 0);
	(void)status; /* Only the assertion reads it. */
}

bool stop_wait(int64_t timeout_ms)
{
	sigset_t set;
	stop_signals(&set);
	const int64_t end_ms = clock_monotonic_ms() + (timeout_ms > 0 ? timeout_ms : 0);

	for (;;) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (left_ms < 0)
			left_ms = 0;
		const struct timespec left = {
			.tv_sec = left_ms / 1000,
			.tv_nsec = left_ms % 1000 * 1000000,
		};
		const int signal =
			timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &left);
		if (signal > 0)
			return true;
		if (errno == EAGAIN)
			return false;
		assert(errno == EINTR); /* By a signal that is not ours: wait on. */
	}
}

static void *end_process(void *argument)
{
	const int64_t within_ms = (intptr_t)argument;

	clock_sleep_ms(within_ms);
	log_error("drain_overran", LOG_INT("within_ms", within_ms));
	_exit(EXIT_FAILURE);
}

void stop_arm_deadline(int64_t within_ms)
{
	pthread_t thread;
	const int status = pthread_create(&thread, NULL, end_process, (void *)(intptr_t)within_ms);
	if (status != 0) {
		log_error("drain_deadline_not_armed", LOG_INT("errno", status));
		return;
	}
	(void)pthread_detach(thread); /* Cannot fail: the thread is new and joinable. */
}
