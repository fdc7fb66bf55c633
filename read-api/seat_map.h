/*
 * seat_map - the seats of one event, as MongoDB has them now.
 *
 * seat_map_version is the cheap question (versions only), seat_map_render the whole answer, and
 * seat_map_render_changes the same from an earlier one, reading only what has changed.
 * Threads  any; one client, one thread.
 * Errors   ERR_NOT_FOUND no such event; ERR_UNAVAILABLE MongoDB is away, or the map is not complete
 *          yet; ERR_INTERNAL what is stored is no seat map.
 */
#pragma once

#include "attr.h"
#include "changes.h"
#include "err.h"
#include "mongo.h"
#include "seat_map_json.h"
#include "strbuf.h"

/*
 * The event's blocks in their order, of the collection seat_maps. fields is a projection, empty for
 * all of them. The cursor is the caller's.
 */
mongoc_cursor_t *seat_map_find_blocks(mongoc_collection_t *blocks, const char *event_id,
				      const bson_t *fields);

/* event_id is an id by its grammar. */
err_code seat_map_version(const struct mongo_client *client, const struct seat_map_kind *kind,
			  const char *event_id, struct seat_map_version *ret,
			  struct err *err) _must_check_;

/* What a rendered map was written from; its blocks in order. */
struct seat_map_parts {
	struct seat_map_head head;
	size_t count;
	struct seat_map_part blocks[];
};

size_t seat_map_parts_bytes(const struct seat_map_parts *parts);

/*
 * The map into out, which is empty. *ret and *ret_parts, which the caller frees, belong to exactly
 * these bytes: all come from one read.
 */
err_code seat_map_render(const struct mongo_client *client, const struct seat_map_kind *kind,
			 const char *event_id, struct strbuf *out, struct seat_map_version *ret,
			 struct seat_map_parts **ret_parts, struct err *err) _must_check_;

/* An earlier rendering of that kind, and what may have changed since. */
struct seat_map_before {
	const char *bytes;
	const struct seat_map_parts *parts;
	const struct changes *changes;
};

/*
 * As seat_map_render. ERR_CONFLICT: the changes do not fit the earlier rendering; the map has to be
 * rendered in all.
 */
err_code seat_map_render_changes(const struct mongo_client *client,
				 const struct seat_map_kind *kind, const char *event_id,
				 const struct seat_map_before *before, struct strbuf *out,
				 struct seat_map_version *ret, struct seat_map_parts **ret_parts,
				 struct err *err) _must_check_;
