/*
 * accept - the way of every command: read, named by the handler, remembered under its idempotency
 * key, stored by Kafka, answered.
 *
 *   if (!accept_read(&acceptance, form))
 *           return;
 *   ... ids into acceptance.command ...
 *   accept_command(&acceptance);
 *
 * 202 means that Kafka has stored the command. A client that would rather wait for the outcome
 * (Prefer: wait=N) gets the same 202, with the headers that make the gateway ask read-api for it
 * before it answers: nothing waits here.
 */
#pragma once

#include "booking_request.h"
#include "http.h"
#include "routes.h"

#include <stdbool.h>
#include <stdint.h>

/* One request for a command. The first three are the handler's to set. */
struct acceptance {
	struct write_api *api;
	const struct http_request *request;
	struct http_response *response;
	struct command command;
	const char *key; /* Idempotency-Key; NULL: not sent */
	/* The gateway's name for the request; NULL: it did not come through the gateway. */
	const char *gateway_id;
	int64_t gateway_ms;
};

/* Reads body and headers; false when the response is a refusal. */
bool accept_read(struct acceptance *acceptance, enum booking_form form);

void accept_command(struct acceptance *acceptance);
