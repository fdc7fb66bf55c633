/*
 * clock_waits - the kinds of waiting that Debian 12's libfaketime gets wrong. Loaded before it.
 *
 * librdkafka waits by C11 threads, which libfaketime does not know: the kernel would be asked to
 * wait until a time of the wrong clock, an hour ago or in an hour. And with
 * FAKETIME_DONT_FAKE_MONOTONIC it still takes a time of CLOCK_MONOTONIC to wait for as one of the
 * wrong clock.
 */
#define _GNU_SOURCE

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <threads.h>
#include <time.h>

#define UPTIME_S_MAX 1000000000 /* No machine has run for longer, and 1970 was longer ago. */

/* Who is to wait until then: the C library for a true monotonic time, else libfaketime. */
static void *waiter(const char *name, const struct timespec *until)
{
	void *const libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	assert(libc);
	void *const ret = dlsym(until->tv_sec < UPTIME_S_MAX ? libc : RTLD_NEXT, name);
	assert(ret);

	return ret;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

	*(void **)&wait = waiter("pthread_cond_timedwait", until);
	return wait(cond, mutex, until);
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
	const int status =
		pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until);

	if (status == ETIMEDOUT)
		return thrd_timedout;
	return status == 0 ? thrd_success : thrd_error;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
	int (*wait)(clockid_t, int, const struct timespec *, struct timespec *);

	*(void **)&wait = waiter("clock_nanosleep", until);
	return wait(clock, flags, until, left);
}
