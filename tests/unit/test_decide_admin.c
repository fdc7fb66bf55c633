/* What administrators ask for: seats blocked and unblocked, events cancelled, and what becomes of
 * the bookings of a cancelled event; and the limit on live holds. */
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

TestSuite(decide_admin, .init = set_up, .fini = tear_down);

/* A seat of each kind: A1 free, B1 and B2 held and run out, C1 held, D1 booked, X1 blocked. */
static void fill_in(void)
{
	const struct command ran_out = desk_make(COMMAND_HOLD, 11, "bob", "e", "B1 B2");
	const struct command held = desk_make(COMMAND_HOLD, 12, "ann", "e", "C1");
	const struct command booked = desk_make(COMMAND_BOOK, 13, "zoe", "e", "D1");

	(void)desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "X1", SEAT_BLOCKED);
	(void)desk_booking(&desk, &ran_out, BOOKING_HELD, DESK_NOW_MS);
	(void)desk_booking(&desk, &held, BOOKING_HELD, DESK_NOW_MS + 1);
	(void)desk_booking(&desk, &booked, BOOKING_CONFIRMED, 0);
}

static const char *say(const struct command *command)
{
	desk_reset(&desk);
	state_want(desk.state, command);
	fill_in();
	return desk_say(&desk, command);
}

#define BLOCKS   COMMAND_BLOCK
#define UNBLOCKS COMMAND_UNBLOCK
#define CALL_OFF COMMAND_CANCEL_EVENT
#define ENDED    " | 11v4 expired:hold_expired +0ms B1=available/8 B2=available/8"

