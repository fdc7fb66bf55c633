/*
 * reason - why a request was rejected, or a command on a booking not carried out.
 *
 * The words are part of the HTTP answers, the log and the metrics.
 */
#pragma once

#include <stdbool.h>

/* Rejections first, in the order of the rules: of several, the least is the one that is told. */
enum reason {
	REASON_NONE,
	REASON_IDEMPOTENCY_KEY_REUSED,
	REASON_EVENT_NOT_FOUND,
	REASON_EVENT_CANCELLED,
	REASON_SALES_NOT_OPEN,
	REASON_SALES_CLOSED,
	REASON_SEAT_LIMIT,
	REASON_HOLD_LIMIT,
	REASON_SEAT_NOT_FOUND,
	REASON_SEAT_BLOCKED,
	REASON_SEAT_NOT_BLOCKED,
	REASON_SEAT_TAKEN,
	REASON_BOOKING_NOT_FOUND,
	/* Of what was not carried out on a booking. */
	REASON_NOT_OWNER,
	REASON_HOLD_EXPIRED,
	REASON_EXTENSION_LIMIT,
	REASON_ALREADY_CONFIRMED,
	REASON_ALREADY_CANCELLED,
	REASON_BOOKING_REJECTED,
	REASON_BOOKING_CANCELLED,
	REASON_NOT_A_BOOKING,
	REASON_COUNT,
};

/* "seat_taken"; NULL for REASON_NONE. */
const char *reason_name(enum reason reason);
/* "" is REASON_NONE. False for a word that is no reason. */
bool reason_parse(const char *text, enum reason *ret);
