/*
 * event_plan - the seats of a new event: sections of rows of seats, as an administrator says them.
 * Pure.
 *
 * Grammar  "sections": [{"name"?, "seatPrefix"?, "rows"?, "seatsPerRow", "priceMinor"?}, ...].
 *          rows is a number (they are named A..Z, AA, AB, ...), a list of names, or absent: one row
 *          without a name. seatPrefix is the section's name where that can be part of an id.
 * Shape    a seat's id is what there is of prefix, row and number (from 1), joined by '-':
 *          "Stalls-A-12". Positions count through all sections in their order.
 * Owns     its sections and rows; init/done pair, {0} is an empty one.
 * Errors   faults, under the names that the client used.
 */
#pragma once

#include "booking_request.h"
#include "ident.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_SECTIONS_MAX      200
#define EVENT_ROWS_MAX          1000 /* of a section */
#define EVENT_SEATS_PER_ROW_MAX 1000
#define EVENT_SEATS_MAX         100000
#define EVENT_PRICE_MINOR_MAX   1000000000000
#define EVENT_WORDS_MAX         200 /* characters of a name */
#define EVENT_WORDS_BYTES_MAX   (EVENT_WORDS_MAX * 4 + 1)

struct event_section {
	char name[EVENT_WORDS_BYTES_MAX];
	int64_t price_minor;
	int64_t seats_per_row;
};

struct event_row {
	size_t section;
	int64_t first;                  /* position of its first seat                       */
	char name[IDENT_BYTES_MAX];     /* "" for none                                      */
	char stem[IDENT_BYTES_MAX + 1]; /* what its seats' ids begin with: "Stalls-A-" or "" */
};

struct event_plan {
	size_t section_count, row_count;
	struct event_section *sections;
	struct event_row *rows;
	int64_t seat_count;
};

void event_plan_done(struct event_plan *plan);

/* Adds to the plan, which is to be used only if there are no faults in the end. price_minor is that
 * of sections without one. */
void event_plan_read(const json_t *sections, int64_t price_minor, struct event_plan *plan,
		     struct booking_faults *faults);

/* Seats without sections and rows: 1, 2, ... count. */
void event_plan_number(int64_t count, int64_t price_minor, struct event_plan *plan);

/* 0 to EVENT_WORDS_MAX characters for people: none that controls, and not only spaces. */
bool event_words_read(const json_t *json, const char *field, size_t least,
		      char ret[static EVENT_WORDS_BYTES_MAX], struct booking_faults *faults);
/* An integer of least..most. */
bool event_number_read(const json_t *json, const char *field, int64_t least, int64_t most,
		       int64_t *ret, struct booking_faults *faults);
