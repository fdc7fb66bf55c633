/* What may become of a booking, in one table: every command in every state by everybody, once and
 * again. */
#include "decide.h"
#include "desk.h"
#include "strbuf.h"
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

TestSuite(decide, .init = set_up, .fini = tear_down);

/* ---- Every state, command and actor ---- */

/* Of booking 1: a hold of ann's on A1 and A2, once it was made. */
enum situation {
	NONE,
	HELD,   /* for one millisecond more */
	LAPSED, /* held until this very millisecond */
	CONFIRMED,
	REJECTED,   /* zoe has the seats */
	CANCELLED,  /* the same */
	EXPIRED,    /* the same */
	NEVER_MADE, /* somebody acted on its id */
	SITUATION_COUNT,
};

enum actor { OWNER, NOBODY, OTHER, ACTOR_COUNT };

static const char *const situation_names[SITUATION_COUNT] = {
	[NONE] = "none",         [HELD] = "held",
	[LAPSED] = "lapsed",     [CONFIRMED] = "confirmed",
	[REJECTED] = "rejected", [CANCELLED] = "cancelled",
	[EXPIRED] = "expired",   [NEVER_MADE] = "never made",
};

static const char *const actor_names[ACTOR_COUNT] = { "ann", "", "bob" };

/* A request for seats names its user. */
#define NO_COMMAND "no command"
/* For who may act: the owner, and nobody who is named. */
#define ALLOWED(text)       .by[OWNER] = (text), .by[NOBODY] = (text)
#define ANYBODY(text)       ALLOWED(text), .by[OTHER] = (text)
#define MAKER(owner, other) .by[OWNER] = (owner), .by[NOBODY] = NO_COMMAND, .by[OTHER] = (other)
#define NOT_OTHERS(row)     .by[OTHER] = "refused not_owner | 1v4 " row " refused:not_owner"

#define FREED         "A1=available/8 A2=available/8"
#define BOOKED        "A1=booked/8 A2=booked/8"
#define EXPIRES       "1v4 expired:hold_expired +0ms " FREED
#define STILL_EXPIRED "expired:hold_expired +0ms refused:hold_expired"

#define UNMADE "rejected booking_not_found | 1v1 rejected:booking_not_found"
#define LATE   "refused hold_expired | " EXPIRES " | 1v5 " STILL_EXPIRED
#define OVER   "refused hold_expired | 1v4 " STILL_EXPIRED
#define LOST   "refused booking_rejected | 1v4 rejected:seat_taken refused:booking_rejected"
#define GONE   "refused booking_cancelled | 1v4 cancelled refused:booking_cancelled"
#define UNKNOWN                                                                                    \
	"refused booking_not_found | 1v4 rejected:booking_not_found refused:booking_not_found"

