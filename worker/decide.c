#include "decide.h"

#include <assert.h>
#include <string.h>

static const char *const rejection_names[REJECTION_COUNT] = {
	[REJECTION_NONE] = NULL,
	[REJECTION_EVENT_NOT_FOUND] = "event_not_found",
	[REJECTION_SEAT_NOT_FOUND] = "seat_not_found",
	[REJECTION_SEAT_BLOCKED] = "seat_blocked",
	[REJECTION_SEAT_TAKEN] = "seat_taken",
};

const char *rejection_name(enum rejection reason)
{
	assert(reason < REJECTION_COUNT);

	return rejection_names[reason];
}

/* Why this seat cannot be had. */
static enum rejection seat_objection(const struct seat *seat, int64_t now_ms)
{
	if (!seat->exists)
		return REJECTION_SEAT_NOT_FOUND;

	switch (seat->status) {
	case SEAT_AVAILABLE:
		return REJECTION_NONE;
	case SEAT_HELD:
		return seat->hold_expires_ms > now_ms ? REJECTION_SEAT_TAKEN : REJECTION_NONE;
	case SEAT_BLOCKED:
		return REJECTION_SEAT_BLOCKED;
	case SEAT_BOOKED:
	case SEAT_STATUS_COUNT:
		break;
	}
	return REJECTION_SEAT_TAKEN;
}

static const struct seat *wanted_seat(const struct state *state, const struct command *command,
				      unsigned i)
{
	const struct seat *const seat = state_seat(state, command->event_id, command->seat_ids[i]);

	assert(seat);

	return seat;
}

/* Enumerators stand in the order of the rules: the least objection of all seats is the reason. */
static struct outcome book(const struct state *state, const struct command *command, int64_t now_ms)
{
	struct outcome ret = { .verdict = VERDICT_CONFIRMED };

	for (unsigned i = 0; i < command->seat_count; i++) {
		const struct seat *const seat = wanted_seat(state, command, i);
		const enum rejection objection = seat_objection(seat, now_ms);

		ret.changes[i] = (struct seat_change){ .position = seat->position,
						       .status = SEAT_BOOKED,
						       .version = seat->version + 1 };
		if (objection == REJECTION_NONE)
			continue;
		if (ret.reason == REJECTION_NONE || objection < ret.reason) {
			ret.reason = objection;
			ret.lost = 0;
		}
		if (objection == ret.reason)
			ret.lost |= 1u << i;
	}
	if (ret.reason != REJECTION_NONE)
		ret.verdict = VERDICT_REJECTED;

	return ret;
}

struct outcome decide(const struct state *state, const struct command *command, int64_t now_ms)
{
	assert(state && command && command->type == COMMAND_BOOK);
	assert(command->seat_count >= 1 && command->seat_count <= COMMAND_SEATS_MAX);

	const struct known_booking *const booking = state_booking(state, command->booking_id.text);
	const struct known_event *const event = state_event(state, command->event_id);
	assert(booking && event);

	if (booking->exists)
		return (struct outcome){
			.verdict = booking->content == booking_content_of(command)
					   ? VERDICT_DUPLICATE
					   : VERDICT_CONTRADICTION,
		};
	if (!event->exists)
		return (struct outcome){ .verdict = VERDICT_REJECTED,
					 .reason = REJECTION_EVENT_NOT_FOUND };

	return book(state, command, now_ms);
}

void state_apply(struct state *state, const struct command *command, const struct outcome *outcome)
{
	if (outcome->verdict != VERDICT_CONFIRMED && outcome->verdict != VERDICT_REJECTED)
		return;

	struct known_booking *const booking = state_booking(state, command->booking_id.text);
	assert(booking && !booking->exists);
	booking->exists = true;
	booking->content = booking_content_of(command);
	if (outcome->verdict == VERDICT_REJECTED)
		return;

	for (unsigned i = 0; i < command->seat_count; i++) {
		struct seat *const seat =
			state_seat(state, command->event_id, command->seat_ids[i]);
		assert(seat && seat->exists && outcome->changes[i].version == seat->version + 1);
		seat->status = outcome->changes[i].status;
		seat->version = outcome->changes[i].version;
		seat->changed = true;
		memcpy(seat->booking_id, command->booking_id.text, sizeof(seat->booking_id));
		memcpy(seat->user_id, command->user_id, sizeof(seat->user_id));
	}
}
