#include "command_id.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define ID_BYTES 16

static struct command_id id_from_bytes(unsigned char bytes[static ID_BYTES])
{
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x80); /* version 8 */
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* variant 0b10 */

	char hex[2 * ID_BYTES + 1];
	/* Cannot fail: hex is wide enough. */
	(void)sodium_bin2hex(hex, sizeof(hex), bytes, ID_BYTES);

	struct command_id ret;
	(void)snprintf(ret.text, sizeof(ret.text), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
		       hex + 12, hex + 16, hex + 20);
	return ret;
}

/* Keyed BLAKE2b-128 over the parts, each with its NUL: no part can hold one. */
static struct command_id id_from_parts(const struct booking_id_key *key, const char *const *parts,
				       size_t count)
{
	unsigned char bytes[ID_BYTES];
	crypto_generichash_state state;

	int status = crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), ID_BYTES);
	for (size_t i = 0; i < count; i++)
		status |= crypto_generichash_update(&state, (const unsigned char *)parts[i],
						    strlen(parts[i]) + 1);
	status |= crypto_generichash_final(&state, bytes, ID_BYTES);
	assert(status == 0);
	(void)status; /* Only the assertion reads it. */
	return id_from_bytes(bytes);
}

struct command_id command_id_derive(const struct booking_id_key *key,
				    const struct booking_id *booking_id, const char *user_id,
				    const char *idempotency_key)
{
	assert(key && booking_id && user_id && idempotency_key);

	const char *const parts[] = { "command key", booking_id->text, user_id, idempotency_key };
	return id_from_parts(key, parts, sizeof(parts) / sizeof(parts[0]));
}

struct command_id command_id_make_retryable(const struct booking_id_key *key,
					    const struct booking_id *booking_id, int64_t wall_ms,
					    const char *nonce)
{
	assert(key && booking_id && nonce);

	char ms[24];
	(void)snprintf(ms, sizeof(ms), "%" PRId64, wall_ms);
	const char *const parts[] = { "command retry", booking_id->text, ms, nonce };
	return id_from_parts(key, parts, sizeof(parts) / sizeof(parts[0]));
}

struct command_id command_id_make(void)
{
	unsigned char bytes[ID_BYTES];
	randombytes_buf(bytes, sizeof(bytes));
	return id_from_bytes(bytes);
}

struct command_id command_id_of_key(const struct booking_id_key *key, const char *user_id,
				    const char *idempotency_key)
{
	assert(key && user_id && idempotency_key);

	const char *const parts[] = { "user key", user_id, idempotency_key };
	return id_from_parts(key, parts, sizeof(parts) / sizeof(parts[0]));
}

err_code command_id_parse(const char *text, size_t len, struct command_id *ret, struct err *err)
{
	assert((text || len == 0) && ret);

	if (len != COMMAND_ID_BYTES_MAX - 1)
		return err_set(err, ERR_INVALID, "not a UUID of %d characters",
			       COMMAND_ID_BYTES_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		if (hyphen ? text[i] != '-' : !memchr("0123456789abcdef", text[i], 16))
			return err_set(err, ERR_INVALID, "not a UUID in canonical form");
	}
	if (text[14] != '8' || !memchr("89ab", text[19], 4))
		return err_set(err, ERR_INVALID, "not a UUID of version 8");

	memcpy(ret->text, text, len);
	ret->text[len] = '\0';
	return ERR_OK;
}
