#include "command.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ID  "01bc8edb-e484-84f4-a687-74f5048b5e97"
#define CID "5a0b8edb-e484-84f4-a687-74f5048b5e97"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
/* The members of a good command, to be replaced one by one. */
#define TYPE    "\"type\":\"book\""
#define BOOKING "\"bookingId\":\"" ID "\""
#define EVENT   "\"eventId\":\"concert123\""
#define SEATS   "\"seatIds\":[\"A1\"]"
#define USER    "\"userId\":\"u1\""
#define TIME    "\"requestedAt\":\"2026-03-01T19:30:00.000Z\""
#define GOOD    "{" TYPE "," BOOKING "," EVENT "," SEATS "," USER "," TIME "}"

static const struct command good = {
	.type = COMMAND_BOOK,
	.booking_id = { ID },
	.event_id = "concert123",
	.user_id = "u1",
	.seat_count = 1,
	.seat_ids = { "A1" },
	.requested_at_ms = 1772393400000,
};

#define COMMAND   "\"commandId\":\"" CID "\""
#define REFERENCE "\"paymentReference\":\"pay_1\""
#define KEY       "\"idempotencyKey\":\"" CID "\""
#define HOLD      "\"type\":\"hold\""
#define CONFIRM   "\"type\":\"confirm\""
#define EXTEND    "\"type\":\"extend\""
#define CANCEL    "\"type\":\"cancel\""
#define BLOCK     "\"type\":\"block\""
#define UNBLOCK   "\"type\":\"unblock\""
#define CALL_OFF  "\"type\":\"cancel_event\""
#define ACTOR     "\"actor\":\"admin-1\""
#define ADDRESS   "\"address\":\"2001:db8::1\""
#define REST      USER "," TIME

/* One of each kind, as it is written. */
static const struct {
	struct command command;
	const char *text;
} all[] = {
	{ { .type = COMMAND_BOOK,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .seat_count = 1,
	    .seat_ids = { "A1" },
	    .requested_at_ms = 1772393400000 },
	  GOOD },
	{ { .type = COMMAND_HOLD,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .seat_count = 3,
	    .seat_ids = { "B2", "A1", "North:1:B2" },
	    .idempotency_key = { CID },
	    .requested_at_ms = 1772393400000 },
	  "{" HOLD "," BOOKING "," EVENT ",\"seatIds\":[\"B2\",\"A1\",\"North:1:B2\"]," KEY "," REST
	  "}" },
	{ { .type = COMMAND_CONFIRM,
	    .booking_id = { ID },
	    .user_id = "u1",
	    .id = { CID },
	    .payment_reference = "pay_1",
	    .requested_at_ms = 1772393400000 },
	  "{" CONFIRM "," BOOKING "," COMMAND "," REFERENCE "," REST "}" },
	{ { .type = COMMAND_CONFIRM,
	    .booking_id = { ID },
	    .id = { CID },
	    .payment_reference = "\"\\/",
	    .requested_at_ms = 1772393400000 },
	  "{" CONFIRM "," BOOKING "," COMMAND ",\"paymentReference\":\"\\\"\\\\/\"," TIME "}" },
	{ { .type = COMMAND_EXTEND,
	    .booking_id = { ID },
	    .user_id = "u1",
	    .id = { CID },
	    .requested_at_ms = 1772393400000 },
	  "{" EXTEND "," BOOKING "," COMMAND "," REST "}" },
	{ { .type = COMMAND_CANCEL,
	    .booking_id = { ID },
	    .id = { CID },
	    .requested_at_ms = 1772393400000 },
	  "{" CANCEL "," BOOKING "," COMMAND "," TIME "}" },
	{ { .type = COMMAND_BOOK,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .actor = "admin-1",
	    .address = "2001:db8::1",
	    .seat_count = 1,
	    .seat_ids = { "A1" },
	    .requested_at_ms = 1772393400000 },
	  "{" TYPE "," BOOKING "," EVENT "," SEATS "," USER "," ACTOR "," ADDRESS "," TIME "}" },
	{ { .type = COMMAND_HOLD,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .address = "192.0.2.255",
	    .seat_count = 1,
	    .seat_ids = { "A1" },
	    .requested_at_ms = 1772393400000 },
	  "{" HOLD "," BOOKING "," EVENT "," SEATS "," USER ",\"address\":\"192.0.2.255\"," TIME
	  "}" },
	{ { .type = COMMAND_CONFIRM,
	    .booking_id = { ID },
	    .actor = "admin-1",
	    .address = "2001:db8::1",
	    .id = { CID },
	    .requested_at_ms = 1772393400000 },
	  "{" CONFIRM "," BOOKING "," COMMAND "," ACTOR "," ADDRESS "," TIME "}" },
	{ { .type = COMMAND_BLOCK,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .seat_count = 1,
	    .seat_ids = { "A1" },
	    .requested_at_ms = 1772393400000 },
	  "{" BLOCK "," BOOKING "," EVENT "," SEATS "," REST "}" },
	{ { .type = COMMAND_UNBLOCK,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .address = "2001:db8::1",
	    .seat_count = 1,
	    .seat_ids = { "A1" },
	    .requested_at_ms = 1772393400000 },
	  "{" UNBLOCK "," BOOKING "," EVENT "," SEATS "," USER "," ADDRESS "," TIME "}" },
	{ { .type = COMMAND_CANCEL_EVENT,
	    .booking_id = { ID },
	    .event_id = "concert123",
	    .user_id = "u1",
	    .actor = "admin-1",
	    .requested_at_ms = 1772393400000 },
	  "{" CALL_OFF "," BOOKING "," EVENT "," USER "," ACTOR "," TIME "}" },
};

