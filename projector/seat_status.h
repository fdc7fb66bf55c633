/*
 * seat_status - the four states of a seat, how many seats of a map are in each, and a map's
 * version.
 */
#pragma once

#include <stdint.h>

enum seat_status {
	SEAT_AVAILABLE,
	SEAT_HELD,
	SEAT_BOOKED,
	SEAT_BLOCKED,
	SEAT_STATUS_COUNT, /* also: no such status, no such seat */
};

/* What an event's map, or one block of it, adds up to. */
struct map_sums {
	int64_t version; /* sum of the seats' versions */
	int64_t counts[SEAT_STATUS_COUNT];
};

/* "available", "held", "booked", "blocked". */
const char *seat_status_name(enum seat_status status);
/* SEAT_STATUS_COUNT when text names none. */
enum seat_status seat_status_parse(const char *text);
