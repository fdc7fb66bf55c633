/*
 * booking_request - what a client asks for, read from the request's body. Pure.
 *
 * Grammar  a JSON object. Each member has one meaning and several names, because clients of other
 *          systems have other words; the table is in the .c file. A member sent under two of its
 *          names must say the same under both. Ids (lib/ident.h) are strings, or integers, which
 *          mean their decimal text. Members without a meaning are ignored.
 * Errors   ERR_INVALID: not a JSON object; err->text is a sentence for the client.
 *          ERR_CONFLICT: a JSON object, but not a request; *ret_faults says what is wrong with each
 *          member, under the name the client used. ERR_UNAVAILABLE: out of memory.
 * Source   API.md, "Conventions" and "Other dialects"; lib/PROTOCOL.md, "Ids".
 */
#pragma once

#include "attr.h"
#include "command.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define BOOKING_FAULTS_MAX      16 /* further ones are not told */
#define BOOKING_FIELD_BYTES_MAX 32
#define BOOKING_FAULT_BYTES_MAX 96
#define BOOKING_REQUEST_NOBODY  "anonymous" /* whose booking it is when no user is named */

enum booking_form {
	BOOKING_FORM_ONE_SEAT, /* user, event, seat: booked at once          */
	BOOKING_FORM_SEATS,    /* event, seats; user and mode are optional   */
	/* All optional, even a body: */
	BOOKING_FORM_CONFIRM, /* user, payment reference                    */
	BOOKING_FORM_EXTEND,  /* user                                       */
	BOOKING_FORM_CANCEL,  /* user                                       */
	BOOKING_FORM_CANCEL_EVENT, /* user                                  */
	BOOKING_FORM_COUNT,
};

struct json_t;

struct booking_fault {
	char field[BOOKING_FIELD_BYTES_MAX];
	char detail[BOOKING_FAULT_BYTES_MAX];
};

struct booking_faults {
	size_t count;
	struct booking_fault items[BOOKING_FAULTS_MAX];
};

/*
 * Fills type, user, event, seats and payment reference; ids of booking and command, the hash of the
 * idempotency key, actor, address and the time are the caller's. asker is who asks, and whose
 * booking is made where no user is named; "": nobody was asked, and one seat is for a named user.
 */
err_code booking_request_parse(enum booking_form form, const char *asker, const char *body,
			       size_t len, struct command *ret, struct booking_faults *ret_faults,
			       struct err *err) _must_check_;

/* An id, as a string or an integer; false: a fault was added. */
bool booking_request_read_user(const struct json_t *body, char ret[static IDENT_BYTES_MAX],
			       struct booking_faults *faults);
bool booking_request_read_seat(const struct json_t *json, const char *field,
			       char ret[static IDENT_BYTES_MAX], struct booking_faults *faults);

void booking_faults_add(struct booking_faults *faults, const char *field, const char *detail);
/* "must be <wanted>, not <what it is>" */
void booking_faults_add_type(struct booking_faults *faults, const char *field, const char *wanted,
			     const struct json_t *json);
