#include "decide.h"

#include <assert.h>
#include <string.h>

static const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_REJECTED] = "rejected",   [VERDICT_HELD] = "held",
	[VERDICT_CONFIRMED] = "confirmed", [VERDICT_EXTENDED] = "extended",
	[VERDICT_CANCELLED] = "cancelled", [VERDICT_UNCHANGED] = "unchanged",
	[VERDICT_REFUSED] = "refused",     [VERDICT_DUPLICATE] = "duplicate",
	[VERDICT_CONTRADICTION] = "contradiction", [VERDICT_DONE] = "done",
};

const char *verdict_name(enum verdict verdict)
{
	assert(verdict < VERDICT_COUNT);

	return verdict_names[verdict];
}

bool has_lapsed(const struct known_booking *booking, int64_t now_ms)
{
	return booking->exists && booking->status == BOOKING_HELD && booking->expires_ms <= now_ms;
}

/* ---- Making a booking ---- */

static struct outcome rejected(enum reason reason)
{
	return (struct outcome){ .verdict = VERDICT_REJECTED, .reason = reason };
}

/* More seats than the event lets one user have. */
static enum reason limit_objection(const struct state *state, const struct command *command,
				   const struct known_event *event)
{
	const struct known_buyer *const buyer =
		state_buyer(state, command->event_id, command->user_id);
	assert(buyer);

	if (event->seats_per_user_max > 0 &&
	    buyer->live_seats + command->seat_count > event->seats_per_user_max)
		return REASON_SEAT_LIMIT;
	if (event->holds_per_user_max > 0 && command->type == COMMAND_HOLD &&
	    buyer->held_seats + command->seat_count > event->holds_per_user_max)
		return REASON_HOLD_LIMIT;
	return REASON_NONE;
}

/* What of the event, the buyer or the key stands against it, whatever the seats. */
static enum reason objection(const struct state *state, const struct command *command,
			     int64_t now_ms)
{
	const struct known_event *const event = state_event(state, command->event_id);
	assert(event);

	if (command->idempotency_key.text[0] != '\0') {
		const struct known_key *const key =
			state_key(state, command->idempotency_key.text);
		assert(key);
		/* That of this very booking would have made it a duplicate. */
		if (key->booking_id[0] != '\0')
			return REASON_IDEMPOTENCY_KEY_REUSED;
	}
	if (!event->exists)
		return REASON_EVENT_NOT_FOUND;
	if (event->cancelled)
		return REASON_EVENT_CANCELLED;
	if (!command_takes_seats(command->type))
		return REASON_NONE;
	if (now_ms < event->sales_open_ms)
		return REASON_SALES_NOT_OPEN;
	if (now_ms >= event->sales_close_ms)
		return REASON_SALES_CLOSED;
	return limit_objection(state, command, event);
}

/* Why the command cannot have this seat. */
static enum reason seat_objection(const struct seat *seat, enum command_type type, int64_t now_ms)
{
	if (!seat->exists)
		return REASON_SEAT_NOT_FOUND;
	if (type == COMMAND_UNBLOCK)
		return seat->status == SEAT_BLOCKED ? REASON_NONE : REASON_SEAT_NOT_BLOCKED;

	switch (seat->status) {
	case SEAT_AVAILABLE:
		return REASON_NONE;
	case SEAT_HELD:
		return seat->hold_expires_ms > now_ms ? REASON_SEAT_TAKEN : REASON_NONE;
	case SEAT_BLOCKED:
		return type == COMMAND_BLOCK ? REASON_NONE : REASON_SEAT_BLOCKED;
	case SEAT_BOOKED:
	case SEAT_STATUS_COUNT:
		break;
	}
	return REASON_SEAT_TAKEN;
}

/* The booking whose lapsed hold is in the way of this seat ends first. */
static void note_lapsed(const struct state *state, const struct seat *seat, int64_t now_ms,
			struct outcome *outcome)
{
	if (!seat->exists || seat->status != SEAT_HELD)
		return;

	/* The ledger loads it with the seat; where it is gone or ended, nobody is left to tell. */
	const struct known_booking *const holder = state_booking(state, seat->booking_id);
	if (!holder || !has_lapsed(holder, now_ms))
		return;
	for (unsigned i = 0; i < outcome->lapsed_count; i++)
		if (outcome->lapsed[i] == holder)
			return;
	outcome->lapsed[outcome->lapsed_count++] = holder;
}

