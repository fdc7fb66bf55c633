/*
 * event_answers - the answers about events that are kept: seat maps, and pages of the list.
 *
 * Who sees all users gets one map, who sees none another, each made only when it is asked for. A
 * user who has seats in the first gets it without the other users' ids, made for this request and
 * not kept; else they get the second.
 * Shape    a map's version is that of its ETag (seat_map_json.h), which also says which of these it
 *          is; a page's ETag is made of its bytes.
 * Threads  any.
 * Errors   those of seat_map.h and events.h.
 */
#pragma once

#include "answer.h"
#include "attr.h"
#include "err.h"
#include "event_query.h"
#include "follow.h"
#include "read_api.h"

/* Answers the request, unless it fails. event_id is an id by its grammar. */
err_code event_answers_map(struct read_api *api, const char *event_id,
			   const struct http_request *request, struct http_response *response,
			   struct err *err) _must_check_;
err_code event_answers_list(struct read_api *api, const struct event_query *query,
			    const struct http_request *request, struct http_response *response,
			    struct err *err) _must_check_;

/*
 * The caches, of bytes_max together; pause_us_max as in answer_cache.h. For what is told of MongoDB
 * they are listeners. Nobody asks any more when they are closed.
 */
void event_answers_open(struct read_api *api, size_t bytes_max, int64_t pause_us_max,
			struct metrics *metrics);
void event_answers_close(struct read_api *api);
struct follow_listener event_answers_listener(struct read_api *api);
/* All that is kept may be wrong. Takes the struct read_api as void *. */
void event_answers_doubt(void *api);
