#include "event_request.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NEW(rest)  "{\"name\":\"N\",\"date\":\"2026-03-01T19:30:00Z\"," rest "}"
#define ONE_ROW    "\"sections\":[{\"name\":\"S\",\"rows\":1,\"seatsPerRow\":1}]"
#define SECTION(s) NEW("\"sections\":[{" s "}]")
#define X16        "xxxxxxxxxxxxxxxx"
#define X64        X16 X16 X16 X16

static struct event_request request;
static struct booking_faults faults;
static struct err err;

static err_code parse(const char *body)
{
	event_request_done(&request);
	request = (struct event_request){ 0 };
	faults = (struct booking_faults){ 0 };
	return event_request_parse_new(body, strlen(body), &request, &faults, &err);
}

static err_code parse_change(const char *body)
{
	event_request_done(&request);
	request = (struct event_request){ 0 };
	faults = (struct booking_faults){ 0 };
	return event_request_parse_change(body, strlen(body), &request, &faults, &err);
}

static void expect_good(const char *body)
{
	cr_assert_eq(parse(body), ERR_OK, "refused %s: %s", body, err.text);
}

static void expect_good_change(const char *body)
{
	cr_assert_eq(parse_change(body), ERR_OK, "refused %s: %s", body, err.text);
}

static void expect_rule(enum event_rule rule, const char *text)
{
	cr_expect_str_eq(request.rules[rule].text, text, "%s: %s", event_rule_name(rule),
			 request.rules[rule].text);
}

/* All that is wrong, as "field, field". */
static void expect_faults(err_code code, const char *body, const char *fields)
{
	char text[BOOKING_FAULTS_MAX * BOOKING_FIELD_BYTES_MAX] = "";

	cr_assert_eq(code, ERR_CONFLICT, "took %s", body);
	for (size_t i = 0; i < faults.count; i++) {
		const size_t len = strlen(text);
		(void)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "",
			       faults.items[i].field);
	}
	cr_expect_str_eq(text, fields, "%s: %s", body, text);
	cr_expect_null(request.plan.rows, "touched the result for %s", body);
}

static void expect_fault(const char *body, const char *field, const char *detail)
{
	expect_faults(parse(body), body, field);
	cr_expect_str_eq(faults.items[0].detail, detail, "%s: %s", body, faults.items[0].detail);
}

/* Row i's first seat and how many it has. */
static void expect_row(size_t i, const char *stem, const char *name, int64_t first, int64_t seats)
{
	cr_assert_lt(i, request.plan.row_count);

	const struct event_row *row = &request.plan.rows[i];
	cr_expect_str_eq(row->stem, stem, "row %zu: %s", i, row->stem);
	cr_expect_str_eq(row->name, name, "row %zu: %s", i, row->name);
	cr_expect_eq(row->first, first);
	cr_expect_eq(request.plan.sections[row->section].seats_per_row, seats);
}

TestSuite(event_request);

Test(event_request, a_new_event_has_defaults)
{
	expect_good(NEW(ONE_ROW));
	cr_expect_str_eq(request.event_id, "");
	cr_expect_str_eq(request.currency, "EUR");
	expect_rule(EVENT_NAME, "N");
	expect_rule(EVENT_KIND, "concert");
	expect_rule(EVENT_DATE, "2026-03-01T19:30:00.000Z");
	expect_rule(EVENT_VENUE, "");
	expect_rule(EVENT_HOLD_TTL_MS, "120000");
	expect_rule(EVENT_HOLD_EXTENSIONS_MAX, "1");
	expect_rule(EVENT_SEATS_PER_USER_MAX, "");
	cr_expect_not(request.rules[EVENT_HOLDS_PER_USER_MAX].is_given);
	cr_expect_eq(request.plan.seat_count, 1);
	expect_row(0, "S-A-", "A", 0, 1);
}

