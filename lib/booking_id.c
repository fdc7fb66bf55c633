#include "booking_id.h"

#include "random.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define ID_BYTES     16
#define OWNED_BYTES  12 /* what stands before the owner */
#define TAGGED_BYTES 14 /* what stands before the tag */
#define HASH_BYTES   32 /* BLAKE2b-256; only its first bits are used */

#define MS_BITS        48
#define FILL_BITS      42 /* of which an owner takes the place of the last */
#define OWNER_BITS     16
#define SLOT_LOW_SHIFT 58
#define VERSION        UINT64_C(0x8)
#define VARIANT        UINT64_C(0x2)

static_assert(crypto_generichash_KEYBYTES_MIN <= BOOKING_ID_KEY_BYTES &&
		      BOOKING_ID_KEY_BYTES <= crypto_generichash_KEYBYTES_MAX,
	      "the key fits BLAKE2b");

err_code booking_id_init(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, ERR_INTERNAL, "libsodium does not start");
	return ERR_OK;
}

err_code booking_id_key_parse(const char *hex, struct booking_id_key *ret, struct err *err)
{
	assert(hex && ret);

	struct booking_id_key key;
	size_t len = 0;
	const size_t hex_len = strlen(hex);
	if (hex_len != 2 * BOOKING_ID_KEY_BYTES ||
	    sodium_hex2bin(key.bytes, sizeof(key.bytes), hex, hex_len, NULL, &len, NULL) != 0 ||
	    len != sizeof(key.bytes))
		return err_set(err, ERR_INVALID, "the key is not %d hexadecimal digits",
			       2 * BOOKING_ID_KEY_BYTES);

	*ret = key;
	return ERR_OK;
}

uint16_t booking_id_event_slot(const char *event_id)
{
	assert(event_id);

	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */
	for (const char *c = event_id; *c; c++) {
		hash ^= (unsigned char)*c;
		hash *= UINT64_C(0x100000001b3);
	}
	return (uint16_t)(hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48));
}

static void write_big_endian(unsigned char *to, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)(number >> (8 * (bytes - 1 - i)));
}

static uint64_t read_big_endian(const unsigned char *from, size_t bytes)
{
	uint64_t number = 0;
	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | from[i];
	return number;
}

static uint64_t tag_of(const struct booking_id_key *key, const unsigned char bytes[static ID_BYTES])
{
	unsigned char hash[HASH_BYTES];
	const int status = crypto_generichash(hash, sizeof(hash), bytes, TAGGED_BYTES, key->bytes,
					      sizeof(key->bytes));
	assert(status == 0);
	(void)status; /* Only the assertion reads it. */

	return read_big_endian(hash, 2);
}

/* The first 16 bits, for two bytes of an id, of a hash over what names it and whose it is. */
static uint64_t owner_of(const struct booking_id_key *key,
			 const unsigned char bytes[static ID_BYTES], const char *user_id)
{
	static const unsigned char use[] = "owner"; /* and its NUL */
	unsigned char hash[HASH_BYTES];
	crypto_generichash_state state;

	int status = crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), sizeof(hash));
	status |= crypto_generichash_update(&state, use, sizeof(use));
	status |= crypto_generichash_update(&state, bytes, OWNED_BYTES);
	status |= crypto_generichash_update(&state, (const unsigned char *)user_id,
					    strlen(user_id));
	status |= crypto_generichash_final(&state, hash, sizeof(hash));
	assert(status == 0);
	(void)status; /* Only the assertion reads it. */

	return read_big_endian(hash, 2);
}

static struct booking_id id_from_bytes(const unsigned char bytes[static ID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	struct booking_id id;
	char *to = id.text;

	for (size_t i = 0; i < ID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 0xf];
	}
	*to = '\0';
	return id;
}

/* c is a lower-case hexadecimal digit. */
static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* id must be of canonical form: booking_id_parse or this module made it. */
static void bytes_from_id(const struct booking_id *id, unsigned char ret[static ID_BYTES])
{
	const char *from = id->text;

	for (size_t i = 0; i < ID_BYTES; i++) {
		from += *from == '-';
		ret[i] = (unsigned char)(hex_value(from[0]) << 4 | hex_value(from[1]));
		from += 2;
	}
	assert(*from == '\0');
}

/* first: the 48 bits in front; fill: the 42 behind the slot, of which an owner, if any, replaces
 * the last 16. More significant bits are dropped. */
static struct booking_id compose(const struct booking_id_key *key, const char *event_id,
				 const char *user_id, uint64_t first, uint64_t fill)
{
	const uint64_t slot = booking_id_event_slot(event_id);
	const uint64_t low = VARIANT << 62 | (slot & 0xf) << SLOT_LOW_SHIFT |
			     (fill & ((UINT64_C(1) << FILL_BITS) - 1)) << OWNER_BITS;

	unsigned char bytes[ID_BYTES];
	write_big_endian(bytes, first, MS_BITS / 8);
	write_big_endian(bytes + 6, VERSION << 12 | slot >> 4, 2);
	write_big_endian(bytes + 8, low, 8);
	if (user_id)
		write_big_endian(bytes + OWNED_BYTES, owner_of(key, bytes, user_id), 2);
	write_big_endian(bytes + TAGGED_BYTES, tag_of(key, bytes), 2);
	return id_from_bytes(bytes);
}

