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