/* Which seats the command can have: ret.lost are the others, and ret.reason the least of theirs. */
static struct outcome look_at_seats(const struct state *state, const struct command *command,
				    int64_t now_ms)
{
	struct outcome ret = { .reason = REASON_NONE };

	for (unsigned i = 0; i < command->seat_count; i++) {
		const struct seat *const seat =
			state_seat(state, command->event_id, command->seat_ids[i]);
		assert(seat);
		const enum reason reason = seat_objection(seat, command->type, now_ms);
		if (reason == REASON_NONE) {
			note_lapsed(state, seat, now_ms, &ret);
			continue;
		}
		ret.lost |= 1u << i;
		if (ret.reason == REASON_NONE || reason < ret.reason)
			ret.reason = reason;
	}
	return ret;
}

/* Nobody gets these seats now, so nobody's hold need end for it. */
static struct outcome lost_seats(struct outcome ret)
{
	ret.verdict = VERDICT_REJECTED;
	ret.lapsed_count = 0;
	return ret;
}

/* All seats, or none. */
static struct outcome take_seats(const struct state *state, const struct command *command,
				 int64_t now_ms)
{
	struct outcome ret = look_at_seats(state, command, now_ms);

	if (ret.reason != REASON_NONE)
		return lost_seats(ret);
	if (command->type == COMMAND_BOOK) {
		ret.verdict = VERDICT_CONFIRMED;
	} else {
		ret.verdict = VERDICT_HELD;
		ret.expires_ms = now_ms + state_event(state, command->event_id)->hold_ttl_ms;
	}
	return ret;
}

/* As many seats as there can be had, but one at least; or the event, which has no seats here. */
static struct outcome administer(const struct state *state, const struct command *command,
				 int64_t now_ms)
{
	struct outcome ret = look_at_seats(state, command, now_ms);

	if (command->seat_count > 0 && ret.lost == (1u << command->seat_count) - 1)
		return lost_seats(ret);
	ret.verdict = VERDICT_DONE;
	ret.reason = REASON_NONE;
	return ret;
}

static struct outcome make(const struct state *state, const struct command *command, int64_t now_ms)
{
	const struct known_booking *const booking =
		state_booking(state, command->booking_id.text);
	assert(booking);

	if (booking->exists)
		return (struct outcome){ .verdict = booking_is_of(booking, command)
							    ? VERDICT_DUPLICATE
							    : VERDICT_CONTRADICTION };

	const enum reason reason = objection(state, command, now_ms);
	if (reason != REASON_NONE)
		return rejected(reason);

	return command_takes_seats(command->type) ? take_seats(state, command, now_ms)
						  : administer(state, command, now_ms);
}

/* ---- Acting on a booking ---- */

enum { ACT_CONFIRM, ACT_EXTEND, ACT_CANCEL, ACT_COUNT };

static_assert(COMMAND_CONFIRM + ACT_EXTEND == COMMAND_EXTEND &&
		      COMMAND_CONFIRM + ACT_CANCEL == COMMAND_CANCEL &&
		      COMMAND_CONFIRM + ACT_COUNT == COMMAND_BLOCK,
	      "the table's columns are the commands");

struct rule {
	enum verdict verdict;
	enum reason reason;
};

