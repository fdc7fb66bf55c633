/*
 * event - making and changing events, directly in PostgreSQL; and cancelling one, which is a
 * command, because it ends bookings.
 *
 * Source   API.md, "Accounts, roles, administration".
 */
#pragma once

#include "http.h"

/* POST /api/events. ctx is a struct write_api, as of the others. */
void event_create(void *ctx, const struct http_request *request, struct http_response *response);

/* PATCH /api/events/{id}. */
void event_change(void *ctx, const struct http_request *request, struct http_response *response);

/* POST /api/events/{id}/cancel. */
void event_cancel(void *ctx, const struct http_request *request, struct http_response *response);
