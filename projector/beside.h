/*
 * beside - one call on a thread of its own, while the caller does something else.
 *
 * Owns     between beside_begin and beside_end a thread; what it is given must live as long.
 * Threads  begin and end from one. Where no thread can be had, beside_begin makes the call itself.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct beside {
	pthread_t thread;
	bool is_begun; /* on the thread, and not ended yet */
};

void beside_begin(struct beside *beside, void *(*run)(void *ctx), void *ctx);
/* Waits until the call has returned. Again, or without a begin, it does nothing. */
void beside_end(struct beside *beside);
