/*
 * cursor - where a page of the event list ended, as opaque text in a URL.
 *
 * Grammar  unpadded base64url of: 8 bytes date (ms, big-endian), the event id, 8 bytes tag.
 * Shape    the tag is a keyed hash of the rest: what this program did not make, it does not read.
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

#define CURSOR_BYTES_MAX 108 /* 80 bytes in base64url, and the NUL */

/* The last event of a page. */
struct cursor {
	int64_t date_ms;
	char event_id[IDENT_BYTES_MAX];
};

void cursor_format(const struct booking_id_key *key, const struct cursor *cursor,
		   char buf[static CURSOR_BYTES_MAX]);

err_code cursor_parse(const struct booking_id_key *key, const char *text, struct cursor *ret,
		      struct err *err) _must_check_;
