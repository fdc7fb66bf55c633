#include "bulk.h"

#include "durable.h"

#include <assert.h>

void bulk_open(struct bulk *bulk, struct mongo *mongo, const char *collection)
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));

	*bulk = (struct bulk){ 0 };
	mongo_client_take(mongo, &bulk->client);
	bulk->collection = durable_collection(&bulk->client, collection);
	bulk->operations =
		mongoc_collection_create_bulk_operation_with_opts(bulk->collection, opts);
	assert(bulk->operations);
}

void bulk_done(struct bulk *bulk)
{
	if (!bulk->operations)
		return;
	mongoc_bulk_operation_destroy(bulk->operations);
	mongoc_collection_destroy(bulk->collection);
	mongo_client_done(&bulk->client);
	*bulk = (struct bulk){ 0 };
}

static err_code added(struct bulk *bulk, bool is_added, const bson_error_t *error, struct err *err)
{
	if (!is_added)
		return mongo_err(error, "add to a bulk", err);
	bulk->count++;
	return ERR_OK;
}

err_code bulk_insert(struct bulk *bulk, const bson_t *doc, struct err *err)
{
	bson_error_t error;

	const bool is_added =
		mongoc_bulk_operation_insert_with_opts(bulk->operations, doc, NULL, &error);
	return added(bulk, is_added, &error, err);
}

err_code bulk_update(struct bulk *bulk, const bson_t *filter, const bson_t *update, bool is_upsert,
		     struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("upsert", BCON_BOOL(is_upsert));
	bson_error_t error;

	const bool is_added = mongoc_bulk_operation_update_one_with_opts(bulk->operations, filter,
									 update, opts, &error);
	return added(bulk, is_added, &error, err);
}

err_code bulk_replace(struct bulk *bulk, const bson_t *filter, const bson_t *doc, bool is_upsert,
		      struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("upsert", BCON_BOOL(is_upsert));
	bson_error_t error;

	const bool is_added = mongoc_bulk_operation_replace_one_with_opts(bulk->operations, filter,
									  doc, opts, &error);
	return added(bulk, is_added, &error, err);
}

err_code bulk_delete(struct bulk *bulk, const bson_t *filter, struct err *err)
{
	bson_error_t error;

	const bool is_added =
		mongoc_bulk_operation_remove_many_with_opts(bulk->operations, filter, NULL, &error);
	return added(bulk, is_added, &error, err);
}

static int64_t number_of(const bson_t *reply, const char *name)
{
	bson_iter_t iter;
	return bson_iter_init_find(&iter, reply, name) ? bson_iter_as_int64(&iter) : 0;
}

/* How many write errors there are; -1 when one of them is no duplicate key. */
static int64_t duplicates_of(const bson_t *reply)
{
	bson_iter_t iter;
	bson_iter_t errors;
	bson_iter_t fields;
	int64_t count = 0;

	if (!bson_iter_init_find(&iter, reply, "writeErrors") || !bson_iter_recurse(&iter, &errors))
		return 0;
	while (bson_iter_next(&errors)) {
		if (!bson_iter_recurse(&errors, &fields) || !bson_iter_find(&fields, "code") ||
		    bson_iter_as_int64(&fields) != MONGOC_ERROR_DUPLICATE_KEY)
			return -1;
		count++;
	}
	return count;
}

err_code bulk_run(struct bulk *bulk, const char *doing, struct bulk_result *ret, struct err *err)
{
	*ret = (struct bulk_result){ 0 };
	if (bulk->count == 0)
		return ERR_OK;

	bson_t reply;
	bson_error_t error = { 0 };
	const bool is_done = mongoc_bulk_operation_execute(bulk->operations, &reply, &error) != 0;
	*ret = (struct bulk_result){
		.matched = number_of(&reply, "nMatched"),
		.inserted = number_of(&reply, "nInserted") + number_of(&reply, "nUpserted"),
		.duplicates = duplicates_of(&reply),
		.deleted = number_of(&reply, "nRemoved"),
	};
	bson_destroy(&reply);
	if (is_done)
		return ERR_OK;

	/* Duplicates alone, and each operation accounted for: all were answered. */
	if (error.domain == MONGOC_ERROR_SERVER && error.code == MONGOC_ERROR_DUPLICATE_KEY &&
	    ret->duplicates > 0 &&
	    ret->matched + ret->inserted + ret->duplicates == (int64_t)bulk->count)
		return ERR_OK;

	const err_code code = mongo_err(&error, doing, err);
	return code == ERR_CONFLICT ? err_set(err, ERR_UNAVAILABLE, "%s: partly written", doing)
				    : code;
}
