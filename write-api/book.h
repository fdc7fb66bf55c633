/*
 * book - POST /api/book: one seat, at once. 202 means that Kafka has stored the command.
 *
 * Source   API.md, "Write side".
 */
#pragma once

#include "http.h"

/* ctx is a struct write_api. */
void book(void *ctx, const struct http_request *request, struct http_response *response);
