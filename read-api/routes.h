/*
 * routes - what read-api answers over HTTP.
 *
 *   GET /api/events              the list, page by page
 *   GET /api/events/{id}         one event with its seats
 *   GET /api/events/{id}/layout  where its seats are and what they cost
 *   GET /api/bookings            a user's bookings, page by page
 *   GET /api/bookings/{id}       what became of a booking request
 *
 * The list and the maps come from memory, gzipped for who wants it, and are at most a quarter of a
 * second old (answer_cache.h); a request that asks past what is kept (asks_past.h), such as with
 * Cache-Control: no-cache, has them as they are now.
 *
 * Every answer carries a strong ETag and Cache-Control: no-cache: clients may keep it, and ask each
 * time whether it still holds; a layout they may keep for an hour without asking. MongoDB away: 503
 * with Retry-After, never a 404.
 * Threads  handlers run on any thread; their ctx is a struct read_api.
 */
#pragma once

#include "http.h"

#include <stddef.h>

extern const struct http_route READ_API_ROUTES[];
extern const size_t READ_API_ROUTES_COUNT;
