#include "state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u

#define TABLE_NO_KEY SIZE_MAX
/* Each seat that is wanted may be held by a lapsed booking, and lead to all seats of that one. */
#define BOOKINGS_PER_COMMAND (1 + COMMAND_SEATS_MAX)
#define SEATS_PER_COMMAND    (COMMAND_SEATS_MAX * BOOKINGS_PER_COMMAND)

static const char *const seat_status_names[SEAT_STATUS_COUNT] = {
	[SEAT_AVAILABLE] = "available",
	[SEAT_HELD] = "held",
	[SEAT_BOOKED] = "booked",
	[SEAT_BLOCKED] = "blocked",
};

static const char *const booking_status_names[BOOKING_STATUS_COUNT] = {
	[BOOKING_HELD] = "held",
	[BOOKING_CONFIRMED] = "confirmed",
	[BOOKING_REJECTED] = "rejected",
	[BOOKING_CANCELLED] = "cancelled",
	[BOOKING_EXPIRED] = "expired",
	[BOOKING_DONE] = "done",
};

const char *seat_status_name(enum seat_status status)
{
	assert(status < SEAT_STATUS_COUNT);

	return seat_status_names[status];
}

bool seat_status_parse(const char *text, enum seat_status *ret)
{
	for (unsigned i = 0; i < SEAT_STATUS_COUNT; i++) {
		if (strcmp(text, seat_status_names[i]) == 0) {
			*ret = (enum seat_status)i;
			return true;
		}
	}
	return false;
}

const char *booking_status_name(enum booking_status status)
{
	assert(status < BOOKING_STATUS_COUNT);

	return booking_status_names[status];
}

