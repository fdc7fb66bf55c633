#include "bulk.h"

#include "durable.h"

#include <assert.h>

/* libmongoc would look at each name and text once more, at a third of the projector's time. What
 * is written was made by libbson, of texts that PostgreSQL holds as UTF-8. */
#define UNCHECKED "validate", BCON_BOOL(false)

DEFINE_CLEANUP(mongoc_client_session_t *, mongoc_client_session_destroy)
DEFINE_CLEANUP(mongoc_transaction_opt_t *, mongoc_transaction_opts_destroy)
DEFINE_CLEANUP(mongoc_read_concern_t *, mongoc_read_concern_destroy)

static void open_with(struct bulk *bulk, struct mongo *mongo, const char *collection,
		      mongoc_collection_t *(*collection_of)(const struct mongo_client *client,
							    const char *name))
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));

	*bulk = (struct bulk){ 0 };
	mongo_client_take(mongo, &bulk->client);
	bulk->collection = collection_of(&bulk->client, collection);
	bulk->operations =
		mongoc_collection_create_bulk_operation_with_opts(bulk->collection, opts);
	assert(bulk->operations);
}

void bulk_open(struct bulk *bulk, struct mongo *mongo, const char *collection)
{
	open_with(bulk, mongo, collection, durable_collection);
}

void bulk_open_hasty(struct bulk *bulk, struct mongo *mongo, const char *collection)
{
	open_with(bulk, mongo, collection, hasty_collection);
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
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW(UNCHECKED);
	bson_error_t error;

	const bool is_added =
		mongoc_bulk_operation_insert_with_opts(bulk->operations, doc, opts, &error);
	return added(bulk, is_added, &error, err);
}

err_code bulk_update(struct bulk *bulk, const bson_t *filter, const bson_t *update, bool is_upsert,
		     struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("upsert", BCON_BOOL(is_upsert), UNCHECKED);
	bson_error_t error;

	const bool is_added = mongoc_bulk_operation_update_one_with_opts(bulk->operations, filter,
									 update, opts, &error);
	return added(bulk, is_added, &error, err);
}

err_code bulk_replace(struct bulk *bulk, const bson_t *filter, const bson_t *doc, bool is_upsert,
		      struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("upsert", BCON_BOOL(is_upsert), UNCHECKED);
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

/* ---- In a transaction ---- */

/* What is read and written shows one moment: whoever writes the same documents later makes this
 * transaction fail, and whoever did so before has moved the guard, too. */
static err_code begin(mongoc_client_session_t *session, struct err *err)
{
	_cleanup_(mongoc_transaction_opts_destroyp) mongoc_transaction_opt_t *opts =
		mongoc_transaction_opts_new();
	_cleanup_(mongoc_read_concern_destroyp) mongoc_read_concern_t *read =
		mongoc_read_concern_new();
	_cleanup_(mongoc_write_concern_destroyp) mongoc_write_concern_t *write = durable_concern();
	bson_error_t error;

	(void)mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
	mongoc_transaction_opts_set_read_concern(opts, read);
	mongoc_transaction_opts_set_write_concern(opts, write);
	if (!mongoc_client_session_start_transaction(session, opts, &error))
		return mongo_err(&error, "begin a transaction", err);
	return ERR_OK;
}

static err_code check_guard(const struct bulk *bulk, const mongoc_client_session_t *session,
			    const char *collection, const bson_t *guard, struct err *err)
{
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *guards =
		mongo_collection(&bulk->client, collection);
	_cleanup_(bson_destroyp) bson_t *opts = bson_new();
	const bson_t *doc = NULL;
	bson_error_t error;

	if (!mongoc_client_session_append(session, opts, &error))
		return mongo_err(&error, "read in a transaction", err);
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(guards, guard, opts, NULL);
	if (mongoc_cursor_next(cursor, &doc))
		return ERR_OK;
	if (mongoc_cursor_error(cursor, &error))
		return mongo_err(&error, "read a guard", err);
	return err_set(err, ERR_CONFLICT, "another projector's term has begun");
}

static err_code run_and_commit(struct bulk *bulk, mongoc_client_session_t *session,
			       const char *doing, struct bulk_result *ret, struct err *err)
{
	bson_error_t error;

	mongoc_bulk_operation_set_client_session(bulk->operations, session);
	const err_code code = bulk_run(bulk, doing, ret, err);
	if (code != ERR_OK)
		return code;
	if (!mongoc_client_session_commit_transaction(session, NULL, &error))
		return mongo_err(&error, doing, err);
	return ERR_OK;
}

err_code bulk_run_guarded(struct bulk *bulk, const char *collection, const bson_t *guard,
			  const char *doing, struct bulk_result *ret, struct err *err)
{
	bson_error_t error;

	*ret = (struct bulk_result){ 0 };
	if (bulk->count == 0)
		return ERR_OK;
	/* Its end aborts what was not committed. */
	_cleanup_(mongoc_client_session_destroyp) mongoc_client_session_t *session =
		mongoc_client_start_session(bulk->client.client, NULL, &error);
	if (!session)
		return mongo_err(&error, "begin a session", err);

	err_code code = begin(session, err);
	if (code == ERR_OK)
		code = check_guard(bulk, session, collection, guard, err);
	if (code == ERR_OK)
		code = run_and_commit(bulk, session, doing, ret, err);
	return code;
}
