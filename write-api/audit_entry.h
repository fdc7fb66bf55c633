/*
 * audit_entry - what an administrator did that is no command, written together with it. What is a
 * command stands in booking_log, with its actor and address.
 *
 * Source   lib/PROTOCOL.md, "The write model".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "http.h"
#include "pg.h"

#include <stdbool.h>

struct audit_entry {
	const struct http_request *request; /* who, from where, in which request  */
	const char *event_id;               /* NULL: about none                   */
	const char *action;
	const char *detail;                 /* a JSON object                      */
	const char *key;                    /* hash of the idempotency key; NULL: none */
	const char *request_hash;           /* NULL without a key                 */
};

/* In the transaction that is open, or one of its own. *ret_is_known, which may be NULL where there
 * is no key: the key was used before, and nothing is written. */
err_code audit_entry_write(struct pg *pg, const struct audit_entry *entry, bool *ret_is_known,
			   struct err *err) _must_check_;
