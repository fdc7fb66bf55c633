/*
 * told - what topic booking_events has, as a consumer sees it.
 */
#pragma once

#include <stddef.h>

#define TOLD_MAX 4000

/* A message as a consumer got it. */
struct told {
	int booking; /* the last digits of its id */
	int version;
	char id[64];
	char type[48];
	size_t value_len;
};

/* Of the last told_read. */
extern struct told told[TOLD_MAX];
extern size_t told_count;

/* All that the topic has now, each partition in its order. */
void told_read(const char *topic, int partitions);

/* A consumer that keeps what it has not seen gets versions 1..versions of each booking 1..bookings,
 * none missing. */
void told_expect_in_order(int bookings, int versions);
