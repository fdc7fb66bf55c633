/*
 * change - one entry of MongoDB's change stream, as the answers about events see it.
 *
 * Shape    an update of an event's map version and counts alone is no change of the event. What is
 *          not understood, and whatever drops or renames, is a change of all.
 * Owns     nothing.
 * Threads  any; no state.
 * Source   MongoDB 6.0, change events; lib/PROTOCOL.md, "The read model".
 */
#pragma once

#include "ident.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANGE_EVENTS    "events"
#define CHANGE_SEAT_MAPS "seat_maps"

enum change_kind { CHANGE_OF_ALL, CHANGE_OF_EVENT, CHANGE_OF_COUNTS, CHANGE_OF_BLOCK };

struct change {
	enum change_kind kind;
	char event_id[IDENT_BYTES_MAX]; /* "" when it is of all */
	int64_t block;
};

/* The batch of a reply to aggregate or getMore: a list to iterate over. */
bool change_open_batch(const bson_t *reply, int64_t *ret_cursor_id, bson_iter_t *ret_batch);
size_t change_count(const bson_t *reply);

/* entry: at an element of a batch. */
void change_read(const bson_iter_t *entry, struct change *ret);
