/*
 * events - the list of events: what is on, when, and how many seats are left.
 *
 *   [{"_id","event_id","date","name","kind","venue","version","counts", and event_rules.h},...]
 *
 * by date, then id.
 *
 * Threads  any; one client, one thread.
 * Errors   ERR_UNAVAILABLE MongoDB is away or slow.
 */
#pragma once

#include "attr.h"
#include "cursor.h"
#include "err.h"
#include "event_query.h"
#include "mongo.h"
#include "strbuf.h"

#include <stdbool.h>

/* Appends a page to out. *ret_more: there is another one, after *ret_last. */
err_code events_render(const struct mongo_client *client, const struct event_query *query,
		       struct strbuf *out, bool *ret_more, struct cursor *ret_last,
		       struct err *err) _must_check_;

/* One event of the list. */
void event_write(const bson_t *event, struct strbuf *out);
