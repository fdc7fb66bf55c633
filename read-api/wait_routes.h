/*
 * wait_routes - what read-api answers on its second port, to those who would rather wait.
 *
 *   GET /api/bookings/{id}                         "Prefer: wait=N": as soon as it is not pending;
 *                                                  202 when it still is after N seconds
 *   GET /internal/outcomes/{id}/{command}?wait=N   the answer to a command (booking_outcome.h);
 *                                                  {command} is its id, or "new" for the one that
 *                                                  made the booking; 202 when it is not known after
 *                                                  N seconds
 *
 * Another user's booking is answered as one that was never issued, at once. At most
 * ACCEPTED_WAIT_S_MAX seconds. A waiter holds a thread, so these have a port and threads of
 * their own: however many wait, the others are read for as before.
 */
#pragma once

#include "http.h"

#include <stddef.h>

extern const struct http_route WAIT_ROUTES[];
extern const size_t WAIT_ROUTES_COUNT;
