/*
 * bookings - the outcome of one booking request, as far as it is known here.
 *
 *   {"booking_id","status","event_id","user_id","seats","reason","seats_lost","requested_at",
 *   "decided_at","version"}        or        {"booking_id","status":"pending"}
 *
 * Threads  any; one client, one thread.
 * Source   lib/PROTOCOL.md, "The read model".
 */
#pragma once

#include "attr.h"
#include "booking_id.h"
#include "err.h"
#include "mongo.h"
#include "strbuf.h"

/* Appends the decided booking. ERR_NOT_FOUND: not decided, or not folded in, or never asked for. */
err_code booking_render(const struct mongo_client *client, const struct booking_id *id,
			struct strbuf *out, struct err *err) _must_check_;

void booking_write(const bson_t *booking, struct strbuf *out);
void booking_write_pending(const struct booking_id *id, struct strbuf *out);
