#include "jwt.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BASE64      sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define NOW_S       INT64_C(1800000000)
#define KEY_1       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2       "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define HEADER      "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define TIMES       "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800086400"
#define WHO         "\"iss\":\"seatline\",\"aud\":\"seatline\""
#define U           "\"sub\":\"u\",\"role\":\"user\""
#define CLAIMS      "{" WHO ",\"sub\":\"u-1\",\"role\":\"user\"," TIMES "}"

/* Made by PyJWT 2.15 with the first key, from HEADER and CLAIMS as they stand. */
static const char VECTOR[] =
	"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0."
	"eyJpc3MiOiJzZWF0bGluZSIsImF1ZCI6InNlYXRsaW5lIiwic3"
	"ViIjoidS0xIiwicm9sZSI6InVzZXIiLCJpYXQiOjE4MDAwMDAw"
	"MDAsIm5iZiI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDg2NDAwfQ."
	"8PNe0M9QPTlahKxVtnOspJEsD3mHOuYxwYbHJR_O4hw";

static struct jwt_keys keys;

static void begin(void)
{
	keys = (struct jwt_keys){ .issuer = "seatline", .audience = "seatline" };
	cr_assert_geq(sodium_init(), 0);
	cr_assert_eq(jwt_keys_add(&keys, "k1:" KEY_1 ",k2:" KEY_2, NULL), ERR_OK);
}

TestSuite(jwt, .init = begin);

static size_t add_part(char *token, size_t at, const void *bytes, size_t len)
{
	(void)sodium_bin2base64(token + at, JWT_BYTES_MAX - at, bytes, len, BASE64);
	return at + strlen(token + at);
}

/* A token of that text, signed with that key. */
static const char *sign(const char *header, const char *claims, const struct jwt_key *key)
{
	static char token[JWT_BYTES_MAX];
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	size_t len = add_part(token, 0, header, strlen(header));
	token[len++] = '.';
	len = add_part(token, len, claims, strlen(claims));
	(void)crypto_auth_hmacsha256(mac, (const unsigned char *)token, len, key->bytes);
	token[len++] = '.';
	(void)add_part(token, len, mac, sizeof(mac));
	return token;
}

static err_code decode_at(const char *token, int64_t now_s)
{
	struct jwt_claims claims;

	return jwt_decode(&keys, token, strlen(token), now_s, &claims, NULL);
}

static err_code decode(const char *token)
{
	return decode_at(token, NOW_S);
}

static err_code decode_of(const char *header, const char *claims)
{
	return decode(sign(header, claims, &keys.keys[0]));
}

Test(jwt, reads_what_another_library_made)
{
	struct jwt_claims claims;

	cr_assert_eq(jwt_decode(&keys, VECTOR, strlen(VECTOR), NOW_S, &claims, NULL), ERR_OK);
	cr_expect_str_eq(claims.user_id, "u-1");
	cr_expect_not(claims.is_admin);
	cr_expect_eq(claims.issued_s, NOW_S);
	cr_expect_eq(claims.until_s, NOW_S + 86400);
}

Test(jwt, makes_what_another_library_makes)
{
	const struct jwt_claims claims = { .user_id = "u-1",
					   .issued_s = NOW_S,
					   .until_s = NOW_S + 86400 };
	char token[JWT_BYTES_MAX];

	jwt_encode(&keys, &claims, token);
	cr_expect_str_eq(token, VECTOR);
}

Test(jwt, says_who_is_an_administrator)
{
	const struct jwt_claims claims = {
		.user_id = "u-2", .is_admin = true, .issued_s = NOW_S, .until_s = NOW_S + 1
	};
	struct jwt_claims read = { 0 };
	char token[JWT_BYTES_MAX];

	jwt_encode(&keys, &claims, token);
	cr_assert_eq(jwt_decode(&keys, token, strlen(token), NOW_S, &read, NULL), ERR_OK);
	cr_expect(read.is_admin);
	cr_expect_str_eq(read.user_id, "u-2");
}

