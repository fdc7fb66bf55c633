/*
 * random - the kernel's random bytes, fetched a store at a time: ids need some for each request.
 *
 * Threads  any; each has a store of its own. A process that forks would give them out twice.
 * Source   getrandom(2): up to 256 bytes never come short.
 */
#pragma once

#include <stddef.h>

#define RANDOM_STORE_BYTES 256

/* len is at most RANDOM_STORE_BYTES. */
void random_bytes(void *ret, size_t len);
