/*
 * bulk - writes to one collection in one round trip, in no particular order; durably, if not
 *        said otherwise.
 *
 * Owns     between bulk_open and bulk_done a client of the pool.
 * Errors   ERR_UNAVAILABLE: how much was written is unknown.
 */
#pragma once

#include "mongo.h"

#include <stddef.h>

struct bulk {
	struct mongo_client client;
	mongoc_collection_t *collection;
	mongoc_bulk_operation_t *operations;
	size_t count;
};

struct bulk_result {
	int64_t matched;
	int64_t inserted;   /* by an insert or an upsert */
	int64_t duplicates; /* not inserted: one is there that an upsert does not match */
	int64_t deleted;
};

void bulk_open(struct bulk *bulk, struct mongo *mongo, const char *collection);
/* One that another, durable one of the same batch follows: see hasty_collection. */
void bulk_open_hasty(struct bulk *bulk, struct mongo *mongo, const char *collection);
void bulk_done(struct bulk *bulk);

/* The documents are copied. Failing here is our bug (ERR_INTERNAL). */
err_code bulk_insert(struct bulk *bulk, const bson_t *doc, struct err *err) _must_check_;
err_code bulk_update(struct bulk *bulk, const bson_t *filter, const bson_t *update, bool is_upsert,
                     struct err *err) _must_check_;
err_code bulk_replace(struct bulk *bulk, const bson_t *filter, const bson_t *doc, bool is_upsert,
                      struct err *err) _must_check_;
err_code bulk_delete(struct bulk *bulk, const bson_t *filter, struct err *err) _must_check_;

/* Nothing to do is fine. Once. */
err_code bulk_run(struct bulk *bulk, const char *doing, struct bulk_result *ret,
                  struct err *err) _must_check_;

/*
 * The same in one transaction, which is all of it or nothing, and only while the collection has a
 * document that the guard matches. ERR_CONFLICT: it has none, and nothing was written.
 */
err_code bulk_run_guarded(struct bulk *bulk, const char *collection, const bson_t *guard,
			  const char *doing, struct bulk_result *ret,
			  struct err *err) _must_check_;