static const struct {
	const char *by[ACTOR_COUNT];
} cells[SITUATION_COUNT][COMMAND_CANCEL + 1] = {
	[NONE] = {
		[COMMAND_BOOK] = { MAKER("confirmed | 1v1 confirmed " BOOKED,
					 "confirmed | 1v1 confirmed " BOOKED) },
		[COMMAND_HOLD] = { MAKER("held | 1v1 held +1000ms A1=held/8 A2=held/8",
					 "held | 1v1 held +1000ms A1=held/8 A2=held/8") },
		[COMMAND_CONFIRM] = { ANYBODY(UNMADE) },
		[COMMAND_EXTEND] = { ANYBODY(UNMADE) },
		[COMMAND_CANCEL] = { ANYBODY(UNMADE) },
	},
	[HELD] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED("confirmed | 1v4 confirmed " BOOKED),
				      NOT_OTHERS("held +1ms") },
		[COMMAND_EXTEND] = { ALLOWED("extended | 1v4 held +1000ms x1"),
				     NOT_OTHERS("held +1ms") },
		[COMMAND_CANCEL] = { ALLOWED("cancelled | 1v4 cancelled " FREED),
				     NOT_OTHERS("held +1ms") },
	},
	[LAPSED] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED(LATE), NOT_OTHERS("held +0ms") },
		[COMMAND_EXTEND] = { ALLOWED(LATE), NOT_OTHERS("held +0ms") },
		[COMMAND_CANCEL] = { ALLOWED(LATE), NOT_OTHERS("held +0ms") },
	},
	[CONFIRMED] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED("unchanged already_confirmed | "
					      "1v4 confirmed unchanged:already_confirmed"),
				      NOT_OTHERS("confirmed") },
		[COMMAND_EXTEND] = { ALLOWED("refused already_confirmed | "
					     "1v4 confirmed refused:already_confirmed"),
				     NOT_OTHERS("confirmed") },
		[COMMAND_CANCEL] = { ALLOWED("cancelled | 1v4 cancelled " FREED),
				     NOT_OTHERS("confirmed") },
	},
	[REJECTED] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED(LOST), NOT_OTHERS("rejected:seat_taken") },
		[COMMAND_EXTEND] = { ALLOWED(LOST), NOT_OTHERS("rejected:seat_taken") },
		[COMMAND_CANCEL] = { ALLOWED(LOST), NOT_OTHERS("rejected:seat_taken") },
	},
	[CANCELLED] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED(GONE), NOT_OTHERS("cancelled") },
		[COMMAND_EXTEND] = { ALLOWED(GONE), NOT_OTHERS("cancelled") },
		[COMMAND_CANCEL] = { ALLOWED("unchanged already_cancelled | "
					     "1v4 cancelled unchanged:already_cancelled"),
				     NOT_OTHERS("cancelled") },
	},
	[EXPIRED] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("duplicate", "contradiction") },
		[COMMAND_CONFIRM] = { ALLOWED(OVER), NOT_OTHERS("expired:hold_expired +0ms") },
		[COMMAND_EXTEND] = { ALLOWED(OVER), NOT_OTHERS("expired:hold_expired +0ms") },
		[COMMAND_CANCEL] = { ALLOWED(OVER), NOT_OTHERS("expired:hold_expired +0ms") },
	},
	[NEVER_MADE] = {
		[COMMAND_BOOK] = { MAKER("contradiction", "contradiction") },
		[COMMAND_HOLD] = { MAKER("contradiction", "contradiction") },
		[COMMAND_CONFIRM] = { ANYBODY(UNKNOWN) },
		[COMMAND_EXTEND] = { ANYBODY(UNKNOWN) },
		[COMMAND_CANCEL] = { ANYBODY(UNKNOWN) },
	},
};

static void fill_in(enum situation situation)
{
	static const enum booking_status statuses[SITUATION_COUNT] = {
		[HELD] = BOOKING_HELD,           [LAPSED] = BOOKING_HELD,
		[CONFIRMED] = BOOKING_CONFIRMED, [REJECTED] = BOOKING_REJECTED,
		[CANCELLED] = BOOKING_CANCELLED, [EXPIRED] = BOOKING_EXPIRED,
	};
	const struct command anns = desk_make(COMMAND_HOLD, 1, "ann", "e", "A1 A2");
	const struct command zoes = desk_make(COMMAND_HOLD, 2, "zoe", "e", "A1 A2");

	(void)desk_event(&desk, "e");
	(void)desk_seat(&desk, "e", "A1", SEAT_AVAILABLE);
	(void)desk_seat(&desk, "e", "A2", SEAT_AVAILABLE);
	if (situation == NONE)
		return;
	if (situation == NEVER_MADE) {
		struct known_booking *const booking =
			state_add_booking(desk.state, desk_booking_id(1));
		booking->exists = true;
		booking->status = BOOKING_REJECTED;
		booking->reason = REASON_BOOKING_NOT_FOUND;
		booking->version = 3;
		return;
	}
	(void)desk_booking(&desk, &zoes, BOOKING_CONFIRMED, 0);
	struct known_booking *const booking =
		desk_booking(&desk, &anns, statuses[situation],
			     situation == HELD ? DESK_NOW_MS + 1 : DESK_NOW_MS);
	if (situation == REJECTED)
		booking->reason = REASON_SEAT_TAKEN;
}

static struct command command_of(enum command_type type, enum actor actor)
{
	return command_makes_booking(type) ? desk_make(type, 1, actor_names[actor], "e", "A1 A2")
					   : desk_act(type, 1, 1, actor_names[actor]);
}

/* Of all that stands in the state, two seats and two bookings at most. */
struct picture {
	struct seat seats[2];
	struct known_booking bookings[2];
};

static struct picture picture(void)
{
	struct picture ret;

	cr_assert_eq(desk.state->seat_index.count, COUNT(ret.seats));
	cr_assert_leq(desk.state->booking_index.count, COUNT(ret.bookings));
	memset(&ret, 0, sizeof(ret));
	memcpy(ret.seats, desk.state->seats, sizeof(ret.seats));
	memcpy(ret.bookings, desk.state->bookings,
	       desk.state->booking_index.count * sizeof(ret.bookings[0]));
	return ret;
}

