#include "journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const result_names[RESULT_COUNT] = {
	[RESULT_DONE] = "done",
	[RESULT_UNCHANGED] = "unchanged",
	[RESULT_REFUSED] = "refused",
};

const char *result_name(enum result result)
{
	assert(result < RESULT_COUNT);

	return result_names[result];
}

struct journal *journal_new(size_t commands_max)
{
	struct journal *const journal = calloc(1, sizeof(*journal));
	assert(journal);
	journal->max = commands_max * JOURNAL_PER_COMMAND_MAX;
	journal->items = calloc(journal->max, sizeof(journal->items[0]));
	assert(journal->items);

	return journal;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;

	free(journal->items);
	free(journal);
}

void journal_reset(struct journal *journal)
{
	journal->count = 0;
}

/* A new row about the booking, as it now is. */
static struct transition *note(struct journal *journal, struct known_booking *booking,
			       const struct command *command)
{
	assert(journal->count < journal->max);

	struct transition *const ret = &journal->items[journal->count++];
	booking->version++;
	booking->changed = !booking->is_new;
	*ret = (struct transition){ .command = command,
				    .booking = booking,
				    .version = booking->version,
				    .status = booking->status,
				    .reason = booking->reason,
				    .expires_ms = booking->expires_ms,
				    .extensions = booking->extensions,
				    .result = RESULT_DONE };
	return ret;
}

/* Its i-th seat; NULL when the seat is gone or someone else's, which only an operator's hand can
 * have done: the booking goes on without it. */
static struct seat *seat_of(const struct state *state, const struct known_booking *booking,
			    unsigned i)
{
	struct seat *const seat = state_seat(state, booking->event_id, booking->seat_ids[i]);

	return seat && seat->exists && strcmp(seat->booking_id, booking->booking_id) == 0 ? seat
											  : NULL;
}

/* ---- Seats ---- */

/* All seats of the booking get this status; whoever reads the map sees a new version of each. */
static void change_seats(const struct state *state, const struct known_booking *booking,
			 enum seat_status status, struct transition *transition)
{
	const bool is_free = status == SEAT_AVAILABLE;

	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat = seat_of(state, booking, i);
		if (!seat)
			continue;
		seat->status = status;
		seat->version++;
		seat->changed = true;
		seat->hold_expires_ms = status == SEAT_HELD ? booking->expires_ms : 0;
		memcpy(seat->booking_id, is_free ? "" : booking->booking_id,
		       is_free ? 1 : sizeof(seat->booking_id));
		memcpy(seat->user_id, is_free ? "" : booking->user_id,
		       is_free ? 1 : sizeof(seat->user_id));
		transition->changes[transition->change_count++] = (struct seat_change){
			.seat = seat, .status = status, .version = seat->version
		};
	}
}

/* Those of the booking's seats that an administrator can have, where they are not so already. */
static void set_seats(const struct state *state, const struct known_booking *booking,
		      enum seat_status status, struct transition *transition)
{
	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat =
			state_seat(state, booking->event_id, booking->seat_ids[i]);
		assert(seat);
		if (booking->lost & 1u << i || seat->status == status)
			continue;
		seat->status = status;
		seat->hold_expires_ms = 0;
		seat->booking_id[0] = '\0';
		seat->user_id[0] = '\0';
		seat->version++;
		seat->changed = true;
		transition->changes[transition->change_count++] = (struct seat_change){
			.seat = seat, .status = status, .version = seat->version
		};
	}
}

/* A longer hold is nothing that the map shows. */
static void prolong_seats(const struct state *state, const struct known_booking *booking)
{
	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat = seat_of(state, booking, i);
		if (!seat)
			continue;
		seat->hold_expires_ms = booking->expires_ms;
		seat->changed = true;
	}
}

/* ---- Bookings ---- */

static void lapse(struct journal *journal, struct state *state, struct known_booking *booking,
		  int64_t now_ms)
{
	assert(has_lapsed(booking, now_ms));

	booking->status = BOOKING_EXPIRED;
	booking->reason = REASON_HOLD_EXPIRED;
	booking->decided_at_ms = now_ms;
	/* Its buyer's live seats stay as they are: a hold that ran out was not among them. */
	change_seats(state, booking, SEAT_AVAILABLE, note(journal, booking, NULL));
}

