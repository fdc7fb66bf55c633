/* Why a request is rejected or refused: every reason, at its edges, and which of several is told;
 * and what becomes of holds that ran out. */
#include "decide.h"
#include "desk.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct desk desk;

static void set_up(void)
{
	desk_init(&desk);
}

static void tear_down(void)
{
	desk_done(&desk);
}

TestSuite(decide_rules, .init = set_up, .fini = tear_down);

static void set_key(struct command *command, const char *key)
{
	(void)snprintf(command->idempotency_key.text, sizeof(command->idempotency_key.text), "%s",
		       key);
}

/* As the ledger says: the key stands for this booking already. */
static void use_key(const char *key, int booking)
{
	struct known_key *const known = state_key(desk.state, key);

	(void)snprintf(known->booking_id, sizeof(known->booking_id), "%s",
		       desk_booking_id(booking));
}

/* ---- Rejections ---- */

/* Bit i of wrong: reason REASON_NONE + 1 + i applies. */
static void expect_first_reason(unsigned wrong)
{
	static const char *const seats[] = { "Z9", "X1", NULL, "B1" };
	const enum reason first_of_seats = REASON_SEAT_NOT_FOUND;
	struct command command = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");
	unsigned lost = 0;
	enum reason expected = REASON_NONE;

	for (unsigned i = 0; i < COUNT(seats); i++)
		if (seats[i] && wrong & 1u << (first_of_seats + i - 1))
			(void)snprintf(command.seat_ids[command.seat_count++], IDENT_BYTES_MAX,
				       "%s", seats[i]);
	for (unsigned i = REASON_SEAT_TAKEN; i > REASON_NONE; i--)
		if (wrong & 1u << (i - 1))
			expected = (enum reason)i;
	if (expected >= first_of_seats)
		lost = (1u << command.seat_count) - 2; /* All but A1. */

	set_key(&command, "k");
	desk_reset(&desk);
	state_want(desk.state, &command);
	struct known_event *const event = desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	if (wrong & 1u << (REASON_SEAT_BLOCKED - 1))
		(void)desk_seat(&desk, "e", "X1", SEAT_BLOCKED);
	if (wrong & 1u << (REASON_SEAT_TAKEN - 1)) {
		const struct command zoes = desk_make(COMMAND_BOOK, 2, "zoe", "e", "B1");
		(void)desk_booking(&desk, &zoes, BOOKING_CONFIRMED, 0);
	}
	if (wrong & 1u << (REASON_IDEMPOTENCY_KEY_REUSED - 1))
		use_key("k", 9);
	event->exists = !(wrong & 1u << (REASON_EVENT_NOT_FOUND - 1));
	event->cancelled = wrong & 1u << (REASON_EVENT_CANCELLED - 1);
	if (wrong & 1u << (REASON_SALES_NOT_OPEN - 1))
		event->sales_open_ms = DESK_NOW_MS + 1;
	if (wrong & 1u << (REASON_SALES_CLOSED - 1))
		event->sales_close_ms = DESK_NOW_MS;
	if (wrong & 1u << (REASON_SEAT_LIMIT - 1)) {
		event->seats_per_user_max = 1;
		state_buyer(desk.state, "e", "ann")->live_seats = 1;
	}
	if (wrong & 1u << (REASON_HOLD_LIMIT - 1)) {
		event->holds_per_user_max = 1;
		state_buyer(desk.state, "e", "ann")->held_seats = 1;
	}

	const struct outcome outcome = desk_serve(&desk, &command);
	cr_expect_eq(outcome.reason, expected, "%x: %s", wrong, desk_text(&desk, &outcome, 0));
	cr_expect_eq(outcome.verdict, wrong ? VERDICT_REJECTED : VERDICT_HELD, "%x", wrong);
	cr_expect_eq(outcome.lost, lost, "%x", wrong);
	cr_expect_eq(state_seat(desk.state, "e", "A1")->status, wrong ? SEAT_AVAILABLE : SEAT_HELD,
		     "%x", wrong);
}