/* The last that knows a booking by its id alone, and nothing else. */
#define PLAIN_CANCEL 5

static err_code decode(const char *text, struct command *ret, struct err *err)
{
	return command_decode(text, strlen(text), ret, err);
}

static void expect_same(const struct command *a, const struct command *b)
{
	cr_expect_eq(a->type, b->type);
	cr_expect_str_eq(a->booking_id.text, b->booking_id.text);
	cr_expect_str_eq(a->event_id, b->event_id);
	cr_expect_str_eq(a->user_id, b->user_id);
	cr_expect_str_eq(a->actor, b->actor);
	cr_expect_str_eq(a->address, b->address);
	cr_assert_eq(a->seat_count, b->seat_count);
	for (unsigned i = 0; i < a->seat_count; i++)
		cr_expect_str_eq(a->seat_ids[i], b->seat_ids[i]);
	cr_expect_str_eq(a->idempotency_key.text, b->idempotency_key.text);
	cr_expect_str_eq(a->id.text, b->id.text);
	cr_expect_str_eq(a->payment_reference, b->payment_reference);
	cr_expect_eq(a->requested_at_ms, b->requested_at_ms);
}

Test(command, writes_and_reads_the_json_of_the_protocol)
{
	for (size_t i = 0; i < COUNT(all); i++) {
		_cleanup_(strbuf_done) struct strbuf buf;
		struct command read;
		struct err err = { .text = "" };

		strbuf_init(&buf, COMMAND_BYTES_MAX);
		command_encode(&all[i].command, &buf);
		cr_expect_str_eq(buf.data, all[i].text, "%s", buf.data);
		cr_assert_eq(decode(all[i].text, &read, &err), ERR_OK, "'%s': %s", all[i].text,
			     err.text);
		expect_same(&read, &all[i].command);
	}
}

Test(command, reads_what_it_writes)
{
	struct command largest = good;
	largest.seat_count = COMMAND_SEATS_MAX;
	memset(largest.event_id, 'e', IDENT_BYTES_MAX - 1);
	memset(largest.user_id, 'u', IDENT_BYTES_MAX - 1);
	memset(largest.actor, 'c', IDENT_BYTES_MAX - 1);
	memset(largest.address, 'f', COMMAND_ADDRESS_BYTES_MAX - 1);
	for (unsigned i = 0; i < COMMAND_SEATS_MAX; i++)
		memset(largest.seat_ids[i], 'a' + (int)i, IDENT_BYTES_MAX - 1);
	struct command early = good;
	early.requested_at_ms = 1;

	/* Each character of the reference takes two in JSON. */
	struct command longest = all[2].command;
	memset(longest.payment_reference, '"', PAYMENT_REFERENCE_BYTES_MAX - 1);
	memset(longest.user_id, 'u', IDENT_BYTES_MAX - 1);

	const struct command *const commands[] = { &good, &largest, &early, &longest };
	for (size_t i = 0; i < COUNT(commands); i++) {
		_cleanup_(strbuf_done) struct strbuf buf;
		strbuf_init(&buf, COMMAND_BYTES_MAX);
		command_encode(commands[i], &buf);
		cr_assert_not(buf.overflow);

		struct command read;
		struct err err = { .text = "" };
		cr_assert_eq(command_decode(buf.data, buf.len, &read, &err), ERR_OK, "%s",
			     err.text);
		expect_same(&read, commands[i]);
	}
}

