#include "etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MARK_BYTES          8
#define MARK_TEXT_BYTES_MAX (2 * MARK_BYTES + 1)

/* libsodium gives no hash shorter than 16 bytes; its first 8 are one. */
static void mark_text(const unsigned char hash[static crypto_generichash_BYTES_MIN],
		      char buf[static MARK_TEXT_BYTES_MAX])
{
	sodium_bin2hex(buf, MARK_TEXT_BYTES_MAX, hash, MARK_BYTES);
}

struct etag etag_of_bytes(const char *bytes, size_t len, const char *link)
{
	crypto_generichash_state state;
	unsigned char hash[crypto_generichash_BYTES_MIN];
	char text[MARK_TEXT_BYTES_MAX];
	struct etag etag;

	/* Here and below: these fail only for sizes that the library does not have. */
	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const unsigned char *)link, strlen(link) + 1);
	(void)crypto_generichash_update(&state, (const unsigned char *)bytes, len);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	mark_text(hash, text);
	(void)snprintf(etag.text, sizeof(etag.text), "\"%s\"", text);

	return etag;
}

void etag_mark_init(struct etag_mark *mark, const char *ledger_id)
{
	(void)crypto_generichash_init(&mark->state, NULL, 0, crypto_generichash_BYTES_MIN);
	/* With its NUL, so that the id ends before the numbers begin. */
	(void)crypto_generichash_update(&mark->state, (const unsigned char *)ledger_id,
					strlen(ledger_id) + 1);
}

void etag_mark_add(struct etag_mark *mark, int64_t number)
{
	unsigned char bytes[sizeof(number)];

	memcpy(bytes, &number, sizeof(number));
	(void)crypto_generichash_update(&mark->state, bytes, sizeof(bytes));
}

struct etag etag_of_versions(int64_t event_version, int64_t version, struct etag_mark *mark)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	char text[MARK_TEXT_BYTES_MAX];
	struct etag etag;

	(void)crypto_generichash_final(&mark->state, hash, sizeof(hash));
	mark_text(hash, text);
	(void)snprintf(etag.text, sizeof(etag.text), "\"%" PRId64 "-%" PRId64 "-%s\"",
		       event_version, version, text);

	return etag;
}
