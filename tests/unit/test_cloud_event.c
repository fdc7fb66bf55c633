/* What other services are told of a row of the booking log: headers, and a value in JSON. */
#include "cloud_event.h"
#include "ident.h"
#include "pg.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ID     "01a1fc7b-173a-84f4-a56d-ad41d0a5b2f6"
#define SOURCE "/seatline/5f3c1a52-0000-4000-8000-000000000001"

static struct cloud_event event;
static struct err err;

static void setup(void)
{
	cloud_event_init(&event);
}

static void teardown(void)
{
	cloud_event_done(&event);
}

TestSuite(cloud_event, .init = setup, .fini = teardown);

static const struct log_seat SEATS[] = {
	{ .seat_id = "A1", .position = 0, .status = SEAT_BOOKED, .version = 2 },
	{ .seat_id = "B:2", .position = 1, .status = SEAT_AVAILABLE, .version = INT64_MAX },
};

/* A confirmed booking of two seats. */
static struct log_row confirmed(void)
{
	return (struct log_row){
		.xid = 7,
		.seq = 9,
		.booking = { .booking_id = ID,
			     .version = 2,
			     .event_id = "concert123",
			     .user_id = "u1",
			     .mode = "hold",
			     .seats = "{A1,B:2}",
			     .status = "confirmed",
			     .seats_lost = "{}",
			     .prices = "{8900,0}",
			     .total_minor = 8900,
			     .currency = "EUR",
			     .payment_reference = "pay_1",
			     .requested_at_ms = INT64_C(1772393400007),
			     .decided_at_ms = INT64_C(1772393420120),
			     .expires_at_ms = NUMBER_NONE },
		.decision = { .version = 2,
			      .at_ms = INT64_C(1772393420120),
			      .status = "confirmed",
			      .command = "confirm",
			      .command_id = "01a1fc7b-173a-84f4-a56d-0000d0a5b2f6",
			      .actor = "u1",
			      .result = "done",
			      .expires_at_ms = NUMBER_NONE },
		.is_done = true,
		.seats = SEATS,
		.seat_count = 2,
	};
}

static struct kafka_message told(const struct log_row *row)
{
	cr_assert_eq(cloud_event_make(&event, row, SOURCE, &err), ERR_OK, "%s", err.text);
	return cloud_event_message(&event);
}

static const char *header(const struct kafka_message *message, const char *name)
{
	for (size_t i = 0; message->headers[i].name; i++)
		if (strcmp(message->headers[i].name, name) == 0)
			return message->headers[i].value;
	return "(none)";
}

static json_t *value(const struct kafka_message *message)
{
	json_error_t error;
	json_t *const object =
		json_loadb(message->value, message->value_len, JSON_REJECT_DUPLICATES, &error);

	cr_assert(object, "%s: %.*s", error.text, (int)message->value_len,
		  (const char *)message->value);
	return object;
}

static void expect_member(const struct log_row *row, const char *name, const char *expected)
{
	const struct kafka_message message = told(row);
	json_t *const object = value(&message);
	char *const text =
		json_dumps(json_object_get(object, name), JSON_COMPACT | JSON_ENCODE_ANY);

	cr_expect_str_eq(text ? text : "(none)", expected, "%s is %s", name, text);
	free(text);
	json_decref(object);
}

Test(cloud_event, has_the_attributes_of_cloudevents_1_0_in_its_headers)
{
	static const char *const expected[][2] = {
		{ "ce_specversion", "1.0" },
		{ "ce_id", ID "/2" },
		{ "ce_source", SOURCE },
		{ "ce_type", "seatline.booking.confirmed" },
		{ "ce_time", "2026-03-01T19:30:20.120Z" },
		{ "ce_subject", ID },
		{ "ce_partitionkey", ID },
		{ "content-type", "application/json" },
	};
	const struct log_row row = confirmed();
	const struct kafka_message message = told(&row);
	size_t count = 0;

	while (message.headers[count].name)
		count++;
	cr_expect_eq(count, COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++)
		cr_expect_str_eq(header(&message, expected[i][0]), expected[i][1]);
	cr_expect_eq(message.partition, RD_KAFKA_PARTITION_UA);
	cr_expect_eq(message.key_len, strlen(ID));
	cr_expect_eq(memcmp(message.key, ID, strlen(ID)), 0);
}

