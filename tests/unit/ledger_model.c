#include "ledger_model.h"

#include "table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS_AT 24 /* of a UUID, its last part */

struct ledger_model *ledger_model_new(const struct model_rules *rules)
{
	struct ledger_model *const ret = calloc(1, sizeof(*ret));
	assert(ret);

	memcpy(ret->rules, rules, sizeof(ret->rules));
	for (int event = 0; event < NO_EVENT; event++) {
		for (int i = 0; i < NO_SEAT; i++) {
			struct seat *const seat = &ret->seats[event][i];
			(void)snprintf(seat->event_id, sizeof(seat->event_id), "e%d", event);
			(void)snprintf(seat->seat_id, sizeof(seat->seat_id), "s%d", i);
			seat->exists = true;
			seat->position = i;
			seat->price_minor = model_price(i);
			seat->status = i == BLOCKED_SEAT ? SEAT_BLOCKED : SEAT_AVAILABLE;
		}
	}
	for (size_t i = 0; i < COUNT(ret->key_owners); i++)
		ret->key_owners[i] = ABSENT;
	return ret;
}

void ledger_model_free(struct ledger_model *model)
{
	free(model);
}

int model_number(const char *text)
{
	const size_t len = strlen(text);

	if (len == 0)
		return ABSENT;
	return (int)strtol(len > ID_DIGITS_AT ? text + ID_DIGITS_AT : text + 1, NULL, 10);
}

void model_set_id(char text[static BOOKING_ID_BYTES_MAX], int number)
{
	memcpy(text, "00000000-0000-8000-8000-000000000000", BOOKING_ID_BYTES_MAX);
	for (int i = BOOKING_ID_BYTES_MAX - 2; number > 0; i--, number /= 10)
		text[i] = (char)('0' + number % 10);
}

int64_t model_price(int seat)
{
	return 1000 + seat;
}

/* ---- Loading ---- */

static const struct seat *seat_at(const struct ledger_model *model, const char *event_id,
				  const char *seat_id)
{
	return &model->seats[model_number(event_id)][model_number(seat_id)];
}

/* Bookings outlive a batch, their marks do not. */
static void load_booking(const struct ledger_model *model, struct state *state, int number)
{
	struct known_booking *const booking =
		state_add_booking(state, model->bookings[number].booking_id);
	assert(booking);
	*booking = model->bookings[number];
	booking->is_new = false;
	booking->changed = false;
}

static void load_seats_of(const struct ledger_model *model, struct state *state, int number)
{
	const struct known_booking *const booking = &model->bookings[number];

	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat =
			state_add_seat(state, booking->event_id, booking->seat_ids[i]);
		assert(seat);
		*seat = *seat_at(model, booking->event_id, booking->seat_ids[i]);
	}
}

static void load_event(const struct ledger_model *model, struct state *state, const char *event_id,
		       int64_t now_ms)
{
	struct known_event *const event = state_add_event(state, event_id);
	const int number = model_number(event_id);
	const struct model_rules *const rules = &model->rules[number];
	assert(event);

	if (number == NO_EVENT)
		return;
	event->exists = true;
	event->cancelled = rules->cancelled_ms <= now_ms;
	event->hold_ttl_ms = rules->hold_ttl_ms;
	event->extensions_max = rules->extensions_max;
	event->seats_per_user_max = rules->seats_per_user_max;
	event->holds_per_user_max = rules->holds_per_user_max;
	event->sales_open_ms = rules->sales_open_ms;
	event->sales_close_ms = rules->sales_close_ms;
	memcpy(event->currency, "EUR", sizeof("EUR"));
}

static void load_buyer(const struct ledger_model *model, struct known_buyer *buyer, int64_t now_ms)
{
	const struct model_rules *const rules = &model->rules[model_number(buyer->event_id)];

	if (rules->seats_per_user_max == 0 && rules->holds_per_user_max == 0)
		return;
	for (int i = 0; i < NO_SEAT; i++) {
		const struct seat *const seat = &model->seats[model_number(buyer->event_id)][i];
		const bool is_held = seat->status == SEAT_HELD && seat->hold_expires_ms > now_ms;
		if (strcmp(seat->user_id, buyer->user_id) != 0)
			continue;
		buyer->live_seats += is_held || seat->status == SEAT_BOOKED;
		buyer->held_seats += is_held;
	}
}