/* The allowed transitions, all of them. */
static const struct rule rules[BOOKING_STATUS_COUNT][ACT_COUNT] = {
	[BOOKING_HELD] = {
		[ACT_CONFIRM] = { VERDICT_CONFIRMED, REASON_NONE },
		[ACT_EXTEND] = { VERDICT_EXTENDED, REASON_NONE },
		[ACT_CANCEL] = { VERDICT_CANCELLED, REASON_NONE },
	},
	[BOOKING_CONFIRMED] = {
		[ACT_CONFIRM] = { VERDICT_UNCHANGED, REASON_ALREADY_CONFIRMED },
		[ACT_EXTEND] = { VERDICT_REFUSED, REASON_ALREADY_CONFIRMED },
		[ACT_CANCEL] = { VERDICT_CANCELLED, REASON_NONE },
	},
	[BOOKING_REJECTED] = {
		[ACT_CONFIRM] = { VERDICT_REFUSED, REASON_BOOKING_REJECTED },
		[ACT_EXTEND] = { VERDICT_REFUSED, REASON_BOOKING_REJECTED },
		[ACT_CANCEL] = { VERDICT_REFUSED, REASON_BOOKING_REJECTED },
	},
	[BOOKING_CANCELLED] = {
		[ACT_CONFIRM] = { VERDICT_REFUSED, REASON_BOOKING_CANCELLED },
		[ACT_EXTEND] = { VERDICT_REFUSED, REASON_BOOKING_CANCELLED },
		[ACT_CANCEL] = { VERDICT_UNCHANGED, REASON_ALREADY_CANCELLED },
	},
	[BOOKING_EXPIRED] = {
		[ACT_CONFIRM] = { VERDICT_REFUSED, REASON_HOLD_EXPIRED },
		[ACT_EXTEND] = { VERDICT_REFUSED, REASON_HOLD_EXPIRED },
		[ACT_CANCEL] = { VERDICT_REFUSED, REASON_HOLD_EXPIRED },
	},
	[BOOKING_DONE] = {
		[ACT_CONFIRM] = { VERDICT_REFUSED, REASON_NOT_A_BOOKING },
		[ACT_EXTEND] = { VERDICT_REFUSED, REASON_NOT_A_BOOKING },
		[ACT_CANCEL] = { VERDICT_REFUSED, REASON_NOT_A_BOOKING },
	},
};

static struct outcome refused(enum reason reason)
{
	return (struct outcome){ .verdict = VERDICT_REFUSED, .reason = reason };
}

/* What of the event stands against it, where the table allows it. */
static enum reason event_objection(const struct state *state, const struct command *command,
				   const struct known_booking *booking)
{
	const struct known_event *const event = state_event(state, booking->event_id);

	if (command->type == COMMAND_CANCEL)
		return REASON_NONE;
	if (!event || !event->exists)
		return REASON_EVENT_NOT_FOUND;
	if (event->cancelled)
		return REASON_EVENT_CANCELLED;
	if (command->type == COMMAND_EXTEND && booking->extensions >= event->extensions_max)
		return REASON_EXTENSION_LIMIT;
	return REASON_NONE;
}

/* Never sooner than before, though the event's time to hold may have become shorter. */
static int64_t extended_ms(const struct state *state, const struct known_booking *booking,
			   int64_t now_ms)
{
	const int64_t renewed = now_ms + state_event(state, booking->event_id)->hold_ttl_ms;

	return renewed > booking->expires_ms ? renewed : booking->expires_ms;
}

static struct outcome act_on_known(const struct state *state, const struct command *command,
				   const struct known_booking *booking, int64_t now_ms)
{
	if (booking->reason == REASON_BOOKING_NOT_FOUND) /* It has no owner. */
		return refused(REASON_BOOKING_NOT_FOUND);
	if (command->user_id[0] != '\0' && strcmp(command->user_id, booking->user_id) != 0)
		return refused(REASON_NOT_OWNER);
	if (!command_takes_seats(booking->mode)) /* Rejected ones, too. */
		return refused(REASON_NOT_A_BOOKING);
	if (has_lapsed(booking, now_ms)) {
		struct outcome ret = refused(REASON_HOLD_EXPIRED);
		ret.lapsed[ret.lapsed_count++] = booking;
		return ret;
	}

	const struct rule rule = rules[booking->status][command->type - COMMAND_CONFIRM];
	struct outcome ret = { .verdict = rule.verdict, .reason = rule.reason };
	if (rule.reason != REASON_NONE)
		return ret;
	const enum reason reason = event_objection(state, command, booking);
	if (reason != REASON_NONE)
		return refused(reason);
	if (rule.verdict == VERDICT_EXTENDED)
		ret.expires_ms = extended_ms(state, booking, now_ms);
	return ret;
}

static struct outcome act(const struct state *state, const struct command *command, int64_t now_ms)
{
	const struct known_command *const known =
		state_command(state, command->booking_id.text, command->id.text);
	const struct known_booking *const booking =
		state_booking(state, command->booking_id.text);
	assert(known && booking);

	if (known->is_done)
		return (struct outcome){ .verdict = VERDICT_DUPLICATE };
	if (!booking->exists)
		return rejected(REASON_BOOKING_NOT_FOUND);
	return act_on_known(state, command, booking, now_ms);
}

struct outcome decide(const struct state *state, const struct command *command, int64_t now_ms)
{
	assert(state && command && command->type < COMMAND_TYPE_COUNT);

	return command_makes_booking(command->type) ? make(state, command, now_ms)
						    : act(state, command, now_ms);
}