Test(jwt, refuses_every_header_but_its_own)
{
	static const char *const bad[] = {
		"{\"alg\":\"none\",\"kid\":\"k1\"}",
		"{\"alg\":\"None\",\"kid\":\"k1\"}",
		"{\"alg\":\"hs256\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS384\",\"kid\":\"k1\"}",
		"{\"alg\":\"RS256\",\"kid\":\"k1\"}",
		"{\"alg\":[\"HS256\"],\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":1}",
		"{\"alg\":\"HS256\",\"kid\":\"k3\"}",
		"{\"alg\":\"HS256\",\"kid\":\"\"}",
		"{\"kid\":\"k1\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"HS256\",\"kid\":\"k1\",\"b64\":false}",
		"{\"alg\":\"HS256\",\"kid\":\"k1\",\"b64\":false,\"crit\":[\"b64\"]}",
		"{\"alg\":\"HS256\",\"kid\":\"k1\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
		"{\"alg\":\"HS256\",\"kid\":\"k1\",\"jku\":\"https://x.example/\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"k1\"}",
		"[\"HS256\"]",
		"",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(decode_of(bad[i], CLAIMS), ERR_INVALID, "accepted %s", bad[i]);
	cr_expect_eq(decode_of("{\"kid\":\"k1\",\"alg\":\"HS256\"}", CLAIMS), ERR_OK);
	cr_expect_eq(decode_of(HEADER, CLAIMS), ERR_OK);
}

Test(jwt, refuses_claims_that_are_not_all_there_and_ours)
{
	static const char *const bad[] = {
		"{\"aud\":\"seatline\"," U "," TIMES "}",
		"{\"iss\":\"x\",\"aud\":\"seatline\"," U "," TIMES "}",
		"{\"iss\":[\"seatline\"],\"aud\":\"seatline\"," U "," TIMES "}",
		"{\"iss\":\"seatline\"," U "," TIMES "}",
		"{\"iss\":\"seatline\",\"aud\":\"x\"," U "," TIMES "}",
		"{\"iss\":\"seatline\",\"aud\":[]," U "," TIMES "}",
		"{\"iss\":\"seatline\",\"aud\":[\"x\",1]," U "," TIMES "}",
		"{" WHO ",\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":7,\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":\"\",\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":\"a/b\",\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":\"..\",\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":\"u\\u0000\",\"role\":\"user\"," TIMES "}",
		"{" WHO ",\"sub\":\"u\"," TIMES "}",
		"{" WHO ",\"sub\":\"u\",\"role\":\"root\"," TIMES "}",
		"{" WHO ",\"sub\":\"u\",\"role\":[\"admin\"]," TIMES "}",
		"{" WHO "," U ",\"role\":\"admin\"," TIMES "}",
		"{" WHO "," U ",\"iat\":1,\"nbf\":1}",
		"{" WHO "," U ",\"iat\":1,\"exp\":1800086400}",
		"{" WHO "," U ",\"nbf\":1,\"exp\":1800086400}",
		"{" WHO "," U ",\"iat\":1,\"nbf\":1,\"exp\":1.9e9}",
		"{" WHO "," U ",\"iat\":1,\"nbf\":1,\"exp\":\"1800086400\"}",
		"[]",
		"{",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(decode_of(HEADER, bad[i]), ERR_INVALID, "accepted %s", bad[i]);
	cr_expect_eq(decode_of(HEADER, "{\"iss\":\"seatline\",\"aud\":[\"x\",\"seatline\"],"
				       "" U ",\"jti\":\"more\"," TIMES "}"),
		     ERR_OK);
}

Test(jwt, holds_from_nbf_to_exp_and_a_few_seconds_of_grace)
{
	const char *token = sign(HEADER, CLAIMS, &keys.keys[0]);

	cr_expect_eq(decode_at(token, NOW_S - JWT_LEEWAY_S - 1), ERR_INVALID);
	cr_expect_eq(decode_at(token, NOW_S - JWT_LEEWAY_S), ERR_OK);
	cr_expect_eq(decode_at(token, NOW_S + 86400 + JWT_LEEWAY_S - 1), ERR_OK);
	cr_expect_eq(decode_at(token, NOW_S + 86400 + JWT_LEEWAY_S), ERR_INVALID);
}

Test(jwt, is_not_made_to_hold_by_one_of_its_times)
{
	cr_expect_eq(decode_of(HEADER, "{" WHO "," U ",\"iat\":1800000100,"
				       "\"nbf\":1,\"exp\":1800086400}"),
		     ERR_INVALID);
	cr_expect_eq(decode_of(HEADER, "{" WHO "," U ",\"iat\":1,"
				       "\"nbf\":1800000100,\"exp\":1800086400}"),
		     ERR_INVALID);
	cr_expect_eq(decode_of(HEADER, "{" WHO "," U ",\"iat\":1,"
				       "\"nbf\":1,\"exp\":-9223372036854775808}"),
		     ERR_INVALID);
}

Test(jwt, refuses_times_that_are_none)
{
	static const char times[][96] = {
		"\"iat\":1,\"nbf\":1,\"exp\":253402300800",
		"\"iat\":1,\"nbf\":1,\"exp\":9223372036854775807",
		"\"iat\":1,\"nbf\":-1,\"exp\":1800086400",
		"\"iat\":-9223372036854775808,\"nbf\":1,\"exp\":1800086400",
	};
	char claims[512];

	cr_expect_eq(decode_of(HEADER, "{" WHO "," U
				       ",\"iat\":0,\"nbf\":0,\"exp\":253402300799}"),
		     ERR_OK);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		(void)snprintf(claims, sizeof(claims), "{" WHO "," U ",%s}", times[i]);
		cr_expect_neq(decode_of(HEADER, claims), ERR_OK, "%s", times[i]);
	}
}

