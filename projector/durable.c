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
