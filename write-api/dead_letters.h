/*
 * dead_letters - what workers could not decode: a list, and a second try for one of them.
 *
 * A letter that can be decoded now, because the program has learnt to or because it was a mistake,
 * goes back to the partition of its booking, unchanged. The worker knows a booking by its id, so
 * that a second replay has no second effect.
 * Source   lib/PROTOCOL.md, "Commands".
 */
#pragma once

#include "http.h"

/* GET /api/admin/dead-letters. ctx is a struct write_api. */
void dead_letters_list(void *ctx, const struct http_request *request,
		       struct http_response *response);

/* POST /api/admin/dead-letters/{partition}/{offset}/replay. */
void dead_letters_replay(void *ctx, const struct http_request *request,
			 struct http_response *response);
