#include "booking_request.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static struct command command;
static struct booking_faults faults;
static struct err err;

static err_code parse_bytes(enum booking_form form, const char *body, size_t len)
{
	memset(&command, '?', sizeof(command));
	faults = (struct booking_faults){ 0 };
	return booking_request_parse(form, "", body, len, &command, &faults, &err);
}

static err_code parse_form(enum booking_form form, const char *body)
{
	return parse_bytes(form, body, strlen(body));
}

static err_code parse(const char *body)
{
	return parse_form(BOOKING_FORM_ONE_SEAT, body);
}

/* The one thing that is wrong with a request. */
static void expect_fault(enum booking_form form, const char *body, const char *field,
			 const char *detail)
{
	cr_assert_eq(parse_form(form, body), ERR_CONFLICT, "took %s", body);
	cr_assert_eq(faults.count, 1, "%s: %zu", body, faults.count);
	cr_expect_str_eq(faults.items[0].field, field, "%s: %s", body, faults.items[0].field);
	cr_expect_str_eq(faults.items[0].detail, detail, "%s: %s", body, faults.items[0].detail);
	cr_expect_eq(command.event_id[0], '?', "touched the result for %s", body);
}

/* Its seats, separated by spaces. */
static void expect_seats(const char *body, const char *seats)
{
	char text[COMMAND_SEATS_MAX * IDENT_BYTES_MAX] = "";

	for (unsigned i = 0; i < command.seat_count; i++) {
		const size_t len = strlen(text);
		(void)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
			       command.seat_ids[i]);
	}
	cr_expect_str_eq(text, seats, "%s: %s", body, text);
}

Test(booking_request, accepts_ids_as_strings_and_as_integers)
{
	static const struct {
		const char *body, *user, *event, *seat;
	} good[] = {
		{ "{\"userId\":\"u1\",\"eventId\":\"concert123\",\"seatId\":\"A1\"}", "u1",
		  "concert123", "A1" },
		{ "{\"userId\":1,\"eventId\":42,\"seatId\":7}", "1", "42", "7" },
		{ "{\"userId\":0,\"eventId\":-5,\"seatId\":9223372036854775807}", "0", "-5",
		  "9223372036854775807" },
		{ "{\"userId\":\"00\",\"eventId\":\"-\",\"seatId\":\"North:12:A1\"}", "00", "-",
		  "North:12:A1" },
		{ "{\"userId\":\"" X64 "\",\"eventId\":\"" X64 "\",\"seatId\":\"" X64 "\"}", X64,
		  X64, X64 },
		{ "{\"userId\":\"a.b_c-D\",\"eventId\":\"...\",\"seatId\":\"...\"}", "a.b_c-D",
		  "...", "..." },
		{ " \t\r\n{ \"seatId\" : \"A1\" ,\n\"userId\":\"u1\",\"eventId\":\"e1\" } \n", "u1",
		  "e1", "A1" },
		{ "{\"userId\":\"u\\u0031\",\"eventId\":\"e1\",\"seatId\":\"\\u0041\\u0031\"}",
		  "u1", "e1", "A1" },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_assert_eq(parse(good[i].body), ERR_OK, "refused %s: %s", good[i].body, err.text);
		cr_expect_eq(command.type, COMMAND_BOOK);
		cr_expect_str_eq(command.user_id, good[i].user);
		cr_expect_str_eq(command.event_id, good[i].event);
		cr_expect_eq(command.seat_count, 1);
		cr_expect_str_eq(command.seat_ids[0], good[i].seat);
	}
}

Test(booking_request, ignores_members_it_does_not_know)
{
	static const char *const good[] = {
		"{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\",\"type\":\"cancel\"}",
		"{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\",\"bookingId\":\"x\"}",
		"{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\",\"seatIds\":[\"B1\","
		"\"B2\"]}",
		"{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\",\"\":null,\"caf\xc3\xa9\":"
		"{}}",
		"{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\",\"x\":[[[[[[[]]]]]]]}",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_assert_eq(parse(good[i]), ERR_OK, "refused %s: %s", good[i], err.text);
		cr_expect_eq(command.type, COMMAND_BOOK);
		cr_expect_eq(command.seat_count, 1);
		cr_expect_str_eq(command.seat_ids[0], "A1");
	}
}

