/*
 * seat_map_json - a seat map's JSON from the documents it is stored in: one event, then its blocks.
 *
 *   {"_id","event_id","date","name","kind","venue","currency", what event_rules.h has,
 *   "seats":[{"seat_id","status","user_id"},...],"version","counts":{...}}
 *
 * A walk over the BSON that writes text as it goes; nothing is kept of a document. What a map was
 * written from is kept as parts, so that the next one of its kind may copy those that have not
 * changed.
 * Shape    version is the sum of the blocks' versions and counts are those of the seats written, so
 *          they fit the seats shown even when blocks were read at different moments.
 * Owns     nothing; out is the caller's.
 * Errors   ERR_INTERNAL a document that is no part of a seat map: no half map is shown as a whole.
 *          ERR_UNAVAILABLE (end) fewer blocks than the event has: the map is still being built.
 *          After an error, what was written is to be thrown away.
 * Source   lib/PROTOCOL.md, "The read model".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "etag.h"
#include "strbuf.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

enum seat_status { SEAT_AVAILABLE, SEAT_HELD, SEAT_BOOKED, SEAT_BLOCKED, SEAT_STATUS_COUNT };

/* What a map's bytes depend on, and so what names them. */
struct seat_map_version {
	int64_t event_version; /* of the event's own data            */
	int64_t version;       /* the sum over the blocks as read    */
	struct etag etag;
};

/* Beside the documents, what a map's bytes are made by. */
struct seat_map_kind {
	const char *ledger_id; /* etag.h */
	bool hides_users;      /* every user_id is null: what nobody in particular may see */
};

/* Adds up a version from the documents, without their seats. */
struct seat_map_sum {
	bool hides_users;
	int64_t event_version;
	int64_t version;
	int64_t blocks;      /* seen so far              */
	int64_t blocks_want; /* as the event says        */
	struct etag_mark mark;
};

void seat_map_sum_begin(struct seat_map_sum *sum, const bson_t *event,
                        const struct seat_map_kind *kind);
/* Blocks come in order. */
void seat_map_sum_add(struct seat_map_sum *sum, const bson_t *block);
err_code seat_map_sum_end(const struct seat_map_sum *sum, struct seat_map_version *ret,
			  struct err *err) _must_check_;

/* What a rendered map has of one block. */
struct seat_map_part {
	int64_t block;
	int64_t version;
	size_t from; /* its seats: bytes[from..from+len), without a comma around them */
	size_t len;
	int64_t counts[SEAT_STATUS_COUNT];
};

/* What it has of the event's own data: its first bytes. */
struct seat_map_head {
	int64_t event_version;
	int64_t blocks_want;
	size_t len;
};

struct seat_map_writer {
	struct strbuf *out;
	struct seat_map_sum sum;
	struct seat_map_head head;
	struct seat_map_part part; /* the block written last */
	bool has_seats;
	int64_t counts[SEAT_STATUS_COUNT];
};

/* out is empty. */
void seat_map_write_begin(struct seat_map_writer *writer, const bson_t *event,
			  const struct seat_map_kind *kind, struct strbuf *out);
err_code seat_map_write_block(struct seat_map_writer *writer, const bson_t *block,
			      struct err *err) _must_check_;
/* The same from the bytes of a map of that kind that has them. */
void seat_map_copy_begin(struct seat_map_writer *writer, const struct seat_map_head *head,
			 const char *bytes, const struct seat_map_kind *kind, struct strbuf *out);
void seat_map_copy_block(struct seat_map_writer *writer, const struct seat_map_part *part,
			 const char *bytes);
err_code seat_map_write_end(struct seat_map_writer *writer, struct seat_map_version *ret,
			    struct err *err) _must_check_;