Test(decide_admin, takes_what_seats_it_can_and_names_the_others)
{
	static const struct {
		enum command_type type;
		const char *seats, *text;
	} cases[] = {
		{ BLOCKS, "A1", "done | 1v1 done A1=blocked/8" },
		{ BLOCKS, "B1", "done" ENDED " | 1v1 done B1=blocked/9" },
		{ BLOCKS, "B2 A1 B1", "done" ENDED
				      " | 1v1 done B2=blocked/9 A1=blocked/8 B1=blocked/9" },
		{ BLOCKS, "X1", "done | 1v1 done" },
		{ BLOCKS, "A1 X1", "done | 1v1 done A1=blocked/8" },
		{ BLOCKS, "C1", "rejected seat_taken lost=1 | 1v1 rejected:seat_taken" },
		{ BLOCKS, "D1", "rejected seat_taken lost=1 | 1v1 rejected:seat_taken" },
		{ BLOCKS, "Z9", "rejected seat_not_found lost=1 | 1v1 rejected:seat_not_found" },
		{ BLOCKS, "D1 Z9", "rejected seat_not_found lost=3 | 1v1 rejected:seat_not_found" },
		{ BLOCKS, "C1 A1 Z9", "done lost=5 | 1v1 done A1=blocked/8" },
		{ BLOCKS, "D1 X1", "done lost=1 | 1v1 done" },
		{ UNBLOCKS, "X1", "done | 1v1 done X1=available/8" },
		{ UNBLOCKS, "A1",
		  "rejected seat_not_blocked lost=1 | 1v1 rejected:seat_not_blocked" },
		{ UNBLOCKS, "B1",
		  "rejected seat_not_blocked lost=1 | 1v1 rejected:seat_not_blocked" },
		{ UNBLOCKS, "C1 D1",
		  "rejected seat_not_blocked lost=3 | 1v1 rejected:seat_not_blocked" },
		{ UNBLOCKS, "Z9", "rejected seat_not_found lost=1 | 1v1 rejected:seat_not_found" },
		{ UNBLOCKS, "D1 X1 Z9", "done lost=5 | 1v1 done X1=available/8" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct command command =
			desk_make(cases[i].type, 1, "root", "e", cases[i].seats);
		const char *const text = say(&command);
		cr_expect_str_eq(text, cases[i].text, "case %zu: %s", i, text);
		cr_expect_str_eq(desk_say(&desk, &command), "duplicate", "case %zu", i);
	}
}

Test(decide_admin, leaves_a_blocked_seat_to_nobody)
{
	const struct command block = desk_make(COMMAND_BLOCK, 1, "root", "e", "A1 B1");
	const struct known_booking *made;

	(void)say(&block);
	made = state_booking(desk.state, desk_booking_id(1));
	cr_expect_eq(made->status, BOOKING_DONE);
	cr_expect_eq(made->total_minor, 0);
	cr_expect_str_eq(made->currency, "");
	for (unsigned i = 0; i < block.seat_count; i++) {
		const struct seat *const seat = state_seat(desk.state, "e", block.seat_ids[i]);
		cr_expect_eq(seat->status, SEAT_BLOCKED);
		cr_expect_str_eq(seat->booking_id, "");
		cr_expect_str_eq(seat->user_id, "");
		cr_expect_eq(seat->hold_expires_ms, 0);
	}
}

static const enum command_type administrative[] = { BLOCKS, UNBLOCKS, CALL_OFF };

/* Whose event it is not, or not any more. */
Test(decide_admin, knows_no_event_that_is_not_there_and_leaves_a_cancelled_one_alone)
{
	for (size_t i = 0; i < COUNT(administrative); i++) {
		struct command command = desk_make(administrative[i], 1, "root", "e", "X1");
		if (command.type == CALL_OFF)
			command.seat_count = 0;

		desk_reset(&desk);
		state_want(desk.state, &command);
		cr_expect_str_eq(desk_say(&desk, &command),
				 "rejected event_not_found | 1v1 rejected:event_not_found");

		desk_reset(&desk);
		state_want(desk.state, &command);
		fill_in();
		state_event(desk.state, "e")->cancelled = true;
		cr_expect_str_eq(desk_say(&desk, &command),
				 "rejected event_cancelled | 1v1 rejected:event_cancelled");
		cr_expect_not(state_event(desk.state, "e")->changed);
	}
}

/* What is for buyers: windows, limits. */
Test(decide_admin, is_bound_by_no_rule_of_the_sale)
{
	for (size_t i = 0; i < COUNT(administrative); i++) {
		struct command command = desk_make(administrative[i], 1, "root", "e", "A1 X1");
		if (command.type == CALL_OFF)
			command.seat_count = 0;

		desk_reset(&desk);
		state_want(desk.state, &command);
		fill_in();
		struct known_event *const event = state_event(desk.state, "e");
		event->sales_open_ms = DESK_NOW_MS + 1;
		event->sales_close_ms = DESK_NOW_MS - 1;
		event->seats_per_user_max = event->holds_per_user_max = 1;
		cr_expect_eq(desk_serve(&desk, &command).verdict, VERDICT_DONE);
	}
}

Test(decide_admin, is_no_booking_to_confirm_extend_or_cancel)
{
	static const enum command_type acts[] = { COMMAND_CONFIRM, COMMAND_EXTEND, COMMAND_CANCEL };

	for (size_t i = 0; i < COUNT(administrative); i++) {
		for (size_t k = 0; k < COUNT(acts); k++) {
			for (int rejected = 0; rejected < 2; rejected++) {
				struct command made =
					desk_make(administrative[i], 1, "root", "e", "A1");
				const struct command act = desk_act(acts[k], 1, 1, "");
				const struct command others = desk_act(acts[k], 1, 2, "ann");

				desk_reset(&desk);
				state_want(desk.state, &act);
				state_want(desk.state, &others);
				fill_in();
				(void)desk_booking(&desk, &made,
						   rejected ? BOOKING_REJECTED : BOOKING_DONE, 0);
				cr_expect_str_eq(desk_verdict(&desk, &act),
						 "refused not_a_booking");
				cr_expect_str_eq(desk_verdict(&desk, &others),
						 "refused not_owner");
			}
		}
	}
}

Test(decide_admin, stops_all_sales_of_an_event_from_the_next_command_on)
{
	struct command cancel_event = desk_make(CALL_OFF, 1, "root", "e", "A1");
	cancel_event.seat_count = 0;
	const struct {
		struct command command;
		const char *text;
	} cases[] = {
		{ desk_make(COMMAND_BOOK, 2, "ann", "e", "A1"), "confirmed" },
		{ cancel_event, "done" },
		{ cancel_event, "duplicate" },
		{ desk_make(COMMAND_BOOK, 3, "ann", "e", "B1"), "rejected event_cancelled" },
		{ desk_make(COMMAND_HOLD, 4, "ann", "e", "B1"), "rejected event_cancelled" },
		{ desk_make(COMMAND_BLOCK, 5, "root", "e", "B1"), "rejected event_cancelled" },
		{ desk_act(COMMAND_CONFIRM, 12, 1, "ann"), "refused event_cancelled" },
		{ desk_act(COMMAND_EXTEND, 12, 2, "ann"), "refused event_cancelled" },
		{ desk_act(COMMAND_CANCEL, 12, 3, "ann"), "cancelled" },
		{ desk_make(COMMAND_BOOK, 6, "ann", "f", "A1"), "confirmed" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	fill_in();
	(void)desk_event(&desk, "f");
	(void)desk_seat(&desk, "f", "A1", SEAT_AVAILABLE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const text = desk_verdict(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].text, "command %zu: %s", i, text);
	}
	cr_expect(state_event(desk.state, "e")->changed);
	cr_expect_not(state_event(desk.state, "f")->changed);
}

Test(decide_admin, ends_all_that_lives_of_a_cancelled_event_in_a_sweep)
{
	fill_in();
	state_event(desk.state, "e")->cancelled = true;

	const size_t count = journal_sweep(desk.journal, desk.state, DESK_NOW_MS);
	const struct outcome none = { .verdict = VERDICT_DONE };
	const char *const text = desk_text(&desk, &none, 0);
	cr_expect_eq(count, 3);
	cr_expect_str_eq(text,
			 "done" ENDED " | 12v4 cancelled:event_cancelled C1=available/8"
			 " | 13v4 cancelled:event_cancelled D1=available/8",
			 "%s", text);
	for (size_t i = 0; i < desk.journal->count; i++)
		cr_expect_null(desk.journal->items[i].command);
	cr_expect_eq(journal_sweep(desk.journal, desk.state, DESK_NOW_MS), 0, "not twice");
}

Test(decide_admin, leaves_the_bookings_of_other_events_to_the_sweep_of_holds)
{
	fill_in();

	cr_expect_eq(journal_sweep(desk.journal, desk.state, DESK_NOW_MS), 1);
	cr_expect_eq(state_booking(desk.state, desk_booking_id(12))->status, BOOKING_HELD);
	cr_expect_eq(state_booking(desk.state, desk_booking_id(13))->status, BOOKING_CONFIRMED);
}

/* ---- Limits ---- */

/* Held seats are what counts: not booked ones, not confirmed ones, not what was given up. */
Test(decide_admin, limits_the_seats_that_one_user_holds_at_once)
{
	const struct {
		struct command command;
		const char *text;
	} cases[] = {
		{ desk_make(COMMAND_HOLD, 1, "ann", "e", "A1 A2 A3"), "rejected hold_limit" },
		{ desk_make(COMMAND_BOOK, 2, "ann", "e", "A1 A2 A3"), "confirmed" },
		{ desk_make(COMMAND_HOLD, 3, "ann", "e", "A4 A5"), "held" },
		{ desk_make(COMMAND_HOLD, 4, "ann", "e", "A6"), "rejected hold_limit" },
		{ desk_make(COMMAND_HOLD, 5, "bob", "e", "A6"), "held" },
		{ desk_act(COMMAND_CONFIRM, 3, 1, "ann"), "confirmed" },
		{ desk_make(COMMAND_HOLD, 6, "ann", "e", "A7"), "held" },
		{ desk_make(COMMAND_HOLD, 7, "ann", "e", "A8 A9"), "rejected hold_limit" },
		{ desk_act(COMMAND_CANCEL, 6, 2, "ann"), "cancelled" },
		{ desk_act(COMMAND_CANCEL, 3, 3, "ann"), "cancelled" },
		{ desk_make(COMMAND_HOLD, 8, "ann", "e", "A8 A9"), "held" },
		{ desk_make(COMMAND_HOLD, 9, "ann", "e", "A7"), "rejected hold_limit" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	desk_event(&desk, "e")->holds_per_user_max = 2;
	for (char seat[] = "A1"; seat[1] <= '9'; seat[1]++)
		(void)desk_seat(&desk, "e", seat, SEAT_AVAILABLE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = desk_verdict(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].text, "command %zu: %s", i, text);
	}
}
