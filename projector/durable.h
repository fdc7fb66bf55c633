/*
 * durable - the write concern of the read model: on the majority's disks.
 *
 * Change streams, from which readers learn what is stale, wait for the journal in any case: a
 * write that does not ask for it is seen 87 ms later, one that does, 2.5 ms later.
 */
#pragma once

#include "mongo.h"

#define DURABLE_WAIT_MS 5000

DEFINE_CLEANUP(mongoc_write_concern_t *, mongoc_write_concern_destroy)

/* The caller's. */
mongoc_write_concern_t *durable_concern(void);
/* Like mongo_collection, for durable writes. */
mongoc_collection_t *durable_collection(const struct mongo_client *client, const char *name);
/*
 * For writes that a durable one follows, or that may be lost: the server's journal and oplog keep
 * the order of all writes, so whatever is durable makes durable what was acknowledged before it,
 * and a crash loses the latest. Said explicitly: MongoDB's own default is the majority.
 */
mongoc_collection_t *hasty_collection(const struct mongo_client *client, const char *name);

/*
 * One life of MongoDB: the process that is primary, and its election. What is durable makes durable
 * what was hasty before it only within one life: a server that began anew may have lost the one,
 * and takes the other as if nothing were missing.
 */
struct durable_life {
	bson_oid_t process;
	bson_oid_t election;
};

err_code durable_life(struct mongo *mongo, struct durable_life *ret, struct err *err) _must_check_;
