/*
 * seat_map - the seats of one event, as MongoDB has them now.
 *
 * seat_map_version is the cheap question (versions only) and seat_map_render the whole answer. Who
 * remembers rendered bytes under the etag of seat_map_version needs no other part of this program.
 * Threads  any; one client, one thread.
 * Errors   ERR_NOT_FOUND no such event; ERR_UNAVAILABLE MongoDB is away, or the map is not complete
 *          yet; ERR_INTERNAL what is stored is no seat map.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "mongo.h"
#include "seat_map_json.h"
#include "strbuf.h"

/* 1,000 seats a block: more than any stadium, and a bound on what one request reads. */
#define SEAT_MAP_BLOCKS_MAX 500

/*
 * The event's blocks in their order, of the collection seat_maps. fields is a projection, empty for
 * all of them. The cursor is the caller's.
 */
mongoc_cursor_t *seat_map_find_blocks(mongoc_collection_t *blocks, const char *event_id,
				      const bson_t *fields);

/* event_id is an id by its grammar. ledger_id: see etag.h. */
err_code seat_map_version(const struct mongo_client *client, const char *ledger_id,
			  const char *event_id, struct seat_map_version *ret,
			  struct err *err) _must_check_;

/* Appends the map to out. *ret belongs to exactly these bytes: both come from one read. */
err_code seat_map_render(const struct mongo_client *client, const char *ledger_id,
			 const char *event_id, struct strbuf *out, struct seat_map_version *ret,
			 struct err *err) _must_check_;
