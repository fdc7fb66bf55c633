/*
 * event_rules - what an event says about its sale, as members of a JSON object.
 *
 *   "hold_ttl_ms","hold_extensions_max","seats_per_user_max","sales_open_at","sales_close_at",
 *   "cancelled_at"        null: no such rule
 */
#pragma once

#include "strbuf.h"

#include <bson/bson.h>

void event_rules_write(const bson_t *event, struct strbuf *out);
