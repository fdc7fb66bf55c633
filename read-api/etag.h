/*
 * etag - strong validators: equal ones mean equal bytes, of one write model.
 *
 * Grammar  RFC 9110, section 8.8.3, with its quotes.
 * Shape    a plain value. The mark of a seat map is fed (block, version) pairs in block order:
 *          blocks read at different moments may add up to the same sum with different seats. It
 *          also takes the write model's id: another one counts its versions from zero again.
 * Threads  any; one mark, one thread.
 * Source   BLAKE2b of libsodium, cut to 64 bits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Two numbers, 16 digits and the NUL, with separators and quotes, and two variants' names. */
#define ETAG_BYTES_MAX         96
#define ETAG_VARIANT_BYTES_MAX 17

struct etag {
	char text[ETAG_BYTES_MAX];
};

/* For what is small enough to render before comparing. link: the Link header with it, or "". */
struct etag etag_of_bytes(const char *bytes, size_t len, const char *link);

#define ETAG_MARK_BYTES 16

/* All that was fed so far, each hashed under the one before. */
struct etag_mark {
	unsigned char bytes[ETAG_MARK_BYTES];
};

/* ledger_id is the write model that the numbers belong to; "" while it is not known. */
void etag_mark_init(struct etag_mark *mark, const char *ledger_id);
void etag_mark_add(struct etag_mark *mark, int64_t block, int64_t version);
/* "<event_version>-<version>-<16 hexadecimal digits>" */
struct etag etag_of_versions(int64_t event_version, int64_t version, const struct etag_mark *mark);

/* "x" becomes "x-<variant>": of other bytes with the same content. At most two, one by one. */
struct etag etag_variant(const char *etag, const char *variant);
/* The variant for one user: digits made of their id. */
void etag_user_variant(const char *user_id, char buf[static ETAG_VARIANT_BYTES_MAX]);
