/*
 * read_api_fixture - read-api's routes on ephemeral ports, over a MongoDB database of their own.
 *
 * Owns     fixture_open makes the database, fixture_close drops it. One per test (Criterion runs
 * each test in a process of its own).
 */
#pragma once

#include "http.h"
#include "log.h"
#include "mongo.h"
#include "read_api.h"
#include "services.h"
#include "waiters.h"
#include "watch.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdbool.h>

#define FIXTURE_MONGO_TIMEOUT_MS 1500
#define FIXTURE_THREADS          8
#define FIXTURE_WAITERS          4
#define FIXTURE_WAIT_THREADS     (FIXTURE_WAITERS + 2)
#define FIXTURE_HEADER_BYTES_MAX 2048
#define FIXTURE_ANSWER_BYTES     (8u << 20)
#define FIXTURE_URI_BYTES_MAX    512
#define FIXTURE_LEDGER           "5b0f3c0a-0000-4000-8000-000000000001"

struct fixture {
	char database[64];
	struct mongo *mongo;  /* the test's own, always straight to the server */
	struct mongo *served; /* the program's: another one when a proxy is between */
	struct metrics *metrics;
	struct http_server *server;
	struct http_server *wait_server; /* NULL until fixture_open_waits */
	struct read_api api;
	int port;
	int wait_port;
};

/* What a GET was answered. */
struct answer {
	long status;
	struct strbuf head; /* lower-case names, as they came otherwise */
	struct strbuf body;
	double seconds;
};

/*
 * Before fixture_open: who calls is asked. "Authorization: Bearer admin" is an administrator,
 * any other name the user of that id, no header nobody. Else everybody sees all.
 */
void fixture_ask_who(void);
/* served_uri: NULL for TEST_MONGO_URI. */
void fixture_open(struct fixture *fixture, const char *served_uri);
/* The second server, for those who wait. */
void fixture_open_waits(struct fixture *fixture);
/* From now on it is told what changes: without it, every answer is checked. */
void fixture_follow(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* TEST_MONGO_URI's port, and the same URI with another one, for a proxy in between. */
uint16_t fixture_mongo_port(void);
void fixture_mongo_uri(uint16_t port, char buf[static FIXTURE_URI_BYTES_MAX]);

/* Inserts or replaces a document by its _id, from extended JSON. */
void fixture_put(struct fixture *fixture, const char *collection, const char *json);
void fixture_put_bson(struct fixture *fixture, const char *collection, const bson_t *doc);
void fixture_delete(struct fixture *fixture, const char *collection, const char *id);

/* header: "Name: value" lines to send, with '\n' between them, or NULL. */
void fixture_get(const struct fixture *fixture, const char *path, const char *header,
		 struct answer *ret);
void fixture_request(const struct fixture *fixture, const char *method, const char *path,
		     const char *header, struct answer *ret);
void fixture_request_at(int port, const char *method, const char *path, const char *header,
			struct answer *ret);
void answer_done(struct answer *answer);
/* The value of a header in buf; false when it was not sent. */
bool answer_header(const struct answer *answer, const char *name, char *buf, size_t size);

/* The ETag that a 200 answer carries. */
void fixture_etag(const struct fixture *fixture, const char *path,
		  char etag[static FIXTURE_HEADER_BYTES_MAX]);
/* The status of an answer to a client that has this one. */
long fixture_if_none_match(const struct fixture *fixture, const char *path, const char *etag);
void fixture_expect_problem(const struct fixture *fixture, const char *path, long status);
/* Goes through all pages from first_path on: their ids, under that name, each followed by a blank.
 */
void fixture_expect_ids(const struct fixture *fixture, const char *first_path, const char *id_name,
			size_t page_max, const char *expected);
/* One page; the next one's path in ret. False: it is the last. */
bool fixture_next_page(const struct fixture *fixture, const char *path, const char *id_name,
		       size_t page_max, struct strbuf *out,
		       char ret[static FIXTURE_HEADER_BYTES_MAX]);
