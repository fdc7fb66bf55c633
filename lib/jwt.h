/*
 * jwt - signed tokens that say who somebody is: made here, and read as strictly as can be.
 *
 * Grammar  a compact JWS of at most JWT_BYTES_MAX - 1 bytes, base64url without padding and without
 *          spare bits. Header: exactly alg "HS256", kid, and perhaps typ "JWT". Claims: iss, aud (a
 *          text, or a list that has it), sub (a user id), role "user" or "admin", iat, nbf, exp in
 *          whole seconds; others are not looked at. All of them have to be there.
 * Shape    a key is named by its kid. The first signs, all of them verify, so that keys can be
 *          changed while tokens are about.
 * Threads  any; keys do not change.
 * Errors   ERR_INVALID: not a token of ours that holds now. err->text says why, for the log.
 * Source   RFC 7515, 7518 (3.2), 7519, 8725. HMAC: libsodium, whose comparison takes constant time.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "ident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWT_BYTES_MAX      2048
#define JWT_KEYS_MAX       8
#define JWT_KEY_BYTES      32
#define JWT_LEEWAY_S       5
#define JWT_NAME_BYTES_MAX 129 /* of an issuer or audience, and its NUL */

struct jwt_key {
	char kid[IDENT_BYTES_MAX];
	unsigned char bytes[JWT_KEY_BYTES];
};

struct jwt_keys {
	size_t count;
	struct jwt_key keys[JWT_KEYS_MAX];
	char issuer[JWT_NAME_BYTES_MAX];
	char audience[JWT_NAME_BYTES_MAX];
};

struct jwt_claims {
	char user_id[IDENT_BYTES_MAX];
	bool is_admin;
	int64_t issued_s; /* iat and nbf, in Unix seconds */
	int64_t until_s;  /* exp                          */
};

/*
 * Adds "kid:64 hex digits" to the keys; several are separated by commas or line ends. A kid is an
 * ident of 1-64 and stands once.
 */
err_code jwt_keys_add(struct jwt_keys *keys, const char *text, struct err *err) _must_check_;

/* Signs with the first key; there has to be one. */
void jwt_encode(const struct jwt_keys *keys, const struct jwt_claims *claims,
                char buf[static JWT_BYTES_MAX]);

/* Reads text[0..len) as of now_s. */
err_code jwt_decode(const struct jwt_keys *keys, const char *text, size_t len, int64_t now_s,
                    struct jwt_claims *ret, struct err *err) _must_check_;
