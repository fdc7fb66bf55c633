#include "log_reader.h"

#include "log_answers.h"
#include "table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG(reader, ...)                                                                         \
	((void)snprintf((reader)->wrong, sizeof((reader)->wrong), __VA_ARGS__), (reader)->wrong)

struct log_reader *log_reader_new(const struct model_rules *rules)
{
	struct log_reader *const ret = calloc(1, sizeof(*ret));
	assert(ret);

	ret->rules = rules;
	for (int event = 0; event < MODEL_EVENTS; event++) {
		ret->cancelled_ms[event] = rules[event].cancelled_ms;
		for (int i = 0; i < MODEL_SEATS; i++) {
			const bool is_blocked = i == BLOCKED_SEAT;
			ret->seats[event][i].status = is_blocked ? SEAT_BLOCKED : SEAT_AVAILABLE;
			ret->seats[event][i].owner = ABSENT;
		}
		ret->counts[event][SEAT_AVAILABLE] = NO_SEAT - 1;
		ret->counts[event][SEAT_BLOCKED] = 1;
	}
	for (size_t i = 0; i < COUNT(ret->key_owners); i++)
		ret->key_owners[i] = ABSENT;
	return ret;
}

void log_reader_free(struct log_reader *reader)
{
	free(reader);
}

/* ---- One row ---- */

static const char *check_not_done(struct log_reader *reader, const struct log_row *row,
				  const struct read_booking *before)
{
	if (before->version == 0)
		return WRONG(reader, "booking %d begins with what was not done", row->booking);
	if (row->status != before->status || row->reason != before->reason ||
	    row->expires_ms != before->expires_ms || row->extensions != before->extensions ||
	    row->change_count != 0)
		return WRONG(reader, "booking %d, version %d: not done, and yet changed",
			     row->booking, row->version);
	return NULL;
}

/* What may follow on what, and when holds end. */
static bool is_allowed(const struct log_reader *reader, const struct log_row *row,
		       const struct read_booking *before)
{
	const bool is_new = before->version == 0;
	const int64_t ttl_ms = row->event == ABSENT ? 0 : reader->rules[row->event].hold_ttl_ms;
	const bool was_held = !is_new && before->status == BOOKING_HELD;
	const bool in_time = was_held && before->expires_ms > row->at_ms;

	if (!row->command && row->status == BOOKING_CANCELLED)
		return (in_time || (!is_new && before->status == BOOKING_CONFIRMED)) &&
		       row->reason == REASON_EVENT_CANCELLED && row->expires_ms == 0 &&
		       log_is_cancelled(reader, row->event, row->at_ms);
	if (!row->command)
		return was_held && !in_time && row->status == BOOKING_EXPIRED &&
		       row->reason == REASON_HOLD_EXPIRED && row->expires_ms == before->expires_ms;
	if (row->status == BOOKING_REJECTED)
		return is_new && row->reason != REASON_NONE && row->expires_ms == 0;
	if (row->reason != REASON_NONE)
		return false;
	switch (row->command->type) {
	case COMMAND_BOOK:
		return is_new && row->status == BOOKING_CONFIRMED && row->expires_ms == 0;
	case COMMAND_HOLD:
		return is_new && row->status == BOOKING_HELD &&
		       row->expires_ms == row->at_ms + ttl_ms;
	case COMMAND_CONFIRM:
		return in_time && row->status == BOOKING_CONFIRMED && row->expires_ms == 0;
	case COMMAND_EXTEND:
		return in_time && row->status == BOOKING_HELD &&
		       row->expires_ms == row->at_ms + ttl_ms &&
		       row->extensions == before->extensions + 1;
	case COMMAND_CANCEL:
		return (in_time || (!is_new && before->status == BOOKING_CONFIRMED)) &&
		       row->status == BOOKING_CANCELLED && row->expires_ms == 0;
	case COMMAND_BLOCK:
	case COMMAND_UNBLOCK:
	case COMMAND_CANCEL_EVENT:
		return is_new && row->status == BOOKING_DONE && row->expires_ms == 0;
	case COMMAND_TYPE_COUNT:
		break;
	}
	return false;
}

/* Of an administrator's command: the seats that it could have and that were not so already. */
static const char *check_administered(struct log_reader *reader, const struct log_row *row)
{
	const enum seat_status becomes =
		row->mode == COMMAND_BLOCK ? SEAT_BLOCKED : SEAT_AVAILABLE;
	unsigned expected = 0;
	unsigned changed = 0;

	for (unsigned i = 0; i < row->seat_count; i++)
		if (!(row->lost & 1u << i) &&
		    reader->seats[row->event][row->seats[i]].status != becomes)
			expected |= 1u << row->seats[i];
	for (unsigned i = 0; i < row->change_count; i++) {
		changed |= 1u << row->changes[i].seat;
		if (row->changes[i].status != becomes)
			return WRONG(reader, "booking %d: seat %d is %s", row->booking,
				     row->changes[i].seat,
				     seat_status_name(row->changes[i].status));
	}
	if (changed != expected)
		return WRONG(reader, "booking %d: seats %x changed, not %x", row->booking, changed,
			     expected);
	return NULL;
}

