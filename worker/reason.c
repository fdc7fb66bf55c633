#include "reason.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const names[REASON_COUNT] = {
	[REASON_NONE] = NULL,
	[REASON_IDEMPOTENCY_KEY_REUSED] = "idempotency_key_reused",
	[REASON_EVENT_NOT_FOUND] = "event_not_found",
	[REASON_EVENT_CANCELLED] = "event_cancelled",
	[REASON_SALES_NOT_OPEN] = "sales_not_open",
	[REASON_SALES_CLOSED] = "sales_closed",
	[REASON_SEAT_LIMIT] = "seat_limit",
	[REASON_HOLD_LIMIT] = "hold_limit",
	[REASON_SEAT_NOT_FOUND] = "seat_not_found",
	[REASON_SEAT_BLOCKED] = "seat_blocked",
	[REASON_SEAT_NOT_BLOCKED] = "seat_not_blocked",
	[REASON_SEAT_TAKEN] = "seat_taken",
	[REASON_BOOKING_NOT_FOUND] = "booking_not_found",
	[REASON_NOT_OWNER] = "not_owner",
	[REASON_HOLD_EXPIRED] = "hold_expired",
	[REASON_EXTENSION_LIMIT] = "extension_limit",
	[REASON_ALREADY_CONFIRMED] = "already_confirmed",
	[REASON_ALREADY_CANCELLED] = "already_cancelled",
	[REASON_BOOKING_REJECTED] = "booking_rejected",
	[REASON_BOOKING_CANCELLED] = "booking_cancelled",
	[REASON_NOT_A_BOOKING] = "not_a_booking",
};

const char *reason_name(enum reason reason)
{
	assert(reason < REASON_COUNT);

	return names[reason];
}

bool reason_parse(const char *text, enum reason *ret)
{
	if (text[0] == '\0') {
		*ret = REASON_NONE;
		return true;
	}
	for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum reason)i;
			return true;
		}
	}
	return false;
}
