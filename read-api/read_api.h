/*
 * read_api - what read-api's routes have in common: what they read from, and how they answer.
 *
 * Owns     nothing: a struct read_api and what it points at is main's, and outlives the servers.
 * Threads  handlers run on any thread.
 */
#pragma once

#include "answer_cache.h"
#include "booking_id.h"
#include "err.h"
#include "follow.h"
#include "http.h"
#include "metrics.h"
#include "mongo.h"
#include "rate_limit.h"
#include "waiters.h"
#include "watch.h"

#include <stdbool.h>

#define READ_API_RETRY_AFTER_S "1"

enum read_kind {
	READ_EVENTS,
	READ_EVENT,
	READ_LAYOUT,
	READ_BOOKINGS,
	READ_BOOKING,
	READ_KIND_COUNT
};

struct read_api {
	struct mongo *mongo;
	struct watch *watch;
	struct waiters *waiters;
	struct answer_cache *answers[ANSWER_KIND_COUNT];
	struct follow *follow; /* NULL: no change is told */
	struct booking_id_key key;
	struct rate_limit *limit; /* NULL: there is none */
	struct rate_policy lists; /* how often a user may ask for a list */
	struct metric *mongo_errors;
	struct metric *read_seconds[READ_KIND_COUNT];
};

/* Adds the metrics and fills the fields that hold them. */
void read_api_add_metrics(struct read_api *api, struct metrics *metrics);

/* Every change up to a moment ago was told. Takes the struct read_api as void *. */
bool read_api_is_told(void *api);

/*
 * False: the response says that MongoDB is away. Waits for nothing. For answers that are kept; what
 * is told of every change was there a moment ago.
 */
bool read_api_can_answer(struct read_api *api, struct http_response *response);
/* The same for what is not kept, and a client to read it with. */
bool read_api_take_client(struct read_api *api, struct http_response *response,
			  struct mongo_client *ret);

/* What a failed read means to the client, and a line in the log about why. */
void read_api_answer_failure(struct read_api *api, struct http_response *response,
			     const char *not_found, const struct err *err);

/* False: the response is a 429. Of lists; an administrator may ask as often as they like. */
bool read_api_is_within_limit(struct read_api *api, const struct http_request *request,
			      struct http_response *response);

/*
 * What a client may keep, and asks about each time; 304 when it has it already. Whoever sent a
 * token is told that it is theirs alone.
 */
void read_api_answer_tagged(const struct http_request *request, struct http_response *response,
			    const char *etag);

/* A page of a list: the body is there; link "" when there is no other page. */
void read_api_answer_page(const struct http_request *request, struct http_response *response,
			  const struct strbuf *link);
