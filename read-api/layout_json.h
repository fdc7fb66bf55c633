/*
 * layout_json - an event's layout as JSON, from the documents it is stored in: one event, then its
 * blocks in order.
 *
 *   {"event_id","name","kind","date","venue","currency","seats_total","sections":[{"section",
 *   "rows":[{"row","seats":[{"seat_id","number","position","price_minor"},...]},...]},...]}
 *
 * A walk over the BSON that writes text as it goes; nothing is kept of a document but the names of
 * the section and the row that are open.
 * Shape    seats stand in the order of their positions, neighbours of one section and row together:
 *          a section or row that others interrupt stands there again. Whether a seat is sold is not
 *          in it, so equal layouts are equal bytes.
 * Owns     a writer owns the two names, from begin until layout_writer_done; out is the caller's.
 * Errors   ERR_INTERNAL a document that is no part of a layout.
 *          ERR_UNAVAILABLE (end) not the blocks or not the seats that the event has: the layout is
 *          being written. After an error, what was written is to be thrown away.
 * Source   lib/PROTOCOL.md, "The read model".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "strbuf.h"

#include <bson/bson.h>
#include <stdint.h>

#define LAYOUT_BLOCK_SEATS 1000 /* positions of one block */

struct layout_writer {
	struct strbuf *out;
	struct strbuf section; /* the open ones, once there are seats */
	struct strbuf row;
	int64_t blocks; /* seen so far           */
	int64_t seats;
	int64_t blocks_want; /* as the event says     */
	int64_t seats_want;
	int64_t block_last; /* -1 before the first   */
};

void layout_write_begin(struct layout_writer *writer, const bson_t *event, struct strbuf *out);
err_code layout_write_block(struct layout_writer *writer, const bson_t *block,
			    struct err *err) _must_check_;
err_code layout_write_end(struct layout_writer *writer, struct err *err) _must_check_;
void layout_writer_done(struct layout_writer *writer);