Test(event_request, a_new_event_has_all_that_is_said)
{
	expect_good("{\"eventId\":\"e.1\",\"name\":\"Caf\xc3\xa9 \xf0\x9f\x8e\xb5\",\"kind\":"
		    "\"sport\",\"date\":\"2026-03-01T19:30:00.5+02:00\",\"venue\":\"Hall, 1\","
		    "\"currency\":\"USD\",\"holdTtlMs\":100,\"holdExtensionsMax\":0,"
		    "\"seatsPerUserMax\":4,\"holdsPerUserMax\":null,\"salesOpenAt\":"
		    "\"2026-01-01T00:00:00Z\",\"salesCloseAt\":\"2026-03-01T00:00:00-01:30\","
		    "\"priceMinor\":100,\"sections\":["
		    "{\"name\":\"Stalls\",\"rows\":2,\"seatsPerRow\":3,\"priceMinor\":8900},"
		    "{\"name\":\"Upper circle\",\"seatPrefix\":\"U\",\"rows\":[\"x\",7],"
		    "\"seatsPerRow\":2},"
		    "{\"name\":\"Box\",\"seatsPerRow\":4}]}");
	cr_expect_str_eq(request.event_id, "e.1");
	cr_expect_str_eq(request.currency, "USD");
	expect_rule(EVENT_NAME, "Caf\xc3\xa9 \xf0\x9f\x8e\xb5");
	expect_rule(EVENT_KIND, "sport");
	expect_rule(EVENT_DATE, "2026-03-01T17:30:00.500Z");
	expect_rule(EVENT_HOLD_TTL_MS, "100");
	expect_rule(EVENT_HOLD_EXTENSIONS_MAX, "0");
	expect_rule(EVENT_SEATS_PER_USER_MAX, "4");
	expect_rule(EVENT_SALES_OPEN_AT, "2026-01-01T00:00:00.000Z");
	expect_rule(EVENT_SALES_CLOSE_AT, "2026-03-01T01:30:00.000Z");
	cr_expect(request.rules[EVENT_HOLDS_PER_USER_MAX].is_given);
	cr_expect(request.rules[EVENT_HOLDS_PER_USER_MAX].is_null);
	cr_expect_eq(request.plan.seat_count, 6 + 4 + 4);
	cr_expect_eq(request.plan.row_count, 5);
	expect_row(0, "Stalls-A-", "A", 0, 3);
	expect_row(1, "Stalls-B-", "B", 3, 3);
	expect_row(2, "U-x-", "x", 6, 2);
	expect_row(3, "U-7-", "7", 8, 2);
	expect_row(4, "Box-", "", 10, 4);
	cr_expect_eq(request.plan.sections[0].price_minor, 8900);
	cr_expect_eq(request.plan.sections[1].price_minor, 100);
	cr_expect_str_eq(request.plan.sections[1].name, "Upper circle");
}

Test(event_request, knows_the_words_of_other_systems)
{
	expect_good("{\"show_id\":7,\"title\":\"T\",\"start_time\":\"2026-03-01T19:30:00Z\","
		    "\"total_seats\":40,\"price_minor\":5}");
	cr_expect_str_eq(request.event_id, "7");
	expect_rule(EVENT_NAME, "T");
	expect_rule(EVENT_DATE, "2026-03-01T19:30:00.000Z");
	cr_expect_eq(request.plan.seat_count, 40);
	cr_expect_eq(request.plan.sections[0].price_minor, 5);
	expect_row(0, "", "", 0, 40);
	expect_good("{\"name\":\"T\",\"title\":\"T\",\"startsAt\":\"2026-03-01T19:30:00Z\","
		    "\"totalSeats\":1," ONE_ROW "}");
	expect_fault(NEW("\"title\":\"M\"," ONE_ROW), "title",
		     "differs from name, which means the same");
	expect_fault(NEW("\"totalSeats\":2," ONE_ROW), "totalSeats",
		     "is not the number of seats of sections");
}

