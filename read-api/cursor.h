/*
 * cursor - where a page of a list ended, as opaque text in a URL.
 *
 * Grammar  unpadded base64url of: 8 bytes time (ms, big-endian), the id, 8 bytes tag.
 * Shape    the tag is a keyed hash of the list's name and the rest: what this program did not make,
 *          or made for another list, it does not read.
 * Errors   cursor_parse: ERR_INVALID; *ret is then untouched.
 * Source   RFC 4648, section 5; BLAKE2b of libsodium.
 */
#pragma once

#include "attr.h"
#include "booking_id.h"
#include "err.h"
#include "ident.h"

#include <stddef.h>
#include <stdint.h>

#define CURSOR_BYTES_MAX      108 /* 80 bytes in base64url, and the NUL */
#define CURSOR_LIST_BYTES_MAX 80  /* "bookings:", a user id and the NUL, with room */

/* The last entry of a page, in a list that is sorted by time, then by id. */
struct cursor {
	int64_t time_ms;
	char id[IDENT_BYTES_MAX];
};

/* list names what is paged through, less than CURSOR_LIST_BYTES_MAX long. */
void cursor_format(const struct booking_id_key *key, const char *list, const struct cursor *cursor,
		   char buf[static CURSOR_BYTES_MAX]);

err_code cursor_parse(const struct booking_id_key *key, const char *list, const char *text,
		      struct cursor *ret, struct err *err) _must_check_;
