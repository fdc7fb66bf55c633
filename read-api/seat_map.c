#include "seat_map.h"

#include "find.h"
#include "ident.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "<event>/<block>": the block numbers sort after '/', and '0' is the character after it. */
#define BLOCK_ID_BYTES_MAX (IDENT_BYTES_MAX + 1)

mongoc_cursor_t *seat_map_find_blocks(mongoc_collection_t *blocks, const char *event_id,
				      const bson_t *fields)
{
	char from[BLOCK_ID_BYTES_MAX], to[BLOCK_ID_BYTES_MAX];

	(void)snprintf(from, sizeof(from), "%s/", event_id);
	(void)snprintf(to, sizeof(to), "%s0", event_id);

	_cleanup_(bson_destroyp) bson_t *filter =
		BCON_NEW("_id", "{", "$gt", BCON_UTF8(from), "$lt", BCON_UTF8(to), "}");
	_cleanup_(bson_destroyp) bson_t *options = BCON_NEW(
		"projection", BCON_DOCUMENT(fields), "sort", "{", "_id", BCON_INT32(1), "}",
		"limit", BCON_INT64(SEAT_MAP_BLOCKS_MAX), "maxTimeMS", BCON_INT64(FIND_MS_MAX));

	return mongoc_collection_find_with_opts(blocks, filter, options, NULL);
}

err_code seat_map_version(const struct mongo_client *client, const struct seat_map_kind *kind,
			  const char *event_id, struct seat_map_version *ret, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *event_fields =
		BCON_NEW("event_version", BCON_INT32(1), "blocks", BCON_INT32(1));
	_cleanup_(bson_destroyp) bson_t *event = NULL;
	err_code code = find_one(client, "events", event_id, event_fields, &event, err);

	if (code != ERR_OK)
		return code;

	struct seat_map_sum sum;
	const bson_t *block = NULL;
	_cleanup_(bson_destroyp) bson_t *fields =
		BCON_NEW("block", BCON_INT32(1), "version", BCON_INT32(1));
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *blocks =
		mongo_collection(client, "seat_maps");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		seat_map_find_blocks(blocks, event_id, fields);

	seat_map_sum_begin(&sum, event, kind);
	while (mongoc_cursor_next(cursor, &block))
		seat_map_sum_add(&sum, block);
	code = find_error(cursor, "read a seat map's versions", err);

	return code == ERR_OK ? seat_map_sum_end(&sum, ret, err) : code;
}

size_t seat_map_parts_bytes(const struct seat_map_parts *parts)
{
	return sizeof(*parts) + parts->count * sizeof(parts->blocks[0]);
}

static struct seat_map_parts *parts_new(size_t count_max)
{
	struct seat_map_parts *const parts =
		calloc(1, sizeof(*parts) + count_max * sizeof(parts->blocks[0]));

	assert(parts);
	return parts;
}

/* The end of a map, and of its parts, which the caller has collected. */
static err_code end_map(struct seat_map_writer *writer, struct seat_map_parts *parts,
			struct seat_map_version *ret, struct seat_map_parts **ret_parts,
			struct err *err)
{
	const err_code code = seat_map_write_end(writer, ret, err);

	if (code != ERR_OK)
		return code;
	parts->head = writer->head;

	struct seat_map_parts *const cut = realloc(parts, seat_map_parts_bytes(parts));

	*ret_parts = cut ? cut : parts;
	return ERR_OK;
}

err_code seat_map_render(const struct mongo_client *client, const struct seat_map_kind *kind,
			 const char *event_id, struct strbuf *out, struct seat_map_version *ret,
			 struct seat_map_parts **ret_parts, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *event = NULL;
	err_code code = find_one(client, "events", event_id, NULL, &event, err);

	if (code != ERR_OK)
		return code;

	struct seat_map_writer writer;
	const bson_t *block = NULL;
	/* Whole documents: cutting fields out of each seat costs the server what sending less
	 * saves. */
	_cleanup_(bson_destroyp) bson_t *fields = bson_new();
	_cleanup_free_ struct seat_map_parts *parts = parts_new(SEAT_MAP_BLOCKS_MAX);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *blocks =
		mongo_collection(client, "seat_maps");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		seat_map_find_blocks(blocks, event_id, fields);

	seat_map_write_begin(&writer, event, kind, out);
	while (code == ERR_OK && mongoc_cursor_next(cursor, &block)) {
		code = seat_map_write_block(&writer, block, err);
		parts->blocks[parts->count++] = writer.part;
	}
	if (code == ERR_OK)
		code = find_error(cursor, "read a seat map", err);
	if (code == ERR_OK)
		code = end_map(&writer, parts, ret, ret_parts, err);
	if (code == ERR_OK)
		parts = NULL; /* It is *ret_parts now. */

	return code;
}