Test(booking_request, refuses_what_is_not_a_json_object)
{
	static const char *const bad[] = {
		"",
		" ",
		"null",
		"1",
		"\"userId\"",
		"[]",
		"[{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\"}]",
		"{",
		"}",
		"{]",
		"{\"userId\"}",
		"{\"userId\":}",
		"{\"userId\":\"u1\"",
		"{\"userId\":\"u1\"}}",
		"{\"userId\":\"u1\"} x",
		"{\"userId\":\"u1\",}",
		"{userId:\"u1\"}",
		"{'userId':'u1'}",
		"{\"userId\":\"u1\n\"}",
		"{\"userId\":\"\\x\"}",
		"{\"userId\":\"\\ud800\"}",
		"{\"userId\":01}",
		"{\"userId\":+1}",
		"{\"userId\":NaN}",
		"{\"userId\":99999999999999999999}",
		"{\"userId\":1e999}",
		"\xef\xbb\xbf{\"userId\":\"u1\"}",
		"{\"userId\":\"\xff\"}",
		"{\"userId\":\"\xc0\xaf\"}",
		"{\"userId\":\"\xed\xa0\x80\"}",
		"{\"userId\":\"a\\u0000b\",\"eventId\":\"e1\",\"seatId\":\"A1\"}",
		"{\"a\\u0000\":1}",
		"{\"userId\":\"u1\",\"userId\":\"u2\",\"eventId\":\"e1\",\"seatId\":\"A1\"}",
		"{\"x\":[[[[[[[[[[]]]]]]]]]]}",
		"{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":1}}}}}}}}}",
		"userId=u1&eventId=e1&seatId=A1",
		"<userId>u1</userId>",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_eq(parse(bad[i]), ERR_INVALID, "took %s", bad[i]);
		cr_expect_eq(faults.count, 0);
		cr_expect_eq(command.event_id[0], '?', "touched the result for %s", bad[i]);
	}
}

Test(booking_request, refuses_a_nul_among_the_bytes)
{
	static const char inside[] = "{\"userId\":\"u\0x\",\"eventId\":\"e1\",\"seatId\":\"A1\"}";
	static const char after[] = "{\"userId\":\"u1\",\"eventId\":\"e1\",\"seatId\":\"A1\"}\0";

	cr_expect_eq(parse_bytes(BOOKING_FORM_ONE_SEAT, inside, sizeof(inside) - 1), ERR_INVALID);
	cr_expect_eq(parse_bytes(BOOKING_FORM_ONE_SEAT, after, sizeof(after) - 1), ERR_INVALID);
	cr_expect_eq(parse_bytes(BOOKING_FORM_ONE_SEAT, "\0", 1), ERR_INVALID);
}