/* Keyed BLAKE2b-256 over the parts with a NUL between each two: no part can hold one. */
static void hash_parts(const struct booking_id_key *key, const char *const *parts, size_t count,
		       unsigned char ret[static HASH_BYTES])
{
	crypto_generichash_state state;
	int status = crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), HASH_BYTES);
	for (size_t i = 0; i < count; i++) {
		const bool last = i + 1 == count;
		status |= crypto_generichash_update(&state, (const unsigned char *)parts[i],
						    strlen(parts[i]) + (last ? 0 : 1));
	}
	status |= crypto_generichash_final(&state, ret, HASH_BYTES);
	assert(status == 0);
}

struct booking_id booking_id_make(const struct booking_id_key *key, const char *event_id,
				  const char *user_id, int64_t wall_ms)
{
	assert(key && event_id);

	uint64_t fill;
	random_bytes(&fill, sizeof(fill));
	return compose(key, event_id, user_id, (uint64_t)wall_ms, fill);
}

struct booking_id booking_id_make_retryable(const struct booking_id_key *key, const char *event_id,
					    const char *user_id, int64_t wall_ms, const char *nonce)
{
	assert(key && event_id && nonce);

	char ms[24];
	(void)snprintf(ms, sizeof(ms), "%" PRId64, wall_ms);
	const char *const parts[] = { "retry", event_id, ms, nonce };
	unsigned char hash[HASH_BYTES];
	hash_parts(key, parts, sizeof(parts) / sizeof(parts[0]), hash);
	return compose(key, event_id, user_id, (uint64_t)wall_ms,
		       read_big_endian(hash, 8) >> (64 - FILL_BITS));
}

struct booking_id booking_id_derive(const struct booking_id_key *key, const char *user_id,
				    const char *event_id, const char *idempotency_key)
{
	assert(key && user_id && event_id && idempotency_key);

	const char *const parts[] = { "key", user_id, event_id, idempotency_key };
	unsigned char hash[HASH_BYTES];
	hash_parts(key, parts, sizeof(parts) / sizeof(parts[0]), hash);
	return compose(key, event_id, user_id, read_big_endian(hash, MS_BITS / 8),
		       read_big_endian(hash + MS_BITS / 8, 8) >> (64 - FILL_BITS));
}

/* The lower-case hexadecimal digit that c is, or NUL. */
static char hex_digit(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	if (c >= 'A' && c <= 'F')
		return (char)(c - 'A' + 'a');
	return '\0';
}

err_code booking_id_parse(const char *text, size_t len, struct booking_id *ret, struct err *err)
{
	assert((text || len == 0) && ret);

	if (len != BOOKING_ID_BYTES_MAX - 1)
		return err_set(err, ERR_INVALID, "a booking id has %d characters",
			       BOOKING_ID_BYTES_MAX - 1);

	struct booking_id id = { .text = "" };
	for (size_t i = 0; i < len; i++) {
		const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		id.text[i] = hyphen ? '-' : hex_digit(text[i]);
		if (id.text[i] == '\0' || (hyphen && text[i] != '-'))
			return err_set(err, ERR_INVALID,
				       "a booking id is a UUID in canonical form");
	}
	if (id.text[14] != '8' || !strchr("89ab", id.text[19]))
		return err_set(err, ERR_INVALID, "a booking id is a UUID of version 8");

	*ret = id;
	return ERR_OK;
}

uint16_t booking_id_slot(const struct booking_id *id)
{
	assert(id);

	unsigned char bytes[ID_BYTES];
	bytes_from_id(id, bytes);
	const uint64_t high = read_big_endian(bytes + 6, 2) & 0xfff;
	const uint64_t low = read_big_endian(bytes + 8, 8) >> SLOT_LOW_SHIFT & 0xf;
	return (uint16_t)(high << 4 | low);
}

int32_t booking_id_partition(const struct booking_id *id, int32_t partition_count)
{
	assert(partition_count > 0);

	return booking_id_slot(id) % partition_count;
}

bool booking_id_was_issued(const struct booking_id_key *key, const struct booking_id *id)
{
	assert(key && id);

	unsigned char bytes[ID_BYTES];
	bytes_from_id(id, bytes);
	return read_big_endian(bytes + TAGGED_BYTES, 2) == tag_of(key, bytes);
}

bool booking_id_is_of(const struct booking_id_key *key, const struct booking_id *id,
		      const char *user_id)
{
	assert(key && id && user_id);

	unsigned char bytes[ID_BYTES];
	bytes_from_id(id, bytes);
	return read_big_endian(bytes + OWNED_BYTES, 2) == owner_of(key, bytes, user_id);
}
