#include "durable.h"

mongoc_collection_t *durable_collection(const struct mongo_client *client, const char *name)
{
	_cleanup_(mongoc_write_concern_destroyp) mongoc_write_concern_t *concern =
		mongoc_write_concern_new();
	mongoc_write_concern_set_wmajority(concern, DURABLE_WAIT_MS);
	mongoc_write_concern_set_journal(concern, true);

	mongoc_collection_t *const collection = mongo_collection(client, name);
	mongoc_collection_set_write_concern(collection, concern);
	return collection;
}