Test(booking_request, names_the_member_that_is_wrong_and_why)
{
	static const struct {
		const char *value, *detail;
	} bad[] = {
		{ "null", "must be a string or an integer, not null" },
		{ "true", "must be a string or an integer, not a boolean" },
		{ "false", "must be a string or an integer, not a boolean" },
		{ "1.5", "must be a string or an integer, not a number with a fraction" },
		{ "1.0", "must be a string or an integer, not a number with a fraction" },
		{ "1e3", "must be a string or an integer, not a number with a fraction" },
		{ "{}", "must be a string or an integer, not an object" },
		{ "{\"$gt\":\"\"}", "must be a string or an integer, not an object" },
		{ "[]", "must be a string or an integer, not an array" },
		{ "[\"A1\"]", "must be a string or an integer, not an array" },
		{ "\"\"", "must not be empty" },
		{ "\"" X64 "x\"", "may have at most 64 characters" },
		{ "\"" X64 X64 X64 "\"", "may have at most 64 characters" },
		{ "\".\"", "must not be '.' or '..'" },
		{ "\"..\"", "must not be '.' or '..'" },
		{ "\" \"", NULL },
		{ "\"a b\"", NULL },
		{ "\" a\"", NULL },
		{ "\"a/b\"", NULL },
		{ "\"../etc/passwd\"", NULL },
		{ "\"a\\\\b\"", NULL },
		{ "\"a\\nb\"", NULL },
		{ "\"a%20b\"", NULL },
		{ "\"a'; drop table seats; --\"", NULL },
		{ "\"a\\\"b\"", NULL },
		{ "\"{a}\"", NULL },
		{ "\"a*\"", NULL },
		{ "\"a,b\"", NULL },
		{ "\"a+b\"", NULL },
		{ "\"caf\xc3\xa9\"", NULL },
		{ "\"\xf0\x9f\x8e\xb5\"", NULL },
		{ "\"\\u007f\"", NULL },
		{ "\"\\u00e9\"", NULL },
	};
	static const char *const fields[] = { "userId", "eventId", "seatId" };
	char body[512];

	for (size_t i = 0; i < COUNT(bad); i++) {
		for (size_t k = 0; k < COUNT(fields); k++) {
			(void)snprintf(
				body, sizeof(body), "{\"userId\":%s,\"eventId\":%s,\"seatId\":%s}",
				k == 0 ? bad[i].value : "\"u1\"", k == 1 ? bad[i].value : "\"e1\"",
				k == 2 ? bad[i].value : "\"A1\"");
			const char *detail = bad[i].detail;
			if (!detail)
				detail = k == 2 ? "may have only letters, digits, '-', '_', '.' "
						  "and ':'"
						: "may have only letters, digits, '-', '_' and '.'";

			cr_assert_eq(parse(body), ERR_CONFLICT, "took %s", body);
			cr_expect_eq(faults.count, 1, "%s", body);
			cr_expect_str_eq(faults.items[0].field, fields[k], "%s", body);
			cr_expect_str_eq(faults.items[0].detail, detail, "%s", body);
			cr_expect_eq(command.event_id[0], '?', "touched the result for %s", body);
		}
	}
}

Test(booking_request, lets_only_seats_have_a_colon)
{
	cr_expect_eq(parse("{\"userId\":\"a:b\",\"eventId\":\"a:b\",\"seatId\":\"a:b\"}"),
		     ERR_CONFLICT);
	cr_assert_eq(faults.count, 2);
	cr_expect_str_eq(faults.items[0].field, "userId");
	cr_expect_str_eq(faults.items[1].field, "eventId");
}

Test(booking_request, reports_all_wrong_members_at_once)
{
	cr_assert_eq(parse("{}"), ERR_CONFLICT);
	cr_assert_eq(faults.count, 3);
	for (size_t i = 0; i < 3; i++)
		cr_expect_str_eq(faults.items[i].detail, "is required");

	cr_assert_eq(parse("{\"userId\":null,\"seatId\":\"\",\"UserId\":\"u1\"}"), ERR_CONFLICT);
	cr_assert_eq(faults.count, 3);
	cr_expect_str_eq(faults.items[0].field, "userId");
	cr_expect_str_eq(faults.items[0].detail, "must be a string or an integer, not null");
	cr_expect_str_eq(faults.items[1].field, "eventId");
	cr_expect_str_eq(faults.items[1].detail, "is required");
	cr_expect_str_eq(faults.items[2].field, "seatId");
	cr_expect_str_eq(faults.items[2].detail, "must not be empty");
}

#define SEAT_BODY(user, event, seat)                                                               \
	"{\"" user "\":\"u1\",\"" event "\":\"e1\",\"" seat "\":\"A1\"}"

