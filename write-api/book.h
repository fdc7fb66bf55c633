/*
 * book - making a booking.
 *
 * Source   API.md, "Write side".
 */
#pragma once

#include "http.h"

/* POST /api/book: one seat, at once. ctx is a struct write_api. */
void book_one_seat(void *ctx, const struct http_request *request, struct http_response *response);

/* POST /api/bookings: up to COMMAND_SEATS_MAX seats, all or none, held or booked at once. */
void book_seats(void *ctx, const struct http_request *request, struct http_response *response);
