/*
 * bson_match - whether a document fits a filter, and what an update makes of it: as much of
 * MongoDB's language as the projector speaks.
 *
 * Errors   a violation for what it does not know.
 * Source   MongoDB manual, "Query and Projection Operators", "Update Operators".
 */
#pragma once

#include <bson/bson.h>
#include <stdbool.h>

bool bson_match(const bson_t *filter, const bson_t *doc);
/* doc after {$set: {path: value}, $inc: {name: number}}; the caller's. */
bson_t *bson_apply(const bson_t *doc, const bson_t *update);
/* 0 when there is none. */
int64_t bson_number(const bson_t *doc, const char *path);
/* NULL when there is none. */
const char *bson_text(const bson_t *doc, const char *path);
