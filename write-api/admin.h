/*
 * admin - what the handlers of administration share: a connection to PostgreSQL, and parameters.
 *
 * Source   API.md, "Conventions".
 */
#pragma once

#include "attr.h"
#include "http.h"
#include "pg.h"
#include "routes.h"

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_CURSOR_BYTES_MAX 48
#define ADMIN_ID_PARAMS_MAX    4

/* A connection, to be given back to api->pg_pool; NULL: the response is a 503. */
struct pg *admin_take_pg(struct write_api *api, const struct http_request *request,
			 struct http_response *response) _must_check_;

/* 503 of what failed. unknown: it may have been done all the same, and so may what a gateway's
 * first attempt asked for. */
void admin_refuse_failed(struct write_api *api, const struct http_request *request,
			 struct http_response *response, bool unknown, const struct err *err);

/* The event of the path; false: no event has such an id, and the response is a 404. */
bool admin_event_id(struct write_api *api, const struct http_request *request,
		    struct http_response *response, char ret[static IDENT_BYTES_MAX]);
void admin_refuse_no_event(struct write_api *api, struct http_response *response);

/* Digits only, at most 18 of them. */
bool admin_number_parse(const char *text, int64_t *ret);

/* Parameters of the query: each 400 once, with all that is wrong. */
struct admin_params {
	const struct http_request *request;
	struct http_response *response;
	bool is_bad;
};

void admin_params_complain(struct admin_params *params, const char *name, const char *detail);
/* "" when it was not sent; false: a complaint was made. */
bool admin_params_text(struct admin_params *params, const char *name, char *buf, size_t size);
/* Leaves *ret alone when it was not sent. */
void admin_params_limit(struct admin_params *params, int64_t most, int64_t *ret);
/* "a.b", two numbers; false: it was not sent, or is bad. */
bool admin_params_cursor(struct admin_params *params, int64_t *ret_a, int64_t *ret_b);

/* Link: <path?query&limit=..&cursor=a.b>; rel="next". query is "" or ends in '&'; nothing in it
 * needs escaping. */
void admin_link_next(struct http_response *response, const char *path, const char *query,
		     int64_t limit, int64_t a, int64_t b);
