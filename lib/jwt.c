#include "jwt.h"

#include "json.h"
#include "strbuf.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BASE64          sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MAC_BYTES       crypto_auth_hmacsha256_BYTES
#define MAC_TEXT_BYTES  (sodium_base64_ENCODED_LEN(MAC_BYTES, BASE64))
#define PART_BYTES_MAX  (JWT_BYTES_MAX / 4 * 3)
#define SEPARATORS      ",\r\n \t"
#define KEY_HEX_DIGITS  (2 * JWT_KEY_BYTES)
#define LAST_S          INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

_Static_assert(JWT_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "libsodium's key is ours");

/* --- keys --- */

static const struct jwt_key *find_key(const struct jwt_keys *keys, const char *kid)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return &keys->keys[i];
	return NULL;
}

static err_code add_key(struct jwt_keys *keys, const char *text, size_t len, struct err *err)
{
	const char *colon = memchr(text, ':', len);
	const size_t kid_len = colon ? (size_t)(colon - text) : 0;
	struct jwt_key key = { 0 };
	size_t key_bytes = 0;

	if (!ident_is_valid(text, kid_len))
		return err_set(err, ERR_INVALID, "a key is not kid:64 hexadecimal digits");
	if (len - kid_len - 1 != KEY_HEX_DIGITS ||
	    sodium_hex2bin(key.bytes, sizeof(key.bytes), colon + 1, KEY_HEX_DIGITS, NULL,
			   &key_bytes, NULL) != 0 ||
	    key_bytes != sizeof(key.bytes))
		return err_set(err, ERR_INVALID, "key %.*s is not 64 hexadecimal digits",
			       (int)kid_len, text);
	memcpy(key.kid, text, kid_len);
	if (find_key(keys, key.kid))
		return err_set(err, ERR_INVALID, "key %s is there twice", key.kid);
	if (keys->count == JWT_KEYS_MAX)
		return err_set(err, ERR_INVALID, "more than %d keys", JWT_KEYS_MAX);
	keys->keys[keys->count++] = key;
	return ERR_OK;
}

err_code jwt_keys_add(struct jwt_keys *keys, const char *text, struct err *err)
{
	text += strspn(text, SEPARATORS);
	while (*text) {
		const size_t len = strcspn(text, SEPARATORS);
		const err_code code = add_key(keys, text, len, err);
		if (code != ERR_OK)
			return code;
		text += len;
		text += strspn(text, SEPARATORS);
	}
	return ERR_OK;
}

/* --- making --- */

/* Adds base64url of bytes. */
static void add_part(struct strbuf *token, const char *bytes, size_t len)
{
	char text[JWT_BYTES_MAX];

	assert(sodium_base64_ENCODED_LEN(len, BASE64) <= sizeof(text));
	strbuf_add_text(token, sodium_bin2base64(text, sizeof(text), (const unsigned char *)bytes,
						 len, BASE64));
}

static void add_claims(struct strbuf *json, const struct jwt_keys *keys,
		       const struct jwt_claims *claims)
{
	strbuf_add_text(json, "{\"iss\":");
	strbuf_add_json(json, keys->issuer);
	strbuf_add_text(json, ",\"aud\":");
	strbuf_add_json(json, keys->audience);
	strbuf_addf(json,
		    ",\"sub\":\"%s\",\"role\":\"%s\",\"iat\":%" PRId64 ",\"nbf\":%" PRId64
		    ",\"exp\":%" PRId64 "}",
		    claims->user_id, claims->is_admin ? "admin" : "user", claims->issued_s,
		    claims->issued_s, claims->until_s);
}

void jwt_encode(const struct jwt_keys *keys, const struct jwt_claims *claims,
		char buf[static JWT_BYTES_MAX])
{
	assert(keys->count > 0 && ident_is_valid(claims->user_id, strlen(claims->user_id)));

	const struct jwt_key *key = &keys->keys[0];
	_cleanup_(strbuf_done) struct strbuf json, token;
	unsigned char mac[MAC_BYTES];

	strbuf_init(&json, JWT_BYTES_MAX);
	strbuf_init(&token, JWT_BYTES_MAX);
	strbuf_addf(&json, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid);
	add_part(&token, json.data, json.len);
	strbuf_add_char(&token, '.');
	strbuf_reset(&json);
	add_claims(&json, keys, claims);
	add_part(&token, json.data, json.len);
	(void)crypto_auth_hmacsha256(mac, (const unsigned char *)token.data, token.len, key->bytes);
	strbuf_add_char(&token, '.');
	add_part(&token, (const char *)mac, sizeof(mac));

	assert(!json.overflow && !token.overflow && token.len < JWT_BYTES_MAX);
	memcpy(buf, token.data, token.len + 1);
}

/* --- reading --- */

static err_code refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "%s", why);
}