Test(decide_rules, tell_the_first_reason_of_any_set_of_them)
{
	for (unsigned wrong = 0; wrong < 1u << REASON_SEAT_TAKEN; wrong++)
		if (!(wrong & 1u << (REASON_SEAT_NOT_BLOCKED - 1))) /* An administrator's. */
			expect_first_reason(wrong);
}

/* Every choice of one kind of seat for each of the positions. */
Test(decide_rules, name_all_seats_that_cannot_be_had)
{
	enum { AVAILABLE, RUN_OUT, HELD, BOOKED, BLOCKED, MISSING, KIND_COUNT };
	enum { SEATS = 4 };
	static const enum reason reasons[KIND_COUNT] = {
		[HELD] = REASON_SEAT_TAKEN,
		[BOOKED] = REASON_SEAT_TAKEN,
		[BLOCKED] = REASON_SEAT_BLOCKED,
		[MISSING] = REASON_SEAT_NOT_FOUND,
	};
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "S0 S1 S2 S3");

	for (int choice = 0; choice < KIND_COUNT * KIND_COUNT * KIND_COUNT * KIND_COUNT; choice++) {
		enum reason expected = REASON_NONE;
		unsigned lost = 0;

		desk_reset(&desk);
		state_want(desk.state, &command);
		(void)desk_event(&desk, "e");
		for (int i = 0, rest = choice; i < SEATS; i++, rest /= KIND_COUNT) {
			const int kind = rest % KIND_COUNT;
			const enum reason reason = reasons[kind];
			const struct command zoes =
				desk_make(COMMAND_HOLD, 10 + i, "zoe", "e", command.seat_ids[i]);

			if (kind == AVAILABLE || kind == BLOCKED)
				(void)desk_seat(&desk, "e", command.seat_ids[i],
						kind == BLOCKED ? SEAT_BLOCKED : SEAT_AVAILABLE);
			else if (kind == BOOKED)
				(void)desk_booking(&desk, &zoes, BOOKING_CONFIRMED, 0);
			else if (kind != MISSING)
				(void)desk_booking(&desk, &zoes, BOOKING_HELD,
						   DESK_NOW_MS + (kind == HELD ? 1 : 0));
			if (reason == REASON_NONE)
				continue;
			lost |= 1u << i;
			if (expected == REASON_NONE || reason < expected)
				expected = reason;
		}
		const struct outcome outcome = desk_serve(&desk, &command);

		cr_expect_eq(outcome.reason, expected, "choice %d", choice);
		cr_expect_eq(outcome.lost, lost, "choice %d", choice);
	}
}

