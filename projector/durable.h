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
