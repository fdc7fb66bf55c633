#include "memory_ledger.h"

#include "decide.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void memory_ledger_init(struct memory_ledger *ledger, size_t commands_max,
			int64_t (*now_ms)(void *clock), void *clock)
{
	*ledger = (struct memory_ledger){ .rows_max = 2 * commands_max,
					  .now_ms = now_ms,
					  .clock = clock };
	ledger->store = state_new(commands_max);
	ledger->rows = calloc(ledger->rows_max, sizeof(ledger->rows[0]));
	ledger->partition_of =
		calloc(ledger->store->booking_index.max, sizeof(ledger->partition_of[0]));
	assert(ledger->rows && ledger->partition_of);
	for (size_t i = 0; i < SOURCE_PARTITIONS_MAX; i++)
		ledger->progress[i] = -1;
}

void memory_ledger_done(struct memory_ledger *ledger)
{
	state_free(ledger->store);
	free(ledger->rows);
	free(ledger->partition_of);
}

struct known_event *memory_ledger_add_event(struct memory_ledger *ledger, const char *event_id)
{
	struct known_event *const event = state_add_event(ledger->store, event_id);
	assert(event);
	event->exists = true;
	event->hold_ttl_ms = 120000;
	event->extensions_max = 1;
	event->sales_open_ms = INT64_MIN;
	event->sales_close_ms = INT64_MAX;
	memcpy(event->currency, "EUR", sizeof(event->currency));

	return event;
}

void memory_ledger_add_seat(struct memory_ledger *ledger, const char *event_id, const char *seat_id)
{
	int32_t position = 0;

	for (size_t i = 0; i < ledger->store->seat_index.count; i++)
		position += strcmp(ledger->store->seats[i].event_id, event_id) == 0;
	struct seat *const seat = state_add_seat(ledger->store, event_id, seat_id);
	assert(seat);
	seat->exists = true;
	seat->position = position;
}

/* ---- Progress ---- */

static err_code progress(void *ctx, const struct partition_name *name, int64_t *ret_next_offset,
			 bool *ret_fresh, struct err *err)
{
	struct memory_ledger *const ledger = ctx;
	int64_t *const at = &ledger->progress[name->partition];
	(void)err;

	*ret_fresh = *at < 0;
	if (*ret_fresh)
		*at = 0;
	*ret_next_offset = *at;

	return ERR_OK;
}

static err_code check_fence(const struct memory_ledger *ledger, const struct partition_name *name,
			    int64_t from, struct err *err)
{
	if (ledger->progress[name->partition] != from)
		return err_set(err, ERR_CONFLICT, "partition %d is at offset %lld",
			       (int)name->partition, (long long)ledger->progress[name->partition]);
	return ERR_OK;
}

static err_code rewind_to(void *ctx, const struct partition_name *name, int64_t from, int64_t to,
			  struct err *err)
{
	struct memory_ledger *const ledger = ctx;

	const err_code code = check_fence(ledger, name, from, err);
	if (code == ERR_OK)
		ledger->progress[name->partition] = to;

	return code;
}

/* ---- Loading ---- */

static void load_seat(const struct memory_ledger *ledger, struct state *state, const char *event_id,
		      const char *seat_id)
{
	const struct seat *const from = state_seat(ledger->store, event_id, seat_id);
	if (!from || !from->exists)
		return;

	struct seat *const to = state_add_seat(state, event_id, seat_id);
	assert(to);
	*to = *from;
}

static void load_booking(const struct memory_ledger *ledger, struct state *state,
			 const char *booking_id, bool with_seats)
{
	const struct known_booking *const from = state_booking(ledger->store, booking_id);
	if (!from || !from->exists)
		return;

	struct known_booking *const to = state_add_booking(state, booking_id);
	assert(to);
	*to = *from;
	for (unsigned i = 0; with_seats && i < from->seat_count; i++)
		load_seat(ledger, state, from->event_id, from->seat_ids[i]);
	const struct known_event *const event = state_event(ledger->store, from->event_id);
	if (with_seats && event && event->exists)
		*state_add_event(state, from->event_id) = *event;
}