Test(command, accepts_other_spellings_of_the_same)
{
	static const char *const same[] = {
		GOOD,
		" { " TYPE " , " BOOKING " , " EVENT " , " SEATS " , " USER " , " TIME " } \n",
		"{" TIME "," USER "," SEATS "," EVENT "," BOOKING "," TYPE "}",
		"{" TYPE "," BOOKING "," EVENT "," SEATS "," USER "," TIME
		",\"more\":[1,{}],\"x\":null}",
		"{" TYPE ",\"bookingId\":\"01BC8EDB-E484-84F4-A687-74F5048B5E97\"," EVENT "," SEATS
		"," USER "," TIME "}",
		"{" TYPE "," BOOKING "," EVENT "," SEATS "," USER
		",\"requestedAt\":\"2026-03-01T19:30:00Z\"}",
		"{" TYPE "," BOOKING "," EVENT ",\"seatIds\":[\"\\u00411\"]," USER "," TIME "}",
	};

	for (size_t i = 0; i < COUNT(same); i++) {
		struct command read;
		struct err err = { .text = "" };
		cr_assert_eq(decode(same[i], &read, &err), ERR_OK, "'%s': %s", same[i], err.text);
		expect_same(&read, &good);
	}
}

Test(command, ignores_what_belongs_to_other_types)
{
	static const char *const same[] = {
		"{" CANCEL "," BOOKING "," COMMAND "," REFERENCE "," TIME "}",
		"{" CANCEL "," BOOKING "," COMMAND ",\"paymentReference\":7," TIME "}",
		"{" CANCEL "," BOOKING "," COMMAND "," EVENT "," SEATS "," TIME "}",
		"{" CANCEL "," BOOKING "," COMMAND ",\"eventId\":7,\"seatIds\":7," TIME "}",
		"{" CANCEL "," BOOKING "," COMMAND ",\"idempotencyKey\":7," TIME "}",
	};
	static const char *const called_off[] = {
		"{" CALL_OFF "," BOOKING "," EVENT "," SEATS "," USER "," ACTOR "," TIME "}",
		"{" CALL_OFF "," BOOKING "," EVENT ",\"seatIds\":[]," USER "," ACTOR "," TIME "}",
		"{" CALL_OFF "," COMMAND "," BOOKING "," EVENT "," USER "," ACTOR "," TIME "}",
	};

	for (size_t i = 0; i < COUNT(same); i++) {
		struct command read;
		struct err err = { .text = "" };
		cr_assert_eq(decode(same[i], &read, &err), ERR_OK, "'%s': %s", same[i], err.text);
		expect_same(&read, &all[PLAIN_CANCEL].command);
	}
	for (size_t i = 0; i < COUNT(called_off); i++) {
		struct command read;
		struct err err = { .text = "" };
		cr_assert_eq(decode(called_off[i], &read, &err), ERR_OK, "'%s': %s", called_off[i],
			     err.text);
		expect_same(&read, &all[COUNT(all) - 1].command);
	}
}

Test(command, leaves_out_an_address_that_is_none)
{
	static const char *const none[] = { "", "unix:", "localhost", "1.2.3.4, 5.6.7.8", "\"" };

	for (size_t i = 0; i < COUNT(none); i++) {
		_cleanup_(strbuf_done) struct strbuf buf;
		struct command command = good;

		strbuf_init(&buf, COMMAND_BYTES_MAX);
		(void)snprintf(command.address, sizeof(command.address), "%s", none[i]);
		command_encode(&command, &buf);
		cr_expect_str_eq(buf.data, GOOD);
	}
}

