/*
 * seat_request - seats of an event that an administrator names, many at once. Pure.
 *
 * Grammar  {"seatIds": [1 to 1000 seats, none twice], "userId"?}, with booking_request's names.
 * Owns     its seats; init/done pair, {0} is an empty one.
 * Errors   as booking_request.
 */
#pragma once

#include "attr.h"
#include "booking_request.h"
#include "err.h"
#include "ident.h"

#include <stddef.h>

#define SEAT_REQUEST_SEATS_MAX 1000

struct seat_request {
	char user_id[IDENT_BYTES_MAX]; /* "" when none was named */
	size_t count;
	char (*seat_ids)[IDENT_BYTES_MAX];
};

void seat_request_done(struct seat_request *request);

err_code seat_request_parse(const char *body, size_t len, struct seat_request *ret,
			    struct booking_faults *ret_faults, struct err *err) _must_check_;