Test(decide_rules, sell_from_the_first_millisecond_of_the_window_to_before_the_last)
{
	static const struct {
		int64_t open, close; /* from now; 0: at this very moment */
		const char *verdict;
	} cases[] = {
		{ INT64_MIN, INT64_MAX, "confirmed" },
		{ -1, 1, "confirmed" },
		{ 0, 1, "confirmed" },
		{ 1, 2, "rejected sales_not_open" },
		{ -1, 0, "rejected sales_closed" },
		{ -2, -1, "rejected sales_closed" },
		{ 0, INT64_MAX, "confirmed" },
		{ INT64_MIN, 0, "rejected sales_closed" },
	};
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1");

	for (size_t i = 0; i < COUNT(cases); i++) {
		desk_reset(&desk);
		state_want(desk.state, &command);
		struct known_event *const event = desk_event(&desk, "e");
		(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
		if (cases[i].open != INT64_MIN)
			event->sales_open_ms = DESK_NOW_MS + cases[i].open;
		if (cases[i].close != INT64_MAX)
			event->sales_close_ms = DESK_NOW_MS + cases[i].close;

		const char *const text = desk_verdict(&desk, &command);
		cr_expect_str_eq(text, cases[i].verdict, "case %zu: %s", i, text);
	}
}

/* The window is of sales: who holds a seat may still have it. */
Test(decide_rules, let_a_hold_be_confirmed_and_extended_after_the_sale)
{
	const struct command commands[] = {
		desk_act(COMMAND_EXTEND, 1, 1, "ann"),
		desk_act(COMMAND_CONFIRM, 1, 2, "ann"),
	};
	const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");
	state_want(desk.state, &commands[0]);
	state_want(desk.state, &commands[1]);
	desk_event(&desk, "e")->sales_close_ms = DESK_NOW_MS - 1;
	(void)desk_booking(&desk, &anns, BOOKING_HELD, DESK_NOW_MS + 1);

	cr_expect_str_eq(desk_verdict(&desk, &commands[0]), "extended");
	cr_expect_str_eq(desk_verdict(&desk, &commands[1]), "confirmed");
}

Test(decide_rules, allow_no_more_than_a_cancellation_once_the_event_is_cancelled)
{
	static const struct {
		enum command_type type;
		enum booking_status status;
		int64_t expires;
		const char *verdict;
	} cases[] = {
		{ COMMAND_CONFIRM, BOOKING_HELD, 1, "refused event_cancelled" },
		{ COMMAND_EXTEND, BOOKING_HELD, 1, "refused event_cancelled" },
		{ COMMAND_CANCEL, BOOKING_HELD, 1, "cancelled" },
		{ COMMAND_CONFIRM, BOOKING_HELD, 0, "refused hold_expired" },
		{ COMMAND_CANCEL, BOOKING_HELD, 0, "refused hold_expired" },
		{ COMMAND_CONFIRM, BOOKING_CONFIRMED, 0, "unchanged already_confirmed" },
		{ COMMAND_EXTEND, BOOKING_CONFIRMED, 0, "refused already_confirmed" },
		{ COMMAND_CANCEL, BOOKING_CONFIRMED, 0, "cancelled" },
		{ COMMAND_CANCEL, BOOKING_CANCELLED, 0, "unchanged already_cancelled" },
	};
	const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct command command = desk_act(cases[i].type, 1, 1, "ann");
		desk_reset(&desk);
		state_want(desk.state, &command);
		desk_event(&desk, "e")->cancelled = true;
		(void)desk_booking(&desk, &anns, cases[i].status, DESK_NOW_MS + cases[i].expires);

		const char *const text = desk_verdict(&desk, &command);
		cr_expect_str_eq(text, cases[i].verdict, "case %zu: %s", i, text);
	}
}

/* ---- The limit of a user ---- */

Test(decide_rules, let_a_user_have_exactly_the_limit)
{
	static const struct {
		int32_t limit;
		int64_t live;
		const char *seats, *verdict;
	} cases[] = {
		{ 0, 1000, "A1 A2", "held" }, /* no limit */
		{ 2, 0, "A1 A2", "held" },
		{ 2, 0, "A1 A2 A3", "rejected seat_limit" },
		{ 2, 1, "A1", "held" },
		{ 2, 1, "A1 A2", "rejected seat_limit" },
		{ 2, 2, "A1", "rejected seat_limit" },
		{ 1, 7, "A1", "rejected seat_limit" }, /* lowered since */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct command command =
			desk_make(COMMAND_HOLD, 1, "ann", "e", cases[i].seats);
		desk_reset(&desk);
		state_want(desk.state, &command);
		desk_event(&desk, "e")->seats_per_user_max = cases[i].limit;
		state_buyer(desk.state, "e", "ann")->live_seats = cases[i].live;
		for (unsigned k = 0; k < command.seat_count; k++)
			(void)desk_seat(&desk, "e", command.seat_ids[k], SEAT_AVAILABLE);

		const char *const text = desk_verdict(&desk, &command);
		cr_expect_str_eq(text, cases[i].verdict, "case %zu: %s", i, text);
	}
}

