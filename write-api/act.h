/*
 * act - acting on a booking that was made before. Whether it may is the worker's to say; here only
 * an id that was never issued is refused (404), and a user is told the same of another's.
 *
 * Source   API.md, "Write side".
 */
#pragma once

#include "http.h"

/* PUT /api/bookings/{id}/confirm. ctx is a struct write_api. */
void act_confirm(void *ctx, const struct http_request *request, struct http_response *response);

/* PUT /api/bookings/{id}/extend. */
void act_extend(void *ctx, const struct http_request *request, struct http_response *response);

/* PUT /api/bookings/{id}/cancel, DELETE /api/bookings/{id}. */
void act_cancel(void *ctx, const struct http_request *request, struct http_response *response);
