/*
 * refuse - the answers to what is not accepted: a problem, and a count by reason.
 *
 * Source   API.md, "Conventions"; RFC 9457.
 */
#pragma once

#include "booking_request.h"
#include "command.h"
#include "err.h"
#include "http.h"
#include "routes.h"

#include <stdbool.h>

#define IDEMPOTENCY_KEY_HEADER "Idempotency-Key"

/* 400: the body is no JSON object; err->text says how, in words for the client. */
void refuse_malformed(struct write_api *api, struct http_response *response, const struct err *err);
/* 422, with errors[]. */
void refuse_invalid(struct write_api *api, struct http_response *response,
		    const struct booking_faults *faults);
/* 404: the booking was never asked for. */
void refuse_unknown(struct write_api *api, struct http_response *response);
/* 403: the request names a user that its caller is not. */
void refuse_forbidden(struct write_api *api, struct http_response *response);
/* 404 and 409 of what is not a booking. */
void refuse_not_found(struct write_api *api, struct http_response *response, const char *detail);
void refuse_conflict(struct write_api *api, struct http_response *response, const char *slug,
		     const char *detail);
/* 503, or 500 for ERR_INTERNAL, and a line in the log: PostgreSQL or Kafka could not be asked.
 * detail tells of the 503 what is known. */
void refuse_failed(struct write_api *api, struct http_response *response, const struct err *err,
		   const char *detail);
/* 422: the key belongs to another request. */
void refuse_reused_key(struct write_api *api, struct http_response *response);
/* 503, before anything was sent. */
void refuse_no_memory(struct write_api *api, struct http_response *response);
/* True: a request was read, by a parser that ended with `code` as booking_request_parse does, and
 * has no faults. Else one of the above is the answer. */
bool refuse_unless_read(struct write_api *api, struct http_response *response, err_code code,
			const struct booking_faults *faults, const struct err *err);
/* 503, or 500 for ERR_INTERNAL, and a line in the log. maybe_stored: Kafka may have the command all
 * the same. */
void refuse_not_stored(struct write_api *api, struct http_response *response,
		       const struct command *command, bool maybe_stored, const struct err *err);
