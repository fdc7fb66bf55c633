/*
 * decisions - prints what the worker decides in each case of table.pml, in the words of the model:
 * a time is a second, the first booking is 1, and statuses and commands are numbered from 1.
 */
#include "decide.h"
#include "journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT      "e"
#define USER       "u"
#define SECOND_MS  1000
#define NOW        1
#define SEATS      2
#define COMMAND_ID "c0000000-0000-8000-8000-000000000001"

enum { MINE, OTHERS, BOOKINGS };

static const char *const booking_ids[BOOKINGS] = { "00000000-0000-8000-8000-000000000001",
						   "00000000-0000-8000-8000-000000000002" };
static const char *const seat_ids[SEATS] = { "A1", "A2" };

/* The model's words. */
enum { NEVER, HELD, CONFIRMED, REJECTED, CANCELLED, EXPIRED };
enum { BOOK = 1, HOLD, CONFIRM, EXTEND, CANCEL };

static_assert(BOOKING_HELD + 1 == (int)HELD && BOOKING_EXPIRED + 1 == (int)EXPIRED &&
		      COMMAND_BOOK + 1 == (int)BOOK && COMMAND_CANCEL + 1 == (int)CANCEL,
	      "the model counts from 1 what the worker counts from 0");

struct standing {
	int status;
	int until;
};

static void copy(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text); /* All are short. */
}

static struct command command_of(int what)
{
	struct command ret = { .type = (enum command_type)(what - 1) };

	copy(ret.booking_id.text, sizeof(ret.booking_id.text), booking_ids[MINE]);
	copy(ret.user_id, sizeof(ret.user_id), USER);
	if (!command_makes_booking(ret.type)) {
		copy(ret.id.text, sizeof(ret.id.text), COMMAND_ID);
		return ret;
	}
	copy(ret.event_id, sizeof(ret.event_id), EVENT);
	for (; ret.seat_count < SEATS; ret.seat_count++)
		copy(ret.seat_ids[ret.seat_count], IDENT_BYTES_MAX, seat_ids[ret.seat_count]);
	return ret;
}

static void add_event(struct state *state)
{
	struct known_event *const event = state_add_event(state, EVENT);

	event->exists = true;
	event->hold_ttl_ms = SECOND_MS;
	event->extensions_max = 1;
	event->sales_open_ms = INT64_MIN;
	event->sales_close_ms = INT64_MAX;
}

static void add_seats(struct state *state)
{
	for (int i = 0; i < SEATS; i++) {
		struct seat *const seat = state_add_seat(state, EVENT, seat_ids[i]);
		seat->exists = true;
		seat->status = SEAT_AVAILABLE;
	}
}

static void add_booking(struct state *state, int which, enum command_type mode,
			struct standing standing)
{
	struct known_booking *const booking = state_add_booking(state, booking_ids[which]);
	if (standing.status == NEVER)
		return;

	booking->exists = true;
	booking->status = (enum booking_status)(standing.status - 1);
	booking->mode = mode;
	booking->version = 1;
	booking->expires_ms = standing.until * SECOND_MS;
	copy(booking->event_id, sizeof(booking->event_id), EVENT);
	copy(booking->user_id, sizeof(booking->user_id), USER);
	for (; booking->seat_count < SEATS; booking->seat_count++)
		copy(booking->seat_ids[booking->seat_count], IDENT_BYTES_MAX,
		     seat_ids[booking->seat_count]);
	for (int i = 0; i < SEATS && standing.status <= CONFIRMED; i++) {
		struct seat *const seat = state_seat(state, EVENT, seat_ids[i]);
		seat->status = standing.status == HELD ? SEAT_HELD : SEAT_BOOKED;
		seat->hold_expires_ms = booking->expires_ms;
		copy(seat->booking_id, sizeof(seat->booking_id), booking_ids[which]);
		copy(seat->user_id, sizeof(seat->user_id), USER);
	}
}

static void print_booking(const struct state *state, int which)
{
	const struct known_booking *const booking = state_booking(state, booking_ids[which]);
	const int status = booking->exists ? (int)booking->status + 1 : NEVER;

	printf(" %d,%d", status, status == HELD ? (int)(booking->expires_ms / SECOND_MS) : 0);
}

static void print_seat(const struct state *state, int which)
{
	const struct seat *const seat = state_seat(state, EVENT, seat_ids[which]);
	int owner = 0;

	for (int i = 0; i < BOOKINGS; i++)
		if (strcmp(seat->booking_id, booking_ids[i]) == 0)
			owner = i + 1;
	printf(" %d,%d", owner, (int)(seat->hold_expires_ms / SECOND_MS));
}

/* Rows of the log: whether the command has one, what came of it, and which holds have one for their
 * end (bits). */
static void print_rows(const struct journal *journal)
{
	int rows = 0;
	int result = RESULT_DONE;
	unsigned ended = 0;

	for (size_t i = 0; i < journal->count; i++) {
		const struct transition *const row = &journal->items[i];
		rows += row->command != NULL;
		if (row->command)
			result = (int)row->result;
		for (unsigned k = 0; k < BOOKINGS && !row->command; k++)
			if (strcmp(row->booking->booking_id, booking_ids[k]) == 0)
				ended |= 1u << k;
	}
	printf(" rows %d result %d ended %u\n", rows, result, ended);
}

static void try(int what, struct standing mine, struct standing others, bool was_done)
{
	struct state *const state = state_new(1);
	struct journal *const journal = journal_new(1);
	const struct command command = command_of(what);

	state_want(state, &command);
	add_event(state);
	add_seats(state);
	add_booking(state, OTHERS, COMMAND_HOLD, others);
	add_booking(state, MINE, what == BOOK ? COMMAND_BOOK : COMMAND_HOLD, mine);
	if (was_done)
		state_command(state, booking_ids[MINE], COMMAND_ID)->is_done = true;

	const struct outcome outcome = decide(state, &command, NOW * SECOND_MS);
	journal_apply(journal, state, &command, &outcome, NOW * SECOND_MS);
	printf("%d %d,%d %d,%d %d:", what, mine.status, mine.until, others.status, others.until,
	       was_done);
	print_booking(state, MINE);
	print_booking(state, OTHERS);
	printf(" seats");
	for (int i = 0; i < SEATS; i++)
		print_seat(state, i);
	print_rows(journal);
	journal_free(journal);
	state_free(state);
}

int main(void)
{
	static const struct standing never;
	static const struct standing others[] = {
		{ NEVER, 0 }, { HELD, NOW }, { HELD, NOW + 1 }, { CONFIRMED, 0 }, { CANCELLED, 0 }
	};

	for (int what = BOOK; what <= HOLD; what++) {
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			try(what, never, others[i], false);
		const struct standing booked = { CONFIRMED, 0 };
		const struct standing held = { HELD, NOW + 1 };
		try(what, what == BOOK ? booked : held, never, false);
	}
	for (int what = CONFIRM; what <= CANCEL; what++) {
		for (int again = 0; again <= 1; again++) {
			for (int status = again ? HELD : NEVER; status <= EXPIRED; status++) {
				const int until = status == HELD ? NOW + 1 : 0;
				try(what, (struct standing){ status, until }, never, again);
			}
			try(what, (struct standing){ HELD, NOW }, never, again);
		}
	}
	return EXIT_SUCCESS;
}
