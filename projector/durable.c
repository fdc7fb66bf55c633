#include "durable.h"

mongoc_write_concern_t *durable_concern(void)
{
	mongoc_write_concern_t *const concern = mongoc_write_concern_new();
	mongoc_write_concern_set_wmajority(concern, DURABLE_WAIT_MS);
	mongoc_write_concern_set_journal(concern, true);

	return concern;
}

mongoc_collection_t *durable_collection(const struct mongo_client *client, const char *name)
{
	_cleanup_(mongoc_write_concern_destroyp) mongoc_write_concern_t *concern =
		durable_concern();

	mongoc_collection_t *const collection = mongo_collection(client, name);
	mongoc_collection_set_write_concern(collection, concern);
	return collection;
}

mongoc_collection_t *hasty_collection(const struct mongo_client *client, const char *name)
{
	_cleanup_(mongoc_write_concern_destroyp) mongoc_write_concern_t *concern =
		mongoc_write_concern_new();

	mongoc_write_concern_set_w(concern, 1);
	mongoc_collection_t *const collection = mongo_collection(client, name);
	mongoc_collection_set_write_concern(collection, concern);
	return collection;
}

/* All zeros where the server does not say. */
static bson_oid_t oid_at(const bson_t *doc, const char *path)
{
	bson_iter_t iter;
	bson_iter_t found;
	bson_oid_t ret = { { 0 } };

	if (bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, path, &found) &&
	    BSON_ITER_HOLDS_OID(&found))
		bson_oid_copy(bson_iter_oid(&found), &ret);
	return ret;
}

err_code durable_life(struct mongo *mongo, struct durable_life *ret, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(bson_destroyp) bson_t *hello = BCON_NEW("hello", BCON_INT32(1));
	bson_t reply;
	bson_error_t error;

	const bool is_done =
		mongoc_client_command_simple(client.client, "admin", hello, NULL, &reply, &error);
	ret->process = oid_at(&reply, "topologyVersion.processId");
	ret->election = oid_at(&reply, "electionId");
	bson_destroy(&reply);
	return is_done ? ERR_OK : mongo_err(&error, "ask which server this is", err);
}