/* All seats of the booking or none, and each to the same. */
static const char *check_all_or_none(struct log_reader *reader, const struct log_row *row,
				     unsigned seats)
{
	static const enum seat_status becomes[BOOKING_STATUS_COUNT] = {
		[BOOKING_HELD] = SEAT_HELD,
		[BOOKING_CONFIRMED] = SEAT_BOOKED,
		[BOOKING_CANCELLED] = SEAT_AVAILABLE,
		[BOOKING_EXPIRED] = SEAT_AVAILABLE,
	};
	const bool leaves_seats = row->status == BOOKING_REJECTED ||
				  (row->command && row->command->type == COMMAND_EXTEND);
	unsigned changed = 0;

	if (row->status == BOOKING_DONE)
		return check_administered(reader, row);
	for (unsigned i = 0; i < row->change_count; i++) {
		changed |= 1u << row->changes[i].seat;
		if (row->changes[i].status != becomes[row->status])
			return WRONG(reader, "booking %d, version %d: seat %d is %s", row->booking,
				     row->version, row->changes[i].seat,
				     seat_status_name(row->changes[i].status));
	}
	if (changed != (leaves_seats ? 0 : seats) ||
	    row->change_count != (leaves_seats ? 0 : row->seat_count))
		return WRONG(reader, "booking %d, version %d: seats %x of %x changed", row->booking,
			     row->version, changed, seats);
	return NULL;
}

static const char *take_changes(struct log_reader *reader, const struct log_row *row)
{
	for (unsigned i = 0; i < row->change_count; i++) {
		struct read_seat *const seat = &reader->seats[row->event][row->changes[i].seat];
		const enum seat_status status = row->changes[i].status;
		const bool is_freed = status == SEAT_AVAILABLE;
		const bool is_unblocked = is_freed && seat->status == SEAT_BLOCKED &&
					  row->mode == COMMAND_UNBLOCK;

		if (row->changes[i].version != seat->version + 1)
			return WRONG(reader, "seat %d: version %" PRId64 " after %" PRId64,
				     row->changes[i].seat, row->changes[i].version, seat->version);
		if (seat->owner != row->booking && !is_unblocked &&
		    (is_freed || seat->status != SEAT_AVAILABLE))
			return WRONG(reader, "seat %d, version %" PRId64 ": %s by %d, owned by %d",
				     row->changes[i].seat, row->changes[i].version,
				     seat_status_name(status), row->booking, seat->owner);
		reader->counts[row->event][seat->status]--;
		reader->counts[row->event][status]++;
		*seat = (struct read_seat){ .status = status,
					    .version = row->changes[i].version,
					    .owner = is_freed || status == SEAT_BLOCKED
							     ? ABSENT
							     : row->booking };
	}
	return NULL;
}

static const char *check_what_never_changes(struct log_reader *reader, const struct log_row *row,
					    unsigned seats)
{
	const struct read_booking *const booking = &reader->bookings[row->booking];
	const bool is_priced =
		row->status != BOOKING_REJECTED && row->status != BOOKING_DONE;
	int64_t total = 0;

	for (unsigned i = 0; i < row->seat_count && is_priced; i++)
		total += model_price(row->seats[i]);
	if (row->total_minor != total)
		return WRONG(reader, "booking %d costs %" PRId64, row->booking, row->total_minor);
	if (booking->version > 0 && (booking->event != row->event || booking->user != row->user ||
				     booking->mode != row->mode || booking->seats != seats))
		return WRONG(reader, "booking %d became another", row->booking);
	return NULL;
}

static const char *check_limit(struct log_reader *reader, const struct log_row *row)
{
	if (row->event == ABSENT)
		return NULL;

	const struct model_rules *const rules = &reader->rules[row->event];
	const int live = log_live_seats(reader, row->event, row->user, false, row->at_ms);
	const int held = log_live_seats(reader, row->event, row->user, true, row->at_ms);
	if (rules->seats_per_user_max > 0 && live > rules->seats_per_user_max)
		return WRONG(reader, "user %d has %d seats of at most %d", row->user, live,
			     rules->seats_per_user_max);
	if (rules->holds_per_user_max > 0 && held > rules->holds_per_user_max)
		return WRONG(reader, "user %d holds %d seats of at most %d", row->user, held,
			     rules->holds_per_user_max);
	return NULL;
}

