/*
 * account_request - an e-mail and a password, from somebody who registers or logs in. Pure.
 *
 * Grammar  {"email","password"}; other members are ignored. E-mail: at most 254 bytes of ASCII,
 *          local@domain, the local part 1-64 of the characters of RFC 5322 atoms and single dots
 *          within, the domain two or more labels of letters, digits and hyphens within. It is read
 *          in lower case: nobody has two accounts that differ in nothing else. Password: 10-256
 *          characters of any text.
 * Errors   ERR_INVALID: not a JSON object. ERR_CONFLICT: *ret_faults says what is wrong.
 *          ERR_UNAVAILABLE: out of memory.
 */
#pragma once

#include "attr.h"
#include "booking_request.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define EMAIL_BYTES_MAX         255 /* 254 and the NUL */
#define PASSWORD_CHARACTERS_MIN 10
#define PASSWORD_CHARACTERS_MAX 256
#define PASSWORD_BYTES_MAX      (4 * PASSWORD_CHARACTERS_MAX + 1)

struct account_request {
	char email[EMAIL_BYTES_MAX];
	char password[PASSWORD_BYTES_MAX];
};

err_code account_request_parse(const char *body, size_t len, struct account_request *ret,
			       struct booking_faults *ret_faults, struct err *err) _must_check_;

/* Reads an e-mail in lower case; false: it is none. */
bool account_email_read(const char *text, char ret[static EMAIL_BYTES_MAX]);
bool account_password_is_valid(const char *text);
