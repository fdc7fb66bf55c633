#include "find.h"

err_code find_error(mongoc_cursor_t *cursor, const char *doing, struct err *err)
{
	bson_error_t error;

	return mongoc_cursor_error(cursor, &error) ? mongo_err(&error, doing, err) : ERR_OK;
}

err_code find_one(const struct mongo_client *client, const char *collection, const char *id,
		  const bson_t *fields, bson_t **ret, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
	_cleanup_(bson_destroyp) bson_t *options =
		BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true), "maxTimeMS",
			 BCON_INT64(FIND_MS_MAX));

	if (fields)
		BSON_APPEND_DOCUMENT(options, "projection", fields);

	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *documents =
		mongo_collection(client, collection);
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(documents, filter, options, NULL);
	const bson_t *document = NULL;

	if (!mongoc_cursor_next(cursor, &document)) {
		const err_code code = find_error(cursor, collection, err);

		return code != ERR_OK
			       ? code
			       : err_set(err, ERR_NOT_FOUND, "no '%s' in %s", id, collection);
	}

	*ret = bson_copy(document);
	return ERR_OK;
}
