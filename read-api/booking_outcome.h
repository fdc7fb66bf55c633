/*
 * booking_outcome - what came of one command, as the answer to whoever waited for it.
 *
 *   a command that made a booking   201 the booking with its Location; 409 with the seats that were
 *                                   lost, or 404, 422, by the reason
 *   confirm, extend, cancel         200 the booking; 404, 409, 410 by the reason
 *
 * A refusal is a problem with "reason" and "bookingId".
 * Shape    a command is known by its id in the booking's history; NULL means the one that made the
 *          booking. Of two with one id the owner's counts, not the one refused as not_owner.
 * Threads  any; no state.
 */
#pragma once

#include "http.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/* True when the document tells what came of the command. */
bool booking_outcome_is_known(const bson_t *booking, const char *command_id);

/* It is known. only_user, now_ms: booking_json.h. */
void booking_outcome_answer(const bson_t *booking, const char *command_id, const char *only_user,
			    int64_t now_ms, struct http_response *response);
