/*
 * mongo - a pool of MongoDB clients with bounds on every wait, and what its failures mean to us.
 *
 * Owns     struct mongo owns the pool; a client taken is given back, also at the scope's end:
 *          _cleanup_(mongo_client_done) struct mongo_client client.
 * Threads  any; one client, one thread.
 * Errors   ERR_UNAVAILABLE: a new attempt may pass; ERR_INTERNAL: our command is wrong.
 * Source   libmongoc 1.23.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <mongoc/mongoc.h>
#include <stdint.h>

DEFINE_CLEANUP(bson_t *, bson_destroy)
DEFINE_CLEANUP(mongoc_collection_t *, mongoc_collection_destroy)
DEFINE_CLEANUP(mongoc_cursor_t *, mongoc_cursor_destroy)
DEFINE_CLEANUP(mongoc_bulk_operation_t *, mongoc_bulk_operation_destroy)

struct mongo_config {
	const char *uri; /* secret */
	const char *database;
	const char *application_name;
	int64_t connect_timeout_ms;
	int64_t server_selection_timeout_ms;
	int64_t socket_timeout_ms;
	int64_t pool_max;
};

struct mongo;

struct mongo_client {
	struct mongo *mongo; /* NULL when not taken */
	mongoc_client_t *client;
};

/* Does not connect. ERR_INVALID: the URI. Initialises libmongoc (once per process). */
err_code mongo_open(const struct mongo_config *config, struct mongo **ret,
                    struct err *err) _must_check_;
void mongo_close(struct mongo *mongo);

/* Waits for a free client of the pool. */
void mongo_client_take(struct mongo *mongo, struct mongo_client *ret);
void mongo_client_done(struct mongo_client *client);
/* The caller destroys it before the client is given back. */
mongoc_collection_t *mongo_collection(const struct mongo_client *client, const char *name);

/* A ping, for readiness. */
err_code mongo_ping(struct mongo *mongo, struct err *err) _must_check_;

/* Fills err from a libmongoc error; "doing" is the step for the log. Duplicate key (11000) is
 * ERR_CONFLICT. */
err_code mongo_err(const bson_error_t *error, const char *doing, struct err *err);