#define WITH_TYPE(text)    "{" text "," BOOKING "," EVENT "," SEATS "," USER "," TIME "}"
#define WITH_BOOKING(text) "{" TYPE "," text "," EVENT "," SEATS "," USER "," TIME "}"
#define WITH_EVENT(text)   "{" TYPE "," BOOKING "," text "," SEATS "," USER "," TIME "}"
#define WITH_SEATS(text)   "{" TYPE "," BOOKING "," EVENT ",\"seatIds\":" text "," USER "," TIME "}"
#define WITH_USER(text)    "{" TYPE "," BOOKING "," EVENT "," SEATS "," text "," TIME "}"
#define WITH_KEY(text)     "{" TYPE "," BOOKING "," EVENT "," SEATS "," text "," REST "}"
#define WITH_COMMAND(text) "{" CONFIRM "," BOOKING "," text "," REST "}"
#define WITH_TIME(text)    "{" TYPE "," BOOKING "," EVENT "," SEATS "," USER "," text "}"

static const struct {
	const char *text, *why;
} refused[] = {
	{ "", "no text" },
	{ "not json", "syntax error" },
	{ "{", "too early" },
	{ "[" GOOD "]", "not a JSON object" },
	{ "\"book\"", "not a JSON object" },
	{ "null", "not a JSON object" },
	{ GOOD "x", "after the end" },
	{ GOOD GOOD, "after the end" },
	{ "{}", "type is missing" },
	{ "{" BOOKING "," EVENT "," SEATS "," USER "," TIME "}", "type is missing" },
	{ "{" TYPE "," EVENT "," SEATS "," USER "," TIME "}", "bookingId is missing" },
	{ "{" TYPE "," BOOKING "," SEATS "," USER "," TIME "}", "eventId is missing" },
	{ "{" TYPE "," BOOKING "," EVENT "," USER "," TIME "}", "seatIds is missing" },
	{ "{" TYPE "," BOOKING "," EVENT "," SEATS "," TIME "}", "userId is missing" },
	{ "{" TYPE "," BOOKING "," EVENT "," SEATS "," USER "}", "requestedAt is missing" },
	{ WITH_TYPE(TYPE "," TYPE), "named twice" },
	{ WITH_TYPE("\"type\":\"Book\""), "type is not one" },
	{ WITH_TYPE("\"type\":\"\""), "type is not one" },
	{ WITH_TYPE("\"type\":\"booking\""), "type is not one" },
	{ WITH_TYPE("\"type\":\"refund\""), "type is not one" },
	{ WITH_TYPE("\"type\":null"), "type is not a string" },
	{ WITH_TYPE("\"type\":0"), "type is not a string" },
	{ WITH_TYPE("\"Type\":\"book\""), "type is missing" },
	{ WITH_BOOKING("\"bookingId\":7"), "bookingId is not a string" },
	{ WITH_BOOKING("\"bookingId\":\"\""), "bookingId: " },
	{ WITH_BOOKING("\"bookingId\":\"01bc8edb\""), "bookingId: " },
	{ WITH_BOOKING("\"bookingId\":\"01bc8edb-e484-44f4-a687-74f5048b5e97\""), "bookingId: " },
	{ WITH_BOOKING("\"bookingId\":\"01bc8edbe48484f4a68774f5048b5e97\""), "bookingId: " },
	{ WITH_BOOKING(BOOKING "," BOOKING), "named twice" },
	{ WITH_EVENT("\"eventId\":456"), "eventId is not a string" },
	{ WITH_EVENT("\"eventId\":null"), "eventId is not a string" },
	{ WITH_EVENT("\"eventId\":\"\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"..\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"a/b\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"a:b\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"" X64 "x\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"a\\u0000b\""), "NUL" },
	{ WITH_EVENT("\"eventId\":\"caf\xc3\xa9\""), "eventId is not 1 to 64" },
	{ WITH_EVENT("\"eventId\":\"\xff\""), "UTF-8" },
	{ WITH_SEATS("\"A1\""), "seatIds is not an array" },
	{ WITH_SEATS("{\"0\":\"A1\"}"), "seatIds is not an array" },
	{ WITH_SEATS("null"), "seatIds is not an array" },
	{ WITH_SEATS("[]"), "seatIds has 0 seats" },
	{ WITH_SEATS("[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]"),
	  "seatIds has 11 seats" },
	{ WITH_SEATS("[1]"), "seatIds[0] is not a string" },
	{ WITH_SEATS("[\"A1\",null]"), "seatIds[1] is not a string" },
	{ WITH_SEATS("[[\"A1\"]]"), "seatIds[0] is not a string" },
	{ WITH_SEATS("[\"\"]"), "seatIds[0] is not 1 to 64" },
	{ WITH_SEATS("[\"A1\",\"A 2\"]"), "seatIds[1] is not 1 to 64" },
	{ WITH_SEATS("[\".\"]"), "seatIds[0] is not 1 to 64" },
	{ WITH_SEATS("[\"" X64 "x\"]"), "seatIds[0] is not 1 to 64" },
	{ WITH_SEATS("[\"A1\",\"A1\"]"), "seatIds[1] names a seat a second time" },
	{ WITH_SEATS("[\"A1\",\"A2\",\"\\u0041\\u0031\"]"), "seatIds[2] names a seat" },
	{ WITH_SEATS("[\"A1\"],\"seatIds\":[\"A2\"]"), "named twice" },
	{ WITH_USER("\"userId\":1"), "userId is not a string" },
	{ WITH_USER("\"userId\":true"), "userId is not a string" },
	{ WITH_USER("\"userId\":\"\""), "userId is not 1 to 64" },
	{ WITH_USER("\"userId\":\"u 1\""), "userId is not 1 to 64" },
	{ WITH_USER("\"userId\":\"" X64 "x\""), "userId is not 1 to 64" },
	{ WITH_KEY("\"idempotencyKey\":7"), "idempotencyKey is not a string" },
	{ WITH_KEY("\"idempotencyKey\":null"), "idempotencyKey is not a string" },
	{ WITH_KEY("\"idempotencyKey\":\"\""), "idempotencyKey: " },
	{ WITH_KEY("\"idempotencyKey\":\"my-key\""), "idempotencyKey: " },
	{ WITH_KEY(KEY "," KEY), "named twice" },
	{ "{" HOLD "," BOOKING "," EVENT "," SEATS "," TIME "}", "userId is missing" },
	{ "{" HOLD "," BOOKING "," SEATS "," REST "}", "eventId is missing" },
	{ "{" HOLD "," BOOKING "," EVENT "," REST "}", "seatIds is missing" },
	{ "{" CONFIRM "," BOOKING "," REST "}", "commandId is missing" },
	{ "{" EXTEND "," BOOKING "," REST "}", "commandId is missing" },
	{ "{" CANCEL "," BOOKING "," REST "}", "commandId is missing" },
	{ "{" CANCEL "," COMMAND "," REST "}", "bookingId is missing" },
	{ "{" EXTEND "," BOOKING "," COMMAND "," USER "}", "requestedAt is missing" },
	{ "{" CANCEL "," BOOKING "," COMMAND ",\"userId\":7," TIME "}", "userId is not a string" },
	{ "{" CANCEL "," BOOKING "," COMMAND ",\"userId\":\"\"," TIME "}",
	  "userId is not 1 to 64" },
	{ WITH_COMMAND("\"commandId\":7"), "commandId is not a string" },
	{ WITH_COMMAND("\"commandId\":\"\""), "commandId: " },
	{ WITH_COMMAND("\"commandId\":\"5A0B8EDB-E484-84F4-A687-74F5048B5E97\""), "commandId: " },
	{ WITH_COMMAND("\"commandId\":\"5a0b8edb-e484-44f4-a687-74f5048b5e97\""), "commandId: " },
	{ WITH_COMMAND(COMMAND "," COMMAND), "named twice" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":7"), "paymentReference is not a string" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":null"), "paymentReference is not a string" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":\"\""), "paymentReference is not 1 to 128" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":\"a b\""), "paymentReference is not 1 to" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":\"caf\xc3\xa9\""),
	  "paymentReference is not" },
	{ WITH_COMMAND(COMMAND ",\"paymentReference\":\"" X64 X64 "x\""),
	  "paymentReference is not" },
	{ WITH_USER(USER ",\"actor\":7"), "actor is not a string" },
	{ WITH_USER(USER ",\"actor\":null"), "actor is not a string" },
	{ WITH_USER(USER ",\"actor\":\"\""), "actor is not 1 to 64" },
	{ WITH_USER(USER ",\"actor\":\"a b\""), "actor is not 1 to 64" },
	{ WITH_USER(USER "," ACTOR "," ACTOR), "named twice" },
	{ WITH_USER(USER ",\"address\":7"), "address is not a string" },
	{ WITH_USER(USER ",\"address\":\"\""), "address is no IP address" },
	{ WITH_USER(USER ",\"address\":\"localhost\""), "address is no IP address" },
	{ WITH_USER(USER ",\"address\":\"1.2.3.4\\n\""), "address is no IP address" },
	{ WITH_USER(USER ",\"address\":\"" X16 X16 X16 "\""), "address is no IP address" },
	{ WITH_USER(USER ",\"address\":\"1111111111111111111111111111111111111111111111\""),
	  "address is no IP address" },
	{ WITH_USER(USER "," ADDRESS "," ADDRESS), "named twice" },
	{ WITH_COMMAND(COMMAND ",\"actor\":\"..\""), "actor is not 1 to 64" },
	{ "{" BLOCK "," BOOKING "," EVENT "," REST "}", "seatIds is missing" },
	{ "{" BLOCK "," BOOKING "," EVENT "," SEATS "," TIME "}", "userId is missing" },
	{ "{" UNBLOCK "," BOOKING "," SEATS "," REST "}", "eventId is missing" },
	{ "{" UNBLOCK "," BOOKING "," EVENT ",\"seatIds\":[]," REST "}", "seatIds has 0" },
	{ "{" CALL_OFF "," BOOKING "," REST "}", "eventId is missing" },
	{ "{" CALL_OFF "," BOOKING "," EVENT "," TIME "}", "userId is missing" },
	{ WITH_TIME("\"requestedAt\":1772393400000"), "requestedAt is not a string" },
	{ WITH_TIME("\"requestedAt\":null"), "requestedAt is not a string" },
	{ WITH_TIME("\"requestedAt\":\"\""), "requestedAt: " },
	{ WITH_TIME("\"requestedAt\":\"yesterday\""), "requestedAt: " },
	{ WITH_TIME("\"requestedAt\":\"2026-02-30T19:30:00.000Z\""), "requestedAt: " },
	{ WITH_TIME("\"requestedAt\":\"2026-03-01T19:30:00+01:00\""), "requestedAt: " },
	{ WITH_TIME(TIME ",\"x\":[[[[[[[[1]]]]]]]]"), "deeper" },
};