Test(booking_request, takes_a_seat_under_every_name)
{
	static const char *const good[] = {
		SEAT_BODY("userId", "eventId", "seatId"),
		SEAT_BODY("user_id", "eventId", "seatId"),
		SEAT_BODY("userId", "event_id", "seatId"),
		SEAT_BODY("userId", "showId", "seatId"),
		SEAT_BODY("userId", "show_id", "seatId"),
		SEAT_BODY("userId", "eventId", "seat_id"),
		SEAT_BODY("userId", "eventId", "seatNumber"),
		SEAT_BODY("userId", "eventId", "seat_number"),
		SEAT_BODY("user_id", "show_id", "seat_number"),
		/* Twice the same is once. */
		"{\"userId\":\"u1\",\"user_id\":\"u1\",\"eventId\":\"e1\",\"show_id\":\"e1\","
		"\"event_id\":\"e1\",\"seatId\":\"A1\",\"seatNumber\":\"A1\"}",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_assert_eq(parse(good[i]), ERR_OK, "refused %s: %s", good[i], err.text);
		cr_expect_eq(command.type, COMMAND_BOOK);
		cr_expect_str_eq(command.user_id, "u1", "%s", good[i]);
		cr_expect_str_eq(command.event_id, "e1", "%s", good[i]);
		expect_seats(good[i], "A1");
	}
	/* An integer and its decimal text are the same. */
	cr_expect_eq(parse("{\"userId\":1,\"user_id\":\"1\",\"showId\":1,\"seatNumber\":1}"),
		     ERR_OK, "%s", err.text);
	cr_expect_str_eq(command.user_id, "1");
}

Test(booking_request, takes_seats_under_every_name)
{
	static const struct {
		const char *body, *seats;
	} good[] = {
		{ "{\"eventId\":\"e1\",\"userId\":\"u1\",\"seatIds\":[\"A1\"]}", "A1" },
		{ "{\"eventId\":\"e1\",\"userId\":\"u1\",\"seat_ids\":[\"A1\",\"A2\"]}", "A1 A2" },
		{ "{\"eventId\":\"e1\",\"userId\":\"u1\",\"seats\":[\"B1\",\"A1\"]}", "B1 A1" },
		{ "{\"showId\":\"e1\",\"userId\":\"u1\",\"seatNumbers\":[1,\"2\",3]}", "1 2 3" },
		{ "{\"show_id\":\"e1\",\"user_id\":\"u1\",\"seat_numbers\":[\"N:1\"]}", "N:1" },
		{ "{\"event_id\":\"e1\",\"user_id\":\"u1\",\"seatIds\":[1,2,3,4,5,6,7,8,9,10]}",
		  "1 2 3 4 5 6 7 8 9 10" },
		/* Twice the same, whatever the order, is once: the first. */
		{ "{\"eventId\":\"e1\",\"userId\":\"u1\",\"seatIds\":[\"1\",\"2\"],\"seats\":[2,1]"
		  "}",
		  "1 2" },
		/* One seat's names mean nothing here. */
		{ "{\"eventId\":\"e1\",\"userId\":\"u1\",\"seatIds\":[\"A1\"],\"seatId\":null}",
		  "A1" },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_assert_eq(parse_form(BOOKING_FORM_SEATS, good[i].body), ERR_OK, "refused %s: %s",
			     good[i].body, err.text);
		cr_expect_eq(command.type, COMMAND_HOLD);
		cr_expect_str_eq(command.user_id, "u1");
		cr_expect_str_eq(command.event_id, "e1");
		cr_expect_str_eq(command.payment_reference, "");
		expect_seats(good[i].body, good[i].seats);
	}
}

