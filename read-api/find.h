/*
 * find - what every read of a collection here has in common: one document by its id, time bounds,
 * and what a cursor's end means.
 *
 * Threads  any; one client, one thread.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "mongo.h"

/* Longest time, in ms, that the server works on one read. */
#define FIND_MS_MAX 1500

/*
 * The document of that _id in a copy of the caller's. fields is a projection; NULL: all of it.
 * ERR_NOT_FOUND: there is none.
 */
err_code find_one(const struct mongo_client *client, const char *collection, const char *id,
		  const bson_t *fields, bson_t **ret, struct err *err) _must_check_;

/* ERR_OK when the cursor ended because there was no more. */
err_code find_error(mongoc_cursor_t *cursor, const char *doing, struct err *err) _must_check_;
