/*
 * routes - what read-api answers over HTTP.
 *
 *   GET /api/events          the list, page by page
 *   GET /api/events/{id}     one event with its seats
 *   GET /api/bookings/{id}   what became of a booking request
 *
 * Every answer carries a strong ETag and Cache-Control: no-cache: clients may keep it, and ask each
 * time whether it still holds. MongoDB away: 503 with Retry-After, never a 404.
 * Owns     nothing: a struct read_api and what it points at is main's, and outlives the server.
 * Threads  handlers run on any thread.
 */
#pragma once

#include "booking_id.h"
#include "http.h"
#include "metrics.h"
#include "mongo.h"
#include "watch.h"

enum read_kind { READ_EVENTS, READ_EVENT, READ_BOOKING, READ_KIND_COUNT };

struct read_api {
	struct mongo *mongo;
	struct watch *watch;
	struct booking_id_key key;
	struct metric *mongo_errors;
	struct metric *read_seconds[READ_KIND_COUNT];
};

extern const struct http_route READ_API_ROUTES[];
extern const size_t READ_API_ROUTES_COUNT;

/* Adds the metrics and fills the fields that hold them. */
void read_api_add_metrics(struct read_api *api, struct metrics *metrics);
