#include "seat_map.h"

#include "find.h"
#include "ident.h"

#include <stdio.h>

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

err_code seat_map_version(const struct mongo_client *client, const char *ledger_id,
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

	seat_map_sum_begin(&sum, event, ledger_id);
	while (mongoc_cursor_next(cursor, &block))
		seat_map_sum_add(&sum, block);
	code = find_error(cursor, "read a seat map's versions", err);

	return code == ERR_OK ? seat_map_sum_end(&sum, ret, err) : code;
}

err_code seat_map_render(const struct mongo_client *client, const char *ledger_id,
			 const char *event_id, struct strbuf *out, struct seat_map_version *ret,
			 struct err *err)
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
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *blocks =
		mongo_collection(client, "seat_maps");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		seat_map_find_blocks(blocks, event_id, fields);

	seat_map_write_begin(&writer, event, ledger_id, out);
	while (code == ERR_OK && mongoc_cursor_next(cursor, &block))
		code = seat_map_write_block(&writer, block, err);
	if (code == ERR_OK)
		code = find_error(cursor, "read a seat map", err);

	return code == ERR_OK ? seat_map_write_end(&writer, ret, err) : code;
}