static void load_wanted(const struct memory_ledger *ledger, struct state *state)
{
	const size_t wanted_seats = state->seat_index.count;

	for (size_t i = 0; i < state->booking_index.count; i++)
		load_booking(ledger, state, state->bookings[i].booking_id, false);
	for (size_t i = 0; i < state->command_index.count; i++) {
		struct known_command *const command = &state->commands[i];
		const struct known_command *const known =
			state_command(ledger->store, command->booking_id, command->id);
		command->is_done = known && known->is_done;
		load_booking(ledger, state, command->booking_id, true);
	}
	for (size_t i = 0; i < wanted_seats; i++)
		load_seat(ledger, state, state->seats[i].event_id, state->seats[i].seat_id);
	for (size_t i = 0; i < wanted_seats; i++)
		if (state->seats[i].status == SEAT_HELD &&
		    state->seats[i].hold_expires_ms <= ledger->at_ms)
			load_booking(ledger, state, state->seats[i].booking_id, true);
	for (size_t i = 0; i < state->event_index.count; i++) {
		const struct known_event *const event =
			state_event(ledger->store, state->events[i].event_id);
		if (event)
			state->events[i] = *event;
	}
	for (size_t i = 0; i < state->key_index.count; i++) {
		const struct known_key *const key = state_key(ledger->store, state->keys[i].key);
		if (key)
			state->keys[i] = *key;
	}
}

static void load_buyers(const struct memory_ledger *ledger, struct state *state)
{
	for (size_t i = 0; i < ledger->store->booking_index.count; i++) {
		const struct known_booking *const booking = &ledger->store->bookings[i];
		struct known_buyer *const buyer =
			state_buyer(state, booking->event_id, booking->user_id);
		const struct known_event *const event =
			state_event(ledger->store, booking->event_id);
		if (!buyer || !event || !booking_is_live(booking) ||
		    has_lapsed(booking, ledger->at_ms) ||
		    (event->seats_per_user_max == 0 && event->holds_per_user_max == 0))
			continue;
		buyer->live_seats += booking->seat_count;
		if (booking->status == BOOKING_HELD)
			buyer->held_seats += booking->seat_count;
	}
}

static err_code open_at(struct memory_ledger *ledger, const struct partition_name *name,
			int64_t from, int64_t to, struct err *err)
{
	const err_code code = check_fence(ledger, name, from, err);
	if (code != ERR_OK)
		return code;

	ledger->open = true;
	ledger->from = from;
	ledger->to = to;
	ledger->at_ms = ledger->now_ms(ledger->clock);

	return ERR_OK;
}

static err_code begin(void *ctx, const struct partition_name *name, int64_t old_offset,
		      int64_t new_offset, struct state *state, int64_t *ret_now_ms, struct err *err)
{
	struct memory_ledger *const ledger = ctx;

	const err_code code = open_at(ledger, name, old_offset, new_offset, err);
	if (code != ERR_OK)
		return code;
	load_wanted(ledger, state);
	load_buyers(ledger, state);
	*ret_now_ms = ledger->at_ms;

	return ERR_OK;
}

/* ---- Sweeping ---- */

static bool has_to_end(const struct memory_ledger *ledger, const struct known_booking *booking,
		       int64_t now_ms)
{
	const struct known_event *const event = state_event(ledger->store, booking->event_id);

	return has_lapsed(booking, now_ms) ||
	       (booking_is_live(booking) && event && event->cancelled);
}

/* Of holds that ran out the longest ago; any of a cancelled event when there is none. */
static const struct known_booking *next_to_end(const struct memory_ledger *ledger,
						 int32_t partition, const struct state *without)
{
	const struct known_booking *ret = NULL;

	for (size_t i = 0; i < ledger->store->booking_index.count; i++) {
		const struct known_booking *const booking = &ledger->store->bookings[i];
		const bool is_older = !ret || (has_lapsed(booking, ledger->at_ms) &&
					       (!has_lapsed(ret, ledger->at_ms) ||
						booking->expires_ms < ret->expires_ms));
		if (ledger->partition_of[i] == partition &&
		    has_to_end(ledger, booking, ledger->at_ms) &&
		    !state_booking(without, booking->booking_id) && is_older)
			ret = booking;
	}
	return ret;
}

static err_code sweep(void *ctx, const struct partition_name *name, int64_t offset,
		      size_t bookings_max, struct state *state, int64_t *ret_now_ms,
		      struct err *err)
{
	struct memory_ledger *const ledger = ctx;

	const err_code code = open_at(ledger, name, offset, offset, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < bookings_max; i++) {
		const struct known_booking *const booking =
			next_to_end(ledger, name->partition, state);
		if (!booking)
			break;
		load_booking(ledger, state, booking->booking_id, true);
	}
	*ret_now_ms = ledger->at_ms;

	return ERR_OK;
}