/* Ends a booking before its time, whoever wants it. */
static void give_up(struct journal *journal, struct state *state, struct known_booking *booking,
		    const struct command *command, int64_t now_ms)
{
	struct known_buyer *const buyer =
		state_buyer(state, booking->event_id, booking->user_id);

	if (buyer) {
		buyer->live_seats -= booking->seat_count;
		if (booking->status == BOOKING_HELD)
			buyer->held_seats -= booking->seat_count;
	}
	booking->status = BOOKING_CANCELLED;
	booking->reason = command ? REASON_NONE : REASON_EVENT_CANCELLED;
	booking->expires_ms = 0;
	booking->decided_at_ms = now_ms;
	change_seats(state, booking, SEAT_AVAILABLE, note(journal, booking, command));
}

/* Seats that decide found to be had become the booking's, at their prices. */
static void take_seats(const struct state *state, struct known_booking *booking)
{
	const struct known_event *const event = state_event(state, booking->event_id);
	assert(event && event->exists);

	memcpy(booking->currency, event->currency, sizeof(booking->currency));
	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat =
			state_seat(state, booking->event_id, booking->seat_ids[i]);
		assert(seat && seat->exists &&
		       (seat->status == SEAT_AVAILABLE || seat->status == SEAT_HELD));
		memcpy(seat->booking_id, booking->booking_id, sizeof(seat->booking_id));
		booking->prices_minor[i] = seat->price_minor;
		booking->total_minor += seat->price_minor;
	}
}

static void fill_in(struct known_booking *booking, const struct command *command,
		    const struct outcome *outcome, int64_t now_ms)
{
	booking->exists = true;
	booking->is_new = true;
	booking->reason = outcome->reason;
	booking->lost = outcome->lost;
	booking->requested_at_ms = command->requested_at_ms;
	booking->decided_at_ms = now_ms;
	booking->expires_ms = outcome->expires_ms;
	if (!command_makes_booking(command->type))
		return;

	booking->mode = command->type;
	memcpy(booking->event_id, command->event_id, sizeof(booking->event_id));
	memcpy(booking->user_id, command->user_id, sizeof(booking->user_id));
	booking->seat_count = command->seat_count;
	memcpy(booking->seat_ids, command->seat_ids, sizeof(booking->seat_ids));
	/* A key stands for the first booking that was made with it. */
	if (outcome->reason != REASON_IDEMPOTENCY_KEY_REUSED)
		booking->idempotency_key = command->idempotency_key;
}

static void administer(struct journal *journal, struct state *state, struct known_booking *booking,
		       const struct command *command)
{
	booking->status = BOOKING_DONE;

	struct transition *const transition = note(journal, booking, command);
	if (command->type == COMMAND_CANCEL_EVENT) {
		struct known_event *const event = state_event(state, booking->event_id);
		event->cancelled = true;
		event->changed = true;
		return;
	}
	set_seats(state, booking,
		  command->type == COMMAND_BLOCK ? SEAT_BLOCKED : SEAT_AVAILABLE, transition);
}

static void take(struct journal *journal, struct state *state, struct known_booking *booking,
		 const struct command *command)
{
	struct known_buyer *const buyer =
		state_buyer(state, booking->event_id, booking->user_id);
	const bool is_held = command->type == COMMAND_HOLD;

	booking->status = is_held ? BOOKING_HELD : BOOKING_CONFIRMED;
	take_seats(state, booking);
	change_seats(state, booking, is_held ? SEAT_HELD : SEAT_BOOKED,
		     note(journal, booking, command));
	buyer->live_seats += booking->seat_count;
	if (is_held)
		buyer->held_seats += booking->seat_count;
}