static void note(struct log_reader *reader, const struct log_row *row, unsigned seats)
{
	struct read_booking *const booking = &reader->bookings[row->booking];
	const bool is_done = row->result == RESULT_DONE;
	const bool is_confirm = row->command && row->command->type == COMMAND_CONFIRM;
	const bool is_new = booking->version == 0;

	*booking = (struct read_booking){
		.version = row->version,
		.status = row->status,
		.reason = row->reason,
		.event = row->event,
		.user = row->user,
		.mode = row->mode,
		.seats = seats,
		.expires_ms = row->expires_ms,
		.extensions = row->extensions,
		.decided_ms = is_done ? row->at_ms : booking->decided_ms,
		.payment = is_new ? ABSENT : booking->payment,
	};
	if (row->status == BOOKING_DONE && row->mode == COMMAND_CANCEL_EVENT)
		reader->cancelled_ms[row->event] = row->at_ms;
	if (is_done && is_confirm && row->status == BOOKING_CONFIRMED)
		booking->payment = model_number(row->command->payment_reference);
}

static const char *take_row(struct log_reader *reader, const struct log_row *row)
{
	struct read_booking *const booking = &reader->bookings[row->booking];
	unsigned seats = 0;

	for (unsigned i = 0; i < row->seat_count; i++)
		seats |= 1u << row->seats[i];
	if (row->version != booking->version + 1)
		return WRONG(reader, "booking %d: version %d after %d", row->booking, row->version,
			     booking->version);
	const char *wrong = check_what_never_changes(reader, row, seats);
	if (!wrong && row->result != RESULT_DONE) {
		wrong = check_not_done(reader, row, booking);
	} else if (!wrong) {
		if (!is_allowed(reader, row, booking))
			return WRONG(reader, "booking %d, version %d: became %s after %s",
				     row->booking, row->version, booking_status_name(row->status),
				     booking->version ? booking_status_name(booking->status)
						      : "nothing");
		wrong = check_all_or_none(reader, row, seats);
	}
	if (!wrong)
		wrong = take_changes(reader, row);
	if (wrong)
		return wrong;

	note(reader, row, seats);
	return check_limit(reader, row);
}

/* ---- One delivery ---- */

static bool is_same_request(const struct read_booking *booking, const struct command *command)
{
	return booking->event == model_number(command->event_id) &&
	       booking->user == model_number(command->user_id) && booking->mode == command->type &&
	       booking->seats == log_seats_of(command);
}

/* Nothing comes of what was decided before. */
static const char *check_repetition(struct log_reader *reader, const struct command *command,
				    enum verdict verdict, size_t count)
{
	const int number = model_number(command->booking_id.text);
	const struct read_booking *const booking = &reader->bookings[number];
	const bool contradicts =
		command_makes_booking(command->type) && !is_same_request(booking, command);

	if (count != 0)
		return WRONG(reader, "booking %d: a repetition made %zu rows", number, count);
	if (verdict != (contradicts ? VERDICT_CONTRADICTION : VERDICT_DUPLICATE))
		return WRONG(reader, "booking %d: a repetition is %s", number,
			     verdict_name(verdict));
	return NULL;
}

static const char *check_answer(struct log_reader *reader, const struct log_row *row,
				const struct answer *answer)
{
	const bool is_rejected = row->result == RESULT_DONE && row->status == BOOKING_REJECTED;
	const enum reason reason = is_rejected ? row->reason : row->refusal;
	const bool is_so_already =
		reason == REASON_ALREADY_CANCELLED ||
		(reason == REASON_ALREADY_CONFIRMED && row->command->type == COMMAND_CONFIRM);

	if ((row->result == RESULT_DONE) != answer->is_done || reason != answer->reason ||
	    is_rejected != answer->is_rejected)
		return WRONG(reader, "booking %d, version %d: %s for %s, not for %s", row->booking,
			     row->version, result_name(row->result),
			     reason ? reason_name(reason) : "no reason",
			     answer->reason ? reason_name(answer->reason) : "none");
	if ((row->result == RESULT_UNCHANGED) != is_so_already)
		return WRONG(reader, "booking %d, version %d: %s", row->booking, row->version,
			     result_name(row->result));
	if (reason == REASON_HOLD_EXPIRED && row->status != BOOKING_EXPIRED)
		return WRONG(reader, "booking %d, version %d: too late, and still %s", row->booking,
			     row->version, booking_status_name(row->status));
	if ((is_rejected || row->status == BOOKING_DONE) && row->result == RESULT_DONE &&
	    row->lost != answer->lost)
		return WRONG(reader, "booking %d: lost %x, not %x", row->booking, row->lost,
			     answer->lost);
	return NULL;
}