/* Wanted seats, and the bookings of those that ran out. Those that these lead to come after. */
static void load_wanted_seats(const struct ledger_model *model, struct state *state, int64_t now_ms)
{
	const size_t wanted = state->seat_index.count;

	for (size_t i = 0; i < wanted; i++) {
		struct seat *const seat = &state->seats[i];
		const struct seat *const stored = seat_at(model, seat->event_id, seat->seat_id);
		if (stored->exists)
			*seat = *stored;
		if (seat->status != SEAT_HELD || seat->hold_expires_ms > now_ms)
			continue;
		load_booking(model, state, model_number(seat->booking_id));
		load_seats_of(model, state, model_number(seat->booking_id));
	}
}

void ledger_model_begin(const struct ledger_model *model, struct state *state, int64_t now_ms)
{
	const size_t events = state->event_index.count;
	const size_t bookings = state->booking_index.count;

	for (size_t i = 0; i < events; i++)
		load_event(model, state, state->events[i].event_id, now_ms);
	for (size_t i = 0; i < bookings; i++)
		if (model->bookings[model_number(state->bookings[i].booking_id)].exists)
			load_booking(model, state, model_number(state->bookings[i].booking_id));
	load_wanted_seats(model, state, now_ms);
	for (size_t i = 0; i < state->command_index.count; i++) {
		struct known_command *const command = &state->commands[i];
		const int number = model_number(command->booking_id);
		const struct known_booking *const booking = &model->bookings[number];

		command->is_done = model->decided[number][model_number(command->id)];
		if (!booking->exists || booking->event_id[0] == '\0')
			continue;
		load_event(model, state, booking->event_id, now_ms);
		if (booking->status == BOOKING_HELD || booking->status == BOOKING_CONFIRMED)
			load_seats_of(model, state, number);
	}
	for (size_t i = 0; i < state->buyer_index.count; i++)
		load_buyer(model, &state->buyers[i], now_ms);
	for (size_t i = 0; i < state->key_index.count; i++) {
		const int owner = model->key_owners[model_number(state->keys[i].key)];
		if (owner != ABSENT)
			model_set_id(state->keys[i].booking_id, owner);
	}
}

/* Live bookings of cancelled events whose holds have not run out. */
static size_t sweep_cancelled(const struct ledger_model *model, struct state *state,
			      size_t bookings_max, int64_t now_ms)
{
	size_t ret = 0;

	for (int i = 0; i < model->bookings_end && ret < bookings_max; i++) {
		const struct known_booking *const booking = &model->bookings[i];
		if (!booking_is_live(booking) || has_lapsed(booking, now_ms) ||
		    model->rules[model_number(booking->event_id)].cancelled_ms > now_ms)
			continue;
		load_booking(model, state, i);
		load_seats_of(model, state, i);
		ret++;
	}
	return ret;
}

size_t ledger_model_sweep(const struct ledger_model *model, struct state *state,
			  size_t bookings_max, int64_t now_ms)
{
	size_t ret = 0;

	for (int64_t before = INT64_MIN; ret < bookings_max;) {
		int64_t next = INT64_MAX;
		for (int i = 0; i < model->bookings_end; i++) {
			const struct known_booking *const booking = &model->bookings[i];
			if (has_lapsed(booking, now_ms) && booking->expires_ms > before &&
			    booking->expires_ms < next)
				next = booking->expires_ms;
		}
		if (next == INT64_MAX)
			break;
		for (int i = 0; i < model->bookings_end && ret < bookings_max; i++) {
			if (!has_lapsed(&model->bookings[i], now_ms) ||
			    model->bookings[i].expires_ms != next)
				continue;
			load_booking(model, state, i);
			load_seats_of(model, state, i);
			ret++;
		}
		before = next;
	}
	ret += sweep_cancelled(model, state, bookings_max - ret, now_ms);
	for (size_t i = 0; i < ret; i++)
		load_event(model, state, state->bookings[i].event_id, now_ms);
	return ret;
}

/* ---- Writing back ---- */

#define WRONG(model, ...)                                                                          \
	((void)snprintf((model)->wrong, sizeof((model)->wrong), __VA_ARGS__), (model)->wrong)

static bool is_same_seat(const struct seat *a, const struct seat *b)
{
	return a->status == b->status && a->version == b->version &&
	       a->hold_expires_ms == b->hold_expires_ms && a->price_minor == b->price_minor &&
	       strcmp(a->booking_id, b->booking_id) == 0 && strcmp(a->user_id, b->user_id) == 0;
}

