/* What subscribers are told about a fold, and how differences are told. */
#include "difference.h"
#include "live_message.h"
#include "mongo.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SEATS 2500

static struct log_seat seats[SEATS];
static struct log_row row;
static struct fold fold;
static struct store_result result;
static struct strbuf message;

/* One event, all of whose seats go from available to booked at once. */
static void setup(void)
{
	for (int32_t i = 0; i < SEATS; i++) {
		seats[i] = (struct log_seat){ .position = i, .status = SEAT_BOOKED, .version = 3 };
		(void)snprintf(seats[i].seat_id, sizeof(seats[i].seat_id), "S%d", i);
	}
	row = (struct log_row){
		.booking = { .booking_id = "b", .version = 1, .event_id = "e", .user_id = "u" },
		.seats = seats,
		.seat_count = SEATS
	};
	fold_batch(&row, 1, &fold);
	store_result_init(&result, &fold);
	for (size_t i = 0; i < fold.seat_count; i++)
		result.seats[i] = (struct seat_move){ true, SEAT_AVAILABLE, 1 };
	result.events[0].before = (struct map_sums){ .version = 100, .counts = { 3000, 0, 7, 0 } };
	result.events[0].after =
		(struct map_sums){ .version = 100 + 2 * SEATS, .counts = { 500, 0, 2507, 0 } };
	strbuf_init(&message, LIVE_MESSAGE_BYTES_MAX);
}

static void teardown(void)
{
	strbuf_done(&message);
	store_result_done(&result);
	fold_done(&fold);
}

TestSuite(fold_messages, .init = setup, .fini = teardown);

static json_int_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static json_t *next(struct live_cursor *cursor)
{
	if (!live_message_next(cursor, &fold, &result, 0, &message))
		return NULL;
	cr_expect(!message.overflow);
	json_t *const json = json_loadb(message.data, message.len, 0, NULL);
	cr_assert_not_null(json, "not JSON: %s", message.data);
	cr_expect_str_eq(json_string_value(json_object_get(json, "event_id")), "e");
	return json;
}

Test(fold_messages, cuts_many_seats_into_messages_that_follow_on)
{
	struct live_cursor cursor = { 0 };
	json_int_t version = 100;
	size_t told = 0;

	for (json_t *json = next(&cursor); json; json = next(&cursor)) {
		const json_t *const list = json_object_get(json, "seats");
		const json_t *const counts = json_object_get(json, "counts");
		const size_t count = json_array_size(list);

		cr_expect_leq(count, LIVE_SEATS_MAX);
		cr_expect_eq(number(json, "previous_version"), version);
		version = number(json, "version");
		cr_expect_eq(version, 100 + 2 * (json_int_t)(told + count));
		cr_expect_eq(number(counts, "available"), 3000 - (json_int_t)(told + count));
		cr_expect_eq(number(counts, "booked"), 7 + (json_int_t)(told + count));
		cr_expect_str_eq(
			json_string_value(json_object_get(json_array_get(list, 0), "seat_id")),
			seats[told].seat_id);
		cr_expect_str_eq(
			json_string_value(json_object_get(json_array_get(list, 0), "status")),
			"booked");
		told += count;
		json_decref(json);
	}
	cr_expect_eq(told, SEATS);
	cr_expect_eq(version, result.events[0].after.version);
}

Test(fold_messages, tells_only_what_moved)
{
	struct live_cursor cursor = { 0 };

	for (size_t i = 0; i < fold.seat_count; i++)
		result.seats[i].moved = i == 1700;
	result.events[0].after = (struct map_sums){ .version = 102, .counts = { 2999, 0, 8, 0 } };
	json_t *const json = next(&cursor);
	cr_assert_not_null(json);
	cr_expect_eq(json_array_size(json_object_get(json, "seats")), 1);
	cr_expect_eq(number(json, "version"), 102);
	json_decref(json);
	cr_expect_null(next(&cursor));
}

Test(fold_messages, says_nothing_when_nothing_moved)
{
	struct live_cursor cursor = { 0 };

	for (size_t i = 0; i < fold.seat_count; i++)
		result.seats[i].moved = false;
	result.events[0].after = result.events[0].before;
	cr_expect_null(next(&cursor));
}

Test(fold_messages, names_only_the_version_when_moves_are_not_all)
{
	struct live_cursor cursor = { 0 };

	result.events[0].is_exact = false;
	json_t *const json = next(&cursor);
	cr_assert_not_null(json);
	cr_expect_eq(json_array_size(json_object_get(json, "seats")), 0);
	cr_expect_eq(number(json, "version"), result.events[0].after.version);
	cr_expect_eq(number(json, "previous_version"), result.events[0].after.version);
	cr_expect_eq(number(json_object_get(json, "counts"), "booked"), 2507);
	json_decref(json);
	cr_expect_null(next(&cursor));
}

/* Two documents, and the lines told of them. */
struct difference_case {
	const char *postgresql;
	const char *mongodb;
	const char *told;
};

Test(fold_difference, tells_fields_by_name_whatever_their_order)
{
	static const struct difference_case cases[] = {
		{ "{}", "{}", "" },
		{ "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}", "" },
		{ "{\"a\":1}", "{\"a\":{\"$numberLong\":\"1\"}}", "" },
		{ "{\"a\":1}", "{\"a\":2}", "w a: postgresql 1, mongodb 2\n" },
		{ "{\"a\":1}", "{\"a\":\"1\"}", "w a: postgresql 1, mongodb \"1\"\n" },
		{ "{\"a\":1}", "{\"a\":1.0}", "w a: postgresql 1, mongodb (BSON type 0x01)\n" },
		{ "{\"a\":null}", "{}", "w a: postgresql null, mongodb (absent)\n" },
		{ "{}", "{\"a\":null}", "w a: postgresql (absent), mongodb null\n" },
		{ "{\"a\":[\"x\"]}", "{\"a\":[]}", "w a.0: postgresql \"x\", mongodb (absent)\n" },
		{ "{\"a\":[]}", "{\"a\":{}}",
		  "w a: postgresql (BSON type 0x04), mongodb (BSON type 0x03)\n" },
		{ "{\"s\":[{\"seat_id\":\"A1\",\"x\":1}]}",
		  "{\"s\":[{\"x\":2,\"seat_id\":\"A1\"}]}",
		  "w s.0[A1].x: postgresql 1, mongodb 2\n" },
		{ "{\"a\":{\"b\":true,\"c\":1}}", "{\"a\":{\"c\":2,\"b\":false}}",
		  "w a.b: postgresql true, mongodb false\nw a.c: postgresql 1, mongodb 2\n" },
		{ "{\"a\":\"x\\ny\"}", "{\"a\":\"x\"}",
		  "w a: postgresql \"x\\ny\", mongodb \"x\"\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char told[512] = "";
		_cleanup_(bson_destroyp) bson_t *a =
			bson_new_from_json((const uint8_t *)cases[i].postgresql, -1, NULL);
		_cleanup_(bson_destroyp) bson_t *b =
			bson_new_from_json((const uint8_t *)cases[i].mongodb, -1, NULL);
		FILE *const out = fmemopen(told, sizeof(told), "w");
		cr_assert(a && b && out, "case %zu", i);

		const int64_t count = difference_print(a, b, "w", out);
		(void)fclose(out); /* In memory. */
		cr_expect_str_eq(told, cases[i].told, "case %zu: %s", i, told);
		cr_expect_eq(count == 0, *told == '\0');
	}
}