Test(cloud_event, tells_the_booking_to_the_letter)
{
	static const char expected[] =
		"{\"booking_id\":\"" ID "\",\"version\":2,\"event_id\":\"concert123\","
		"\"user_id\":\"u1\",\"status\":\"confirmed\",\"reason\":null,"
		"\"seats\":[\"A1\",\"B:2\"],\"seats_lost\":[],\"prices\":[8900,0],"
		"\"total_minor\":8900,\"currency\":\"EUR\",\"payment_reference\":\"pay_1\","
		"\"requested_at\":\"2026-03-01T19:30:00.007Z\","
		"\"decided_at\":\"2026-03-01T19:30:20.120Z\",\"expires_at\":null,"
		"\"command\":\"confirm\","
		"\"command_id\":\"01a1fc7b-173a-84f4-a56d-0000d0a5b2f6\",\"actor\":\"u1\","
		"\"result\":\"done\",\"refusal\":null,"
		"\"changed\":[{\"seat_id\":\"A1\",\"status\":\"booked\",\"version\":2},"
		"{\"seat_id\":\"B:2\",\"status\":\"available\",\"version\":9223372036854775807}]}";
	const struct log_row row = confirmed();
	const struct kafka_message message = told(&row);

	cr_expect_eq(message.value_len, strlen(expected));
	cr_expect_str_eq(event.value.data, expected);
}