Test(event_request, names_rows_by_letters)
{
	static const struct {
		size_t row;
		const char *name;
	} named[] = { { 0, "A" },    { 25, "Z" },   { 26, "AA" },  { 51, "AZ" },
		      { 52, "BA" },  { 701, "ZZ" }, { 702, "AAA" }, { 999, "ALL" } };

	expect_good(SECTION("\"rows\":1000,\"seatsPerRow\":100"));
	cr_expect_eq(request.plan.seat_count, EVENT_SEATS_MAX);
	for (size_t i = 0; i < COUNT(named); i++)
		cr_expect_str_eq(request.plan.rows[named[i].row].name, named[i].name);
	cr_expect_str_eq(request.plan.rows[999].stem, "ALL-");
}

Test(event_request, times_are_those_of_rfc_3339)
{
	static const char *const bad[] = {
		"",
		"2026-03-01",
		"2026-03-01T19:30",
		"2026-03-01T19:30:00",
		"2026-02-30T19:30:00Z",
		"2026-03-01T24:00:00Z",
		"2026-03-01T19:30:00.Z",
		"2026-03-01T19:30:00.1234567890Z",
		"2026-03-01T19:30:00+2:00",
		"2026-03-01T19:30:00+0200",
		"2026-03-01T19:30:00+24:00",
		"2026-03-01T19:30:00+02:60",
		"2026-03-01T19:30:00Zx",
		"1969-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z",
		"1970-01-01T00:00:00+00:01",
		"9999-12-31T23:59:59-00:01",
		"99999-12-31T23:59:59Z",
		"tomorrow",
	};
	char body[256];

	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(body, sizeof(body), "{\"name\":\"N\",\"date\":\"%s\"," ONE_ROW "}",
			       bad[i]);
		expect_fault(body, "date",
			     "must be a time such as 2026-03-01T19:30:00Z, from 1970 on");
	}
	expect_good("{\"name\":\"N\",\"date\":\"9999-12-31 23:59:59.999999999z\"," ONE_ROW "}");
	expect_rule(EVENT_DATE, "9999-12-31T23:59:59.999Z");
}

Test(event_request, tells_all_that_is_wrong_at_once)
{
	const char *body = "{\"eventId\":\"a/b\",\"name\":\"\",\"kind\":\"k k\",\"date\":1,"
			   "\"venue\":7,\"currency\":\"eur\",\"holdTtlMs\":99,"
			   "\"holdExtensionsMax\":101,\"seatsPerUserMax\":0,"
			   "\"holdsPerUserMax\":1.5,\"salesOpenAt\":\"x\",\"priceMinor\":-1,"
			   "\"sections\":[{\"rows\":0,\"seatsPerRow\":1001},7]}";

	expect_faults(parse(body), body,
		      "eventId, name, kind, date, venue, holdTtlMs, holdExtensionsMax, "
		      "seatsPerUserMax, holdsPerUserMax, salesOpenAt, currency, priceMinor, "
		      "sections[0].seatsPerRow, sections[1]");
	expect_faults(parse("{}"), "{}", "name, date, sections");
}

Test(event_request, refuses_words_that_control)
{
	static const char *const bad[] = { "a\\nb", "a\\u0007", "\\u007f", "\\u0085x", "\\u2028",
					   "\\u009b1m" };
	char body[256];

	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"name\":\"%s\",\"date\":\"2026-03-01T19:30:00Z\"," ONE_ROW "}",
			       bad[i]);
		expect_fault(body, "name", "must not have control characters");
	}
	expect_fault("{\"name\":\"  \",\"date\":\"2026-03-01T19:30:00Z\"," ONE_ROW "}", "name",
		     "must not be blank");
	expect_good("{\"name\":\"\xc2\xa0x\",\"date\":\"2026-03-01T19:30:00Z\"," ONE_ROW "}");
}

