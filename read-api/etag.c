#include "etag.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TAG_BYTES          8
#define TAG_TEXT_BYTES_MAX (2 * TAG_BYTES + 1)

static_assert(ETAG_MARK_BYTES >= crypto_generichash_BYTES_MIN &&
		      ETAG_MARK_BYTES >= crypto_generichash_KEYBYTES_MIN,
	      "a mark is a hash, and may be a key");

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
