/*
 * booking_routes - one booking, and a user's bookings.
 *
 * A booking that was asked for and is not decided, or not folded in, is pending: its id alone tells
 * that it was issued, and to whom. One that was never issued is 404, and so is another user's, for
 * whom that is not to see.
 */
#pragma once

#include "booking_id.h"
#include "http.h"
#include "read_api.h"

#include <stdbool.h>

/* GET /api/bookings/{id} */
void booking_routes_get(void *ctx, const struct http_request *request,
			struct http_response *response);
/* GET /api/bookings?userId= */
void booking_routes_list(void *ctx, const struct http_request *request,
			 struct http_response *response);

/* What booking_routes_get is made of, for who waits before it answers: */

/* The id in the path, also for the request's log line. False: the response is a 404. */
bool booking_routes_id(const struct http_request *request, struct http_response *response,
		       struct booking_id *ret);
/* As it stands. A pending one is answered with pending_status. */
void booking_routes_answer(struct read_api *api, const struct http_request *request,
			   const struct booking_id *id, int pending_status,
			   struct http_response *response);
void booking_routes_answer_decided(const struct read_api *api, const struct http_request *request,
				   const struct booking_id *id, const bson_t *booking,
				   struct http_response *response);

/* Issued, and for the caller to see as far as its id tells. */
bool booking_routes_may_ask(const struct read_api *api, const struct http_request *request,
			    const struct booking_id *id);
/* For the caller to see. The document tells whose it is; one that knows no user, its id. */
bool booking_routes_may_see(const struct read_api *api, const struct http_request *request,
			    const struct booking_id *id, const bson_t *booking);
void booking_routes_refuse(struct http_response *response);