Test(event_request, counts_characters_not_bytes)
{
	char body[2048], name[EVENT_WORDS_MAX * 4 + 8] = "";

	for (size_t i = 0; i < EVENT_WORDS_MAX; i++)
		memcpy(name + 4 * i, "\xf0\x9f\x8e\xb5", 5);
	(void)snprintf(body, sizeof(body),
		       "{\"name\":\"%s\",\"date\":\"2026-03-01T19:30:00Z\"," ONE_ROW "}", name);
	expect_good(body);
	(void)snprintf(body, sizeof(body),
		       "{\"name\":\"%sx\",\"date\":\"2026-03-01T19:30:00Z\"," ONE_ROW "}", name);
	expect_fault(body, "name", "may have at most 200 characters");
}

Test(event_request, sections_have_bounds)
{
	expect_fault(NEW("\"sections\":[]"), "sections", "must be 1 to 200 sections");
	expect_fault(NEW("\"sections\":{}"), "sections", "must be an array, not an object");
	expect_fault(NEW("\"sections\":null"), "sections", "must be an array, not null");
	expect_fault(SECTION("\"name\":\"S\",\"rows\":1"), "sections[0].seatsPerRow",
		     "is required");
	expect_fault(SECTION("\"rows\":[],\"seatsPerRow\":1"), "sections[0].rows",
		     "must be 1 to 1000 rows");
	expect_fault(SECTION("\"rows\":1001,\"seatsPerRow\":1"), "sections[0].rows",
		     "must be 1 to 1000");
	expect_fault(SECTION("\"rows\":true,\"seatsPerRow\":1"), "sections[0].rows",
		     "must be a number or an array of names, not a boolean");
	expect_fault(SECTION("\"rows\":[\"a b\"],\"seatsPerRow\":1"), "sections[0].rows[0]",
		     "must be 1 to 64 of letters, digits, '-', '_', '.' and ':'");
	expect_fault(SECTION("\"rows\":[null],\"seatsPerRow\":1"), "sections[0].rows[0]",
		     "must be a string or an integer, not null");
	expect_fault(SECTION("\"name\":\"Upper circle\",\"seatsPerRow\":1"),
		     "sections[0].seatPrefix",
		     "is required where the name cannot be part of a seat's id");
	expect_fault(SECTION("\"seatPrefix\":\"/\",\"seatsPerRow\":1"), "sections[0].seatPrefix",
		     "must be 1 to 64 of letters, digits, '-', '_', '.' and ':'");
	expect_fault(SECTION("\"priceMinor\":1000000000001,\"seatsPerRow\":1"),
		     "sections[0].priceMinor", "must be 0 to 1000000000000");
	expect_fault(SECTION("\"rows\":1000,\"seatsPerRow\":101"), "sections",
		     "may have at most 100000 seats together");
}

Test(event_request, a_seats_id_fits)
{
	expect_fault(SECTION("\"name\":\"" X64 "\",\"seatsPerRow\":1"), "sections[0].rows",
		     "makes ids of more than 64 characters");
	expect_good(SECTION("\"name\":\"" X16 X16 X16 "xxxxxxxxxxxx\",\"seatsPerRow\":999"));
	expect_fault(SECTION("\"name\":\"" X16 X16 X16 "xxxxxxxxxxxx\",\"seatsPerRow\":1000"),
		     "sections[0].rows", "makes ids of more than 64 characters");
}

Test(event_request, no_seat_is_made_twice)
{
	static const char *const same[] = {
		"{\"name\":\"S\",\"seatsPerRow\":1},{\"name\":\"S\",\"seatsPerRow\":1}",
		"{\"seatsPerRow\":1},{\"seatsPerRow\":1}",
		"{\"name\":\"S\",\"rows\":[\"A\"],\"seatsPerRow\":1},"
		"{\"name\":\"S-A\",\"seatsPerRow\":1}",
		"{\"name\":\"S\",\"rows\":2,\"seatsPerRow\":1},"
		"{\"name\":\"T\",\"seatPrefix\":\"S\",\"rows\":[\"B\"],\"seatsPerRow\":1}",
	};
	char body[512];

	for (size_t i = 0; i < COUNT(same); i++) {
		(void)snprintf(body, sizeof(body), NEW("\"sections\":[%s]"), same[i]);
		expect_fault(body, "sections[1].rows", "has seats of the same ids as another row");
	}
	expect_fault(SECTION("\"rows\":[\"A\",\"A\"],\"seatsPerRow\":1"), "sections[0].rows",
		     "has seats of the same ids as another row");
	expect_good(NEW("\"sections\":[{\"name\":\"S\",\"rows\":2,\"seatsPerRow\":1},"
			"{\"name\":\"S\",\"rows\":[\"C\"],\"seatsPerRow\":1}]"));
}