/* Holds end for who needs their seats or acts on them, and for a sweep. */
static const char *check_ended(struct log_reader *reader, const struct command *command,
			       const struct log_row *row)
{
	if (row->command)
		return WRONG(reader, "booking %d, version %d: a row of another command",
			     row->booking, row->version);
	if (command && row->status != BOOKING_EXPIRED)
		return WRONG(reader, "booking %d, version %d: ended with its event by a command",
			     row->booking, row->version);
	if (!command || row->booking == model_number(command->booking_id.text))
		return NULL;
	if (!command_makes_booking(command->type) ||
	    row->event != model_number(command->event_id) ||
	    !(reader->bookings[row->booking].seats & log_seats_of(command)))
		return WRONG(reader, "booking %d ended in nobody's way", row->booking);
	return NULL;
}

static void remember(struct log_reader *reader, const struct command *command)
{
	const int number = model_number(command->booking_id.text);
	const int key = model_number(command->idempotency_key.text);

	if (!command_makes_booking(command->type))
		reader->decided[number][model_number(command->id.text)] = true;
	else if (key != ABSENT && reader->key_owners[key] == ABSENT)
		reader->key_owners[key] = number;
}

const char *log_reader_take(struct log_reader *reader, const struct command *command,
			    enum verdict verdict, const struct log_row *rows, size_t count,
			    int64_t now_ms)
{
	struct answer answer = { 0 };
	size_t ended = count;
	const char *wrong = NULL;

	if (command) {
		const int number = model_number(command->booking_id.text);
		const bool makes = command_makes_booking(command->type);
		if (makes ? reader->bookings[number].version > 0
			  : reader->decided[number][model_number(command->id.text)])
			return check_repetition(reader, command, verdict, count);
		if (count == 0 || rows[count - 1].command != command)
			return WRONG(reader, "booking %d: a command made no row", number);
		answer = log_answer_to(reader, command, now_ms);
		ended = count - 1;
		if (makes && answer.is_rejected && ended > 0)
			return WRONG(reader, "booking %d: holds ended for nobody", number);
	}
	for (size_t i = 0; i < count && !wrong; i++) {
		if (i < ended)
			wrong = check_ended(reader, command, &rows[i]);
		else
			wrong = check_answer(reader, &rows[i], &answer);
		if (!wrong)
			wrong = take_row(reader, &rows[i]);
	}
	if (!wrong && command)
		remember(reader, command);
	return wrong;
}

/* ---- In the end ---- */

static const char *compare_seats(struct log_reader *reader, const struct ledger_model *model,
				 int event)
{
	int counts[SEAT_STATUS_COUNT] = { 0 };

	for (int i = 0; i < NO_SEAT; i++) {
		const struct read_seat *const read = &reader->seats[event][i];
		const struct seat *const stored = &model->seats[event][i];
		const int64_t expires_ms =
			read->status == SEAT_HELD ? reader->bookings[read->owner].expires_ms : 0;

		counts[stored->status]++;
		if (read->status != stored->status || read->version != stored->version ||
		    read->owner != model_number(stored->booking_id) ||
		    expires_ms != stored->hold_expires_ms ||
		    (read->owner != ABSENT &&
		     reader->bookings[read->owner].user != model_number(stored->user_id)))
			return WRONG(reader, "seat %d of event %d is not as it was told", i, event);
	}
	for (int i = 0; i < SEAT_STATUS_COUNT; i++)
		if (counts[i] != reader->counts[event][i])
			return WRONG(reader, "event %d: %d seats are %s, told were %d", event,
				     counts[i], seat_status_name((enum seat_status)i),
				     reader->counts[event][i]);
	return NULL;
}

const char *log_reader_compare(struct log_reader *reader, const struct ledger_model *model)
{
	for (int event = 0; event < NO_EVENT; event++) {
		const char *const wrong = compare_seats(reader, model, event);
		if (wrong)
			return wrong;
	}
	for (int i = 0; i < MODEL_BOOKINGS_MAX; i++) {
		const struct read_booking *const read = &reader->bookings[i];
		const struct known_booking *const stored = &model->bookings[i];

		if (stored->exists != (read->version > 0))
			return WRONG(reader, "booking %d is not as it was told", i);
		if (!stored->exists)
			continue;
		if (read->version != stored->version || read->status != stored->status ||
		    read->reason != stored->reason || read->expires_ms != stored->expires_ms ||
		    read->extensions != stored->extensions ||
		    read->decided_ms != stored->decided_at_ms ||
		    read->payment != model_number(stored->payment_reference))
			return WRONG(reader, "booking %d is not as it was told in the end", i);
	}
	return NULL;
}
