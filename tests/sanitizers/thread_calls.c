/*
 * thread_calls - thread functions that ThreadSanitizer does not know, by way of those it knows.
 *
 * gcc 12's follows pthread_*, but neither thrd_*, mtx_* and cnd_*, which librdkafka calls, nor
 * pthread_mutex_clocklock: it dies of the first thread that it did not see begin, and complains of
 * the first lock that it did not see taken. These definitions, linked into a program, come before
 * glibc's. glibc has one type under both names, so nothing is converted. Only a build with
 * -Db_sanitize=thread has them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

#define NS_PER_S 1000000000

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a cnd_t is a pthread_cond_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thrd_t is a pthread_t");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "a once_flag is a pthread_once_t");

struct start {
	thrd_start_t function;
	void *argument;
};

static int status_of(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case ETIMEDOUT:
		return thrd_timedout;
	case ENOMEM:
		return thrd_nomem;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
	return (pthread_mutex_t *)mutex;
}

static pthread_cond_t *condition_of(cnd_t *condition)
{
	return (pthread_cond_t *)condition;
}

static void *run(void *argument)
{
	const struct start start = *(struct start *)argument;

	free(argument);
	return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *ret, thrd_start_t function, void *argument)
{
	struct start *start = malloc(sizeof(*start));
	if (!start)
		return thrd_nomem;
	*start = (struct start){ .function = function, .argument = argument };

	const int error = pthread_create(ret, NULL, run, start);
	if (error != 0)
		free(start);
	return status_of(error);
}

int thrd_join(thrd_t thread, int *ret)
{
	void *result = NULL;
	const int error = pthread_join(thread, &result);

	if (error == 0 && ret)
		*ret = (int)(intptr_t)result;
	return status_of(error);
}

int thrd_detach(thrd_t thread)
{
	return status_of(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;

	(void)pthread_mutexattr_init(&attributes); /* glibc's cannot fail */
	if (type & mtx_recursive)
		(void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	const int error = pthread_mutex_init(mutex_of(mutex), &attributes);
	(void)pthread_mutexattr_destroy(&attributes);
	return status_of(error);
}

int mtx_lock(mtx_t *mutex)
{
	return status_of(pthread_mutex_lock(mutex_of(mutex)));
}

int mtx_trylock(mtx_t *mutex)
{
	return status_of(pthread_mutex_trylock(mutex_of(mutex)));
}

int mtx_unlock(mtx_t *mutex)
{
	return status_of(pthread_mutex_unlock(mutex_of(mutex)));
}

void mtx_destroy(mtx_t *mutex)
{
	(void)pthread_mutex_destroy(mutex_of(mutex));
}

int cnd_init(cnd_t *condition)
{
	return status_of(pthread_cond_init(condition_of(condition), NULL));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return status_of(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
	return status_of(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}

int cnd_signal(cnd_t *condition)
{
	return status_of(pthread_cond_signal(condition_of(condition)));
}

int cnd_broadcast(cnd_t *condition)
{
	return status_of(pthread_cond_broadcast(condition_of(condition)));
}

void cnd_destroy(cnd_t *condition)
{
	(void)pthread_cond_destroy(condition_of(condition));
}

void call_once(once_flag *flag, void (*function)(void))
{
	(void)pthread_once((pthread_once_t *)flag, function);
}

/* By the clock of pthread_mutex_timedlock: one that is set meanwhile moves the end. */
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	struct timespec then, now;

	(void)clock_gettime(clock, &then); /* Neither fails for a clock that exists. */
	(void)clock_gettime(CLOCK_REALTIME, &now);

	const int64_t ns = (int64_t)now.tv_nsec + until->tv_nsec - then.tv_nsec + NS_PER_S;
	const struct timespec at = {
		.tv_sec = now.tv_sec + until->tv_sec - then.tv_sec + ns / NS_PER_S - 1,
		.tv_nsec = ns % NS_PER_S,
	};

	return pthread_mutex_timedlock(mutex, &at);
}