/* What no row tells of stays as it was, but for the booking's version. */
static void expect_only_what_is_told(const struct picture *before, const char *name)
{
	const struct picture after = picture();
	unsigned changes = 0;

	for (size_t i = 0; i < desk.journal->count; i++)
		changes += desk.journal->items[i].change_count;
	for (size_t i = 0; i < COUNT(after.seats); i++) {
		cr_expect_eq(after.seats[i].changed, changes > 0 || after.bookings[0].extensions,
			     "%s: seat %zu", name, i);
		cr_expect_eq(after.seats[i].version,
			     before->seats[i].version + (changes > 0 ? 1 : 0), "%s", name);
		if (!after.seats[i].changed)
			cr_expect_eq(
				memcmp(&after.seats[i], &before->seats[i], sizeof(after.seats[i])),
				0, "%s: seat %zu", name, i);
	}
	if (desk.journal->count == 0)
		cr_expect_eq(memcmp(&after, before, sizeof(after)), 0, "%s", name);
}

/* The state says the same as the last row, and the seats the same as the booking. */
static void expect_state_as_told(const char *name)
{
	if (desk.journal->count == 0)
		return;

	const struct transition *const last = &desk.journal->items[desk.journal->count - 1];
	const struct known_booking *const booking = last->booking;
	cr_expect_eq(booking->status, last->status, "%s", name);
	cr_expect_eq(booking->reason, last->reason, "%s", name);
	cr_expect_eq(booking->version, last->version, "%s", name);
	cr_expect_eq(booking->expires_ms, last->expires_ms, "%s", name);
	cr_expect_eq(booking->extensions, last->extensions, "%s", name);
	cr_expect(booking->changed != booking->is_new, "%s", name);
	for (unsigned i = 0; i < booking->seat_count; i++) {
		const struct seat *const seat =
			state_seat(desk.state, booking->event_id, booking->seat_ids[i]);
		const bool is_held = booking->status == BOOKING_HELD;
		const bool is_live = is_held || booking->status == BOOKING_CONFIRMED;

		cr_expect_eq(strcmp(seat->booking_id, booking->booking_id) == 0, is_live, "%s",
			     name);
		cr_expect_eq(strcmp(seat->user_id, booking->user_id) == 0, is_live, "%s", name);
		cr_expect_eq(seat->status == SEAT_HELD, is_held, "%s", name);
		cr_expect_eq(seat->hold_expires_ms, is_held ? booking->expires_ms : 0, "%s", name);
	}
}

/* Each of the rows is of the command, but for those of holds that ran out before. */
static void expect_rows_of(const struct command *command, const char *name)
{
	for (size_t i = 0; i < desk.journal->count; i++) {
		const struct transition *const row = &desk.journal->items[i];
		const bool is_last = i + 1 == desk.journal->count;

		cr_expect_eq(row->command, is_last ? command : NULL, "%s: row %zu", name, i);
	}
}

static void expect_no_second_effect(const struct command *command, bool contradicts,
				    const char *name)
{
	const size_t rows = desk.journal->count;
	const struct picture before = picture();
	const char *const text = desk_say(&desk, command);
	const struct picture after = picture();

	cr_expect_str_eq(text, contradicts ? "contradiction" : "duplicate", "%s, again: %s", name,
			 text);
	cr_expect_eq(desk.journal->count, rows, "%s, again", name);
	cr_expect_eq(memcmp(&after, &before, sizeof(after)), 0, "%s, again", name);
}

static void expect_no_command(const struct command *command, const char *name)
{
	struct err err = { 0 };
	struct command decoded;
	_cleanup_(strbuf_done) struct strbuf json;

	strbuf_init(&json, COMMAND_BYTES_MAX);
	command_encode(command, &json);
	cr_expect_eq(command_decode(json.data, json.len, &decoded, &err), ERR_INVALID, "%s", name);
}

static void expect_cell(enum situation situation, enum command_type type, enum actor actor)
{
	const char *const expected = cells[situation][type].by[actor];
	const struct command command = command_of(type, actor);
	char name[64];

	(void)snprintf(name, sizeof(name), "%s: %s by '%s'", situation_names[situation],
		       command_type_name(type), actor_names[actor]);
	cr_assert_not_null(expected, "%s is not in the table", name);
	if (strcmp(expected, NO_COMMAND) == 0) {
		expect_no_command(&command, name);
		return;
	}
	desk_reset(&desk);
	state_want(desk.state, &command);
	fill_in(situation);
	const struct picture before = picture();
	const char *const text = desk_say(&desk, &command);

	cr_expect_str_eq(text, expected, "%s: %s", name, text);
	expect_only_what_is_told(&before, name);
	expect_state_as_told(name);
	expect_rows_of(&command, name);
	expect_no_second_effect(&command, strcmp(expected, "contradiction") == 0, name);
}