Test(event_request, sales_open_before_they_close)
{
	static const char *const bad[] = {
		"\"salesOpenAt\":\"2026-03-01T00:00:00Z\",\"salesCloseAt\":"
		"\"2026-03-01T00:00:00Z\"",
		"\"salesOpenAt\":\"2026-03-01T00:00:00Z\",\"salesCloseAt\":"
		"\"2026-03-01T01:00:00+02:00\"",
	};
	char body[512];

	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(body, sizeof(body), NEW("%s," ONE_ROW), bad[i]);
		expect_fault(body, "salesCloseAt", EVENT_WINDOW_FAULT);
	}
	expect_good(NEW("\"salesOpenAt\":null,\"salesCloseAt\":\"1970-01-01T00:00:00Z\"," ONE_ROW));
}

Test(event_request, a_change_has_what_it_names)
{
	expect_good_change("{\"name\":\"M\",\"seatsPerUserMax\":null,\"prices\":[{\"section\":\"S\""
			   ",\"priceMinor\":0},{\"section\":\"\",\"price_minor\":7}]}");
	expect_rule(EVENT_NAME, "M");
	cr_expect(request.rules[EVENT_NAME].is_given);
	cr_expect(request.rules[EVENT_SEATS_PER_USER_MAX].is_given);
	cr_expect(request.rules[EVENT_SEATS_PER_USER_MAX].is_null);
	cr_expect_not(request.rules[EVENT_DATE].is_given);
	cr_expect_not(request.rules[EVENT_HOLD_TTL_MS].is_given);
	cr_expect_eq(request.price_count, 2);
	cr_expect_str_eq(request.prices[0].section, "S");
	cr_expect_eq(request.prices[1].price_minor, 7);
}

Test(event_request, a_change_refuses_what_stays)
{
	static const struct {
		const char *body, *fields;
	} bad[] = {
		{ "{}", "body" },
		{ "{\"nmae\":\"x\"}", "body" },
		{ "{\"name\":null}", "name" },
		{ "{\"date\":null}", "date" },
		{ "{\"holdTtlMs\":null}", "holdTtlMs" },
		{ "{\"eventId\":\"e\",\"currency\":\"USD\",\"sections\":[],\"totalSeats\":1,"
		  "\"priceMinor\":1}",
		  "eventId, currency, sections, totalSeats, priceMinor" },
		{ "{\"prices\":{}}", "prices" },
		{ "{\"prices\":[]}", "prices" },
		{ "{\"prices\":[1,{}]}",
		  "prices[0], prices[1].section, prices[1].priceMinor" },
		{ "{\"prices\":[{\"section\":\"S\",\"priceMinor\":1},{\"section\":\"S\","
		  "\"priceMinor\":2}]}",
		  "prices[1].section" },
		{ "{\"prices\":[{\"section\":\"S\",\"priceMinor\":-1}]}", "prices[0].priceMinor" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		expect_faults(parse_change(bad[i].body), bad[i].body, bad[i].fields);
}

Test(event_request, refuses_what_is_not_a_json_object)
{
	static const char *const bad[] = { "", "[]", "{", "{\"name\":\"a\",\"name\":\"a\"}",
					   "{\"name\":\"\xff\"}", "{\"name\":\"a\\u0000\"}" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_eq(parse(bad[i]), ERR_INVALID, "took %s", bad[i]);
		cr_expect_eq(parse_change(bad[i]), ERR_INVALID, "took %s", bad[i]);
	}
}
