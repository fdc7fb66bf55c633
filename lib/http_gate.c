#include "http_gate.h"

#include <assert.h>

#define QUICK_PARTS 2 /* quick: half of slow          */
#define CUT_PARTS   2 /* too slow: half of them less */

void http_gate_init(struct http_gate *gate, int64_t least, int64_t most, int64_t slow_us)
{
	assert(gate && most > 0 && slow_us >= 0);

	const int64_t first = least + HTTP_GATE_FIRST;
	*gate = (struct http_gate){
		.least = least < most ? least : most,
		.most = most,
		.slow_us = slow_us,
		.limit = first < most ? first : most,
	};
	const int failed = pthread_mutex_init(&gate->lock, NULL);
	assert(!failed);
}

void http_gate_done(struct http_gate *gate)
{
	(void)pthread_mutex_destroy(&gate->lock); /* Not held: nobody is left to enter. */
}

bool http_gate_enter(struct http_gate *gate)
{
	if (gate->slow_us == 0)
		return true;

	(void)pthread_mutex_lock(&gate->lock); /* Cannot fail: an error-free mutex. */
	const bool ret = gate->running < gate->limit;
	if (ret)
		gate->running++;
	(void)pthread_mutex_unlock(&gate->lock);

	return ret;
}

/* Those that are slow now entered under the old limit: the new one has yet to show its effect. */
static void lower(struct http_gate *gate, int64_t now_us)
{
	if (now_us - gate->lowered_us < gate->slow_us)
		return;
	gate->lowered_us = now_us;
	gate->limit -= gate->limit / CUT_PARTS;
	if (gate->limit < gate->least)
		gate->limit = gate->least;
}

void http_gate_leave(struct http_gate *gate, int64_t took_us, int64_t now_us)
{
	if (gate->slow_us == 0)
		return;

	(void)pthread_mutex_lock(&gate->lock);
	assert(gate->running > 0);
	/* A limit that nobody reaches tells nothing. */
	const bool in_use = gate->running * 2 >= gate->limit;
	gate->running--;
	if (took_us > gate->slow_us)
		lower(gate, now_us);
	else if (took_us < gate->slow_us / QUICK_PARTS && in_use && gate->limit < gate->most)
		gate->limit++;
	(void)pthread_mutex_unlock(&gate->lock);
}
