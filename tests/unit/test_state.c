/* The memory of a batch: what was wanted is there and nothing else, entries stay where they are,
 * and the tables end where they were sized to. */
#include "desk.h"
#include "reason.h"
#include "state.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS_MANY 500

static struct state *state;

static void tear_down(void)
{
	state_free(state);
}

TestSuite(state, .fini = tear_down);

static struct command keyed(int booking, const char *user, const char *event, const char *seats,
			    const char *key)
{
	struct command ret = desk_make(COMMAND_HOLD, booking, user, event, seats);

	(void)snprintf(ret.idempotency_key.text, sizeof(ret.idempotency_key.text), "%s", key);
	return ret;
}

Test(state, knows_what_a_request_for_seats_names_and_no_more)
{
	const struct command command = keyed(1, "ann", "e", "A1 A2", "k");
	state = state_new(1);
	state_want(state, &command);

	cr_assert_not_null(state_seat(state, "e", "A1"));
	cr_assert_not_null(state_seat(state, "e", "A2"));
	cr_assert_not_null(state_event(state, "e"));
	cr_assert_not_null(state_booking(state, desk_booking_id(1)));
	cr_assert_not_null(state_buyer(state, "e", "ann"));
	cr_assert_not_null(state_key(state, "k"));
	cr_expect_null(state_seat(state, "e", "A3"));
	cr_expect_null(state_seat(state, "f", "A1"));
	cr_expect_null(state_seat(state, "eA", "1"), "where one id ends, the other begins");
	cr_expect_null(state_seat(state, "", "eA1"));
	cr_expect_null(state_event(state, "f"));
	cr_expect_null(state_booking(state, desk_booking_id(2)));
	cr_expect_null(state_buyer(state, "e", "bob"));
	cr_expect_null(state_buyer(state, "ann", "e"));
	cr_expect_null(state_key(state, "l"));
	cr_expect_eq(state->command_index.count, 0);
}

Test(state, knows_what_a_command_on_a_booking_names_and_no_more)
{
	const struct command command = desk_act(COMMAND_CONFIRM, 1, 7, "ann");
	state = state_new(1);
	state_want(state, &command);

	cr_assert_not_null(state_booking(state, desk_booking_id(1)));
	cr_assert_not_null(state_command(state, desk_booking_id(1), command.id.text));
	cr_expect_null(state_command(state, desk_booking_id(2), command.id.text));
	cr_expect_null(state_command(state, desk_booking_id(1),
				     desk_act(COMMAND_CONFIRM, 1, 8, "").id.text));
	cr_expect_eq(state->seat_index.count, 0);
	cr_expect_eq(state->event_index.count, 0);
	cr_expect_eq(state->buyer_index.count, 0);
	cr_expect_eq(state->key_index.count, 0);
}

Test(state, takes_nothing_for_existing_before_the_ledger_says_so)
{
	const struct command made = keyed(1, "ann", "e", "A1", "k");
	const struct command act = desk_act(COMMAND_CANCEL, 2, 7, "ann");
	state = state_new(2);
	state_want(state, &made);
	state_want(state, &act);

	cr_expect_not(state_seat(state, "e", "A1")->exists);
	cr_expect_not(state_event(state, "e")->exists);
	cr_expect_not(state_booking(state, desk_booking_id(1))->exists);
	cr_expect_not(state_booking(state, desk_booking_id(2))->exists);
	cr_expect_not(state_command(state, desk_booking_id(2), act.id.text)->is_done);
	cr_expect_str_eq(state_key(state, "k")->booking_id, "");
	cr_expect_eq(state_buyer(state, "e", "ann")->live_seats, 0);
}