Test(cloud_event, names_each_kind_of_decision)
{
	static const struct {
		const char *command;
		const char *result;
		const char *status;
		const char *type;
	} cases[] = {
		{ "hold", "done", "held", "seatline.booking.held" },
		{ "book", "done", "confirmed", "seatline.booking.confirmed" },
		{ "hold", "done", "rejected", "seatline.booking.rejected" },
		{ "book", "done", "rejected", "seatline.booking.rejected" },
		{ "confirm", "done", "confirmed", "seatline.booking.confirmed" },
		{ "confirm", "unchanged", "confirmed", "seatline.booking.refused" },
		{ "confirm", "refused", "expired", "seatline.booking.refused" },
		{ "confirm", "done", "rejected", "seatline.booking.rejected" },
		{ "extend", "done", "held", "seatline.booking.extended" },
		{ "extend", "refused", "held", "seatline.booking.refused" },
		{ "extend", "refused", "confirmed", "seatline.booking.refused" },
		{ "extend", "done", "rejected", "seatline.booking.rejected" },
		{ "cancel", "done", "cancelled", "seatline.booking.cancelled" },
		{ "cancel", "unchanged", "cancelled", "seatline.booking.refused" },
		{ "cancel", "refused", "held", "seatline.booking.refused" },
		{ NULL, "done", "expired", "seatline.booking.expired" },
		{ NULL, "done", "cancelled", "seatline.booking.cancelled" },
		{ "block", "done", "done", "seatline.booking.done" },
		{ "block", "done", "rejected", "seatline.booking.rejected" },
		{ "unblock", "done", "done", "seatline.booking.done" },
		{ "cancel_event", "done", "done", "seatline.booking.done" },
		{ "cancel", "refused", "done", "seatline.booking.refused" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct log_row row = confirmed();
		row.booking.status = row.decision.status = cases[i].status;
		row.decision.command = cases[i].command;
		row.decision.result = cases[i].result;
		row.is_done = strcmp(cases[i].result, "done") == 0;
		const struct kafka_message message = told(&row);
		cr_expect_str_eq(header(&message, "ce_type"), cases[i].type, "%s %s %s: %s",
				 cases[i].command, cases[i].result, cases[i].status,
				 header(&message, "ce_type"));
		json_decref(value(&message));
	}
}

Test(cloud_event, tells_why_something_was_not_done_beside_why_the_booking_is_as_it_is)
{
	struct log_row row = confirmed();
	row.booking.status = row.decision.status = "expired";
	row.booking.reason = "hold_expired";
	row.decision.result = "refused";
	row.decision.reason = "not_owner";
	row.is_done = false;
	row.seat_count = 0;

	expect_member(&row, "reason", "\"hold_expired\"");
	expect_member(&row, "result", "\"refused\"");
	expect_member(&row, "refusal", "\"not_owner\"");
	expect_member(&row, "changed", "[]");

	row.decision.result = "done";
	row.decision.reason = "hold_expired"; /* of the status: nothing was refused */
	row.is_done = true;
	expect_member(&row, "refusal", "null");
}

Test(cloud_event, tells_null_and_nothing_of_a_booking_that_was_never_made)
{
	static const char *const absent[] = {
		"event_id", "user_id",    "total_minor", "currency",   "payment_reference",
		"actor",    "expires_at", "refusal",     "command_id",
	};
	static const char *const empty[] = { "seats", "seats_lost", "prices", "changed" };
	struct log_row row = {
		.booking = { .booking_id = ID,
			     .version = 1,
			     .seats = "{}",
			     .status = "rejected",
			     .reason = "booking_not_found",
			     .seats_lost = "{}",
			     .prices = "{}",
			     .total_minor = NUMBER_NONE,
			     .expires_at_ms = NUMBER_NONE },
		.decision = { .command = "cancel", .result = "done" },
		.is_done = true,
	};

	for (size_t i = 0; i < COUNT(absent); i++)
		expect_member(&row, absent[i], "null");
	for (size_t i = 0; i < COUNT(empty); i++)
		expect_member(&row, empty[i], "[]");
	expect_member(&row, "reason", "\"booking_not_found\"");
	row.decision.command = NULL;
	expect_member(&row, "command", "null");
}

Test(cloud_event, tells_times_in_utc_with_milliseconds)
{
	struct log_row row = confirmed();

	row.booking.expires_at_ms = INT64_C(1772393520000);
	expect_member(&row, "expires_at", "\"2026-03-01T19:32:00.000Z\"");
	row.booking.requested_at_ms = 0;
	expect_member(&row, "requested_at", "\"1970-01-01T00:00:00.000Z\"");
}

Test(cloud_event, escapes_what_json_wants_escaped)
{
	struct log_row row = confirmed();
	const char text[] = "a\"b\\c/{}[],:' ~\x7f\n";

	row.booking.payment_reference = text;
	const struct kafka_message message = told(&row);
	json_t *const object = value(&message);
	cr_expect_str_eq(json_string_value(json_object_get(object, "payment_reference")), text);
	json_decref(object);
}

/* Ten seats with the longest ids, all of them lost, and numbers as long as they get. */
Test(cloud_event, has_room_for_the_largest_booking)
{
	static struct log_seat seats[10];
	_cleanup_(strbuf_done) struct strbuf ids;
	_cleanup_(strbuf_done) struct strbuf prices;
	char seat_id[IDENT_BYTES_MAX] = { 0 };
	struct log_row row = confirmed();

	strbuf_init(&ids, CLOUD_EVENT_VALUE_BYTES_MAX);
	strbuf_init(&prices, CLOUD_EVENT_VALUE_BYTES_MAX);
	memset(seat_id, ':', sizeof(seat_id) - 1);
	pg_array_open(&ids);
	pg_array_open(&prices);
	for (size_t i = 0; i < COUNT(seats); i++) {
		seats[i] = (struct log_seat){ .status = SEAT_AVAILABLE, .version = INT64_MAX };
		memcpy(seats[i].seat_id, seat_id, sizeof(seat_id));
		pg_array_add(&ids, seat_id);
		pg_array_add_int(&prices, INT64_MAX);
	}
	pg_array_close(&ids);
	pg_array_close(&prices);
	row.booking.seats = row.booking.seats_lost = ids.data;
	row.booking.prices = prices.data;
	row.seats = seats;
	row.seat_count = COUNT(seats);
	const struct kafka_message message = told(&row);
	json_t *const object = value(&message);
	const json_t *const lost = json_object_get(object, "seats_lost");

	cr_assert_eq(json_array_size(lost), COUNT(seats));
	cr_expect_str_eq(json_string_value(json_array_get(lost, 9)), seat_id);
	cr_expect_eq(json_integer_value(json_array_get(json_object_get(object, "prices"), 9)),
		     INT64_MAX);
	json_decref(object);
}

Test(cloud_event, is_made_anew_without_a_trace_of_the_one_before)
{
	struct log_row row = confirmed();
	(void)told(&row);
	row.booking.version = 3;
	row.seat_count = 0;
	const struct kafka_message message = told(&row);

	cr_expect_str_eq(header(&message, "ce_id"), ID "/3");
	json_decref(value(&message));
}
