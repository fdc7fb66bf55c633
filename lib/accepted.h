/*
 * accepted - the 202 of a command: it is stored, and what came of it can be read.
 *
 *   {"message","bookingId","commandId"?,"status":"pending","links":{"self","event"?}}
 *
 * with Location and Retry-After. The same from write-api, which stored it, and from read-api, when
 * the outcome that someone waited for did not come in time.
 * Source   API.md, "Write side".
 */
#pragma once

#include "http.h"

/* command_id NULL: the command made the booking. event_id NULL: not known here. */
void accepted_answer(struct http_response *response, const char *booking_id,
		     const char *command_id, const char *event_id);

/* How long, in whole seconds, a client would rather wait for an outcome; 0: not at all. */
#define ACCEPTED_WAIT_S_MAX 10

/* From the Prefer header: "wait=N", among others; a longer wait is cut to ACCEPTED_WAIT_S_MAX. */
int accepted_wait_s(const struct http_request *request);

/* The same from the header's text; NULL: not sent. */
int accepted_wait_s_of(const char *prefer);
