#include "maps.h"

#include "bulk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block's document is some 200 kB. */
#define BULK_BLOCKS_MAX 16
#define VERSION_NONE    (-1)

/* Ids of an event's blocks are above "<event>/" and below "<event>0", the character after '/'. */
static bson_t *blocks_filter(const char *event_id)
{
	char from[IDENT_BYTES_MAX + 1];
	char to[IDENT_BYTES_MAX + 1];
	(void)snprintf(from, sizeof(from), "%s/", event_id);
	(void)snprintf(to, sizeof(to), "%s0", event_id);

	return BCON_NEW("_id", "{", "$gte", BCON_UTF8(from), "$lt", BCON_UTF8(to), "}");
}

static void note_version(const bson_t *doc, int64_t *versions)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "block"))
		return;
	const int64_t block = bson_iter_as_int64(&iter);
	if (block >= 0 && block < BLOCKS_MAX && bson_iter_init_find(&iter, doc, "version"))
		versions[block] = bson_iter_as_int64(&iter);
}

/* What MongoDB has of an event's blocks: its version, or VERSION_NONE, by block. */
static err_code read_versions(struct mongo *mongo, const char *event_id, int64_t **ret,
			      struct err *err)
{
	_cleanup_free_ int64_t *versions = malloc(BLOCKS_MAX * sizeof(*versions));
	assert(versions);
	for (int32_t i = 0; i < BLOCKS_MAX; i++)
		versions[i] = VERSION_NONE;

	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *maps =
		mongo_collection(&client, DOCUMENTS_SEAT_MAPS);
	_cleanup_(bson_destroyp) bson_t *filter = blocks_filter(event_id);
	_cleanup_(bson_destroyp) bson_t *opts =
		BCON_NEW("projection", "{", "block", BCON_INT32(1), "version", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(maps, filter, opts, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	while (mongoc_cursor_next(cursor, &doc))
		note_version(doc, versions);
	if (mongoc_cursor_error(cursor, &error))
		return mongo_err(&error, "read a map's versions", err);
	*ret = STEAL(versions);
	return ERR_OK;
}

/* A block that is there without a version is not one of ours, and is replaced. */
static bson_t *guard(const char *block_id, int64_t version)
{
	if (version == VERSION_NONE)
		return BCON_NEW("_id", BCON_UTF8(block_id), "version", "{", "$exists",
				BCON_BOOL(false), "}");
	return BCON_NEW("_id", BCON_UTF8(block_id), "version", BCON_INT64(version));
}

static err_code add_block(struct pg *pg, struct bulk *bulk, const char *event_id, int32_t block,
			  int64_t version, struct err *err)
{
	char id[BLOCK_ID_BYTES_MAX];
	document_block_id(event_id, block, id);

	_cleanup_(bson_destroyp) bson_t *doc = NULL;
	const err_code code = write_model_block(pg, event_id, block, &doc, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(bson_destroyp) bson_t *filter = guard(id, version);
	return bulk_replace(bulk, filter, doc, version == VERSION_NONE, err);
}

static err_code write_some_blocks(struct pg *pg, struct mongo *mongo, const char *event_id,
				  int32_t first, int32_t end, const int64_t *versions,
				  struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	bulk_open(&bulk, mongo, DOCUMENTS_SEAT_MAPS);
	for (int32_t i = first; i < end; i++) {
		const err_code code = add_block(pg, &bulk, event_id, i, versions[i], err);
		if (code != ERR_OK)
			return code;
	}

	struct bulk_result written;
	const err_code code = bulk_run(&bulk, "write a map", &written, err);
	if (code == ERR_OK && written.matched + written.inserted != (int64_t)bulk.count)
		return err_set(err, ERR_UNAVAILABLE, "the map of '%s' changed meanwhile", event_id);
	return code;
}

static err_code write_event_document(struct mongo *mongo, const struct event_values *event,
				     struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	_cleanup_(bson_destroyp) bson_t *doc = document_event(event);
	_cleanup_(bson_destroyp) bson_t *filter =
		BCON_NEW("_id", BCON_UTF8(event->event_id), "version", "{", "$not", "{", "$gt",
			 BCON_INT64(event->sums.version), "}", "}", "event_version", "{", "$not",
			 "{", "$gt", BCON_INT64(event->event_version), "}", "}");

	bulk_open(&bulk, mongo, DOCUMENTS_EVENTS);
	err_code code = bulk_replace(&bulk, filter, doc, true, err);
	struct bulk_result written;
	if (code == ERR_OK)
		code = bulk_run(&bulk, "write an event", &written, err); /* A duplicate is newer. */
	return code;
}

static err_code drop_blocks_from(struct mongo *mongo, const char *event_id, int32_t blocks,
				 struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("event_id", BCON_UTF8(event_id), "block",
							   "{", "$gte", BCON_INT32(blocks), "}");

	bulk_open(&bulk, mongo, DOCUMENTS_SEAT_MAPS);
	err_code code = bulk_delete(&bulk, filter, err);
	struct bulk_result written;
	if (code == ERR_OK)
		code = bulk_run(&bulk, "drop blocks", &written, err);
	return code;
}

/* Blocks before the event that names them: a reader never finds an event without its map. */
static err_code write_whole(struct pg *pg, struct mongo *mongo, const struct event_values *event,
			    const int64_t *versions, struct err *err)
{
	err_code code = ERR_OK;

	for (int32_t i = 0; i < event->blocks && code == ERR_OK; i += BULK_BLOCKS_MAX) {
		const int32_t end =
			event->blocks - i < BULK_BLOCKS_MAX ? event->blocks : i + BULK_BLOCKS_MAX;
		code = write_some_blocks(pg, mongo, event->event_id, i, end, versions, err);
	}
	if (code == ERR_OK)
		code = write_event_document(mongo, event, err);
	if (code == ERR_OK)
		code = drop_blocks_from(mongo, event->event_id, event->blocks, err);
	return code;
}

err_code maps_write_event(const struct maps *maps, const char *event_id, bool *ret_exists,
			  struct err *err)
{
	_cleanup_free_ int64_t *versions = NULL;
	err_code code = read_versions(maps->mongo, event_id, &versions, err);
	if (code != ERR_OK)
		return code;

	struct write_model model;
	code = write_model_begin(maps->pg, &model, err);
	if (code != ERR_OK)
		return code;
	_cleanup_(PQclearp) PGresult *events = NULL;
	code = write_model_event(maps->pg, event_id, &events, err);
	if (code == ERR_OK && PQntuples(events) == 1) {
		const struct event_values event = write_model_event_at(events, 0);
		code = write_whole(maps->pg, maps->mongo, &event, versions, err);
		if (code == ERR_OK && maps->on_event)
			maps->on_event(maps->ctx, &event);
	}
	pg_rollback(maps->pg);
	if (code == ERR_OK)
		*ret_exists = PQntuples(events) == 1;
	return code;
}

/* ---- New events ---- */

static bson_t *ids_filter(const PGresult *page)
{
	bson_t *const filter = bson_new();
	bson_t in;
	bson_t ids;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (int i = 0; i < PQntuples(page); i++) {
		char buf[16];
		const char *key = NULL;
		bson_uint32_to_string((uint32_t)i, &key, buf, sizeof(buf));
		BSON_APPEND_UTF8(&ids, key, PQgetvalue(page, i, 0));
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);
	return filter;
}

static void note_known(const PGresult *page, const bson_t *doc, bool *known)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&iter))
		return;
	const char *const id = bson_iter_utf8(&iter, NULL);
	const int64_t version = bson_iter_init_find(&iter, doc, "event_version")
					? bson_iter_as_int64(&iter)
					: VERSION_NONE;

