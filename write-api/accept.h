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

/* "by ", an id, a space and a key; or a command's name, a space, and a key. No key that is sent has
 * a space. */
#define ACCEPT_KEY_BYTES_MAX (3 + IDENT_BYTES_MAX + IDEMPOTENCY_KEY_BYTES_MAX)

/* One request for a command. The first three are the handler's to set. */
struct acceptance {
	struct write_api *api;
	const struct http_request *request;
	struct http_response *response;
	struct command command;
	const char *key; /* Idempotency-Key; NULL: not sent */
	/* What stands for the key: another one where an administrator asks for a user, so that
	 * nobody uses up the user's, and for an administrator's own commands. "" without a key. */
	char whose_key[ACCEPT_KEY_BYTES_MAX];
	/* The gateway's name for the request; NULL: it did not come through the gateway. */
	const char *gateway_id;
	int64_t gateway_ms;
};

/*
 * Reads body and headers, and settles for whom it is: a user asks for themselves (403 when the body
 * names another), an administrator for anybody, and stands in the command as its actor then. False
 * when the response is a refusal.
 */
bool accept_read(struct acceptance *acceptance, enum booking_form form);

/* Adds to the faults what is wrong with the Idempotency-Key; *ret is NULL when none was sent. */
void accept_read_key(const struct http_request *request, const char **ret,
		     struct booking_faults *faults);
/* The user that a request for a command names, "" for none, against who asks. False: 403. */
bool accept_settle_user(struct write_api *api, const struct http_request *request,
			struct http_response *response, struct command *command);

/* Whose the id of a new booking says it is; NULL where nobody asks who calls: callers by the same
 * name, or by none, are many then, and the owner's bits are better used to tell them apart. */
const char *accept_owner(const struct http_request *request, const struct command *command);

/* The rest of a command's way; the handler has named what it acts on. */
void accept_command(struct acceptance *acceptance);
/* The same of one that makes a booking, and names that. */
void accept_making(struct acceptance *acceptance);