Test(booking_request, holds_unless_it_is_told_to_book)
{
	cr_assert_eq(
		parse_form(BOOKING_FORM_SEATS, "{\"eventId\":1,\"seatIds\":[1],\"mode\":\"book\"}"),
		ERR_OK, "%s", err.text);
	cr_expect_eq(command.type, COMMAND_BOOK);
	cr_expect_str_eq(command.user_id, "anonymous");
	cr_assert_eq(
		parse_form(BOOKING_FORM_SEATS, "{\"eventId\":1,\"seatIds\":[1],\"mode\":\"hold\"}"),
		ERR_OK, "%s", err.text);
	cr_expect_eq(command.type, COMMAND_HOLD);
	/* The mode of a single seat is fixed. */
	cr_assert_eq(parse("{\"userId\":1,\"eventId\":1,\"seatId\":1,\"mode\":\"hold\"}"), ERR_OK,
		     "%s", err.text);
	cr_expect_eq(command.type, COMMAND_BOOK);
}

Test(booking_request, refuses_two_names_that_say_different_things)
{
	static const struct {
		enum booking_form form;
		const char *body, *field, *detail;
	} bad[] = {
		{ BOOKING_FORM_ONE_SEAT, "{\"userId\":1,\"user_id\":2,\"eventId\":1,\"seatId\":1}",
		  "user_id", "differs from userId, which means the same" },
		{ BOOKING_FORM_ONE_SEAT, "{\"userId\":1,\"show_id\":2,\"showId\":1,\"seatId\":1}",
		  "show_id", "differs from showId, which means the same" },
		{ BOOKING_FORM_ONE_SEAT,
		  "{\"userId\":1,\"eventId\":1,\"event_id\":\"01\",\"seatId\":1}", "event_id",
		  "differs from eventId, which means the same" },
		{ BOOKING_FORM_ONE_SEAT,
		  "{\"userId\":1,\"eventId\":1,\"seat_id\":\"A1\",\"seatNumber\":\"a1\"}",
		  "seatNumber", "differs from seat_id, which means the same" },
		{ BOOKING_FORM_SEATS, "{\"eventId\":1,\"seatIds\":[1,2],\"seats\":[1]}", "seats",
		  "differs from seatIds, which means the same" },
		{ BOOKING_FORM_SEATS, "{\"eventId\":1,\"seatIds\":[1],\"seat_numbers\":[1,2]}",
		  "seat_numbers", "differs from seatIds, which means the same" },
		{ BOOKING_FORM_CONFIRM, "{\"paymentReference\":\"a\",\"payment_reference\":\"A\"}",
		  "payment_reference", "differs from paymentReference, which means the same" },
		{ BOOKING_FORM_CANCEL, "{\"userId\":\"u1\",\"user_id\":\"u2\"}", "user_id",
		  "differs from userId, which means the same" },
		/* What is wrong under one name is not made good by another. */
		{ BOOKING_FORM_ONE_SEAT,
		  "{\"userId\":null,\"user_id\":2,\"eventId\":1,\"seatId\":1}", "userId",
		  "must be a string or an integer, not null" },
		{ BOOKING_FORM_SEATS, "{\"eventId\":1,\"seatIds\":[1],\"seats\":[]}", "seats",
		  "must name 1 to 10 seats" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_fault(bad[i].form, bad[i].body, bad[i].field, bad[i].detail);
}

#define SEATS(text)  "{\"eventId\":1,\"seatIds\":" text "}"
#define AN_ARRAY     "must be an array of 1 to 10 seats, not "
#define A_TEXT       "must be a string or an integer, not "
#define SEAT_LETTERS "may have only letters, digits, '-', '_', '.' and ':'"
#define ID_LETTERS   "may have only letters, digits, '-', '_' and '.'"
#define REF_LETTERS  "may have only printable ASCII characters without spaces"
#define SECOND_TIME  "names a seat a second time"
#define BAD_MODE     "must be \"hold\" or \"book\""
#define MODE(text)   "{\"eventId\":1,\"seatIds\":[1],\"mode\":" text "}"

Test(booking_request, names_what_is_wrong_with_several_seats)
{
	static const struct {
		const char *body, *field, *detail;
	} bad[] = {
		{ "{\"eventId\":1}", "seatIds", "is required" },
		{ "{\"eventId\":1,\"seatId\":\"A1\"}", "seatIds", "is required" },
		{ "{\"seatIds\":[1]}", "eventId", "is required" },
		{ "{\"show_id\":\"a:b\",\"seatIds\":[1]}", "show_id", ID_LETTERS },
		{ "{\"eventId\":1,\"seatIds\":[1],\"userId\":null}", "userId", A_TEXT "null" },
		{ "{\"eventId\":1,\"seatIds\":[1],\"user_id\":\"\"}", "user_id",
		  "must not be empty" },
		{ SEATS("\"A1\""), "seatIds", AN_ARRAY "a string" },
		{ SEATS("1"), "seatIds", AN_ARRAY "an integer" },
		{ SEATS("1.5"), "seatIds", AN_ARRAY "a number with a fraction" },
		{ SEATS("null"), "seatIds", AN_ARRAY "null" },
		{ SEATS("true"), "seatIds", AN_ARRAY "a boolean" },
		{ SEATS("{\"0\":\"A1\"}"), "seatIds", AN_ARRAY "an object" },
		{ SEATS("[]"), "seatIds", "must name 1 to 10 seats" },
		{ SEATS("[1,2,3,4,5,6,7,8,9,10,11]"), "seatIds", "must name 1 to 10 seats" },
		{ "{\"eventId\":1,\"seat_numbers\":[]}", "seat_numbers",
		  "must name 1 to 10 seats" },
		{ SEATS("[null]"), "seatIds[0]", A_TEXT "null" },
		{ SEATS("[\"A1\",false]"), "seatIds[1]", A_TEXT "a boolean" },
		{ SEATS("[1,2,3,4,5,6,7,8,9,[10]]"), "seatIds[9]", A_TEXT "an array" },
		{ SEATS("[\"A1\",{}]"), "seatIds[1]", A_TEXT "an object" },
		{ SEATS("[1.0]"), "seatIds[0]", A_TEXT "a number with a fraction" },
		{ SEATS("[\"\"]"), "seatIds[0]", "must not be empty" },
		{ SEATS("[\"A 1\"]"), "seatIds[0]", SEAT_LETTERS },
		{ SEATS("[\"A1\",\"A1,A2\"]"), "seatIds[1]", SEAT_LETTERS },
		{ SEATS("[\"" X64 "x\"]"), "seatIds[0]", "may have at most 64 characters" },
		{ SEATS("[\"A1\",\"..\"]"), "seatIds[1]", "must not be '.' or '..'" },
		{ SEATS("[\"A1\",\"A1\"]"), "seatIds[1]", SECOND_TIME },
		{ SEATS("[\"A1\",\"B1\",\"\\u0041\\u0031\"]"), "seatIds[2]", SECOND_TIME },
		{ SEATS("[7,\"7\"]"), "seatIds[1]", SECOND_TIME },
		{ "{\"eventId\":1,\"seats\":[7,8,7]}", "seats[2]", SECOND_TIME },
		{ MODE("\"Hold\""), "mode", BAD_MODE },
		{ MODE("\"\""), "mode", BAD_MODE },
		{ MODE("\"confirm\""), "mode", BAD_MODE },
		{ MODE("\"hold \""), "mode", BAD_MODE },
		{ MODE("1"), "mode", BAD_MODE },
		{ MODE("null"), "mode", "must be a string or an integer, not null" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_fault(BOOKING_FORM_SEATS, bad[i].body, bad[i].field, bad[i].detail);
}

Test(booking_request, tells_of_a_bounded_number_of_faults)
{
	cr_assert_eq(parse_form(BOOKING_FORM_SEATS,
				"{\"userId\":{},\"seatIds\":[\"\",null,\"A1\",\"A1\"],\"mode\":2}"),
		     ERR_CONFLICT);
	cr_assert_eq(faults.count, 6);
	static const char *const fields[] = { "userId",     "eventId",    "seatIds[0]",
					      "seatIds[1]", "seatIds[3]", "mode" };
	for (size_t i = 0; i < COUNT(fields); i++)
		cr_expect_str_eq(faults.items[i].field, fields[i]);

	cr_assert_eq(parse_form(BOOKING_FORM_SEATS,
				"{\"seatIds\":[0,{},{},{},{},{},{},{},{},{}],"
				"\"seats\":[0,{},{},{},{},{},{},{},{},{}],"
				"\"seat_ids\":[0,{},{},{},{},{},{},{},{},{}],\"eventId\":1}"),
		     ERR_CONFLICT);
	cr_expect_eq(faults.count, BOOKING_FAULTS_MAX);
	booking_faults_add(&faults, "one", "too many");
	cr_expect_eq(faults.count, BOOKING_FAULTS_MAX);
}

Test(booking_request, acts_with_or_without_a_body)
{
	static const struct {
		const char *body, *user, *reference;
	} good[] = {
		{ "", "", "" },
		{ "{}", "", "" },
		{ "{\"userId\":\"u1\"}", "u1", "" },
		{ "{\"user_id\":7}", "7", "" },
		{ "{\"paymentReference\":\"pay_1\"}", "", "pay_1" },
		{ "{\"payment_reference\":\"~!{}/\\\\\\\"\"}", "", "~!{}/\\\"" },
		{ "{\"paymentReference\":42,\"payment_reference\":\"42\",\"userId\":1}", "1",
		  "42" },
		{ "{\"paymentReference\":\"" X64 X64 "\"}", "", X64 X64 },
		{ "{\"paymentReference\":\"..\"}", "", ".." },
		{ "{\"eventId\":null,\"seatIds\":[],\"mode\":1,\"bookingId\":\"x\"}", "", "" },
	};
	static const struct {
		enum booking_form form;
		enum command_type type;
	} forms[] = {
		{ BOOKING_FORM_CONFIRM, COMMAND_CONFIRM },
		{ BOOKING_FORM_EXTEND, COMMAND_EXTEND },
		{ BOOKING_FORM_CANCEL, COMMAND_CANCEL },
	};

	for (size_t i = 0; i < COUNT(good) * COUNT(forms); i++) {
		const char *body = good[i / COUNT(forms)].body;
		const enum command_type type = forms[i % COUNT(forms)].type;
		cr_assert_eq(parse_form(forms[i % COUNT(forms)].form, body), ERR_OK,
			     "refused %s: %s", body, err.text);
		cr_expect_eq(command.type, type);
		cr_expect_str_eq(command.user_id, good[i / COUNT(forms)].user, "%s", body);
		/* Only a confirmation has one. */
		cr_expect_str_eq(command.payment_reference,
				 type == COMMAND_CONFIRM ? good[i / COUNT(forms)].reference : "",
				 "%s", body);
		cr_expect_eq(command.seat_count, 0);
		cr_expect_str_eq(command.event_id, "");
	}
}

Test(booking_request, names_what_is_wrong_with_an_action)
{
	static const struct {
		const char *body, *field, *detail;
	} bad[] = {
		{ "{\"userId\":null}", "userId", A_TEXT "null" },
		{ "{\"userId\":\"\"}", "userId", "must not be empty" },
		{ "{\"user_id\":[\"u1\"]}", "user_id", A_TEXT "an array" },
		{ "{\"userId\":\"a b\"}", "userId", ID_LETTERS },
		{ "{\"userId\":\"" X64 "x\"}", "userId", "may have at most 64 characters" },
		{ "{\"paymentReference\":null}", "paymentReference", A_TEXT "null" },
		{ "{\"paymentReference\":{}}", "paymentReference", A_TEXT "an object" },
		{ "{\"paymentReference\":true}", "paymentReference", A_TEXT "a boolean" },
		{ "{\"payment_reference\":\"\"}", "payment_reference", "must not be empty" },
		{ "{\"payment_reference\":\"a b\"}", "payment_reference", REF_LETTERS },
		{ "{\"paymentReference\":\"caf\xc3\xa9\"}", "paymentReference", REF_LETTERS },
		{ "{\"paymentReference\":\"a\\n\"}", "paymentReference", REF_LETTERS },
		{ "{\"paymentReference\":\"" X64 X64 "x\"}", "paymentReference",
		  "may have at most 128 characters" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_fault(BOOKING_FORM_CONFIRM, bad[i].body, bad[i].field, bad[i].detail);
	cr_expect_eq(parse_form(BOOKING_FORM_CANCEL, bad[10].body), ERR_OK, "%s", err.text);
	cr_expect_eq(parse_form(BOOKING_FORM_CANCEL, bad[0].body), ERR_CONFLICT);
	cr_expect_eq(parse_form(BOOKING_FORM_EXTEND, bad[3].body), ERR_CONFLICT);
}

Test(booking_request, refuses_a_body_that_is_there_and_no_object_in_every_form)
{
	static const char *const bad[] = { " ", "null", "[]", "{", "{}{}", "\"{}\"", "userId=u1" };

	for (size_t i = 0; i < COUNT(bad); i++)
		for (int form = 0; form < BOOKING_FORM_COUNT; form++)
			cr_expect_eq(parse_form((enum booking_form)form, bad[i]), ERR_INVALID,
				     "form %d took '%s'", form, bad[i]);
	cr_expect_eq(parse_form(BOOKING_FORM_SEATS, ""), ERR_INVALID);
}

static err_code parse_asked(enum booking_form form, const char *asker, const char *body)
{
	memset(&command, '?', sizeof(command));
	faults = (struct booking_faults){ 0 };
	return booking_request_parse(form, asker, body, strlen(body), &command, &faults, &err);
}

Test(booking_request, who_asks_is_meant_where_nobody_is_named)
{
	static const struct {
		enum booking_form form;
		const char *asker, *body, *user;
	} asked[] = {
		{ BOOKING_FORM_ONE_SEAT, "u1", "{\"eventId\":\"e1\",\"seatId\":\"A1\"}", "u1" },
		{ BOOKING_FORM_ONE_SEAT, "u1",
		  "{\"userId\":\"u2\",\"eventId\":\"e1\",\"seatId\":\"A1\"}", "u2" },
		{ BOOKING_FORM_SEATS, "u1", "{\"eventId\":\"e1\",\"seatIds\":[\"A1\"]}", "u1" },
		{ BOOKING_FORM_SEATS, "", "{\"eventId\":\"e1\",\"seatIds\":[\"A1\"]}",
		  BOOKING_REQUEST_NOBODY },
		{ BOOKING_FORM_CONFIRM, "u1", "{}", "" },
		{ BOOKING_FORM_CANCEL_EVENT, "u1", "", "u1" },
		{ BOOKING_FORM_CANCEL_EVENT, "", "{}", BOOKING_REQUEST_NOBODY },
		{ BOOKING_FORM_CANCEL_EVENT, "", "{\"userId\":\"u2\"}", "u2" },
	};

	for (size_t i = 0; i < COUNT(asked); i++) {
		cr_assert_eq(parse_asked(asked[i].form, asked[i].asker, asked[i].body), ERR_OK,
			     "refused %s: %s", asked[i].body, err.text);
		cr_expect_str_eq(command.user_id, asked[i].user, "%s: %s", asked[i].body,
				 command.user_id);
	}
	cr_expect_eq(parse_asked(BOOKING_FORM_ONE_SEAT, "",
				 "{\"eventId\":\"e1\",\"seatId\":\"A1\"}"),
		     ERR_CONFLICT);
}

Test(booking_request, no_mode_is_an_administrators)
{
	static const char *const modes[] = { "block", "unblock", "cancel_event", "confirm" };
	char body[128];

	for (size_t i = 0; i < COUNT(modes); i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"eventId\":\"e1\",\"seatIds\":[\"A1\"],\"mode\":\"%s\"}",
			       modes[i]);
		expect_fault(BOOKING_FORM_SEATS, body, "mode",
			     "must be \"hold\" or \"book\"");
	}
}
