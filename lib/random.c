#include "random.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *ret, size_t len)
{
	static _Thread_local unsigned char store[RANDOM_STORE_BYTES];
	static _Thread_local size_t left;
	assert(ret && len <= RANDOM_STORE_BYTES);

	if (left < len) {
		const ssize_t got = getrandom(store, sizeof(store), 0);
		assert(got == (ssize_t)sizeof(store));
		left = sizeof(store);
	}
	left -= len;
	memcpy(ret, store + left, len);
	memset(store + left, 0, len); /* What was given out can be found nowhere else. */
}
