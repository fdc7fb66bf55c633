#include "state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u

static const char *const status_names[SEAT_STATUS_COUNT] = {
	[SEAT_AVAILABLE] = "available",
	[SEAT_HELD] = "held",
	[SEAT_BOOKED] = "booked",
	[SEAT_BLOCKED] = "blocked",
};

const char *seat_status_name(enum seat_status status)
{
	assert(status < SEAT_STATUS_COUNT);

	return status_names[status];
}

bool seat_status_parse(const char *text, enum seat_status *ret)
{
	for (unsigned i = 0; i < SEAT_STATUS_COUNT; i++) {
		if (strcmp(text, status_names[i]) == 0) {
			*ret = (enum seat_status)i;
			return true;
		}
	}
	return false;
}

/* FNV-1a, the NUL included so that ("ab","c") and ("a","bc") differ. */
static uint64_t hash(uint64_t from, const char *text)
{
	uint64_t ret = from;

	do {
		ret ^= (unsigned char)*text;
		ret *= FNV_PRIME;
	} while (*text++);

	return ret;
}

/* The text comes from a decoded command or from a column with the same bounds. */
static void copy_text(char *to, size_t size, const char *text)
{
	const size_t len = strlen(text);

	assert(len < size);
	memcpy(to, text, len + 1);
}

/* ---- Tables ---- */

static void table_init(struct table *table, size_t max)
{
	uint32_t size = 16;
	while (size < 2 * max)
		size *= 2;

	table->slots = calloc(size, sizeof(table->slots[0]));
	assert(table->slots);
	table->mask = size - 1;
	table->max = max;
}

static void table_reset(struct table *table)
{
	if (table->count > 0)
		memset(table->slots, 0, (table->mask + 1) * sizeof(table->slots[0]));
	table->count = 0;
}

static void *array_new(size_t count, size_t size)
{
	void *const ret = calloc(count, size);
	assert(ret);

	return ret;
}

struct state *state_new(size_t commands_max)
{
	assert(commands_max > 0);

	const size_t seats_max = commands_max * COMMAND_SEATS_MAX;
	struct state *const state = array_new(1, sizeof(*state));
	table_init(&state->seat_index, seats_max);
	table_init(&state->event_index, commands_max);
	table_init(&state->booking_index, commands_max);
	state->seats = array_new(seats_max, sizeof(state->seats[0]));
	state->events = array_new(commands_max, sizeof(state->events[0]));
	state->bookings = array_new(commands_max, sizeof(state->bookings[0]));

	return state;
}

void state_free(struct state *state)
{
	if (!state)
		return;

	free(state->seat_index.slots);
	free(state->event_index.slots);
	free(state->booking_index.slots);
	free(state->seats);
	free(state->events);
	free(state->bookings);
	free(state);
}

void state_reset(struct state *state)
{
	table_reset(&state->seat_index);
	table_reset(&state->event_index);
	table_reset(&state->booking_index);
}

/* ---- Look-ups: each answers the slot of the entry, or the free slot where it belongs ---- */

static uint32_t *seat_slot(const struct state *state, const char *event_id, const char *seat_id)
{
	const struct table *const table = &state->seat_index;
	uint32_t i = (uint32_t)hash(hash(FNV_OFFSET, event_id), seat_id) & table->mask;

	for (;; i = (i + 1) & table->mask) {
		if (table->slots[i] == 0)
			return &table->slots[i];
		const struct seat *const seat = &state->seats[table->slots[i] - 1];
		if (strcmp(seat->seat_id, seat_id) == 0 && strcmp(seat->event_id, event_id) == 0)
			return &table->slots[i];
	}
}

static uint32_t *event_slot(const struct state *state, const char *event_id)
{
	const struct table *const table = &state->event_index;
	uint32_t i = (uint32_t)hash(FNV_OFFSET, event_id) & table->mask;

	for (;; i = (i + 1) & table->mask)
		if (table->slots[i] == 0 ||
		    strcmp(state->events[table->slots[i] - 1].event_id, event_id) == 0)
			return &table->slots[i];
}

static uint32_t *booking_slot(const struct state *state, const char *booking_id)
{
	const struct table *const table = &state->booking_index;
	uint32_t i = (uint32_t)hash(FNV_OFFSET, booking_id) & table->mask;

	for (;; i = (i + 1) & table->mask)
		if (table->slots[i] == 0 ||
		    strcmp(state->bookings[table->slots[i] - 1].booking_id, booking_id) == 0)
			return &table->slots[i];
}

/* The number of a new entry, or -1 when the slot is taken. */
static ssize_t claim(struct table *table, uint32_t *slot)
{
	if (*slot != 0)
		return -1;

	assert(table->count < table->max);
	*slot = (uint32_t)++table->count;

	return (ssize_t)table->count - 1;
}

static void want_seat(struct state *state, const char *event_id, const char *seat_id)
{
	const ssize_t entry = claim(&state->seat_index, seat_slot(state, event_id, seat_id));
	if (entry < 0)
		return;

	struct seat *const seat = &state->seats[entry];
	*seat = (struct seat){ .exists = false };
	copy_text(seat->event_id, sizeof(seat->event_id), event_id);
	copy_text(seat->seat_id, sizeof(seat->seat_id), seat_id);
}

void state_want(struct state *state, const struct command *command)
{
	for (unsigned i = 0; i < command->seat_count; i++)
		want_seat(state, command->event_id, command->seat_ids[i]);

	const ssize_t event = claim(&state->event_index, event_slot(state, command->event_id));
	if (event >= 0) {
		state->events[event] = (struct known_event){ .exists = false };
		copy_text(state->events[event].event_id, sizeof(state->events[event].event_id),
			  command->event_id);
	}
	const ssize_t booking =
		claim(&state->booking_index, booking_slot(state, command->booking_id.text));
	if (booking >= 0) {
		state->bookings[booking] = (struct known_booking){ .exists = false };
		copy_text(state->bookings[booking].booking_id,
			  sizeof(state->bookings[booking].booking_id), command->booking_id.text);
	}
}

struct seat *state_seat(const struct state *state, const char *event_id, const char *seat_id)
{
	const uint32_t entry = *seat_slot(state, event_id, seat_id);

	return entry ? &state->seats[entry - 1] : NULL;
}

struct known_event *state_event(const struct state *state, const char *event_id)
{
	const uint32_t entry = *event_slot(state, event_id);

	return entry ? &state->events[entry - 1] : NULL;
}

struct known_booking *state_booking(const struct state *state, const char *booking_id)
{
	const uint32_t entry = *booking_slot(state, booking_id);

	return entry ? &state->bookings[entry - 1] : NULL;
}

/* ---- Fingerprints ---- */

uint64_t booking_content(const char *event_id, const char *user_id)
{
	return hash(hash(FNV_OFFSET, event_id), user_id);
}

uint64_t booking_content_seat(uint64_t content, const char *seat_id)
{
	/* Addition does not care for the order; no seat stands twice in a command. */
	return content + hash(FNV_OFFSET, seat_id);
}

uint64_t booking_content_of(const struct command *command)
{
	uint64_t ret = booking_content(command->event_id, command->user_id);

	for (unsigned i = 0; i < command->seat_count; i++)
		ret = booking_content_seat(ret, command->seat_ids[i]);

	return ret;
}