static const char *write_seats(struct ledger_model *model, const struct state *state)
{
	for (size_t i = 0; i < state->seat_index.count; i++) {
		const struct seat *const seat = &state->seats[i];
		if (!seat->exists) {
			if (seat->changed)
				return WRONG(model, "seat %s of %s was changed and is not there",
					     seat->seat_id, seat->event_id);
			continue;
		}
		struct seat *const stored =
			&model->seats[model_number(seat->event_id)][model_number(seat->seat_id)];
		const bool is_taken = seat->status == SEAT_HELD || seat->status == SEAT_BOOKED;
		if (!seat->changed && !is_same_seat(seat, stored))
			return WRONG(model, "seat %s changed and does not say so", seat->seat_id);
		if (is_taken != (seat->booking_id[0] != '\0' && seat->user_id[0] != '\0') ||
		    (seat->status == SEAT_HELD) != (seat->hold_expires_ms != 0))
			return WRONG(model, "seat %s: a check of the table", seat->seat_id);
		*stored = *seat;
		stored->changed = false;
	}
	return NULL;
}

static const char *write_booking(struct ledger_model *model, const struct known_booking *booking)
{
	const int number = model_number(booking->booking_id);
	struct known_booking *const stored = &model->bookings[number];
	const int key = model_number(booking->idempotency_key.text);

	if (booking->is_new && booking->changed)
		return WRONG(model, "booking %d is inserted and updated", number);
	if (booking->is_new == stored->exists)
		return WRONG(model, "booking %d is inserted a second time, or never", number);
	if (!booking->is_new && !booking->changed)
		return booking->version == stored->version && booking->status == stored->status
			       ? NULL
			       : WRONG(model, "booking %d changed and does not say so", number);
	if (booking->is_new && key != ABSENT) {
		if (model->key_owners[key] != ABSENT)
			return WRONG(model, "key %d is of two bookings: %d and %d", key,
				     model->key_owners[key], number);
		model->key_owners[key] = number;
	}
	*stored = *booking;
	if (number >= model->bookings_end)
		model->bookings_end = number + 1;
	return NULL;
}

static struct log_row row_of(const struct transition *transition, int64_t now_ms)
{
	const struct known_booking *const booking = transition->booking;
	struct log_row ret = {
		.booking = model_number(booking->booking_id),
		.version = transition->version,
		.at_ms = now_ms,
		.event = model_number(booking->event_id),
		.user = model_number(booking->user_id),
		.mode = booking->mode,
		.seat_count = booking->seat_count,
		.lost = booking->lost,
		.total_minor = booking->total_minor,
		.status = transition->status,
		.reason = transition->reason,
		.expires_ms = transition->expires_ms,
		.extensions = transition->extensions,
		.command = transition->command,
		.result = transition->result,
		.refusal = transition->refusal,
		.change_count = transition->change_count,
	};

	for (unsigned i = 0; i < booking->seat_count; i++)
		ret.seats[i] = model_number(booking->seat_ids[i]);
	for (unsigned i = 0; i < transition->change_count; i++) {
		ret.changes[i].seat = model_number(transition->changes[i].seat->seat_id);
		ret.changes[i].status = transition->changes[i].status;
		ret.changes[i].version = transition->changes[i].version;
	}
	return ret;
}

static const char *write_row(struct ledger_model *model, const struct transition *transition,
			     int64_t now_ms)
{
	assert(model->row_count < MODEL_ROWS_MAX);
	struct log_row *const row = &model->rows[model->row_count++];

	*row = row_of(transition, now_ms);
	if (!row->command || command_makes_booking(row->command->type))
		return NULL;

	bool *const is_decided = &model->decided[row->booking][model_number(row->command->id.text)];
	if (*is_decided)
		return WRONG(model, "a command on booking %d has two rows", row->booking);
	*is_decided = true;
	return NULL;
}

const char *ledger_model_commit(struct ledger_model *model, const struct state *state,
				const struct journal *journal, int64_t now_ms)
{
	const char *wrong = write_seats(model, state);

	for (size_t i = 0; i < state->event_index.count; i++)
		if (state->events[i].changed)
			model->rules[model_number(state->events[i].event_id)].cancelled_ms = now_ms;
	for (size_t i = 0; i < state->booking_index.count && !wrong; i++)
		if (state->bookings[i].exists)
			wrong = write_booking(model, &state->bookings[i]);
	for (size_t i = 0; i < journal->count && !wrong; i++)
		wrong = write_row(model, &journal->items[i], now_ms);
	return wrong;
}