Test(command, refuses_what_is_no_command_and_says_why)
{
	cr_assert_geq(COUNT(refused), 40);
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct command untouched = good;
		struct err err = { .text = "" };
		cr_expect_eq(decode(refused[i].text, &untouched, &err), ERR_INVALID,
			     "accepted '%s'", refused[i].text);
		cr_expect(strstr(err.text, refused[i].why), "'%s': '%s' does not say '%s'",
			  refused[i].text, err.text, refused[i].why);
		expect_same(&untouched, &good);
	}
}

/* Blanks before it change nothing but the way it is read. */
static void expect_one_reading(const char *text)
{
	char spaced[2048];
	struct command usual = { .seat_count = 77 };
	struct command other = { .seat_count = 77 };
	const int len = snprintf(spaced, sizeof(spaced), " %s", text);
	cr_assert(len > 0 && len < (int)sizeof(spaced));

	const err_code code = decode(text, &usual, NULL);
	cr_expect_eq(code, decode(spaced, &other, NULL), "%s", text);
	if (code == ERR_OK)
		expect_same(&usual, &other);
	else
		cr_expect_eq(usual.seat_count, 77, "%s", text);
}

Test(command, reads_what_is_nearly_as_it_writes_it_like_anything_else)
{
	static const char usual[] =
		"{\"type\":\"hold\",\"bookingId\":\"018f0000-0000-8000-8000-000000000001\","
		"\"eventId\":\"e1\",\"seatIds\":[\"A1\",\"B:2\"],"
		"\"idempotencyKey\":\"018f0000-0000-8000-8000-000000000002\",\"userId\":\"u1\","
		"\"actor\":\"a1\",\"address\":\"192.0.2.7\","
		"\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}";
	static const char others[] = "\"\\{}[],: 1Ae\t\x7f\xc3";
	char text[sizeof(usual) + 1];
	struct command command;

	cr_assert_eq(decode(usual, &command, NULL), ERR_OK);
	cr_assert_eq(command.seat_count, 2);
	for (size_t i = 0; i + 1 < sizeof(usual); i++) {
		for (const char *c = others; *c; c++) {
			memcpy(text, usual, sizeof(usual));
			text[i] = *c;
			expect_one_reading(text);
			/* The same put in between. */
			memcpy(text + i + 1, usual + i, sizeof(usual) - i);
			expect_one_reading(text);
		}
		memcpy(text, usual, i);
		memcpy(text + i, usual + i + 1, sizeof(usual) - i - 1);
		expect_one_reading(text);
	}
}

