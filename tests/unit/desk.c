#include "desk.h"

#include "strbuf.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void desk_init(struct desk *desk)
{
	desk->state = state_new(DESK_COMMANDS_MAX);
	desk->journal = journal_new(DESK_COMMANDS_MAX);
}

void desk_done(struct desk *desk)
{
	state_free(desk->state);
	journal_free(desk->journal);
}

void desk_reset(struct desk *desk)
{
	state_reset(desk->state);
	journal_reset(desk->journal);
}

/* ---- Commands ---- */

static void set_text(char *to, size_t size, const char *text)
{
	const int len = snprintf(to, size, "%s", text);
	cr_assert(len >= 0 && (size_t)len < size, "'%s' is too long", text);
}

const char *desk_booking_id(int booking)
{
	static char ret[BOOKING_ID_BYTES_MAX];

	(void)snprintf(ret, sizeof(ret), "00000000-0000-8000-8000-%012d", booking % 100);
	return ret;
}

struct command desk_make(enum command_type type, int booking, const char *user, const char *event,
			 const char *seats)
{
	struct command ret = { .type = type, .requested_at_ms = DESK_NOW_MS - 5 };
	char list[COMMAND_SEATS_MAX * IDENT_BYTES_MAX];
	char *rest = list;

	set_text(ret.booking_id.text, sizeof(ret.booking_id.text), desk_booking_id(booking));
	set_text(ret.user_id, sizeof(ret.user_id), user);
	set_text(ret.event_id, sizeof(ret.event_id), event);
	set_text(list, sizeof(list), seats);
	for (char *seat = strsep(&rest, " "); seat; seat = strsep(&rest, " ")) {
		cr_assert_lt(ret.seat_count, COMMAND_SEATS_MAX);
		set_text(ret.seat_ids[ret.seat_count++], IDENT_BYTES_MAX, seat);
	}
	return ret;
}

struct command desk_act(enum command_type type, int booking, int id, const char *user)
{
	struct command ret = { .type = type, .requested_at_ms = DESK_NOW_MS - 5 };

	set_text(ret.booking_id.text, sizeof(ret.booking_id.text), desk_booking_id(booking));
	set_text(ret.user_id, sizeof(ret.user_id), user);
	(void)snprintf(ret.id.text, sizeof(ret.id.text), "c0000000-0000-8000-8000-%012d", id % 100);
	return ret;
}

/* ---- The ledger ---- */

struct known_event *desk_event(struct desk *desk, const char *event)
{
	struct known_event *const ret = state_add_event(desk->state, event);

	ret->exists = true;
	ret->hold_ttl_ms = DESK_TTL_MS;
	ret->extensions_max = 1;
	ret->sales_open_ms = INT64_MIN;
	ret->sales_close_ms = INT64_MAX;
	set_text(ret->currency, sizeof(ret->currency), "EUR");
	return ret;
}

struct seat *desk_seat(struct desk *desk, const char *event, const char *seat,
		       enum seat_status status)
{
	struct seat *const ret = state_add_seat(desk->state, event, seat);

	ret->exists = true;
	ret->version = DESK_SEAT_VERSION;
	ret->status = status;
	ret->price_minor = 100 * (seat[1] - '0');
	return ret;
}

static void give_seats(struct desk *desk, const struct known_booking *booking)
{
	for (unsigned i = 0; i < booking->seat_count; i++) {
		struct seat *const seat =
			desk_seat(desk, booking->event_id, booking->seat_ids[i],
				  booking->status == BOOKING_HELD ? SEAT_HELD : SEAT_BOOKED);
		set_text(seat->booking_id, sizeof(seat->booking_id), booking->booking_id);
		set_text(seat->user_id, sizeof(seat->user_id), booking->user_id);
		if (booking->status == BOOKING_HELD)
			seat->hold_expires_ms = booking->expires_ms;
	}
}

struct known_booking *desk_booking(struct desk *desk, const struct command *made,
				   enum booking_status status, int64_t expires_ms)
{
	struct known_booking *const ret = state_add_booking(desk->state, made->booking_id.text);

	ret->exists = true;
	ret->status = status;
	ret->version = 3;
	ret->mode = made->type;
	set_text(ret->event_id, sizeof(ret->event_id), made->event_id);
	set_text(ret->user_id, sizeof(ret->user_id), made->user_id);
	ret->seat_count = made->seat_count;
	memcpy(ret->seat_ids, made->seat_ids, sizeof(ret->seat_ids));
	if (status == BOOKING_HELD || status == BOOKING_EXPIRED)
		ret->expires_ms = expires_ms;
	if (status == BOOKING_EXPIRED)
		ret->reason = REASON_HOLD_EXPIRED;
	ret->requested_at_ms = DESK_NOW_MS - 500;
	ret->decided_at_ms = DESK_NOW_MS - 400;
	if (status == BOOKING_HELD || status == BOOKING_CONFIRMED)
		give_seats(desk, ret);
	return ret;
}

/* ---- What came of it ---- */

struct outcome desk_serve(struct desk *desk, const struct command *command)
{
	const struct outcome ret = decide(desk->state, command, DESK_NOW_MS);
	journal_apply(desk->journal, desk->state, command, &ret, DESK_NOW_MS);

	return ret;
}

static void add_outcome(struct strbuf *out, const struct outcome *outcome)
{
	strbuf_add_text(out, verdict_name(outcome->verdict));
	if (outcome->reason != REASON_NONE)
		strbuf_addf(out, " %s", reason_name(outcome->reason));
	if (outcome->lost != 0)
		strbuf_addf(out, " lost=%x", outcome->lost);
}

static void add_row(struct strbuf *out, const struct transition *row)
{
	const char *const number = strrchr(row->booking->booking_id, '-') + 1;

	strbuf_addf(out, " | %ldv%" PRId32 " %s", strtol(number, NULL, 10), row->version,
		    booking_status_name(row->status));
	if (row->reason != REASON_NONE)
		strbuf_addf(out, ":%s", reason_name(row->reason));
	if (row->expires_ms != 0)
		strbuf_addf(out, " %+" PRId64 "ms", row->expires_ms - DESK_NOW_MS);
	if (row->extensions != 0)
		strbuf_addf(out, " x%" PRId32, row->extensions);
	if (row->result != RESULT_DONE)
		strbuf_addf(out, " %s:%s", result_name(row->result), reason_name(row->refusal));
	for (unsigned i = 0; i < row->change_count; i++)
		strbuf_addf(out, " %s=%s/%" PRId64, row->changes[i].seat->seat_id,
			    seat_status_name(row->changes[i].status), row->changes[i].version);
}

const char *desk_text(const struct desk *desk, const struct outcome *outcome, size_t first_row)
{
	static char ret[DESK_TEXT_MAX];
	_cleanup_(strbuf_done) struct strbuf text;

	strbuf_init(&text, sizeof(ret) - 1);
	add_outcome(&text, outcome);
	for (size_t i = first_row; i < desk->journal->count; i++)
		add_row(&text, &desk->journal->items[i]);
	cr_assert_not(text.overflow);
	memcpy(ret, text.data, text.len + 1);
	return ret;
}

const char *desk_say(struct desk *desk, const struct command *command)
{
	const size_t first_row = desk->journal->count;
	const struct outcome outcome = desk_serve(desk, command);

	return desk_text(desk, &outcome, first_row);
}

const char *desk_verdict(struct desk *desk, const struct command *command)
{
	const struct outcome outcome = desk_serve(desk, command);

	return desk_text(desk, &outcome, desk->journal->count);
}