static void make(struct journal *journal, struct state *state, struct known_booking *booking,
		 const struct command *command, const struct outcome *outcome, int64_t now_ms)
{
	fill_in(booking, command, outcome, now_ms);
	if (booking->idempotency_key.text[0] != '\0')
		memcpy(state_key(state, booking->idempotency_key.text)->booking_id,
		       booking->booking_id, sizeof(booking->booking_id));
	if (outcome->verdict == VERDICT_REJECTED) {
		booking->status = BOOKING_REJECTED;
		(void)note(journal, booking, command);
		return;
	}
	if (outcome->verdict == VERDICT_DONE)
		administer(journal, state, booking, command);
	else
		take(journal, state, booking, command);
}

static void confirm(struct journal *journal, struct state *state, struct known_booking *booking,
		    const struct command *command, int64_t now_ms)
{
	struct known_buyer *const buyer =
		state_buyer(state, booking->event_id, booking->user_id);

	if (buyer)
		buyer->held_seats -= booking->seat_count;
	booking->status = BOOKING_CONFIRMED;
	booking->expires_ms = 0;
	booking->decided_at_ms = now_ms;
	memcpy(booking->payment_reference, command->payment_reference,
	       sizeof(booking->payment_reference));
	change_seats(state, booking, SEAT_BOOKED, note(journal, booking, command));
}

static void extend(struct journal *journal, struct state *state, struct known_booking *booking,
		   const struct command *command, const struct outcome *outcome, int64_t now_ms)
{
	booking->extensions++;
	booking->expires_ms = outcome->expires_ms;
	booking->decided_at_ms = now_ms;
	prolong_seats(state, booking);
	(void)note(journal, booking, command);
}

static void leave(struct journal *journal, struct known_booking *booking,
		  const struct command *command, const struct outcome *outcome)
{
	struct transition *const transition = note(journal, booking, command);

	transition->result = outcome->verdict == VERDICT_UNCHANGED ? RESULT_UNCHANGED
								   : RESULT_REFUSED;
	transition->refusal = outcome->reason;
}

static void enter(struct journal *journal, struct state *state, struct known_booking *booking,
		  const struct command *command, const struct outcome *outcome, int64_t now_ms)
{
	switch (outcome->verdict) {
	case VERDICT_EXTENDED:
		extend(journal, state, booking, command, outcome, now_ms);
		break;
	case VERDICT_CANCELLED:
		give_up(journal, state, booking, command, now_ms);
		break;
	case VERDICT_UNCHANGED:
	case VERDICT_REFUSED:
		leave(journal, booking, command, outcome);
		break;
	case VERDICT_CONFIRMED:
		if (command->type == COMMAND_CONFIRM) {
			confirm(journal, state, booking, command, now_ms);
			break;
		}
		make(journal, state, booking, command, outcome, now_ms);
		break;
	case VERDICT_REJECTED:
	case VERDICT_HELD:
	case VERDICT_DONE:
		make(journal, state, booking, command, outcome, now_ms);
		break;
	case VERDICT_DUPLICATE:
	case VERDICT_CONTRADICTION:
	case VERDICT_COUNT:
		break;
	}
}

void journal_apply(struct journal *journal, struct state *state, const struct command *command,
		   const struct outcome *outcome, int64_t now_ms)
{
	struct known_command *const known =
		command_makes_booking(command->type)
			? NULL
			: state_command(state, command->booking_id.text, command->id.text);

	for (unsigned i = 0; i < outcome->lapsed_count; i++)
		lapse(journal, state, state_booking(state, outcome->lapsed[i]->booking_id),
		      now_ms);
	enter(journal, state, state_booking(state, command->booking_id.text), command, outcome,
	      now_ms);
	if (known)
		known->is_done = true;
}

size_t journal_sweep(struct journal *journal, struct state *state, int64_t now_ms)
{
	size_t ret = 0;

	for (size_t i = 0; i < state->booking_index.count; i++) {
		struct known_booking *const booking = &state->bookings[i];
		const struct known_event *const event = state_event(state, booking->event_id);
		if (has_lapsed(booking, now_ms))
			lapse(journal, state, booking, now_ms);
		else if (booking_is_live(booking) && event && event->cancelled)
			give_up(journal, state, booking, NULL, now_ms);
		else
			continue;
		ret++;
	}
	return ret;
}