Test(jwt, refuses_what_another_key_signed_or_nobody)
{
	struct jwt_keys others = { 0 };
	char token[JWT_BYTES_MAX];

	cr_assert_eq(jwt_keys_add(&others, "k1:" KEY_2, NULL), ERR_OK);
	cr_expect_eq(decode(sign(HEADER, CLAIMS, &others.keys[0])), ERR_INVALID);
	/* The key that is named has signed, not just any. */
	cr_expect_eq(decode(sign(HEADER, CLAIMS, &keys.keys[1])), ERR_INVALID);

	(void)snprintf(token, sizeof(token), "%s", VECTOR);
	strrchr(token, '.')[1] = '\0';
	cr_expect_eq(decode(token), ERR_INVALID);
	*strrchr(token, '.') = '\0';
	cr_expect_eq(decode(token), ERR_INVALID);
}

Test(jwt, has_one_spelling_only)
{
	static const char *const suffixes[] = { "=", "A", ".", ".x", " ", "\n" };
	char token[JWT_BYTES_MAX];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(token, sizeof(token), "%s%s", VECTOR, suffixes[i]);
		cr_expect_eq(decode(token), ERR_INVALID, "with '%s'", suffixes[i]);
	}
	/* The last of 43 characters has two bits that nothing stands for. */
	(void)snprintf(token, sizeof(token), "%s", VECTOR);
	for (char c = 'A'; c <= 'Z'; c++) {
		token[strlen(token) - 1] = c;
		cr_expect(strcmp(token, VECTOR) == 0 || decode(token) == ERR_INVALID, "with %c", c);
	}
	cr_expect_eq(decode(""), ERR_INVALID);
	cr_expect_eq(decode("."), ERR_INVALID);
	cr_expect_eq(decode(".."), ERR_INVALID);
}

Test(jwt, refuses_what_is_too_long_to_be_one_of_ours)
{
	static char token[4 * JWT_BYTES_MAX];

	memset(token, 'A', sizeof(token) - 1);
	token[10] = '.';
	token[20] = '.';
	cr_expect_eq(decode(token), ERR_INVALID);
}

Test(jwt, goes_on_with_old_keys_while_a_new_one_signs)
{
	struct jwt_keys rotated = { .issuer = "seatline", .audience = "seatline" };
	const struct jwt_claims claims = { .user_id = "u", .until_s = NOW_S + 10 };
	char token[JWT_BYTES_MAX];

	cr_assert_eq(jwt_keys_add(&rotated, "k3:" KEY_2 "\nk1:" KEY_1 "\n", NULL), ERR_OK);
	jwt_encode(&rotated, &claims, token);
	cr_expect_eq(decode(token), ERR_INVALID); /* These keys do not know the new one. */
	keys = rotated;
	cr_expect_eq(decode(token), ERR_OK);
	cr_expect_eq(decode(VECTOR), ERR_OK);
}

Test(jwt, refuses_keys_that_are_none)
{
	static const char *const bad[] = {
		KEY_1, "k1", "k1:", ":" KEY_1, "k1:00", "k1:" KEY_1 "00", "k/1:" KEY_1,
		"k1:" KEY_1 ",k1:" KEY_2,
		"k1:0001020304050607zz090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jwt_keys some = { 0 };
		struct err err = { 0 };
		cr_expect_eq(jwt_keys_add(&some, bad[i], &err), ERR_INVALID, "took '%s'", bad[i]);
		cr_expect_not(strstr(err.text, "0102"), "tells a key: %s", err.text);
	}
}

Test(jwt, takes_some_keys_and_no_more)
{
	struct jwt_keys some = { 0 };
	char text[128];

	for (int i = 0; i < JWT_KEYS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "n%d:" KEY_1, i);
		cr_assert_eq(jwt_keys_add(&some, text, NULL), ERR_OK);
	}
	cr_expect_eq(jwt_keys_add(&some, "more:" KEY_1, NULL), ERR_INVALID);
	cr_expect_eq(jwt_keys_add(&some, "", NULL), ERR_OK);
	cr_expect_eq(some.count, JWT_KEYS_MAX);
}
