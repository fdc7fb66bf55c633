/*
 * follow - what changes of events and seat maps in MongoDB, told as it changes, and whether it is
 * known that all was told.
 *
 * A thread of its own reads a change stream of the database. After each of its replies all changes
 * up to when it was asked for are told; for FOLLOW_TOLD_MS_MAX from then on follow_is_told says so.
 * A stream that broke is opened anew from now on, and whatever was known before is in doubt.
 * Owns     its thread and its stream; the mongo is the caller's and outlives it.
 * Threads  follow_is_told from any. The listener is called on follow's thread.
 * Errors   follow_open: ERR_INTERNAL no thread. That MongoDB is away is none: nothing is told then.
 * Source   MongoDB 6.0: change streams tell what a majority has, in order.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "metrics.h"
#include "mongo.h"

#include <stdbool.h>
#include <stdint.h>

#define FOLLOW_AWAIT_MS    40  /* the server answers after so long when nothing changes */
#define FOLLOW_TOLD_MS_MAX 180 /* as old as anything may be that was not told           */

struct follow;

struct follow_listener {
	void (*on_block)(void *ctx, const char *event_id, int64_t block);
	void (*on_event)(void *ctx, const char *event_id); /* its own data, not its counts  */
	void (*on_list)(void *ctx);                        /* anything of any event at all  */
	void (*on_doubt)(void *ctx);                       /* anything whatever             */
	void *ctx;
};

err_code follow_open(struct mongo *mongo, const struct follow_listener *listener,
		     struct metrics *metrics, struct follow **ret, struct err *err) _must_check_;
/* Ignores NULL. */
void follow_close(struct follow *follow);

/* Every change up to FOLLOW_TOLD_MS_MAX ago was told. Takes the struct follow as void *. */
bool follow_is_told(void *follow);