Test(command, counts_seats_the_same_however_they_are_written)
{
	static const char *const seats[] = {
		"\"A1\"",
		"\"A1\",\"A1\"",
		"",
		"\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"",
		"\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"",
	};

	for (size_t i = 0; i < sizeof(seats) / sizeof(seats[0]); i++) {
		char text[512];
		const int len = snprintf(text, sizeof(text),
					 "{\"type\":\"book\","
					 "\"bookingId\":\"018f0000-0000-8000-8000-000000000001\","
					 "\"eventId\":\"e1\",\"seatIds\":[%s],\"userId\":\"u1\","
					 "\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}",
					 seats[i]);
		cr_assert(len > 0 && len < (int)sizeof(text));
		expect_one_reading(text);
	}
}

Test(command, refuses_every_truncation)
{
	for (size_t i = 0; i < COUNT(all); i++) {
		for (size_t len = 0; len < strlen(all[i].text); len++) {
			/* An exact copy, so that the address sanitizer sees a read past the end. */
			_cleanup_free_ char *part = malloc(len + !len);
			cr_assert(part);
			memcpy(part, all[i].text, len);
			struct command read;
			cr_expect_eq(command_decode(part, len, &read, NULL), ERR_INVALID,
				     "%zu bytes of %s", len, all[i].text);
		}
	}
}

