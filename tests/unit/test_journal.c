/* What the decisions of a batch come to: the rows of the log, and what is to be written back. */
#include "desk.h"
#include "journal.h"
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

TestSuite(journal, .init = set_up, .fini = tear_down);

static const struct known_booking *booking(int number)
{
	return state_booking(desk.state, desk_booking_id(number));
}

static const struct seat *seat(const char *seat_id)
{
	return state_seat(desk.state, "e", seat_id);
}

/* Rows keep what was true when they were made, the state what is true in the end. */
Test(journal, tells_a_whole_life_within_one_batch)
{
	struct {
		struct command command;
		const char *text;
	} cases[] = {
		{ desk_make(COMMAND_HOLD, 1, "ann", "e", "A1 A2"),
		  "held | 1v1 held +1000ms A1=held/8 A2=held/8" },
		{ desk_act(COMMAND_EXTEND, 1, 1, "ann"), "extended | 1v2 held +1000ms x1" },
		{ desk_act(COMMAND_EXTEND, 1, 2, "ann"),
		  "refused extension_limit | 1v3 held +1000ms x1 refused:extension_limit" },
		{ desk_act(COMMAND_CONFIRM, 1, 3, "bob"),
		  "refused not_owner | 1v4 held +1000ms x1 refused:not_owner" },
		{ desk_act(COMMAND_CONFIRM, 1, 4, "ann"),
		  "confirmed | 1v5 confirmed x1 A1=booked/9 A2=booked/9" },
		{ desk_act(COMMAND_CONFIRM, 1, 5, "ann"),
		  "unchanged already_confirmed | 1v6 confirmed x1 unchanged:already_confirmed" },
		{ desk_act(COMMAND_CANCEL, 1, 6, "ann"),
		  "cancelled | 1v7 cancelled x1 A1=available/10 A2=available/10" },
		{ desk_act(COMMAND_CANCEL, 1, 7, ""),
		  "unchanged already_cancelled | 1v8 cancelled x1 unchanged:already_cancelled" },
		{ desk_make(COMMAND_BOOK, 2, "bob", "e", "A1"),
		  "confirmed | 2v1 confirmed A1=booked/11" },
	};
	(void)snprintf(cases[4].command.payment_reference, PAYMENT_REFERENCE_BYTES_MAX, "pay_1");

	for (size_t i = 0; i < COUNT(cases); i++)
		state_want(desk.state, &cases[i].command);
	(void)desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "A2", SEAT_AVAILABLE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const text = desk_say(&desk, &cases[i].command);
		cr_expect_str_eq(text, cases[i].text, "command %zu: %s", i, text);
		cr_expect_eq(desk.journal->items[i].command, &cases[i].command);
		cr_expect_eq(desk.journal->items[i].booking, booking(i == 8 ? 2 : 1));
	}
	cr_expect_eq(desk.journal->count, COUNT(cases));
	cr_expect_str_eq(booking(1)->payment_reference, "pay_1");
	cr_expect(booking(1)->is_new);
	cr_expect_not(booking(1)->changed, "inserted as it is in the end");
	cr_expect_eq(state_buyer(desk.state, "e", "ann")->live_seats, 0);
	cr_expect_eq(state_buyer(desk.state, "e", "bob")->live_seats, 1);
	cr_expect_str_eq(seat("A1")->user_id, "bob");
	cr_expect_str_eq(seat("A2")->user_id, "");
	cr_expect(seat("A2")->changed);
}

Test(journal, records_what_was_asked_what_it_costs_and_when)
{
	struct command command = desk_make(COMMAND_HOLD, 1, "ann", "e", "A3 A1");
	(void)snprintf(command.idempotency_key.text, sizeof(command.idempotency_key.text), "k");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "A3", SEAT_AVAILABLE);
	(void)desk_serve(&desk, &command);

	const struct known_booking *const made = booking(1);
	cr_expect(made->exists);
	cr_expect_eq(made->mode, COMMAND_HOLD);
	cr_expect_str_eq(made->event_id, "e");
	cr_expect_str_eq(made->user_id, "ann");
	cr_expect_eq(made->seat_count, 2);
	cr_expect_str_eq(made->seat_ids[0], "A3", "in the order of the request");
	cr_expect_str_eq(made->seat_ids[1], "A1");
	cr_expect_eq(made->prices_minor[0], 300);
	cr_expect_eq(made->prices_minor[1], 100);
	cr_expect_eq(made->total_minor, 400);
	cr_expect_str_eq(made->currency, "EUR");
	cr_expect_str_eq(made->idempotency_key.text, "k");
	cr_expect_str_eq(state_key(desk.state, "k")->booking_id, made->booking_id);
	cr_expect_str_eq(made->payment_reference, "");
	cr_expect_eq(made->requested_at_ms, command.requested_at_ms);
	cr_expect_eq(made->decided_at_ms, DESK_NOW_MS);
	cr_expect_eq(made->expires_ms, DESK_NOW_MS + DESK_TTL_MS);
	cr_expect_eq(seat("A3")->hold_expires_ms, made->expires_ms);
	cr_expect_str_eq(seat("A3")->booking_id, made->booking_id);
	cr_expect_str_eq(seat("A3")->user_id, "ann");
}