static err_code look_for_any(void *ctx, const int32_t *partitions, size_t count, bool *ret,
				struct err *err)
{
	struct memory_ledger *const ledger = ctx;
	const int64_t now_ms = ledger->now_ms(ledger->clock);
	(void)err;

	for (size_t i = 0; i < count; i++)
		ret[i] = false;
	for (size_t i = 0; i < ledger->store->booking_index.count; i++)
		for (size_t k = 0; k < count; k++)
			ret[k] |= ledger->partition_of[i] == partitions[k] &&
				  has_to_end(ledger, &ledger->store->bookings[i], now_ms);

	return ERR_OK;
}

/* ---- Committing ---- */

static void keep_row(struct memory_ledger *ledger, const struct transition *transition)
{
	assert(ledger->row_count < ledger->rows_max);

	struct memory_row *const row = &ledger->rows[ledger->row_count++];
	*row = (struct memory_row){ .version = transition->version,
				    .has_command = transition->command != NULL,
				    .status = transition->status,
				    .reason = transition->reason,
				    .result = transition->result,
				    .refusal = transition->refusal,
				    .at_ms = ledger->at_ms,
				    .change_count = transition->change_count };
	memcpy(row->booking_id, transition->booking->booking_id, sizeof(row->booking_id));
	if (row->has_command)
		row->command = transition->command->type;
	for (unsigned i = 0; i < row->change_count; i++) {
		const struct seat_change *const change = &transition->changes[i];
		memcpy(row->changes[i].seat_id, change->seat->seat_id,
		       sizeof(row->changes[i].seat_id));
		row->changes[i].status = change->status;
		row->changes[i].version = change->version;
	}
}

/* The store knows commands and keys as a batch does: by those that wanted them. */
static void keep_command(struct memory_ledger *ledger, const struct command *command)
{
	state_want(ledger->store, command);
	if (!command_makes_booking(command->type))
		state_command(ledger->store, command->booking_id.text, command->id.text)->is_done =
			true;
}

static void keep_booking(struct memory_ledger *ledger, const struct known_booking *from,
			 int32_t partition)
{
	struct known_booking *const to = state_add_booking(ledger->store, from->booking_id);

	assert(to && to->exists == !from->is_new && from->version > to->version);
	*to = *from;
	to->is_new = false;
	to->changed = false;
	if (!from->is_new)
		return;
	ledger->partition_of[to - ledger->store->bookings] = partition;
	if (from->idempotency_key.text[0] == '\0')
		return;
	struct known_key *const key = state_key(ledger->store, from->idempotency_key.text);
	assert(key && key->booking_id[0] == '\0'); /* It is unique. */
	memcpy(key->booking_id, from->booking_id, sizeof(key->booking_id));
}

static err_code commit(void *ctx, const struct partition_name *name, const struct state *state,
		       const struct journal *journal, struct err *err)
{
	struct memory_ledger *const ledger = ctx;

	assert(ledger->open);
	ledger->open = false;
	const err_code code = check_fence(ledger, name, ledger->from, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < journal->count; i++) {
		if (journal->items[i].command)
			keep_command(ledger, journal->items[i].command);
		keep_row(ledger, &journal->items[i]);
	}
	for (size_t i = 0; i < state->seat_index.count; i++) {
		if (!state->seats[i].changed)
			continue;
		struct seat *const seat = state_seat(ledger->store, state->seats[i].event_id,
						     state->seats[i].seat_id);
		assert(seat && seat->exists);
		*seat = state->seats[i];
		seat->changed = false;
	}
	for (size_t i = 0; i < state->event_index.count; i++)
		if (state->events[i].changed)
			state_event(ledger->store, state->events[i].event_id)->cancelled = true;
	for (size_t i = 0; i < state->booking_index.count; i++)
		if (state->bookings[i].is_new || state->bookings[i].changed)
			keep_booking(ledger, &state->bookings[i], name->partition);
	ledger->progress[name->partition] = ledger->to;

	return ERR_OK;
}

static void rollback(void *ctx)
{
	struct memory_ledger *const ledger = ctx;

	ledger->open = false;
}

static err_code check(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;

	return ERR_OK;
}

struct ledger memory_ledger_ops(struct memory_ledger *ledger)
{
	static const struct ledger_ops ops = {
		.progress = progress,
		.rewind = rewind_to,
		.begin = begin,
		.sweep = sweep,
		.commit = commit,
		.rollback = rollback,
		.has_to_end = look_for_any,
		.check = check,
	};

	return (struct ledger){ .ops = &ops, .ctx = ledger };
}
