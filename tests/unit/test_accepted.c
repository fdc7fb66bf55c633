#include "accepted.h"
#include "http_internal.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define BOOKING "01bc8edb-e484-84f4-a687-74f5048b5e97"
#define COMMAND "0f3e8edb-e484-84f4-a687-74f5048b5e97"

static struct http_response response;

static void open_response(void)
{
	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, HTTP_HEADERS_BYTES_MAX);
	http_response_begin(&response, NULL);
}

static void close_response(void)
{
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
}

TestSuite(accepted, .init = open_response, .fini = close_response);

/* The body is these members, in any order and no others. */
static void expect_body(const char *members)
{
	json_t *got = json_loadb(response.body.data, response.body.len, 0, NULL);
	json_t *wanted = json_loads(members, 0, NULL);

	cr_assert(wanted);
	cr_expect(got && json_equal(got, wanted), "%s", response.body.data);
	json_decref(got);
	json_decref(wanted);
}

static void expect_head(void)
{
	cr_expect_eq(response.status, 202);
	cr_expect_str_eq(response.content_type, "application/json");
	cr_expect_str_eq(response.headers.data,
			 "Location: /api/bookings/" BOOKING "\r\nRetry-After: 1\r\n");
}

Test(accepted, names_the_booking_it_makes)
{
	accepted_answer(&response, BOOKING, NULL, "concert123");
	expect_head();
	expect_body("{\"message\":\"Booking request received and is being processed.\","
		    "\"bookingId\":\"" BOOKING "\",\"status\":\"pending\",\"links\":{\"self\":"
		    "\"/api/bookings/" BOOKING "\",\"event\":\"/api/events/concert123\"}}");
}

Test(accepted, names_the_command_that_acts_on_one)
{
	accepted_answer(&response, BOOKING, COMMAND, NULL);
	expect_head();
	expect_body("{\"message\":\"Request received and is being processed.\","
		    "\"bookingId\":\"" BOOKING "\",\"commandId\":\"" COMMAND
		    "\",\"status\":\"pending\",\"links\":{\"self\":\"/api/bookings/" BOOKING
		    "\"}}");
}

Test(accepted, names_no_event_that_is_not_known)
{
	accepted_answer(&response, BOOKING, NULL, NULL);
	expect_head();
	expect_body("{\"message\":\"Booking request received and is being processed.\","
		    "\"bookingId\":\"" BOOKING "\",\"status\":\"pending\",\"links\":{\"self\":"
		    "\"/api/bookings/" BOOKING "\"}}");
}

Test(accepted, reads_how_long_a_client_would_wait)
{
	static const struct {
		const char *prefer;
		int seconds;
	} cases[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "wait=5", 5 },
		{ "wait=1", 1 },
		{ "wait=0", 0 },
		{ "wait=10", 10 },
		{ "wait=11", 10 },
		{ "wait=99999999999999999999999999", 10 },
		{ "wait=007", 7 },
		{ "wait=00000000000000000000000000", 0 },
		{ "WAIT=5", 5 },
		{ "Wait = 5", 5 },
		{ "wait\t=\t5\t", 5 },
		{ "  wait=5  ", 5 },
		{ "respond-async, wait=5", 5 },
		{ "wait=5, respond-async", 5 },
		{ "wait=5,respond-async", 5 },
		{ ",,wait=5", 5 },
		{ "respond-async,wait=3;x=1", 3 },
		{ "return=minimal; wait=9, wait=2", 2 },
		{ "wait=5, wait=7", 5 }, /* RFC 7240: the first counts. */
		{ "wait=x, wait=7", 7 },
		{ "wait", 0 },
		{ "wait=", 0 },
		{ "wait= ", 0 },
		{ "wait=,5", 0 },
		{ "wait=-5", 0 },
		{ "wait=+5", 0 },
		{ "wait=5s", 0 },
		{ "wait=5 6", 0 },
		{ "wait=1.5", 0 },
		{ "wait=\"5\"", 0 },
		{ "wait:5", 0 },
		{ "waiting=5", 0 },
		{ "await=5", 0 },
		{ "wai", 0 },
		{ "respond-async", 0 },
		{ ";wait=5", 0 },
		{ ",", 0 },
		{ ";;;,;;;", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(accepted_wait_s_of(cases[i].prefer), cases[i].seconds, "'%s': %d",
			     cases[i].prefer ? cases[i].prefer : "none",
			     accepted_wait_s_of(cases[i].prefer));
}
