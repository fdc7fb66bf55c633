/* The rules of the business, in tables: what is confirmed, what is refused and why, and in which
 * order. */
#include "decide.h"
#include "state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NOW_MS       1000000
#define COMMANDS_MAX 16

static struct state *state;

static void set_up(void)
{
	state = state_new(COMMANDS_MAX);
}

static void tear_down(void)
{
	state_free(state);
}

TestSuite(decide, .init = set_up, .fini = tear_down);

/* "A1 B2" is two seats. Booking n has an id of its own. */
static struct command book(int booking, const char *user, const char *event, const char *seats)
{
	struct command ret = { .type = COMMAND_BOOK, .requested_at_ms = NOW_MS - 5 };
	char list[256];
	char *rest = list;

	(void)snprintf(ret.booking_id.text, sizeof(ret.booking_id.text),
		       "00000000-0000-8000-8000-%012d", booking);
	(void)snprintf(ret.user_id, sizeof(ret.user_id), "%s", user);
	(void)snprintf(ret.event_id, sizeof(ret.event_id), "%s", event);
	(void)snprintf(list, sizeof(list), "%s", seats);
	for (char *seat = strsep(&rest, " "); seat; seat = strsep(&rest, " "))
		(void)snprintf(ret.seat_ids[ret.seat_count++], IDENT_BYTES_MAX, "%s", seat);

	return ret;
}

static void seat_is(const char *seat_id, enum seat_status status, int64_t hold_expires_ms)
{
	struct seat *const seat = state_seat(state, "e", seat_id);
	if (!seat)
		return;

	seat->exists = true;
	seat->position = seat_id[1] - '0';
	seat->version = 7;
	seat->status = status;
	seat->hold_expires_ms = hold_expires_ms;
}

/* Event "e": A1-A3 available, B1 booked, X1 blocked, H1 held, O1 held until before now. Z9 is no
 * seat. */
static void fill_in(void)
{
	if (state_event(state, "e"))
		state_event(state, "e")->exists = true;
	seat_is("A1", SEAT_AVAILABLE, 0);
	seat_is("A2", SEAT_AVAILABLE, 0);
	seat_is("A3", SEAT_AVAILABLE, 0);
	seat_is("B1", SEAT_BOOKED, 0);
	seat_is("X1", SEAT_BLOCKED, 0);
	seat_is("H1", SEAT_HELD, NOW_MS + 1);
	seat_is("N1", SEAT_HELD, NOW_MS);
	seat_is("O1", SEAT_HELD, NOW_MS - 1);
}

static struct outcome decide_and_apply(const struct command *command)
{
	const struct outcome ret = decide(state, command, NOW_MS);
	state_apply(state, command, &ret);

	return ret;
}

static struct outcome decide_alone(const struct command *command)
{
	state_reset(state);
	state_want(state, command);
	fill_in();

	return decide_and_apply(command);
}

