#include "seat_status.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const NAMES[SEAT_STATUS_COUNT] = {
	[SEAT_AVAILABLE] = "available",
	[SEAT_HELD] = "held",
	[SEAT_BOOKED] = "booked",
	[SEAT_BLOCKED] = "blocked",
};

const char *seat_status_name(enum seat_status status)
{
	assert(status < SEAT_STATUS_COUNT);
	return NAMES[status];
}

enum seat_status seat_status_parse(const char *text)
{
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		if (strcmp(text, NAMES[i]) == 0)
			return i;

	return SEAT_STATUS_COUNT;
}