/* One batch: what was decided before in it counts; ann holds A1 and A2, which ran out, and B1. */
Test(decide_rules, count_what_a_user_has_now_and_not_what_ran_out)
{
	const struct {
		struct command command;
		const char *verdict;
	} cases[] = {
		{ desk_make(COMMAND_HOLD, 1, "ann", "e", "A3 A4"), "rejected seat_limit" },
		{ desk_make(COMMAND_HOLD, 2, "ann", "e", "A1"), "held" },
		{ desk_make(COMMAND_BOOK, 3, "ann", "e", "A3"), "rejected seat_limit" },
		{ desk_make(COMMAND_BOOK, 4, "bob", "e", "A3 A4"), "confirmed" },
		{ desk_make(COMMAND_BOOK, 5, "ann", "f", "A3"), "confirmed" },
		{ desk_act(COMMAND_CONFIRM, 2, 1, "ann"), "confirmed" },
		{ desk_make(COMMAND_BOOK, 6, "ann", "e", "A2"), "rejected seat_limit" },
		{ desk_act(COMMAND_CANCEL, 10, 2, "ann"), "refused hold_expired" },
		{ desk_make(COMMAND_BOOK, 7, "ann", "e", "A2"), "rejected seat_limit" },
		{ desk_act(COMMAND_CANCEL, 11, 3, ""), "cancelled" },
		{ desk_make(COMMAND_BOOK, 8, "ann", "e", "A2"), "confirmed" },
		{ desk_make(COMMAND_BOOK, 9, "ann", "e", "B1"), "rejected seat_limit" },
	};
	const struct command ran_out = desk_make(COMMAND_HOLD, 10, "ann", "e", "A1 A2");
	const struct command live = desk_make(COMMAND_HOLD, 11, "ann", "e", "B1");

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	desk_event(&desk, "e")->seats_per_user_max = 2;
	(void)desk_event(&desk, "f");
	(void)desk_booking(&desk, &ran_out, BOOKING_HELD, DESK_NOW_MS);
	(void)desk_booking(&desk, &live, BOOKING_HELD, DESK_NOW_MS + 1);
	state_buyer(desk.state, "e", "ann")->live_seats = 1;
	(void)desk_seat(&desk, "e", "A3", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "A4", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "f", "A3", SEAT_AVAILABLE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const text = desk_verdict(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].verdict, "command %zu: %s", i, text);
	}
	cr_expect_eq(state_buyer(desk.state, "e", "ann")->live_seats, 2);
}

/* ---- Extensions ---- */

Test(decide_rules, extend_a_hold_as_often_as_the_event_allows)
{
	for (int allowed = 0; allowed <= 2; allowed++) {
		const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");
		struct command commands[4];

		desk_reset(&desk);
		for (int i = 0; i < 4; i++) {
			commands[i] = desk_act(COMMAND_EXTEND, 1, i, "ann");
			state_want(desk.state, &commands[i]);
		}
		desk_event(&desk, "e")->extensions_max = allowed;
		(void)desk_booking(&desk, &anns, BOOKING_HELD, DESK_NOW_MS + 1);
		for (int i = 0; i < 4; i++) {
			const char *const text = desk_verdict(&desk, &commands[i]);
			cr_expect_str_eq(text, i < allowed ? "extended" : "refused extension_limit",
					 "extension %d of %d: %s", i + 1, allowed, text);
		}
		const struct known_booking *const booking =
			state_booking(desk.state, desk_booking_id(1));
		const int64_t expires = DESK_NOW_MS + (allowed > 0 ? DESK_TTL_MS : 1);
		cr_expect_eq(booking->extensions, allowed);
		cr_expect_eq(booking->expires_ms, expires);
		cr_expect_eq(state_seat(desk.state, "e", "A1")->hold_expires_ms, expires);
		cr_expect_eq(state_seat(desk.state, "e", "A1")->version, DESK_SEAT_VERSION);
	}
}

Test(decide_rules, never_make_a_hold_shorter)
{
	const struct command extend = desk_act(COMMAND_EXTEND, 1, 1, "ann");
	const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");
	state_want(desk.state, &extend);
	(void)desk_event(&desk, "e");
	(void)desk_booking(&desk, &anns, BOOKING_HELD, DESK_NOW_MS + DESK_TTL_MS + 1);

	cr_expect_str_eq(desk_say(&desk, &extend), "extended | 1v4 held +1001ms x1");
}

/* ---- Idempotency keys ---- */

static struct command keyed(int booking, const char *event, const char *seats, const char *key)
{
	struct command ret = desk_make(COMMAND_BOOK, booking, "ann", event, seats);

