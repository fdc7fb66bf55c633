#include "log_answers.h"

#include "table.h"

/* ---- What is so at a moment ---- */

static bool is_over(const struct read_booking *booking, int64_t now_ms)
{
	return booking->status == BOOKING_HELD && booking->expires_ms <= now_ms;
}

static bool is_live(const struct read_booking *booking, int64_t now_ms)
{
	return booking->version > 0 &&
	       (booking->status == BOOKING_CONFIRMED ||
		(booking->status == BOOKING_HELD && booking->expires_ms > now_ms));
}

/* By the seats, not by a sum that is kept. */
int log_live_seats(const struct log_reader *reader, int event, int user, bool held_only,
		      int64_t now_ms)
{
	int ret = 0;

	for (int i = 0; i < NO_SEAT; i++) {
		const int owner = reader->seats[event][i].owner;
		if (owner != ABSENT && reader->bookings[owner].user == user &&
		    is_live(&reader->bookings[owner], now_ms))
			ret += !held_only || reader->bookings[owner].status == BOOKING_HELD;
	}
	return ret;
}

bool log_is_cancelled(const struct log_reader *reader, int event, int64_t now_ms)
{
	return reader->cancelled_ms[event] <= now_ms;
}

unsigned log_seats_of(const struct command *command)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < command->seat_count; i++)
		ret |= 1u << model_number(command->seat_ids[i]);
	return ret;
}

/* ---- Why something is not done: each reason by itself ---- */

/* Which of the seats asked for it holds for, as bits in the order of the request. */
static unsigned lost_for(const struct log_reader *reader, const struct command *command,
			 enum reason reason, int64_t now_ms)
{
	const int event = model_number(command->event_id);
	unsigned ret = 0;

	for (unsigned i = 0; i < command->seat_count; i++) {
		const int number = model_number(command->seat_ids[i]);
		const int owner = reader->seats[event][number].owner;
		const bool is_there = number != NO_SEAT;
		const bool is_blocked = reader->seats[event][number].status == SEAT_BLOCKED;
		const bool is_taken = is_there && !is_blocked && owner != ABSENT &&
				      is_live(&reader->bookings[owner], now_ms);
		const bool unblocks = command->type == COMMAND_UNBLOCK;

		if ((reason == REASON_SEAT_NOT_FOUND && !is_there) ||
		    (reason == REASON_SEAT_NOT_BLOCKED && unblocks && is_there && !is_blocked) ||
		    (reason == REASON_SEAT_BLOCKED && is_blocked &&
		     command_takes_seats(command->type)) ||
		    (reason == REASON_SEAT_TAKEN && is_taken && !unblocks))
			ret |= 1u << i;
	}
	return ret;
}

static bool rejects(const struct log_reader *reader, const struct command *command,
		    enum reason reason, int64_t now_ms)
{
	const int event = model_number(command->event_id);
	const struct model_rules *const rules = &reader->rules[event];
	const int key = model_number(command->idempotency_key.text);
	const int user = model_number(command->user_id);
	const int wanted = (int)command->seat_count;

	if (event == NO_EVENT && reason > REASON_EVENT_NOT_FOUND)
		return false;
	if (reason == REASON_IDEMPOTENCY_KEY_REUSED)
		return key != ABSENT && reader->key_owners[key] != ABSENT;
	if (reason == REASON_EVENT_NOT_FOUND)
		return event == NO_EVENT;
	if (reason == REASON_EVENT_CANCELLED)
		return log_is_cancelled(reader, event, now_ms);
	if (reason < REASON_SEAT_NOT_FOUND && !command_takes_seats(command->type))
		return false;
	if (reason == REASON_SALES_NOT_OPEN)
		return now_ms < rules->sales_open_ms;
	if (reason == REASON_SALES_CLOSED)
		return now_ms >= rules->sales_close_ms;
	if (reason == REASON_SEAT_LIMIT)
		return rules->seats_per_user_max > 0 &&
		       log_live_seats(reader, event, user, false, now_ms) + wanted >
			       rules->seats_per_user_max;
	if (reason == REASON_HOLD_LIMIT)
		return rules->holds_per_user_max > 0 && command->type == COMMAND_HOLD &&
		       log_live_seats(reader, event, user, true, now_ms) + wanted >
			       rules->holds_per_user_max;
	return lost_for(reader, command, reason, now_ms) != 0;
}

