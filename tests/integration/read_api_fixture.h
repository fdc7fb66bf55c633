/*
 * read_api_fixture - read-api's routes on an ephemeral port, over a MongoDB database of their own.
 *
 * Owns     fixture_open makes the database, fixture_close drops it. One per test (Criterion runs
 * each test in a process of its own).
 */
#pragma once

#include "bookings.h"
#include "http.h"
#include "log.h"
#include "mongo.h"
#include "routes.h"
#include "services.h"
#include "watch.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdbool.h>

#define FIXTURE_MONGO_TIMEOUT_MS 1500
#define FIXTURE_THREADS          8
#define FIXTURE_LEDGER           "5b0f3c0a-0000-4000-8000-000000000001"

struct fixture {
	char database[64];
	struct mongo *mongo;  /* the test's own, always straight to the server */
	struct mongo *served; /* the program's: another one when a proxy is between */
	struct metrics *metrics;
	struct http_server *server;
	struct read_api api;
	int port;
};

/* What a GET was answered. */
struct answer {
	long status;
	struct strbuf head; /* lower-case names, as they came otherwise */
	struct strbuf body;
	double seconds;
};

/* served_uri: NULL for TEST_MONGO_URI. */
void fixture_open(struct fixture *fixture, const char *served_uri);
void fixture_close(struct fixture *fixture);

/* Inserts or replaces a document by its _id, from extended JSON. */
void fixture_put(struct fixture *fixture, const char *collection, const char *json);
void fixture_put_bson(struct fixture *fixture, const char *collection, const bson_t *doc);
void fixture_delete(struct fixture *fixture, const char *collection, const char *id);

/* header: one "Name: value" line to send, or NULL. */
void fixture_get(const struct fixture *fixture, const char *path, const char *header,
		 struct answer *ret);
void fixture_request(const struct fixture *fixture, const char *method, const char *path,
		     const char *header, struct answer *ret);
void answer_done(struct answer *answer);
/* The value of a header in buf; false when it was not sent. */
bool answer_header(const struct answer *answer, const char *name, char *buf, size_t size);