Test(decide, answers_each_request_with_its_reason_and_the_seats_it_holds_for)
{
	static const struct {
		const char *event;
		const char *seats;
		const char *reason; /* NULL: confirmed */
		unsigned lost;
	} cases[] = {
		{ "e", "A1", NULL, 0 },
		{ "e", "A1 A2 A3", NULL, 0 },
		{ "e", "O1", NULL, 0 },
		{ "e", "N1", NULL, 0 },
		{ "e", "A1 O1", NULL, 0 },
		{ "e", "B1", "seat_taken", 1 },
		{ "e", "H1", "seat_taken", 1 },
		{ "e", "A1 B1", "seat_taken", 2 },
		{ "e", "B1 A1 H1", "seat_taken", 5 },
		{ "e", "X1", "seat_blocked", 1 },
		{ "e", "A1 X1 A2", "seat_blocked", 2 },
		{ "e", "B1 X1", "seat_blocked", 2 },
		{ "e", "Z9", "seat_not_found", 1 },
		{ "e", "B1 X1 A1 Z9", "seat_not_found", 8 },
		{ "e", "Z8 A1 Z9", "seat_not_found", 5 },
		{ "nowhere", "A1", "event_not_found", 0 },
		{ "nowhere", "Z9 B1", "event_not_found", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct command command = book(1, "u", cases[i].event, cases[i].seats);
		const struct outcome outcome = decide_alone(&command);
		const char *const reason = rejection_name(outcome.reason);

		cr_expect_eq(outcome.verdict,
			     cases[i].reason ? VERDICT_REJECTED : VERDICT_CONFIRMED, "case %zu", i);
		cr_expect_eq(outcome.lost, cases[i].lost, "case %zu: lost %x", i, outcome.lost);
		cr_expect((!reason && !cases[i].reason) || (reason && cases[i].reason &&
							    strcmp(reason, cases[i].reason) == 0),
			  "case %zu: %s", i, reason ? reason : "no reason");
	}
}

Test(decide, gives_all_seats_to_the_buyer_and_counts_their_versions_up)
{
	const struct command command = book(1, "u", "e", "A3 O1");
	const struct outcome outcome = decide_alone(&command);
	const struct seat *const a3 = state_seat(state, "e", "A3");
	const struct seat *const o1 = state_seat(state, "e", "O1");

	cr_assert_eq(outcome.verdict, VERDICT_CONFIRMED);
	cr_expect_eq(outcome.changes[0].position, 3);
	cr_expect_eq(outcome.changes[0].status, SEAT_BOOKED);
	cr_expect_eq(outcome.changes[0].version, 8);
	cr_expect_eq(a3->status, SEAT_BOOKED);
	cr_expect_eq(a3->version, 8);
	cr_expect(a3->changed);
	cr_expect_str_eq(a3->user_id, "u");
	cr_expect_str_eq(a3->booking_id, command.booking_id.text);
	cr_expect_eq(o1->status, SEAT_BOOKED, "an expired hold is no hold");
	cr_expect_str_eq(o1->booking_id, command.booking_id.text);
}

Test(decide, changes_nothing_when_one_seat_of_several_is_lost)
{
	const struct command command = book(1, "u", "e", "A1 A2 B1");
	const struct outcome outcome = decide_alone(&command);

	cr_expect_eq(outcome.verdict, VERDICT_REJECTED);
	cr_expect_eq(state_seat(state, "e", "A1")->status, SEAT_AVAILABLE);
	cr_expect_not(state_seat(state, "e", "A1")->changed);
	cr_expect_eq(state_seat(state, "e", "A1")->version, 7);
	cr_expect_not(state_seat(state, "e", "A2")->changed);
	cr_expect_not(state_seat(state, "e", "B1")->changed);
}

Test(decide, does_not_change_the_state_by_itself)
{
	const struct command command = book(1, "u", "e", "A1");
	state_want(state, &command);
	fill_in();

	const struct outcome first = decide(state, &command, NOW_MS);
	const struct outcome second = decide(state, &command, NOW_MS);

	cr_expect_eq(first.verdict, VERDICT_CONFIRMED);
	cr_expect_eq(second.verdict, VERDICT_CONFIRMED);
	cr_expect_eq(state_seat(state, "e", "A1")->status, SEAT_AVAILABLE);
}

Test(decide, serves_a_batch_in_the_order_of_the_log)
{
	const struct {
		struct command command;
		enum verdict verdict;
		unsigned lost;
	} cases[] = {
		{ book(1, "u1", "e", "A1"), VERDICT_CONFIRMED, 0 },
		{ book(2, "u2", "e", "A1"), VERDICT_REJECTED, 1 },
		{ book(3, "u3", "e", "A2 A1"), VERDICT_REJECTED, 2 },
		{ book(4, "u4", "e", "A2 A3"), VERDICT_CONFIRMED, 0 },
		{ book(5, "u1", "e", "A2"), VERDICT_REJECTED, 1 },
	};
	const size_t count = sizeof(cases) / sizeof(cases[0]);

	for (size_t i = 0; i < count; i++)
		state_want(state, &cases[i].command);
	fill_in();
	for (size_t i = 0; i < count; i++) {
		const struct outcome outcome = decide_and_apply(&cases[i].command);

		cr_expect_eq(outcome.verdict, cases[i].verdict, "command %zu", i);
		cr_expect_eq(outcome.lost, cases[i].lost, "command %zu", i);
	}
	cr_expect_str_eq(state_seat(state, "e", "A1")->user_id, "u1");
	cr_expect_str_eq(state_seat(state, "e", "A2")->user_id, "u4");
}

Test(decide, gives_a_repeated_booking_no_second_effect)
{
	const struct {
		struct command command;
		enum verdict verdict;
	} cases[] = {
		{ book(1, "u", "e", "A1 A2"), VERDICT_CONFIRMED },
		{ book(1, "u", "e", "A1 A2"), VERDICT_DUPLICATE },
		{ book(1, "u", "e", "A2 A1"), VERDICT_DUPLICATE },
		{ book(1, "u", "e", "A3"), VERDICT_CONTRADICTION },
		{ book(1, "v", "e", "A1 A2"), VERDICT_CONTRADICTION },
		{ book(1, "u", "f", "A1 A2"), VERDICT_CONTRADICTION },
		{ book(2, "u", "e", "B1"), VERDICT_REJECTED },
		{ book(2, "u", "e", "B1"), VERDICT_DUPLICATE },
		{ book(2, "u", "e", "A3"), VERDICT_CONTRADICTION },
	};
	const size_t count = sizeof(cases) / sizeof(cases[0]);

	for (size_t i = 0; i < count; i++)
		state_want(state, &cases[i].command);
	fill_in();
	for (size_t i = 0; i < count; i++) {
		const struct outcome outcome = decide_and_apply(&cases[i].command);

		cr_expect_eq(outcome.verdict, cases[i].verdict, "command %zu", i);
	}
	cr_expect_eq(state_seat(state, "e", "A1")->version, 8, "one effect");
	cr_expect_eq(state_seat(state, "e", "A3")->status, SEAT_AVAILABLE);
}

Test(decide, knows_a_booking_of_an_earlier_batch_by_what_the_ledger_says)
{
	const struct command command = book(1, "u", "e", "A1 A2");
	uint64_t content = booking_content("e", "u");
	content = booking_content_seat(content, "A2");
	content = booking_content_seat(content, "A1");
	state_want(state, &command);
	fill_in();
	state_booking(state, command.booking_id.text)->exists = true;

	state_booking(state, command.booking_id.text)->content = content;
	cr_expect_eq(decide(state, &command, NOW_MS).verdict, VERDICT_DUPLICATE);
	state_booking(state, command.booking_id.text)->content = booking_content("e", "u");
	cr_expect_eq(decide(state, &command, NOW_MS).verdict, VERDICT_CONTRADICTION);
}

Test(decide, keeps_equal_seat_names_of_two_events_apart)
{
	const struct command here = book(1, "u", "e", "A1");
	const struct command there = book(2, "u", "f", "A1");
	state_want(state, &here);
	state_want(state, &there);
	fill_in();
	state_event(state, "f")->exists = true;
	state_seat(state, "f", "A1")->exists = true;

	cr_expect_eq(decide_and_apply(&here).verdict, VERDICT_CONFIRMED);
	cr_expect_eq(decide_and_apply(&there).verdict, VERDICT_CONFIRMED);
	cr_expect_eq(state_seat(state, "e", "A1")->version, 8);
	cr_expect_eq(state_seat(state, "f", "A1")->version, 1);
}

Test(decide, takes_ten_seats_at_once)
{
	const struct command command = book(1, "u", "e", "S0 S1 S2 S3 S4 S5 S6 S7 S8 S9");
	state_want(state, &command);
	fill_in();
	for (unsigned i = 0; i < command.seat_count; i++)
		seat_is(command.seat_ids[i], SEAT_AVAILABLE, 0);

	cr_expect_eq(decide_and_apply(&command).verdict, VERDICT_CONFIRMED);
	for (unsigned i = 0; i < command.seat_count; i++)
		cr_expect_eq(state_seat(state, "e", command.seat_ids[i])->status, SEAT_BOOKED);
}

Test(decide, starts_from_nothing_after_a_reset)
{
	const struct command command = book(1, "u", "e", "A1");
	cr_assert_eq(decide_alone(&command).verdict, VERDICT_CONFIRMED);

	state_reset(state);

	cr_expect_null(state_seat(state, "e", "A1"));
	cr_expect_null(state_event(state, "e"));
	cr_expect_null(state_booking(state, command.booking_id.text));
}
