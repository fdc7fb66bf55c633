/*
 * booking_json - a booking's JSON from its MongoDB document.
 *
 *   {"booking_id","status","event_id","user_id","mode","seats":[..],"prices":[{"seat_id",
 *   "price_minor"},..],"total_minor","currency","payment_reference","reason","seats_lost":[..],
 *   "extensions","requested_at","decided_at","expires_at","server_time","version","history":[
 *   {"version","at","status","command","command_id","actor","result","reason","expires_at"},..]}
 *
 * Shape    history is oldest first. server_time is this program's clock while the booking is held,
 *          so that a client whose clock is wrong can still tell how long the hold lasts; else null.
 *          What a document lacks is null, [] or 0.
 * Owns     nothing; out is the caller's.
 * Threads  any; no state.
 * Source   lib/PROTOCOL.md, "The read model".
 */
#pragma once

#include "booking_id.h"
#include "etag.h"
#include "strbuf.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/* More than the projector keeps; of a longer history the newest are shown. */
#define BOOKING_HISTORY_MAX 256

/*
 * Appends the whole booking. The tag is of everything but server_time. only_user: the one actor of
 * its history that is shown, the others are null; NULL: all are.
 */
struct etag booking_write(const bson_t *booking, const char *only_user, int64_t now_ms,
                          struct strbuf *out);
/* Appends it as a list has it: without server_time and history. */
void booking_write_entry(const bson_t *booking, struct strbuf *out);
void booking_write_pending(const struct booking_id *id, struct strbuf *out);

/*
 * A view of what became of a command; alive as long as booking. False: it is not in the history. It
 * may be there twice, when a stranger's was refused as not_owner: then the other one is meant.
 */
bool booking_find_command(const bson_t *booking, const char *command_id, bson_t *ret);
/* True when the field has this text. */
bool booking_says(const bson_t *doc, const char *field, const char *text);
