/*
 * event_store - events in PostgreSQL, as an administrator makes and changes them. Their seats'
 * states are none of its business: those change by commands.
 *
 * Shape    each function is one transaction, with its entry in the audit. Only prices have
 *          transactions of their own before that, a part of the seats each, so that bookings wait
 *          for no more than a part; what is refused changes none.
 * Errors   ERR_UNAVAILABLE; *ret_unknown tells that the change may have been made all the same.
 */
#pragma once

#include "attr.h"
#include "audit_entry.h"
#include "err.h"
#include "event_request.h"
#include "pg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_answer {
	EVENT_DONE,
	EVENT_EXISTS,     /* another one has this id                     */
	EVENT_KEY_REUSED, /* the key made another one                    */
	EVENT_NOT_FOUND,
	EVENT_CANCELLED,
	EVENT_BAD_WINDOW, /* with what is not changed, sales close before they open */
	EVENT_NO_SECTION, /* prices[price]                               */
};

struct event_outcome {
	enum event_answer answer;
	char event_id[IDENT_BYTES_MAX];
	int64_t version;
	int64_t seat_count;
	size_t price;
};

/* Makes the event of request->event_id. A key that was used before, for the same request, answers
 * what was made then. */
err_code event_store_add(struct pg *pg, const struct event_request *request,
			 const struct audit_entry *audit, struct event_outcome *ret,
			 bool *ret_unknown, struct err *err) _must_check_;

err_code event_store_change(struct pg *pg, const char *event_id,
			    const struct event_request *request, const struct audit_entry *audit,
			    struct event_outcome *ret, bool *ret_unknown,
			    struct err *err) _must_check_;

/* ERR_NOT_FOUND: there is none. */
err_code event_store_find(struct pg *pg, const char *event_id, struct err *err) _must_check_;
