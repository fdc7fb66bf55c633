#include "seat_request.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct seat_request request;
static struct booking_faults faults;
static struct err err;

TestSuite(seat_request);

static err_code parse(const char *body)
{
	seat_request_done(&request);
	request = (struct seat_request){ 0 };
	faults = (struct booking_faults){ 0 };
	return seat_request_parse(body, strlen(body), &request, &faults, &err);
}

static void expect_fault(const char *body, const char *field, const char *detail)
{
	cr_assert_eq(parse(body), ERR_CONFLICT, "took %s", body);
	cr_assert_eq(faults.count, 1, "%s: %zu", body, faults.count);
	cr_expect_str_eq(faults.items[0].field, field, "%s: %s", body, faults.items[0].field);
	cr_expect_str_eq(faults.items[0].detail, detail, "%s: %s", body, faults.items[0].detail);
	cr_expect_null(request.seat_ids);
}

/* {"seatIds":[1,2,...count]} */
static const char *numbered(size_t count)
{
	static char body[8192];
	size_t len = (size_t)snprintf(body, sizeof(body), "{\"seatIds\":[");

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len, "%s%zu", i > 0 ? "," : "",
					i + 1);
	(void)snprintf(body + len, sizeof(body) - len, "]}");
	return body;
}

Test(seat_request, names_up_to_1000_seats)
{
	cr_assert_eq(parse(numbered(1000)), ERR_OK, "%s", err.text);
	cr_expect_eq(request.count, 1000);
	cr_expect_str_eq(request.seat_ids[999], "1000");
	cr_expect_str_eq(request.user_id, "");
	expect_fault(numbered(1001), "seatIds", "must name 1 to 1000 seats");
	expect_fault(numbered(0), "seatIds", "must name 1 to 1000 seats");
}

Test(seat_request, has_names_of_other_systems)
{
	cr_assert_eq(parse("{\"seat_numbers\":[\"North:12:A1\",7],\"user_id\":\"u1\"}"), ERR_OK);
	cr_expect_eq(request.count, 2);
	cr_expect_str_eq(request.seat_ids[0], "North:12:A1");
	cr_expect_str_eq(request.user_id, "u1");
	expect_fault("{\"seatIds\":[\"A1\"],\"seats\":[\"A1\"]}", "seats",
		     "means the same as another member");
}

Test(seat_request, refuses_what_is_no_list_of_seats)
{
	expect_fault("{}", "seatIds", "is required");
	expect_fault("{\"seatIds\":\"A1\"}", "seatIds",
		     "must be an array of 1 to 1000 seats, not a string");
	expect_fault("{\"seatIds\":[\"A1\",\"A1\"]}", "seatIds[1]", "names a seat a second time");
	expect_fault("{\"seatIds\":[\"A 1\"]}", "seatIds[0]",
		     "may have only letters, digits, '-', '_', '.' and ':'");
	expect_fault("{\"seatIds\":[null]}", "seatIds[0]",
		     "must be a string or an integer, not null");
	expect_fault("{\"seatIds\":[\"A1\"],\"userId\":\"\"}", "userId", "must not be empty");
	cr_expect_eq(parse("[]"), ERR_INVALID);
}