Test(state, keeps_one_entry_of_what_is_wanted_twice)
{
	const struct command first = keyed(1, "ann", "e", "A1 A2", "k");
	const struct command second = keyed(1, "ann", "e", "A2 A3", "k");
	state = state_new(2);
	state_want(state, &first);
	struct seat *const seat = state_seat(state, "e", "A2");
	seat->exists = true;
	seat->version = 7;
	state_want(state, &second);

	cr_expect_eq(state->seat_index.count, 3);
	cr_expect_eq(state->event_index.count, 1);
	cr_expect_eq(state->booking_index.count, 1);
	cr_expect_eq(state->buyer_index.count, 1);
	cr_expect_eq(state->key_index.count, 1);
	cr_expect_eq(state_seat(state, "e", "A2"), seat);
	cr_expect_eq(seat->version, 7);
	cr_expect_eq(state_add_seat(state, "e", "A2"), seat, "the ledger finds it there");
	cr_expect_eq(state_add_event(state, "e"), state_event(state, "e"));
	cr_expect_eq(state_add_booking(state, desk_booking_id(1)),
		     state_booking(state, desk_booking_id(1)));
}

Test(state, wants_no_key_where_none_was_sent)
{
	const struct command command = desk_make(COMMAND_BOOK, 1, "ann", "e", "A1");
	state = state_new(1);
	state_want(state, &command);

	cr_expect_eq(state->key_index.count, 0);
	cr_expect_null(state_key(state, ""));
}

Test(state, starts_from_nothing_after_a_reset)
{
	const struct command made = keyed(1, "ann", "e", "A1", "k");
	const struct command act = desk_act(COMMAND_CANCEL, 2, 7, "ann");
	state = state_new(2);

	for (int i = 0; i < 3; i++) {
		state_want(state, &made);
		state_want(state, &act);
		cr_expect_not(state_seat(state, "e", "A1")->exists, "nothing is left of before");
		cr_expect_eq(state_seat(state, "e", "A1")->version, 0);
		state_seat(state, "e", "A1")->exists = true;
		state_seat(state, "e", "A1")->version = 7;
		(void)state_add_seat(state, "e", "A9");
		(void)state_add_event(state, "f");
		(void)state_add_booking(state, desk_booking_id(3));
		state_reset(state);

		cr_expect_null(state_seat(state, "e", "A1"));
		cr_expect_null(state_seat(state, "e", "A9"));
		cr_expect_null(state_event(state, "e"));
		cr_expect_null(state_event(state, "f"));
		cr_expect_null(state_booking(state, desk_booking_id(1)));
		cr_expect_null(state_booking(state, desk_booking_id(3)));
		cr_expect_null(state_buyer(state, "e", "ann"));
		cr_expect_null(state_command(state, desk_booking_id(2), act.id.text));
		cr_expect_null(state_key(state, "k"));
		cr_expect_eq(state->seat_index.count, 0);
		cr_expect_eq(state->booking_index.count, 0);
	}
}

/* Ten seats wanted, each held by a booking of ten. */
Test(state, has_room_for_all_that_one_command_leads_to)
{
	const struct command command =
		desk_make(COMMAND_BOOK, 1, "ann", "e", "A0 B0 C0 D0 E0 F0 G0 H0 I0 J0");
	const struct command act = desk_act(COMMAND_CANCEL, 2, 7, "ann");
	char seat_id[IDENT_BYTES_MAX];
	state = state_new(2);
	state_want(state, &command);
	state_want(state, &act);
	const struct seat *const first = state_seat(state, "e", "A0");

	for (int row = 'A'; row <= 'J'; row++) {
		cr_expect_not_null(state_add_booking(state, desk_booking_id(row)));
		for (int number = 0; number < COMMAND_SEATS_MAX; number++) {
			(void)snprintf(seat_id, sizeof(seat_id), "%c%d", row, number);
			cr_expect_not_null(state_add_seat(state, "e", seat_id));
		}
	}
	cr_expect_not_null(state_add_event(state, "f"), "of the booking that is acted on");
	for (int number = 0; number < COMMAND_SEATS_MAX; number++) {
		(void)snprintf(seat_id, sizeof(seat_id), "K%d", number);
		cr_expect_not_null(state_add_seat(state, "f", seat_id));
	}
	cr_expect_eq(state->seat_index.count, 110);
	cr_expect_eq(state_seat(state, "e", "A0"), first, "entries never move");
}

