/*
 * seat_block - taking seats off sale and putting them back: commands, in one order with all
 * bookings, of COMMAND_SEATS_MAX seats each.
 *
 * All commands of a request are handed to Kafka together. When not all are acknowledged, the answer
 * is a 503 that says so; a repetition makes the same commands again, and each has one effect.
 * Source   API.md, "Accounts, roles, administration".
 */
#pragma once

#include "http.h"

/* PUT /api/events/{id}/seats/block. ctx is a struct write_api. */
void seat_block(void *ctx, const struct http_request *request, struct http_response *response);

/* PUT /api/events/{id}/seats/unblock. */
void seat_unblock(void *ctx, const struct http_request *request, struct http_response *response);
