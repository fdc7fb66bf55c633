#include "cursor.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define TIME_BYTES    8
#define TAG_BYTES     8
#define RAW_BYTES_MAX (TIME_BYTES + IDENT_BYTES_MAX - 1 + TAG_BYTES)

/* In front of what is hashed: keeps these hashes apart from all others under the same key. */
#define PURPOSE     "cursor:"
#define PURPOSE_LEN (sizeof(PURPOSE) - 1)

static_assert(CURSOR_BYTES_MAX >= (RAW_BYTES_MAX * 4 + 2) / 3 + 1, "a cursor fits its text");

static void tag_of(const struct booking_id_key *key, const char *list, const unsigned char *bytes,
		   size_t len, unsigned char ret[static TAG_BYTES])
{
	unsigned char text[PURPOSE_LEN + CURSOR_LIST_BYTES_MAX + RAW_BYTES_MAX];
	unsigned char hash[crypto_generichash_BYTES_MIN];
	const size_t list_bytes = strlen(list) + 1; /* With the NUL, which no list's name has. */

	assert(list_bytes <= CURSOR_LIST_BYTES_MAX && len <= RAW_BYTES_MAX);
	memcpy(text, PURPOSE, PURPOSE_LEN);
	memcpy(text + PURPOSE_LEN, list, list_bytes);
	memcpy(text + PURPOSE_LEN + list_bytes, bytes, len);

	const int status =
		crypto_generichash(hash, sizeof(hash), text, PURPOSE_LEN + list_bytes + len,
				   key->bytes, sizeof(key->bytes));

	assert(status == 0); /* It fails only for sizes that the library does not have. */
	(void)status;
	memcpy(ret, hash, TAG_BYTES);
}

void cursor_format(const struct booking_id_key *key, const char *list, const struct cursor *cursor,
		   char buf[static CURSOR_BYTES_MAX])
{
	unsigned char raw[RAW_BYTES_MAX];
	const size_t id_len = strlen(cursor->id);
	const size_t len = TIME_BYTES + id_len;

	assert(id_len > 0 && id_len < IDENT_BYTES_MAX);
	for (size_t i = 0; i < TIME_BYTES; i++)
		raw[i] = (unsigned char)((uint64_t)cursor->time_ms >> (56 - 8 * i));
	memcpy(raw + TIME_BYTES, cursor->id, id_len);
	tag_of(key, list, raw, len, raw + len);

	sodium_bin2base64(buf, CURSOR_BYTES_MAX, raw, len + TAG_BYTES,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

err_code cursor_parse(const struct booking_id_key *key, const char *list, const char *text,
		      struct cursor *ret, struct err *err)
{
	unsigned char raw[RAW_BYTES_MAX], tag[TAG_BYTES];
	size_t len = 0;

	if (sodium_base642bin(raw, sizeof(raw), text, strlen(text), NULL, &len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    len <= TIME_BYTES + TAG_BYTES)
		return err_set(err, ERR_INVALID, "no cursor");

	const size_t id_len = len - TIME_BYTES - TAG_BYTES;
	const char *id = (const char *)raw + TIME_BYTES;

	tag_of(key, list, raw, len - TAG_BYTES, tag);
	if (sodium_memcmp(tag, raw + len - TAG_BYTES, TAG_BYTES) != 0 ||
	    !ident_is_valid(id, id_len))
		return err_set(err, ERR_INVALID, "a cursor that was not made here");

	uint64_t time = 0;

	for (size_t i = 0; i < TIME_BYTES; i++)
		time = time << 8 | raw[i];

	ret->time_ms = (int64_t)time;
	memcpy(ret->id, id, id_len);
	ret->id[id_len] = '\0';
	return ERR_OK;
}
