#include "etag.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TAG_BYTES          8
#define NUMBER_LEN_MAX     20
#define TAG_TEXT_BYTES_MAX (2 * TAG_BYTES + 1)

static_assert(ETAG_MARK_BYTES >= crypto_generichash_BYTES_MIN &&
		      ETAG_MARK_BYTES >= crypto_generichash_KEYBYTES_MIN,
	      "a mark is a hash, and may be a key");
static_assert(ETAG_VARIANT_BYTES_MAX == TAG_TEXT_BYTES_MAX, "a user's variant is a tag");
static_assert(ETAG_BYTES_MAX >=
		      2 * (NUMBER_LEN_MAX + 1) + 3 * TAG_TEXT_BYTES_MAX + sizeof("\"\""),
	      "there is room for two variants");

/*
 * In one call each: gcc's AddressSanitizer does not keep the 64-byte alignment that the library
 * asks for a state on our stack. It fails only for sizes that the library does not have.
 */
static void hash(const void *bytes, size_t len, const struct etag_mark *key, struct etag_mark *ret)
{
	const int status =
		crypto_generichash(ret->bytes, sizeof(ret->bytes), (const unsigned char *)bytes,
				   len, key ? key->bytes : NULL, key ? sizeof(key->bytes) : 0);

	assert(status == 0);
	(void)status; /* Only the assertion reads it. */
}

static void tag_text(const struct etag_mark *mark, char buf[static TAG_TEXT_BYTES_MAX])
{
	sodium_bin2hex(buf, TAG_TEXT_BYTES_MAX, mark->bytes, TAG_BYTES);
}

struct etag etag_of_bytes(const char *bytes, size_t len, const char *link)
{
	struct etag_mark key, mark;
	char text[TAG_TEXT_BYTES_MAX];
	struct etag etag;

	hash(link, strlen(link), NULL, &key);
	hash(bytes, len, &key, &mark);
	tag_text(&mark, text);
	(void)snprintf(etag.text, sizeof(etag.text), "\"%s\"", text);

	return etag;
}

void etag_mark_init(struct etag_mark *mark, const char *ledger_id)
{
	hash(ledger_id, strlen(ledger_id), NULL, mark);
}

void etag_mark_add(struct etag_mark *mark, int64_t block, int64_t version)
{
	const int64_t numbers[] = { block, version };
	const struct etag_mark before = *mark;

	hash(numbers, sizeof(numbers), &before, mark);
}

struct etag etag_of_versions(int64_t event_version, int64_t version, const struct etag_mark *mark)
{
	char text[TAG_TEXT_BYTES_MAX];
	struct etag etag;

	tag_text(mark, text);
	(void)snprintf(etag.text, sizeof(etag.text), "\"%" PRId64 "-%" PRId64 "-%s\"",
		       event_version, version, text);

	return etag;
}

struct etag etag_variant(const char *etag, const char *variant)
{
	struct etag ret;
	const int len = snprintf(ret.text, sizeof(ret.text), "%.*s-%s\"", (int)strlen(etag) - 1,
				 etag, variant);

	assert(len > 0 && (size_t)len < sizeof(ret.text));
	(void)len; /* Only the assertion reads it. */
	return ret;
}

void etag_user_variant(const char *user_id, char buf[static ETAG_VARIANT_BYTES_MAX])
{
	struct etag_mark mark;

	hash(user_id, strlen(user_id), NULL, &mark);
	tag_text(&mark, buf);
}