/* Of a command on a booking that there is; the first that applies is told. */
static const enum reason act_reasons[] = {
	REASON_BOOKING_NOT_FOUND, REASON_NOT_OWNER,         REASON_NOT_A_BOOKING,
	REASON_HOLD_EXPIRED,      REASON_BOOKING_REJECTED,  REASON_BOOKING_CANCELLED,
	REASON_ALREADY_CANCELLED, REASON_ALREADY_CONFIRMED, REASON_EVENT_CANCELLED,
	REASON_EXTENSION_LIMIT,
};

static bool refuses(const struct log_reader *reader, const struct command *command,
		    enum reason reason, int64_t now_ms)
{
	const struct read_booking *const booking =
		&reader->bookings[model_number(command->booking_id.text)];
	const struct model_rules *const rules =
		booking->event == ABSENT ? NULL : &reader->rules[booking->event];
	const bool cancels = command->type == COMMAND_CANCEL;

	if (reason == REASON_BOOKING_NOT_FOUND)
		return booking->reason == REASON_BOOKING_NOT_FOUND;
	if (reason == REASON_NOT_OWNER)
		return command->user_id[0] != '\0' &&
		       model_number(command->user_id) != booking->user;
	if (reason == REASON_NOT_A_BOOKING)
		return !command_takes_seats(booking->mode);
	if (reason == REASON_HOLD_EXPIRED)
		return booking->status == BOOKING_EXPIRED || is_over(booking, now_ms);
	if (reason == REASON_BOOKING_REJECTED)
		return booking->status == BOOKING_REJECTED;
	if (reason == REASON_BOOKING_CANCELLED)
		return booking->status == BOOKING_CANCELLED && !cancels;
	if (reason == REASON_ALREADY_CANCELLED)
		return booking->status == BOOKING_CANCELLED && cancels;
	if (reason == REASON_ALREADY_CONFIRMED)
		return booking->status == BOOKING_CONFIRMED && !cancels;
	if (reason == REASON_EVENT_CANCELLED)
		return rules && log_is_cancelled(reader, booking->event, now_ms) && !cancels;
	return reason == REASON_EXTENSION_LIMIT && command->type == COMMAND_EXTEND && rules &&
	       booking->extensions >= rules->extensions_max;
}

/* ---- What must come of a command ---- */

/* As many as can be had: only where none can is it rejected. */
static struct answer answer_to_administer(const struct log_reader *reader,
					  const struct command *command, int64_t now_ms)
{
	struct answer ret = { .is_done = true };
	enum reason least = REASON_NONE;

	for (int i = REASON_SEAT_TAKEN; i >= REASON_SEAT_NOT_FOUND; i--) {
		const unsigned lost = lost_for(reader, command, (enum reason)i, now_ms);
		if (lost != 0)
			least = (enum reason)i;
		ret.lost |= lost;
	}
	if (command->seat_count > 0 && ret.lost == (1u << command->seat_count) - 1)
		ret = (struct answer){ true, true, least, ret.lost };
	return ret;
}

static struct answer answer_to_make(const struct log_reader *reader, const struct command *command,
				    int64_t now_ms)
{
	struct answer ret = { .is_done = true };
	unsigned lost = 0;

	if (!command_takes_seats(command->type))
		ret = answer_to_administer(reader, command, now_ms);
	for (int i = command_takes_seats(command->type) ? REASON_SEAT_TAKEN
							: REASON_SEAT_NOT_FOUND - 1;
	     i > REASON_NONE; i--) {
		if (!rejects(reader, command, (enum reason)i, now_ms))
			continue;
		lost |= lost_for(reader, command, (enum reason)i, now_ms);
		ret = (struct answer){ true, true, (enum reason)i,
				       i >= REASON_SEAT_NOT_FOUND ? lost : 0 };
	}
	return ret;
}

static struct answer answer_to_act(const struct log_reader *reader, const struct command *command,
				   int64_t now_ms)
{
	struct answer ret = { .is_done = true };

	if (reader->bookings[model_number(command->booking_id.text)].version == 0)
		return (struct answer){ true, true, REASON_BOOKING_NOT_FOUND, 0 };
	for (size_t i = COUNT(act_reasons); i > 0; i--)
		if (refuses(reader, command, act_reasons[i - 1], now_ms))
			ret = (struct answer){ .reason = act_reasons[i - 1] };
	return ret;
}

struct answer log_answer_to(const struct log_reader *reader, const struct command *command,
			    int64_t now_ms)
{
	return command_makes_booking(command->type) ? answer_to_make(reader, command, now_ms)
						    : answer_to_act(reader, command, now_ms);
}