/* The JSON object that base64url text is. */
static err_code read_part(const char *text, size_t len, json_t **ret, struct err *err)
{
	unsigned char bytes[PART_BYTES_MAX];
	size_t bytes_len = 0;

	if (sodium_base642bin(bytes, sizeof(bytes), text, len, NULL, &bytes_len, NULL, BASE64) != 0)
		return refuse(err, "not base64url");
	return json_parse_object((const char *)bytes, bytes_len, ret, err);
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* The header is all or nothing: whatever else it may say, we would have to understand. */
static err_code read_header(const struct jwt_keys *keys, const json_t *header,
			    const struct jwt_key **ret, struct err *err)
{
	const json_t *typ = json_object_get(header, "typ");
	const char *kid = text_of(header, "kid");

	if (!is_text(json_object_get(header, "alg"), "HS256"))
		return refuse(err, "its alg is not HS256");
	if (typ && !is_text(typ, "JWT"))
		return refuse(err, "its typ is not JWT");
	if (!kid)
		return refuse(err, "it has no kid");
	if (json_object_size(header) != (typ ? 3u : 2u))
		return refuse(err, "its header says more than alg, kid and typ");
	*ret = find_key(keys, kid);
	return *ret ? ERR_OK : refuse(err, "there is no key of its kid");
}

static err_code check_mac(const struct jwt_key *key, const char *text, size_t signed_len,
			  size_t len, struct err *err)
{
	const char *mac_text = text + signed_len + 1;
	const size_t mac_text_len = len - signed_len - 1;
	unsigned char mac[MAC_BYTES];
	size_t mac_len = 0;

	if (mac_text_len != MAC_TEXT_BYTES - 1 ||
	    sodium_base642bin(mac, sizeof(mac), mac_text, mac_text_len, NULL, &mac_len, NULL,
			      BASE64) != 0 ||
	    mac_len != sizeof(mac) ||
	    crypto_auth_hmacsha256_verify(mac, (const unsigned char *)text, signed_len,
					  key->bytes) != 0)
		return refuse(err, "its signature is wrong");
	return ERR_OK;
}

static bool is_audience(const json_t *aud, const char *audience)
{
	if (!json_is_array(aud))
		return is_text(aud, audience);
	for (size_t i = 0; i < json_array_size(aud); i++)
		if (is_text(json_array_get(aud, i), audience))
			return true;
	return false;
}

static err_code read_who(const json_t *json, struct jwt_claims *ret, struct err *err)
{
	const char *sub = text_of(json, "sub");
	const json_t *role = json_object_get(json, "role");

	if (!sub || !ident_is_valid(sub, strlen(sub)))
		return refuse(err, "its sub is no user id");
	if (!is_text(role, "user") && !is_text(role, "admin"))
		return refuse(err, "its role is none");
	(void)snprintf(ret->user_id, sizeof(ret->user_id), "%s", sub);
	ret->is_admin = is_text(role, "admin");
	return ERR_OK;
}

/* What RFC 3339 can write; and times in ms do not overflow. */
static bool is_time(const json_t *json)
{
	return json_integer_value(json) >= 0 && json_integer_value(json) <= LAST_S;
}

static err_code read_times(const json_t *json, int64_t now_s, struct jwt_claims *ret,
			   struct err *err)
{
	const json_t *iat = json_object_get(json, "iat");
	const json_t *nbf = json_object_get(json, "nbf");
	const json_t *exp = json_object_get(json, "exp");

	if (!json_is_integer(iat) || !json_is_integer(nbf) || !json_is_integer(exp))
		return refuse(err, "it lacks iat, nbf or exp in whole seconds");
	if (!is_time(iat) || !is_time(nbf) || !is_time(exp))
		return refuse(err, "its times are none");
	if (json_integer_value(iat) > now_s + JWT_LEEWAY_S ||
	    json_integer_value(nbf) > now_s + JWT_LEEWAY_S)
		return refuse(err, "it does not hold yet");
	if (json_integer_value(exp) <= now_s - JWT_LEEWAY_S)
		return refuse(err, "it has ended");
	ret->issued_s = json_integer_value(iat);
	ret->until_s = json_integer_value(exp);
	return ERR_OK;
}

static err_code read_claims(const struct jwt_keys *keys, const json_t *json, int64_t now_s,
			    struct jwt_claims *ret, struct err *err)
{
	if (!is_text(json_object_get(json, "iss"), keys->issuer))
		return refuse(err, "it is another issuer's");
	if (!is_audience(json_object_get(json, "aud"), keys->audience))
		return refuse(err, "it is for another audience");
	const err_code code = read_who(json, ret, err);
	return code == ERR_OK ? read_times(json, now_s, ret, err) : code;
}

err_code jwt_decode(const struct jwt_keys *keys, const char *text, size_t len, int64_t now_s,
		    struct jwt_claims *ret, struct err *err)
{
	_cleanup_(json_decrefp) json_t *header = NULL, *body = NULL;
	const struct jwt_key *key = NULL;
	struct jwt_claims claims = { 0 };

	if (len >= JWT_BYTES_MAX)
		return refuse(err, "it is too long");
	const char *dot = memchr(text, '.', len);
	const size_t header_len = dot ? (size_t)(dot - text) : len;
	const char *second = dot ? memchr(dot + 1, '.', len - header_len - 1) : NULL;
	if (!second)
		return refuse(err, "it has no three parts");
	const size_t signed_len = (size_t)(second - text);

	err_code code = read_part(text, header_len, &header, err);
	if (code == ERR_OK)
		code = read_header(keys, header, &key, err);
	if (code == ERR_OK)
		code = check_mac(key, text, signed_len, len, err);
	if (code == ERR_OK)
		code = read_part(dot + 1, signed_len - header_len - 1, &body, err);
	if (code == ERR_OK)
		code = read_claims(keys, body, now_s, &claims, err);
	if (code == ERR_OK)
		*ret = claims;
	return code;
}