/* The changed blocks, in their order. */
static mongoc_cursor_t *find_changed(mongoc_collection_t *blocks, const char *event_id,
				     const struct seat_map_before *before)
{
	_cleanup_(bson_destroyp) bson_t *filter = bson_new();
	bson_t in, ids;
	uint32_t count = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (size_t i = 0; i < before->parts->count; i++) {
		const int64_t block = before->parts->blocks[i].block;
		char id[BLOCK_ID_BYTES_MAX], buf[16];
		const char *key = NULL;

		if (!changes_has_block(before->changes, block))
			continue;
		(void)snprintf(id, sizeof(id), "%s/%04" PRId64, event_id, block);
		bson_uint32_to_string(count++, &key, buf, sizeof(buf));
		BSON_APPEND_UTF8(&ids, key, id);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);

	_cleanup_(bson_destroyp) bson_t *options = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}",
							    "maxTimeMS", BCON_INT64(FIND_MS_MAX));

	return mongoc_collection_find_with_opts(blocks, filter, options, NULL);
}

/* Whether each changed block is one that the earlier map has. */
static bool changes_fit(const struct seat_map_before *before)
{
	struct changes left = *before->changes;

	for (size_t i = 0; i < before->parts->count; i++)
		changes_drop_block(&left, before->parts->blocks[i].block);
	return !left.all && !changes_has_blocks(&left);
}

static err_code begin_again(const struct mongo_client *client, const struct seat_map_kind *kind,
			    const char *event_id, const struct seat_map_before *before,
			    struct seat_map_writer *writer, struct strbuf *out, struct err *err)
{
	if (!before->changes->event) {
		seat_map_copy_begin(writer, &before->parts->head, before->bytes, kind, out);
		return ERR_OK;
	}

	_cleanup_(bson_destroyp) bson_t *event = NULL;
	const err_code code = find_one(client, "events", event_id, NULL, &event, err);

	if (code == ERR_OK)
		seat_map_write_begin(writer, event, kind, out);
	return code;
}

/* The next changed block, which has to be the one of that number. */
static err_code write_changed(struct seat_map_writer *writer, mongoc_cursor_t *cursor,
			      int64_t number, struct err *err)
{
	const bson_t *block = NULL;

	if (!mongoc_cursor_next(cursor, &block)) {
		const err_code code = find_error(cursor, "read changed blocks", err);

		return code != ERR_OK
			       ? code
			       : err_set(err, ERR_CONFLICT, "block %" PRId64 " is gone", number);
	}

	const err_code code = seat_map_write_block(writer, block, err);

	if (code == ERR_OK && writer->part.block != number)
		return err_set(err, ERR_CONFLICT, "block %" PRId64 " is gone", number);
	return code;
}

err_code seat_map_render_changes(const struct mongo_client *client,
				 const struct seat_map_kind *kind, const char *event_id,
				 const struct seat_map_before *before, struct strbuf *out,
				 struct seat_map_version *ret, struct seat_map_parts **ret_parts,
				 struct err *err)
{
	if (!changes_fit(before))
		return err_set(err, ERR_CONFLICT, "not only blocks changed that there were");

	struct seat_map_writer writer;
	_cleanup_free_ struct seat_map_parts *parts = parts_new(before->parts->count);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *blocks =
		mongo_collection(client, "seat_maps");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor = NULL;
	err_code code = begin_again(client, kind, event_id, before, &writer, out, err);

	if (code == ERR_OK && changes_has_blocks(before->changes))
		cursor = find_changed(blocks, event_id, before);
	for (size_t i = 0; code == ERR_OK && i < before->parts->count; i++) {
		const struct seat_map_part *const part = &before->parts->blocks[i];

		if (changes_has_block(before->changes, part->block))
			code = write_changed(&writer, cursor, part->block, err);
		else
			seat_map_copy_block(&writer, part, before->bytes);
		parts->blocks[parts->count++] = writer.part;
	}
	if (code == ERR_OK)
		code = end_map(&writer, parts, ret, ret_parts, err);
	if (code == ERR_OK)
		parts = NULL; /* It is *ret_parts now. */

	return code;
}
