/*
 * mongo_memory - MongoDB in memory: documents by collection, the filters and updates that the
 * projector uses, and the projector's end of it (lib/mongo.h, projector/bulk.h and the functions
 * of libmongoc that it calls; neither is linked).
 *
 * Guards stand in the filters that the projector's own code writes: here they are only obeyed.
 * A write that has one must not set a document back; nobody but a rebuild writes without.
 * Owns     the documents.
 */
#pragma once

#include <bson/bson.h>

void mongo_memory_begin(void);
void mongo_memory_end(void);

/* The server is killed and started: of what is not on disk the latest is lost, or all of it. */
void mongo_memory_crash(bool all);

/* The number of documents of a collection, and one of them. */
int mongo_memory_count(const char *collection);
const bson_t *mongo_memory_at(const char *collection, int i);
/* NULL: there is none. */
const bson_t *mongo_memory_find(const char *collection, const char *id);
