/*
 * booking_id - the name of one booking: a UUIDv8 that knows its partition and its owner, and can be
 * told from one that was never issued.
 *
 * Shape    128 bits, most significant first:
 *            48  Unix ms, or derived bits when made from an idempotency key
 *             4  version (8)
 *            12  slot, high bits      slot = 16-bit hash of the event id
 *             2  variant (0b10)
 *             4  slot, low bits
 *            26  random, or derived
 *            16  owner: keyed hash of the 96 bits before it and the user id; or as those before it
 *            16  tag: keyed hash of the 112 bits before it
 *          as text: 36 characters, lower case.
 * Errors   ERR_INVALID for text that is no UUIDv8 in canonical form (upper case is accepted, and
 *          read as lower).
 * Source   RFC 9562, section 5.8; lib/PROTOCOL.md, "Booking ids". Hashes: libsodium.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOKING_ID_BYTES_MAX 37 /* 36 and the NUL */
#define BOOKING_ID_KEY_BYTES 32

struct booking_id {
	char text[BOOKING_ID_BYTES_MAX];
};

/* The secret shared by write-api and read-api. */
struct booking_id_key {
	unsigned char bytes[BOOKING_ID_KEY_BYTES];
};

/* Once per process, before the others: initialises libsodium. */
err_code booking_id_init(struct err *err) _must_check_;

/* Reads 64 hexadecimal digits. */
err_code booking_id_key_parse(const char *hex, struct booking_id_key *ret,
                              struct err *err) _must_check_;

uint16_t booking_id_event_slot(const char *event_id);

/* A fresh id: the clock and random bits. user_id NULL: nobody knows whose it is, and the owner's
 * bits tell it from others, too. */
struct booking_id booking_id_make(const struct booking_id_key *key, const char *event_id,
                                  const char *user_id, int64_t wall_ms);

/*
 * The same (event, user, wall_ms, nonce) always makes the same id: for a request that the gateway
 * may send twice. nonce is the gateway's request id; user_id may be NULL as above.
 */
struct booking_id booking_id_make_retryable(const struct booking_id_key *key, const char *event_id,
                                            const char *user_id, int64_t wall_ms,
                                            const char *nonce);

/* The same (user, event, idempotency key) always makes the same id. */
struct booking_id booking_id_derive(const struct booking_id_key *key, const char *user_id,
                                    const char *event_id, const char *idempotency_key);

/* Canonical text from text[0..len). */
err_code booking_id_parse(const char *text, size_t len, struct booking_id *ret,
                          struct err *err) _must_check_;

uint16_t booking_id_slot(const struct booking_id *id);
/* The partition of the ordered log that every command of this booking goes to. */
int32_t booking_id_partition(const struct booking_id *id, int32_t partition_count);
bool booking_id_was_issued(const struct booking_id_key *key, const struct booking_id *id);
/* Whether it was made for that user. True for one in 65,536 other users: who must know asks the
 * stored booking. */
bool booking_id_is_of(const struct booking_id_key *key, const struct booking_id *id,
                      const char *user_id);