Test(decide, answers_every_command_in_every_state_by_everybody_once_and_again)
{
	for (int situation = 0; situation < SITUATION_COUNT; situation++)
		for (int type = 0; type <= COMMAND_CANCEL; type++)
			for (int actor = 0; actor < ACTOR_COUNT; actor++)
				expect_cell((enum situation)situation, (enum command_type)type,
					    (enum actor)actor);
}

Test(decide, takes_no_command_that_was_decided_in_an_earlier_batch)
{
	for (int situation = 0; situation < SITUATION_COUNT; situation++) {
		for (int type = COMMAND_CONFIRM; type <= COMMAND_CANCEL; type++) {
			const struct command command = command_of((enum command_type)type, OWNER);
			desk_reset(&desk);
			state_want(desk.state, &command);
			fill_in((enum situation)situation);
			state_command(desk.state, command.booking_id.text, command.id.text)
				->is_done = true;

			expect_no_second_effect(&command, false, situation_names[situation]);
		}
	}
}

/* One key of a client is one effect, whatever it is sent with next. */
Test(decide, takes_a_command_id_once_whatever_the_command)
{
	const struct command extend = desk_act(COMMAND_EXTEND, 1, 1, "ann");
	const struct command cancel = desk_act(COMMAND_CANCEL, 1, 1, "ann");
	const struct command other_id = desk_act(COMMAND_CANCEL, 1, 2, "ann");
	const struct command other_booking = desk_act(COMMAND_CANCEL, 2, 1, "zoe");
	state_want(desk.state, &extend);
	state_want(desk.state, &cancel);
	state_want(desk.state, &other_id);
	state_want(desk.state, &other_booking);
	const struct command zoes = desk_make(COMMAND_BOOK, 2, "zoe", "e", "B1");
	fill_in(HELD);
	(void)desk_booking(&desk, &zoes, BOOKING_CONFIRMED, 0);

	cr_expect_str_eq(desk_verdict(&desk, &extend), "extended");
	cr_expect_str_eq(desk_verdict(&desk, &cancel), "duplicate");
	cr_expect_str_eq(desk_verdict(&desk, &other_booking), "cancelled");
	cr_expect_str_eq(desk_verdict(&desk, &other_id), "cancelled");
}

Test(decide, knows_a_booking_by_all_that_was_asked_for)
{
	static const struct {
		enum command_type type;
		const char *user, *event, *seats, *verdict;
	} cases[] = {
		{ COMMAND_HOLD, "ann", "e", "A1 A2", "duplicate" },
		{ COMMAND_HOLD, "ann", "e", "A2 A1", "duplicate" },
		{ COMMAND_HOLD, "ann", "e", "A1", "contradiction" },
		{ COMMAND_HOLD, "ann", "e", "A1 A2 A3", "contradiction" },
		{ COMMAND_HOLD, "ann", "e", "A1 A3", "contradiction" },
		{ COMMAND_HOLD, "bob", "e", "A1 A2", "contradiction" },
		{ COMMAND_HOLD, "ann", "f", "A1 A2", "contradiction" },
		{ COMMAND_BOOK, "ann", "e", "A1 A2", "contradiction" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct command command =
			desk_make(cases[i].type, 1, cases[i].user, cases[i].event, cases[i].seats);
		desk_reset(&desk);
		state_want(desk.state, &command);
		fill_in(HELD);

		const char *const text = desk_say(&desk, &command);
		cr_expect_str_eq(text, cases[i].verdict, "case %zu: %s", i, text);
	}
}

Test(decide, does_not_change_the_state_by_itself)
{
	for (int type = 0; type <= COMMAND_CANCEL; type++) {
		const struct command command = command_of((enum command_type)type, OWNER);
		desk_reset(&desk);
		state_want(desk.state, &command);
		fill_in(type <= COMMAND_HOLD ? NONE : LAPSED);
		const struct picture before = picture();

		const struct outcome first = decide(desk.state, &command, DESK_NOW_MS);
		const struct outcome second = decide(desk.state, &command, DESK_NOW_MS);
		const struct picture after = picture();

		cr_expect_eq(first.verdict, second.verdict);
		cr_expect_neq(first.verdict, VERDICT_DUPLICATE);
		cr_expect_eq(memcmp(&after, &before, sizeof(after)), 0);
	}
}

Test(decide, names_each_verdict)
{
	for (int i = 0; i < VERDICT_COUNT; i++)
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(verdict_name((enum verdict)i),
					  verdict_name((enum verdict)k));
}
