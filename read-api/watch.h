/*
 * watch - is MongoDB there, and which write model is the copy in it made from?
 *
 * A thread of its own looks once a second, more often while MongoDB is away. Handlers ask it before
 * they wait for anything, so that an outage costs each of them nothing instead of a time-out.
 * Owns     its thread; the mongo is the caller's and outlives it.
 * Threads  any.
 * Errors   watch_open: ERR_INTERNAL no thread.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "mongo.h"

#include <stdbool.h>

#define WATCH_LEDGER_BYTES_MAX 65

struct watch;

/* Is called when the write model turns out to be another one, on watch's thread. */
struct watch_listener {
	void (*on_ledger)(void *ctx);
	void *ctx;
};

/* listener may be NULL. Looks once before it returns, so the first answer is a true one. Bounded by
 * mongo's time-outs. */
err_code watch_open(struct mongo *mongo, const struct watch_listener *listener, struct watch **ret,
		    struct err *err) _must_check_;
/* Ignores NULL. */
void watch_close(struct watch *watch);

/* As of the last look. Takes the struct watch as void *, as ops_check wants it. */
bool watch_is_up(void *watch);
/* An operation failed: look again now. */
void watch_suspect(struct watch *watch);
/* The write model's id as of the last look; "" when nothing was folded in yet. */
void watch_ledger(struct watch *watch, char buf[static WATCH_LEDGER_BYTES_MAX]);
