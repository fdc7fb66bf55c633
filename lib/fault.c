#include "fault.h"

#ifdef SEATLINE_FAULT_POINTS

#include "log.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void fault_point(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static long reached;

	const char *wanted = getenv("FAULT_POINT");
	const size_t len = strlen(name);
	if (!wanted || strncmp(wanted, name, len) != 0)
		return;
	if (wanted[len] != '\0' && wanted[len] != ':')
		return; /* Another point, whose name begins the same. */

	char *mode = NULL;
	const long target = wanted[len] == ':' ? strtol(wanted + len + 1, &mode, 10) : 1;
	const bool stops = mode && strcmp(mode, ":stop") == 0;
	(void)pthread_mutex_lock(&lock); /* Cannot fail: a static, error-free mutex. */
	const long now = ++reached;
	(void)pthread_mutex_unlock(&lock);
	if (stops ? target < 1 || now % target != 0 : now != target)
		return;

	log_warn("fault_point_reached", LOG_STR("name", name), LOG_INT("times", now));
	(void)raise(stops ? SIGSTOP : SIGKILL); /* SIGKILL: does not return. */
}

#else

/* ISO C forbids an empty translation unit. */
typedef int fault_points_are_off;

#endif