	set_key(&ret, key);
	return ret;
}

Test(decide_rules, let_an_idempotency_key_stand_for_the_first_booking_made_with_it)
{
	const struct {
		struct command command;
		const char *verdict;
	} cases[] = {
		{ keyed(1, "e", "A1", "k1"), "confirmed" },
		{ keyed(1, "e", "A1", "k1"), "duplicate" },
		{ keyed(1, "e", "A2", "k1"), "contradiction" },
		{ keyed(2, "f", "A1", "k1"), "rejected idempotency_key_reused" },
		{ keyed(2, "f", "A1", "k1"), "duplicate" },
		{ keyed(3, "f", "A1", "k2"), "confirmed" },
		/* Rejected is decided too. */
		{ keyed(4, "nowhere", "A1", "k3"), "rejected event_not_found" },
		{ keyed(5, "e", "A2", "k3"), "rejected idempotency_key_reused" },
		{ keyed(4, "nowhere", "A1", "k3"), "duplicate" },
		/* Used in an earlier batch, by a booking that this one does not know. */
		{ keyed(6, "e", "A2", "k4"), "rejected idempotency_key_reused" },
		{ keyed(7, "e", "A2", "k5"), "confirmed" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	use_key("k4", 99);
	(void)desk_event(&desk, "e");
	(void)desk_event(&desk, "f");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "A2", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "f", "A1", SEAT_AVAILABLE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const text = desk_verdict(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].verdict, "command %zu: %s", i, text);
	}
	cr_expect_str_eq(state_booking(desk.state, desk_booking_id(1))->idempotency_key.text, "k1");
	cr_expect_str_eq(state_booking(desk.state, desk_booking_id(2))->idempotency_key.text, "",
			 "the key is another's, and unique");
	cr_expect_str_eq(state_booking(desk.state, desk_booking_id(4))->idempotency_key.text, "k3");
}

/* ---- Holds that ran out ---- */

Test(decide_rules, end_the_holds_that_are_in_the_way_and_free_all_their_seats)
{
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1 A2 B1 C1");
	const struct command first = desk_make(COMMAND_HOLD, 2, "bob", "e", "A1 A2 A3");
	const struct command second = desk_make(COMMAND_HOLD, 3, "zoe", "e", "B1 B2");
	const struct command other = desk_make(COMMAND_HOLD, 4, "zoe", "e", "D1");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	(void)desk_booking(&desk, &first, BOOKING_HELD, DESK_NOW_MS);
	(void)desk_booking(&desk, &second, BOOKING_HELD, DESK_NOW_MS - 5000);
	(void)desk_booking(&desk, &other, BOOKING_HELD, DESK_NOW_MS - 1);
	(void)desk_seat(&desk, "e", "C1", SEAT_AVAILABLE);

	const char *const text = desk_say(&desk, &command);
	cr_expect_str_eq(text,
			 "confirmed"
			 " | 2v4 expired:hold_expired +0ms"
			 " A1=available/8 A2=available/8 A3=available/8"
			 " | 3v4 expired:hold_expired -5000ms B1=available/8 B2=available/8"
			 " | 1v1 confirmed A1=booked/9 A2=booked/9 B1=booked/9 C1=booked/8",
			 "%s", text);
	cr_expect_eq(state_booking(desk.state, desk_booking_id(4))->status, BOOKING_HELD);
	cr_expect_eq(state_seat(desk.state, "e", "A3")->status, SEAT_AVAILABLE);
	cr_expect_str_eq(state_seat(desk.state, "e", "A3")->booking_id, "");
}

Test(decide_rules, end_no_hold_for_a_request_that_is_rejected)
{
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1 B1");
	const struct command ran_out = desk_make(COMMAND_HOLD, 2, "bob", "e", "A1");
	const struct command live = desk_make(COMMAND_HOLD, 3, "zoe", "e", "B1");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	(void)desk_booking(&desk, &ran_out, BOOKING_HELD, DESK_NOW_MS);
	(void)desk_booking(&desk, &live, BOOKING_HELD, DESK_NOW_MS + 1);

	cr_expect_str_eq(desk_say(&desk, &command),
			 "rejected seat_taken lost=2 | 1v1 rejected:seat_taken");
	cr_expect_not(state_seat(desk.state, "e", "A1")->changed);
}

