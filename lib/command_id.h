/*
 * command_id - names of single commands, and of idempotency keys: what makes a repetition known.
 *
 * Shape    UUIDv8 of 122 derived or random bits, as text in canonical form.
 * Errors   ERR_INVALID for text that is no UUIDv8 in canonical form, lower case.
 * Source   RFC 9562, section 5.8; lib/PROTOCOL.md, "Command ids". Hashes: libsodium.
 */
#pragma once

#include "attr.h"
#include "booking_id.h"
#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define COMMAND_ID_BYTES_MAX 37 /* 36 and the NUL */

struct command_id {
	char text[COMMAND_ID_BYTES_MAX]; /* "": none */
};

/* The same (booking, user, idempotency key) always makes the same id, whatever the command; user
 * "" where none is named. Another user's command with that key is another one. */
struct command_id command_id_derive(const struct booking_id_key *key,
				    const struct booking_id *booking_id, const char *user_id,
				    const char *idempotency_key);

/* The same (booking, wall_ms, nonce) always makes the same id: for a request that the gateway may
 * send twice. nonce is the gateway's request id. */
struct command_id command_id_make_retryable(const struct booking_id_key *key,
					    const struct booking_id *booking_id, int64_t wall_ms,
					    const char *nonce);

/* Random bits. */
struct command_id command_id_make(void);

/* What stands for a user's idempotency key: the same two always make the same. */
struct command_id command_id_of_key(const struct booking_id_key *key, const char *user_id,
				    const char *idempotency_key);

err_code command_id_parse(const char *text, size_t len, struct command_id *ret,
			  struct err *err) _must_check_;