	for (int i = 0; i < PQntuples(page); i++)
		if (strcmp(PQgetvalue(page, i, 0), id) == 0)
			known[i] = version >= pg_int_at(page, i, 1);
}

static err_code read_known(struct mongo *mongo, const PGresult *page, bool *known, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *events =
		mongo_collection(&client, DOCUMENTS_EVENTS);
	_cleanup_(bson_destroyp) bson_t *filter = ids_filter(page);
	_cleanup_(bson_destroyp) bson_t *opts =
		BCON_NEW("projection", "{", "event_version", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(events, filter, opts, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	while (mongoc_cursor_next(cursor, &doc))
		note_known(page, doc, known);
	return mongoc_cursor_error(cursor, &error) ? mongo_err(&error, "read event versions", err)
						   : ERR_OK;
}

/* What is done with an event that MongoDB lacks; *count grows by those that it concerns. */
typedef err_code handle_unknown(const struct maps *maps, const char *event_id, int64_t *count,
				struct err *err);

static err_code each_unknown(const struct maps *maps, handle_unknown *handle, int64_t *count,
			     struct err *err)
{
	char after[IDENT_BYTES_MAX] = "";

	for (int rows = EVENT_VERSIONS_PAGE; rows == EVENT_VERSIONS_PAGE;) {
		bool known[EVENT_VERSIONS_PAGE] = { false };
		_cleanup_(PQclearp) PGresult *page = NULL;
		err_code code = write_model_event_versions(maps->pg, after, &page, err);
		if (code == ERR_OK)
			code = read_known(maps->mongo, page, known, err);
		if (code != ERR_OK)
			return code;

		rows = PQntuples(page);
		for (int i = 0; i < rows && code == ERR_OK; i++)
			if (!known[i])
				code = handle(maps, PQgetvalue(page, i, 0), count, err);
		if (code != ERR_OK)
			return code;
		if (rows > 0)
			(void)snprintf(after, sizeof(after), "%s", PQgetvalue(page, rows - 1, 0));
	}
	return ERR_OK;
}

static err_code write_unknown(const struct maps *maps, const char *event_id, int64_t *count,
			      struct err *err)
{
	bool exists = false;
	const err_code code = maps_write_event(maps, event_id, &exists, err);

	*count += code == ERR_OK && exists;
	return code;
}

static err_code count_unknown(const struct maps *maps, const char *event_id, int64_t *count,
			      struct err *err)
{
	(void)maps;
	(void)event_id;
	(void)err;

	(*count)++;
	return ERR_OK;
}

err_code maps_lack_events(const struct maps *maps, bool *ret_lack, struct err *err)
{
	int64_t count = 0;

	const err_code code = each_unknown(maps, count_unknown, &count, err);
	if (code == ERR_OK)
		*ret_lack = count > 0;
	return code;
}

err_code maps_write_new_events(const struct maps *maps, int64_t *ret_written, struct err *err)
{
	int64_t count = 0;

	const err_code code = each_unknown(maps, write_unknown, &count, err);
	if (code == ERR_OK)
		*ret_written = count;
	return code;
}