Test(journal, records_a_rejected_request_without_prices)
{
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1 Z9");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_serve(&desk, &command);

	cr_expect_eq(booking(1)->status, BOOKING_REJECTED);
	cr_expect_eq(booking(1)->reason, REASON_SEAT_NOT_FOUND);
	cr_expect_eq(booking(1)->lost, 2);
	cr_expect_eq(booking(1)->seat_count, 2);
	cr_expect_eq(booking(1)->total_minor, 0);
	cr_expect_str_eq(booking(1)->currency, "");
	cr_expect_eq(booking(1)->expires_ms, 0);
	cr_expect_eq(booking(1)->decided_at_ms, DESK_NOW_MS);
	cr_expect_not(seat("A1")->changed);
	cr_expect_eq(state_buyer(desk.state, "e", "ann")->live_seats, 0);
}

Test(journal, records_what_was_never_made_without_event_user_and_seats)
{
	const struct command commands[] = {
		desk_act(COMMAND_CONFIRM, 1, 1, "ann"),
		desk_act(COMMAND_CANCEL, 1, 2, "bob"),
	};
	state_want(desk.state, &commands[0]);
	state_want(desk.state, &commands[1]);

	cr_expect_str_eq(desk_say(&desk, &commands[0]),
			 "rejected booking_not_found | 1v1 rejected:booking_not_found");
	cr_expect_str_eq(desk_say(&desk, &commands[1]),
			 "refused booking_not_found"
			 " | 1v2 rejected:booking_not_found refused:booking_not_found");
	cr_expect(booking(1)->exists && booking(1)->is_new);
	cr_expect_str_eq(booking(1)->event_id, "");
	cr_expect_str_eq(booking(1)->user_id, "");
	cr_expect_eq(booking(1)->seat_count, 0);
	cr_expect_str_eq(booking(1)->payment_reference, "");
	cr_expect_eq(booking(1)->requested_at_ms, commands[0].requested_at_ms);
	cr_expect_eq(booking(1)->decided_at_ms, DESK_NOW_MS);
}

/* What was not carried out is told, and leaves when and why the status was decided. */
Test(journal, leaves_a_booking_as_it_was_when_nothing_was_done)
{
	const struct command command = desk_act(COMMAND_EXTEND, 1, 1, "ann");
	const struct command anns = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1");
	state_want(desk.state, &command);
	(void)desk_event(&desk, "e");
	const struct known_booking before = *desk_booking(&desk, &anns, BOOKING_CONFIRMED, 0);
	struct known_booking expected = before;
	expected.version++;
	expected.changed = true;

	cr_expect_eq(desk_serve(&desk, &command).verdict, VERDICT_REFUSED);
	cr_expect_eq(memcmp(booking(1), &expected, sizeof(expected)), 0);
	cr_expect_not(seat("A1")->changed);
	cr_expect(state_command(desk.state, command.booking_id.text, command.id.text)->is_done);
}