/* Whose hold ran out is late also when nobody swept it, and when somebody took the seats. */
Test(decide_rules, give_a_seat_that_ran_out_to_who_comes_first)
{
	const struct {
		struct command command;
		const char *text;
	} cases[] = {
		{ desk_make(COMMAND_HOLD, 1, "ann", "e", "A1"),
		  "held | 2v4 expired:hold_expired +0ms A1=available/8 A2=available/8"
		  " | 1v1 held +1000ms A1=held/9" },
		{ desk_act(COMMAND_CONFIRM, 2, 1, "bob"),
		  "refused hold_expired | 2v5 expired:hold_expired +0ms refused:hold_expired" },
		{ desk_make(COMMAND_BOOK, 3, "bob", "e", "A1 A2"),
		  "rejected seat_taken lost=1 | 3v1 rejected:seat_taken" },
		{ desk_make(COMMAND_BOOK, 4, "bob", "e", "A2"),
		  "confirmed | 4v1 confirmed A2=booked/9" },
		{ desk_act(COMMAND_CANCEL, 1, 2, "ann"),
		  "cancelled | 1v2 cancelled A1=available/10" },
		{ desk_make(COMMAND_HOLD, 5, "bob", "e", "A1"),
		  "held | 5v1 held +1000ms A1=held/11" },
		{ desk_act(COMMAND_CONFIRM, 1, 3, "ann"),
		  "refused booking_cancelled | 1v3 cancelled refused:booking_cancelled" },
	};
	const struct command ran_out = desk_make(COMMAND_HOLD, 2, "bob", "e", "A1 A2");

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	(void)desk_event(&desk, "e");
	(void)desk_booking(&desk, &ran_out, BOOKING_HELD, DESK_NOW_MS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const text = desk_say(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].text, "command %zu: %s", i, text);
	}
}

Test(decide_rules, keep_equal_seat_names_of_two_events_apart)
{
	const struct command here = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1");
	const struct command there = desk_make(COMMAND_BOOK, 2, "bob", "f", "A1");
	state_want(desk.state, &here);
	state_want(desk.state, &there);
	(void)desk_event(&desk, "e");
	(void)desk_event(&desk, "f");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "f", "A1", SEAT_AVAILABLE);

	cr_expect_str_eq(desk_verdict(&desk, &here), "confirmed");
	cr_expect_str_eq(desk_verdict(&desk, &there), "confirmed");
}

/* As much as one command can lead to. */
Test(decide_rules, end_ten_holds_of_ten_seats_for_one_request_of_ten)
{
	const struct command command =
		desk_make(COMMAND_BOOK, 1, "ann", "e", "A0 B0 C0 D0 E0 F0 G0 H0 I0 J0");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	for (int i = 0; i < COMMAND_SEATS_MAX; i++) {
		struct command hold = desk_make(COMMAND_HOLD, 10 + i, "bob", "e", "A0");
		for (hold.seat_count = 0; hold.seat_count < COMMAND_SEATS_MAX; hold.seat_count++)
			(void)snprintf(hold.seat_ids[hold.seat_count], IDENT_BYTES_MAX, "%c%u",
				       'A' + i, hold.seat_count);
		(void)desk_booking(&desk, &hold, BOOKING_HELD, DESK_NOW_MS);
	}
	const struct outcome outcome = desk_serve(&desk, &command);

	cr_expect_eq(outcome.verdict, VERDICT_CONFIRMED);
	cr_expect_eq(desk.journal->count, JOURNAL_PER_COMMAND_MAX);
	for (size_t i = 0; i < desk.state->seat_index.count; i++) {
		const struct seat *const seat = &desk.state->seats[i];
		cr_expect_eq(seat->status, seat->seat_id[1] == '0' ? SEAT_BOOKED : SEAT_AVAILABLE);
	}
}