bool booking_status_parse(const char *text, enum booking_status *ret)
{
	for (unsigned i = 0; i < BOOKING_STATUS_COUNT; i++) {
		if (strcmp(text, booking_status_names[i]) == 0) {
			*ret = (enum booking_status)i;
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

static void *array_new(size_t count, size_t size)
{
	void *const ret = calloc(count, size);
	assert(ret);

	return ret;
}

/* Answers the entries. Memory that is never mentioned is never touched. */
static void *table_init(struct table *table, size_t max, size_t entry_size, size_t first_key_at,
			size_t second_key_at)
{
	uint32_t size = 16;
	while (size < 2 * max)
		size *= 2;

	table->entries = array_new(max, entry_size);
	table->entry_size = entry_size;
	table->key_at[0] = first_key_at;
	table->key_at[1] = second_key_at;
	table->slots = array_new(size, sizeof(table->slots[0]));
	table->slot_of = array_new(max, sizeof(table->slot_of[0]));
	table->mask = size - 1;
	table->max = max;

	return table->entries;
}

static void table_done(struct table *table)
{
	free(table->entries);
	free(table->slots);
	free(table->slot_of);
}

/* By what was used, not by the size: most batches are small. */
static void table_reset(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		table->slots[table->slot_of[i]] = 0;
	table->count = 0;
}

static void *entry_at(const struct table *table, size_t i)
{
	return (unsigned char *)table->entries + i * table->entry_size;
}

static bool has_keys(const struct table *table, const void *entry, const char *first,
		     const char *second)
{
	const char *const bytes = entry;

	return strcmp(bytes + table->key_at[0], first) == 0 &&
	       (table->key_at[1] == TABLE_NO_KEY ||
		strcmp(bytes + table->key_at[1], second) == 0);
}

/* The slot of the entry, or the free slot where it belongs. */
static uint32_t find_slot(const struct table *table, const char *first, const char *second)
{
	uint32_t i = (uint32_t)hash(hash(FNV_OFFSET, first), second) & table->mask;

	while (table->slots[i] != 0 &&
	       !has_keys(table, entry_at(table, table->slots[i] - 1), first, second))
		i = (i + 1) & table->mask;

	return i;
}

static void *find(const struct table *table, const char *first, const char *second)
{
	const uint32_t entry = table->slots[find_slot(table, first, second)];

	return entry ? entry_at(table, entry - 1) : NULL;
}

/* The entry, all zero but for its keys when it is new; NULL when the table is full. */
static void *add(struct table *table, const char *first, const char *second)
{
	const uint32_t slot = find_slot(table, first, second);

	if (table->slots[slot] != 0)
		return entry_at(table, table->slots[slot] - 1);
	if (table->count == table->max)
		return NULL;

	char *const entry = entry_at(table, table->count);
	memset(entry, 0, table->entry_size);
	copy_text(entry + table->key_at[0], IDENT_BYTES_MAX, first);
	if (table->key_at[1] != TABLE_NO_KEY)
		copy_text(entry + table->key_at[1], IDENT_BYTES_MAX, second);
	table->slot_of[table->count] = slot;
	table->slots[slot] = (uint32_t)++table->count;

	return entry;
}

/* ---- The state ---- */

struct state *state_new(size_t commands_max)
{
	assert(commands_max > 0);

	struct state *const state = array_new(1, sizeof(*state));
	state->seats = table_init(&state->seat_index, commands_max * SEATS_PER_COMMAND,
				  sizeof(struct seat), offsetof(struct seat, event_id),
				  offsetof(struct seat, seat_id));
	state->events =
		table_init(&state->event_index, 2 * commands_max, sizeof(struct known_event),
			   offsetof(struct known_event, event_id), TABLE_NO_KEY);
	state->bookings = table_init(&state->booking_index, commands_max * BOOKINGS_PER_COMMAND,
				     sizeof(struct known_booking),
				     offsetof(struct known_booking, booking_id), TABLE_NO_KEY);
	state->buyers = table_init(&state->buyer_index, commands_max, sizeof(struct known_buyer),
				   offsetof(struct known_buyer, event_id),
				   offsetof(struct known_buyer, user_id));
	state->commands =
		table_init(&state->command_index, commands_max, sizeof(struct known_command),
			   offsetof(struct known_command, booking_id),
			   offsetof(struct known_command, id));
	state->keys = table_init(&state->key_index, commands_max, sizeof(struct known_key),
				 offsetof(struct known_key, key), TABLE_NO_KEY);

	return state;
}

void state_free(struct state *state)
{
	if (!state)
		return;

	table_done(&state->seat_index);
	table_done(&state->event_index);
	table_done(&state->booking_index);
	table_done(&state->buyer_index);
	table_done(&state->command_index);
	table_done(&state->key_index);
	free(state);
}

void state_reset(struct state *state)
{
	table_reset(&state->seat_index);
	table_reset(&state->event_index);
	table_reset(&state->booking_index);
	table_reset(&state->buyer_index);
	table_reset(&state->command_index);
	table_reset(&state->key_index);
}

void state_want(struct state *state, const struct command *command)
{
	const void *const booking = add(&state->booking_index, command->booking_id.text, "");
	assert(booking); /* The tables are sized for commands_max commands. */

	if (!command_makes_booking(command->type)) {
		const void *const known =
			add(&state->command_index, command->booking_id.text, command->id.text);
		assert(known);
		return;
	}
	for (unsigned i = 0; i < command->seat_count; i++) {
		const void *const seat =
			add(&state->seat_index, command->event_id, command->seat_ids[i]);
		assert(seat);
	}
	const void *const event = add(&state->event_index, command->event_id, "");
	assert(event);
	if (command_takes_seats(command->type)) {
		const void *const buyer =
			add(&state->buyer_index, command->event_id, command->user_id);
		assert(buyer);
	}
	if (command->idempotency_key.text[0] != '\0') {
		const void *const key = add(&state->key_index, command->idempotency_key.text, "");
		assert(key);
	}
}

struct seat *state_add_seat(struct state *state, const char *event_id, const char *seat_id)
{
	return add(&state->seat_index, event_id, seat_id);
}

struct known_event *state_add_event(struct state *state, const char *event_id)
{
	return add(&state->event_index, event_id, "");
}

struct known_booking *state_add_booking(struct state *state, const char *booking_id)
{
	return add(&state->booking_index, booking_id, "");
}

struct seat *state_seat(const struct state *state, const char *event_id, const char *seat_id)
{
	return find(&state->seat_index, event_id, seat_id);
}

struct known_event *state_event(const struct state *state, const char *event_id)
{
	return find(&state->event_index, event_id, "");
}

struct known_booking *state_booking(const struct state *state, const char *booking_id)
{
	return find(&state->booking_index, booking_id, "");
}

struct known_buyer *state_buyer(const struct state *state, const char *event_id,
				const char *user_id)
{
	return find(&state->buyer_index, event_id, user_id);
}

struct known_command *state_command(const struct state *state, const char *booking_id,
				    const char *id)
{
	return find(&state->command_index, booking_id, id);
}

struct known_key *state_key(const struct state *state, const char *key)
{
	return find(&state->key_index, key, "");
}

/* ---- Bookings ---- */

static bool has_seat(const struct known_booking *booking, const char *seat_id)
{
	for (unsigned i = 0; i < booking->seat_count; i++)
		if (strcmp(booking->seat_ids[i], seat_id) == 0)
			return true;
	return false;
}

bool booking_is_live(const struct known_booking *booking)
{
	return booking->exists &&
	       (booking->status == BOOKING_HELD || booking->status == BOOKING_CONFIRMED);
}

bool booking_is_of(const struct known_booking *booking, const struct command *command)
{
	if (booking->mode != command->type || booking->seat_count != command->seat_count ||
	    strcmp(booking->event_id, command->event_id) != 0 ||
	    strcmp(booking->user_id, command->user_id) != 0)
		return false;
	for (unsigned i = 0; i < command->seat_count; i++)
		if (!has_seat(booking, command->seat_ids[i])) /* None stands twice in either. */
			return false;
	return true;
}
