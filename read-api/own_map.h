/*
 * own_map - a seat map as one user may see it, from the bytes of one with the ids of all users.
 *
 * Shape    the same map, where each "user_id" that is not this user's is null.
 * Owns     nothing; out is the caller's.
 * Threads  any; no state.
 * Source   seat_map_json.h: `"user_id":"..."` stands nowhere else in it, since a quote within a
 *          text is escaped.
 */
#pragma once

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * False: no seat of the map is this user's, so that it shows them what it shows everybody. It may
 * be true without one, when a seat has the name of the user.
 */
bool own_map_may_have(const char *bytes, size_t len, const char *user_id);

void own_map_write(const char *bytes, size_t len, const char *user_id, struct strbuf *out);