Test(state, refuses_what_is_more_than_it_was_sized_for)
{
	char text[IDENT_BYTES_MAX];
	size_t seats = 0, events = 0, bookings = 0;
	state = state_new(1);

	while ((void)snprintf(text, sizeof(text), "%zu", events), state_add_event(state, text))
		events++;
	while ((void)snprintf(text, sizeof(text), "%zu", bookings), state_add_booking(state, text))
		bookings++;
	while ((void)snprintf(text, sizeof(text), "%zu", seats), state_add_seat(state, "e", text))
		seats++;

	cr_expect_eq(seats, state->seat_index.max);
	cr_expect_eq(events, state->event_index.max);
	cr_expect_eq(bookings, state->booking_index.max);
	cr_expect_not_null(state_add_seat(state, "e", "0"), "what is there is found all the same");
	cr_expect_null(state_seat(state, "e", text));
	state_reset(state);
	cr_expect_not_null(state_add_seat(state, "e", text), "and there is room again");
}

static struct command nth(int i)
{
	char event[IDENT_BYTES_MAX], user[IDENT_BYTES_MAX], seat[IDENT_BYTES_MAX];
	(void)snprintf(event, sizeof(event), "event-%d", i % 7);
	(void)snprintf(user, sizeof(user), "user-%d", i % 11);
	(void)snprintf(seat, sizeof(seat), "seat-%d", i);
	struct command ret = keyed(1, user, event, seat, "");

	(void)snprintf(ret.booking_id.text, sizeof(ret.booking_id.text), "booking-%d", i);
	(void)snprintf(ret.idempotency_key.text, sizeof(ret.idempotency_key.text), "key-%d", i);
	return ret;
}

Test(state, finds_each_of_many)
{
	state = state_new(COMMANDS_MANY);
	for (int round = 0; round < 3; round++) {
		state_reset(state);
		for (int i = 0; i < COMMANDS_MANY; i++) {
			const struct command command = nth(i);
			state_want(state, &command);
			state_seat(state, command.event_id, command.seat_ids[0])->position = i;
			state_key(state, command.idempotency_key.text)->booking_id[0] = 'x';
			state_booking(state, command.booking_id.text)->version = i;
		}
		for (int i = 0; i < COMMANDS_MANY; i++) {
			const struct command command = nth(i);
			cr_expect_eq(
				state_seat(state, command.event_id, command.seat_ids[0])->position,
				i);
			cr_expect_eq(state_booking(state, command.booking_id.text)->version, i);
			cr_expect_not_null(state_key(state, command.idempotency_key.text));
			cr_expect_not_null(state_buyer(state, command.event_id, command.user_id));
		}
		cr_expect_eq(state->seat_index.count, COMMANDS_MANY);
		cr_expect_eq(state->event_index.count, 7);
		cr_expect_eq(state->buyer_index.count, 77);
	}
}

Test(state, names_statuses_and_reasons_and_reads_them_back)
{
	enum seat_status seat = SEAT_STATUS_COUNT;
	enum booking_status booking = BOOKING_STATUS_COUNT;
	enum reason reason = REASON_COUNT;

	for (int i = 0; i < SEAT_STATUS_COUNT; i++) {
		cr_expect(seat_status_parse(seat_status_name((enum seat_status)i), &seat));
		cr_expect_eq(seat, (enum seat_status)i);
	}
	for (int i = 0; i < BOOKING_STATUS_COUNT; i++) {
		cr_expect(booking_status_parse(booking_status_name((enum booking_status)i),
					       &booking));
		cr_expect_eq(booking, (enum booking_status)i);
	}
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
		cr_expect(reason_parse(reason_name((enum reason)i), &reason));
		cr_expect_eq(reason, (enum reason)i);
	}
	cr_expect_null(reason_name(REASON_NONE));
	cr_expect(reason_parse("", &reason));
	cr_expect_eq(reason, REASON_NONE);
	cr_expect_not(seat_status_parse("sold", &seat));
	cr_expect_not(booking_status_parse("pending", &booking));
	cr_expect_not(reason_parse("bad_weather", &reason));
}