Test(command, refuses_a_message_over_its_limit)
{
	char text[COMMAND_BYTES_MAX + 2];
	memset(text, ' ', sizeof(text));
	memcpy(text, GOOD, sizeof(GOOD) - 1);

	struct command read;
	struct err err = { .text = "" };
	cr_expect_eq(command_decode(text, COMMAND_BYTES_MAX, &read, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(command_decode(text, COMMAND_BYTES_MAX + 1, &read, &err), ERR_INVALID);
	cr_expect(strstr(err.text, "longer than 4096 bytes"), "%s", err.text);
}

Test(command, names_its_types)
{
	static const char *const names[COMMAND_TYPE_COUNT] = {
		[COMMAND_BOOK] = "book",       [COMMAND_HOLD] = "hold",
		[COMMAND_BLOCK] = "block",     [COMMAND_UNBLOCK] = "unblock",
		[COMMAND_CONFIRM] = "confirm", [COMMAND_EXTEND] = "extend",
		[COMMAND_CANCEL] = "cancel",   [COMMAND_CANCEL_EVENT] = "cancel_event",
	};
	static const char *const others[] = { "", "Book", "unknown", "book ", "boo", "expire" };

	for (int type = 0; type < COMMAND_TYPE_COUNT; type++) {
		enum command_type read = COMMAND_TYPE_COUNT;
		cr_expect_str_eq(command_type_name((enum command_type)type), names[type]);
		cr_expect(command_type_parse(names[type], &read));
		cr_expect_eq((int)read, type);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		enum command_type read = COMMAND_TYPE_COUNT;
		cr_expect_not(command_type_parse(others[i], &read), "'%s'", others[i]);
		cr_expect_eq(read, COMMAND_TYPE_COUNT);
	}
	cr_expect_str_eq(command_type_name(COMMAND_TYPE_COUNT), "unknown");
	for (int type = 0; type < COMMAND_TYPE_COUNT; type++) {
		const enum command_type t = (enum command_type)type;
		const bool acts = t == COMMAND_CONFIRM || t == COMMAND_EXTEND ||
				  t == COMMAND_CANCEL;
		cr_expect_eq(command_makes_booking(t), !acts);
		cr_expect_eq(command_takes_seats(t), t == COMMAND_BOOK || t == COMMAND_HOLD);
		cr_expect_eq(command_names_seats(t), !acts && t != COMMAND_CANCEL_EVENT);
	}
}
