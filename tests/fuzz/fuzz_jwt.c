/*
 * What is accepted was signed with a key of ours, holds now, and says who it is; no byte of it can
 * be another. The input is tried as a token, and, since nobody guesses a signature, as header and
 * claims (divided by a NUL) of one that is signed.
 */
#include "fuzz.h"

#include "jwt.h"

#include <sodium.h>
#include <string.h>

#define NOW_S        INT64_C(1800000000)
#define INPUT_MAX    512
#define BASE64       sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define KEYS_TEXT                                                                                  \
	"k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f,"                     \
	"k2:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

static struct jwt_keys keys;

static void check_accepted(const char *text, size_t len, const struct jwt_claims *claims)
{
	struct jwt_claims other;

	REQUIRE(ident_is_valid(claims->user_id, strlen(claims->user_id)));
	REQUIRE(claims->issued_s <= NOW_S + JWT_LEEWAY_S);
	REQUIRE(claims->until_s > NOW_S - JWT_LEEWAY_S);

	char changed[JWT_BYTES_MAX];
	REQUIRE(len < sizeof(changed));
	for (size_t i = 0; i < len; i++) {
		memcpy(changed, text, len);
		changed[i] = (char)(changed[i] ^ 1);
		REQUIRE(jwt_decode(&keys, changed, len, NOW_S, &other, NULL) == ERR_INVALID);
	}
	REQUIRE(jwt_decode(&keys, text, len - 1, NOW_S, &other, NULL) == ERR_INVALID);

	jwt_encode(&keys, claims, changed);
	if (claims->issued_s < 0)
		return;
	REQUIRE(jwt_decode(&keys, changed, strlen(changed), NOW_S, &other, NULL) == ERR_OK);
	REQUIRE(strcmp(other.user_id, claims->user_id) == 0 && other.is_admin == claims->is_admin);
	REQUIRE(other.until_s == claims->until_s && other.issued_s == claims->issued_s);
}

static void try(const char *text, size_t len)
{
	struct jwt_claims claims = { .user_id = "untouched" };
	struct err err = { 0 };
	const err_code code = jwt_decode(&keys, text, len, NOW_S, &claims, &err);

	if (code == ERR_OK) {
		check_accepted(text, len, &claims);
		return;
	}
	REQUIRE((code == ERR_INVALID || code == ERR_UNAVAILABLE) && err.text[0] != '\0');
	REQUIRE(strcmp(claims.user_id, "untouched") == 0);
}

static size_t add_part(char *token, size_t at, const void *bytes, size_t len)
{
	(void)sodium_bin2base64(token + at, JWT_BYTES_MAX - at, bytes, len, BASE64);
	return at + strlen(token + at);
}

static void try_signed(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\0', size);
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char token[JWT_BYTES_MAX];

	if (!end)
		return;
	const size_t header_len = (size_t)(end - data);
	size_t len = add_part(token, 0, data, header_len);
	token[len++] = '.';
	len = add_part(token, len, end + 1, size - header_len - 1);
	(void)crypto_auth_hmacsha256(mac, (const unsigned char *)token, len, keys.keys[0].bytes);
	token[len++] = '.';
	len = add_part(token, len, mac, sizeof(mac));
	try(token, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (keys.count == 0) {
		REQUIRE(sodium_init() >= 0);
		REQUIRE(jwt_keys_add(&keys, KEYS_TEXT, NULL) == ERR_OK);
		(void)snprintf(keys.issuer, sizeof(keys.issuer), "seatline");
		(void)snprintf(keys.audience, sizeof(keys.audience), "seatline");
	}
	try((const char *)data, size);
	if (size <= INPUT_MAX)
		try_signed(data, size);
	return 0;
}
