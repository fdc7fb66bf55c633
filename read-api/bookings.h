/*
 * bookings - bookings as MongoDB has them now: one, or a user's, page by page.
 *
 * Threads  any; one client, one thread.
 * Errors   ERR_NOT_FOUND not decided, or not folded in, or never asked for; ERR_UNAVAILABLE MongoDB
 *          is away or slow.
 */
#pragma once

#include "attr.h"
#include "booking_id.h"
#include "booking_query.h"
#include "cursor.h"
#include "err.h"
#include "mongo.h"
#include "strbuf.h"

#include <stdbool.h>

/* *ret is the caller's to destroy. */
err_code booking_find(const struct mongo_client *client, const struct booking_id *id, bson_t **ret,
		      struct err *err) _must_check_;

/* Appends a page to out, newest first. *ret_more: there is another one, after *ret_last. */
err_code bookings_render(const struct mongo_client *client, const struct booking_query *query,
			 struct strbuf *out, bool *ret_more, struct cursor *ret_last,
			 struct err *err) _must_check_;
