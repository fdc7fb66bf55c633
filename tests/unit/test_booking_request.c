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

static err_code parse_bytes(const char *body, size_t len)
{
	memset(&command, '?', sizeof(command));
	faults = (struct booking_faults){ 0 };
	return booking_request_parse(BOOKING_FORM_ONE_SEAT, body, len, &command, &faults, &err);
}

static err_code parse(const char *body)
{
	return parse_bytes(body, strlen(body));
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

	cr_expect_eq(parse_bytes(inside, sizeof(inside) - 1), ERR_INVALID);
	cr_expect_eq(parse_bytes(after, sizeof(after) - 1), ERR_INVALID);
	cr_expect_eq(parse_bytes("\0", 1), ERR_INVALID);
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
