/*
 * ident - the grammar of user, event and seat ids, and of the keys and trace ids that clients send.
 *
 * Grammar  user, event: 1-64 of A-Z a-z 0-9 - _ .     seat: the same and ':'
 *          idempotency key, payment reference: 1-128 of printable ASCII (0x21-0x7e)
 *          request id: 1-128 of A-Z a-z 0-9 - _ . : / + =
 *          traceparent: W3C Trace Context version 00
 *          "." and ".." are no ids: they are path tricks.
 * Source   lib/PROTOCOL.md, "Ids".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define IDENT_BYTES_MAX 65 /* 64 and the NUL */
#define IDEMPOTENCY_KEY_BYTES_MAX 129
#define PAYMENT_REFERENCE_BYTES_MAX IDEMPOTENCY_KEY_BYTES_MAX
#define REQUEST_ID_BYTES_MAX 129
#define TRACEPARENT_BYTES_MAX 56

bool ident_is_valid(const char *text, size_t len);      /* user and event ids */
bool ident_is_valid_seat(const char *text, size_t len);
bool ident_is_valid_key(const char *text, size_t len);
bool ident_is_valid_request_id(const char *text, size_t len);
bool ident_is_valid_traceparent(const char *text, size_t len);