Test(journal, marks_what_is_to_be_written_back)
{
	const struct command commands[] = {
		desk_act(COMMAND_EXTEND, 1, 1, "ann"),
		desk_act(COMMAND_CONFIRM, 2, 2, "bob"),
	};
	const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1");
	const struct command bobs = desk_make(COMMAND_HOLD, 2, "bob", "e", "A2");
	const struct command zoes = desk_make(COMMAND_HOLD, 3, "zoe", "e", "A3");
	state_want(desk.state, &commands[0]);
	state_want(desk.state, &commands[1]);
	(void)desk_event(&desk, "e");
	(void)desk_booking(&desk, &anns, BOOKING_HELD, DESK_NOW_MS + 1);
	(void)desk_booking(&desk, &bobs, BOOKING_HELD, DESK_NOW_MS + 1);
	(void)desk_booking(&desk, &zoes, BOOKING_HELD, DESK_NOW_MS + 1);
	(void)desk_serve(&desk, &commands[0]);
	(void)desk_serve(&desk, &commands[1]);

	cr_expect(booking(1)->changed && !booking(1)->is_new);
	cr_expect(booking(2)->changed && !booking(2)->is_new);
	cr_expect(!booking(3)->changed && !booking(3)->is_new);
	cr_expect(seat("A1")->changed, "its end of the hold");
	cr_expect(seat("A2")->changed);
	cr_expect_not(seat("A3")->changed);
	cr_expect_eq(seat("A2")->hold_expires_ms, 0);
	cr_expect_eq(booking(2)->expires_ms, 0);
	cr_expect_eq(booking(2)->decided_at_ms, DESK_NOW_MS);
}

Test(journal, sweeps_holds_that_ran_out_and_no_others)
{
	static const struct {
		enum booking_status status;
		int64_t expires;
		bool swept;
	} cases[] = {
		{ BOOKING_HELD, -1, true },      { BOOKING_HELD, 0, true },
		{ BOOKING_HELD, 1, false },      { BOOKING_CONFIRMED, -1, false },
		{ BOOKING_EXPIRED, -1, false },  { BOOKING_CANCELLED, -1, false },
		{ BOOKING_REJECTED, -1, false }, { BOOKING_HELD, -100000, true },
	};
	size_t rows = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char seats[] = "A0 B0";
		seats[1] = seats[4] = (char)('0' + i);
		const struct command hold = desk_make(COMMAND_HOLD, (int)i + 1, "ann", "e", seats);
		(void)desk_booking(&desk, &hold, cases[i].status, DESK_NOW_MS + cases[i].expires);
	}
	cr_expect_eq(journal_sweep(desk.journal, desk.state, DESK_NOW_MS), 3);
	cr_expect_eq(desk.journal->count, 3);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct known_booking *const swept = booking((int)i + 1);
		cr_expect_eq(swept->changed, cases[i].swept, "case %zu", i);
		if (!cases[i].swept)
			continue;

		const struct transition *const row = &desk.journal->items[rows++];
		cr_expect_eq(row->booking, swept);
		cr_expect_null(row->command);
		cr_expect_eq(row->status, BOOKING_EXPIRED);
		cr_expect_eq(row->reason, REASON_HOLD_EXPIRED);
		cr_expect_eq(row->result, RESULT_DONE);
		cr_expect_eq(row->version, 4);
		cr_expect_eq(row->expires_ms, DESK_NOW_MS + cases[i].expires, "when it ended");
		cr_expect_eq(row->change_count, 2);
		cr_expect_eq(swept->decided_at_ms, DESK_NOW_MS);
		for (unsigned k = 0; k < swept->seat_count; k++) {
			cr_expect_eq(seat(swept->seat_ids[k])->status, SEAT_AVAILABLE);
			cr_expect_eq(seat(swept->seat_ids[k])->version, DESK_SEAT_VERSION + 1);
			cr_expect_str_eq(seat(swept->seat_ids[k])->booking_id, "");
			cr_expect_eq(seat(swept->seat_ids[k])->hold_expires_ms, 0);
		}
	}
	cr_expect_eq(journal_sweep(desk.journal, desk.state, DESK_NOW_MS), 0, "once");
	cr_expect_eq(desk.journal->count, 3);
}

Test(journal, is_empty_after_a_reset)
{
	const struct command command = desk_act(COMMAND_CANCEL, 1, 1, "ann");
	state_want(desk.state, &command);
	(void)desk_serve(&desk, &command);
	cr_assert_eq(desk.journal->count, 1);

	journal_reset(desk.journal);

	cr_expect_eq(desk.journal->count, 0);
}

Test(journal, names_its_results)
{
	cr_expect_str_eq(result_name(RESULT_DONE), "done");
	cr_expect_str_eq(result_name(RESULT_UNCHANGED), "unchanged");
	cr_expect_str_eq(result_name(RESULT_REFUSED), "refused");
}
