/*
 * http_gate - how many handlers may run at once, learnt from how long they take.
 *
 * Shape    at first `least` and HTTP_GATE_FIRST more, at most `most`: the peer may be slow from
 *          the start.
 *          One that took longer than slow_us halves the limit, once in slow_us, down to `least`;
 *          each that took less than half of that while the limit was in use adds one. slow_us 0:
 *          everybody may enter.
 * Units    us of the monotonic clock.
 * Threads  any, but for init and done.
 */
#pragma once

#include "attr.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP_GATE_FIRST 56

struct http_gate {
	pthread_mutex_t lock;
	int64_t least;
	int64_t most;
	int64_t slow_us;
	int64_t limit;
	int64_t running;
	int64_t lowered_us; /* when the limit was last lowered */
};

void http_gate_init(struct http_gate *gate, int64_t least, int64_t most, int64_t slow_us);
void http_gate_done(struct http_gate *gate);

/* False: as many run as may. Whoever has entered leaves. */
bool http_gate_enter(struct http_gate *gate) _must_check_;
void http_gate_leave(struct http_gate *gate, int64_t took_us, int64_t now_us);
