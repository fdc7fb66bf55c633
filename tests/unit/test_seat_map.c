#include "mongo.h"
#include "seat_map_json.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define OUT_BYTES_MAX 65536

static const struct seat_map_kind ALL = { .ledger_id = "ledger" };

static bson_t *json(const char *text)
{
	bson_error_t error;
	bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);

	cr_assert(doc, "%s: %s", text, error.message);
	return doc;
}

static const char EVENT[] =
	"{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"Midnight Sun\",\"kind\":\"concert\","
	"\"date\":{\"$date\":\"2027-06-19T19:30:00Z\"},\"venue\":\"Harbour Hall\","
	"\"currency\":\"EUR\",\"hold_ttl_ms\":1500,\"hold_extensions_max\":1,"
	"\"seats_per_user_max\":null,\"sales_close_at\":{\"$date\":\"2027-06-19T19:00:00Z\"},"
	"\"cancelled_at\":null,\"event_version\":3,\"version\":99,\"blocks\":1,"
	"\"counts\":{\"available\":9,\"held\":9,\"booked\":9,\"blocked\":9}}";

/* Renders an event and its blocks; the text is the caller's to compare before out is reused. */
static err_code render(const char *event, const char *const *blocks, size_t count,
		       struct strbuf *out, struct seat_map_version *version, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *event_doc = json(event);
	struct seat_map_writer writer;
	err_code code = ERR_OK;

	strbuf_reset(out);
	seat_map_write_begin(&writer, event_doc, &ALL, out);
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		_cleanup_(bson_destroyp) bson_t *block = json(blocks[i]);

		code = seat_map_write_block(&writer, block, err);
	}

	return code == ERR_OK ? seat_map_write_end(&writer, version, err) : code;
}

Test(seat_map, has_the_shape_clients_know_with_seats_in_order)
{
	static const char *const block =
		"{\"_id\":\"e1/0000\",\"event_id\":\"e1\",\"block\":0,\"version\":2,\"seats\":["
		"{\"seat_id\":\"A1\",\"status\":\"available\",\"user_id\":null,\"booking_id\":null,"
		"\"version\":0,\"section\":\"Hall\",\"row\":\"A\",\"number\":1,\"price_minor\":"
		"8900},"
		"{\"seat_id\":\"A2\",\"status\":\"booked\",\"user_id\":\"u1\",\"booking_id\":\"b\","
		"\"version\":1},"
		"{\"seat_id\":\"A:10\",\"status\":\"held\",\"user_id\":\"u2\",\"version\":1},"
		"{\"seat_id\":\"A0\",\"status\":\"blocked\",\"user_id\":null,\"version\":0}]}";
	static const char expected[] =
		"{\"_id\":\"e1\",\"event_id\":\"e1\",\"date\":\"2027-06-19T19:30:00.000Z\","
		"\"name\":\"Midnight Sun\",\"kind\":\"concert\",\"venue\":\"Harbour Hall\","
		"\"currency\":\"EUR\",\"hold_ttl_ms\":1500,\"hold_extensions_max\":1,"
		"\"seats_per_user_max\":null,\"holds_per_user_max\":null,\"sales_open_at\":null,"
		"\"sales_close_at\":\"2027-06-19T19:00:00.000Z\",\"cancelled_at\":null,\"seats\":["
		"{\"seat_id\":\"A1\",\"status\":\"available\",\"user_id\":null},"
		"{\"seat_id\":\"A2\",\"status\":\"booked\",\"user_id\":\"u1\"},"
		"{\"seat_id\":\"A:10\",\"status\":\"held\",\"user_id\":\"u2\"},"
		"{\"seat_id\":\"A0\",\"status\":\"blocked\",\"user_id\":null}],\"version\":2,"
		"\"counts\":{\"available\":1,\"held\":1,\"booked\":1,\"blocked\":1}}";
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;
	struct err err = { 0 };

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render(EVENT, &block, 1, &out, &version, &err), ERR_OK, "%s", err.text);
	cr_expect_str_eq(out.data, expected);
	cr_expect_eq(version.version, 2);
	cr_expect_eq(version.event_version, 3);
}

Test(seat_map, adds_up_versions_and_counts_over_the_blocks_not_the_event)
{
	static const char *const blocks[] = {
		"{\"block\":0,\"version\":5,\"seats\":[{\"seat_id\":\"A\",\"status\":\"booked\","
		"\"user_id\":\"u\"}]}",
		"{\"block\":1,\"version\":{\"$numberLong\":\"7\"},\"seats\":[]}",
		"{\"block\":2,\"version\":1.0,\"seats\":[{\"user_id\":null,\"status\":\"booked\","
		"\"seat_id\":\"B\"}]}",
	};
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render(EVENT, blocks, 3, &out, &version, NULL), ERR_OK);
	cr_expect_eq(version.version, 13);
	cr_expect(strstr(out.data, "},{\"seat_id\":\"B\""), "no comma: %s", out.data);
	cr_expect(strstr(out.data, "\"version\":13,\"counts\":{\"available\":0,\"held\":0,"
				   "\"booked\":2,\"blocked\":0}}"),
		  "%s", out.data);
}

Test(seat_map, without_users_is_the_same_with_null_and_has_another_etag)
{
	static const struct seat_map_kind PUBLIC = { .ledger_id = "ledger", .hides_users = true };
	static const char *const block =
		"{\"block\":0,\"version\":2,\"seats\":["
		"{\"seat_id\":\"A1\",\"status\":\"booked\",\"user_id\":\"u1\"},"
		"{\"user_id\":\"u2\",\"seat_id\":\"A2\",\"status\":\"held\"},"
		"{\"seat_id\":\"A3\",\"status\":\"available\",\"user_id\":null}]}";
	_cleanup_(strbuf_done) struct strbuf all, hidden;
	_cleanup_(bson_destroyp) bson_t *event = json(EVENT), *doc = json(block);
	struct seat_map_version all_version, hidden_version;
	struct seat_map_writer writer;

	strbuf_init(&all, OUT_BYTES_MAX);
	strbuf_init(&hidden, OUT_BYTES_MAX);
	cr_assert_eq(render(EVENT, &block, 1, &all, &all_version, NULL), ERR_OK);
	seat_map_write_begin(&writer, event, &PUBLIC, &hidden);
	cr_assert_eq(seat_map_write_block(&writer, doc, NULL), ERR_OK);
	cr_assert_eq(seat_map_write_end(&writer, &hidden_version, NULL), ERR_OK);

	cr_expect(strstr(all.data, "\"u1\"") && strstr(all.data, "\"u2\""));
	cr_expect(strstr(hidden.data, "{\"seat_id\":\"A1\",\"status\":\"booked\","
				      "\"user_id\":null}"),
		  "%s", hidden.data);
	cr_expect_not(strstr(hidden.data, "\"u1\"") || strstr(hidden.data, "\"u2\""));
	cr_expect(strstr(hidden.data, "\"version\":2,\"counts\":{\"available\":1,\"held\":1,"
				      "\"booked\":1,\"blocked\":0}}"));
	cr_expect_str_neq(hidden_version.etag.text, all_version.etag.text);
}

/* Which of three blocks, and whether the event, are copied from a map of them all. */
static void expect_copy_like(unsigned copied, const char *const *blocks, const struct strbuf *whole,
			     const struct seat_map_head *head, const struct seat_map_part *parts)
{
	_cleanup_(strbuf_done) struct strbuf out;
	_cleanup_(bson_destroyp) bson_t *event = json(EVENT);
	struct seat_map_writer writer;
	struct seat_map_version version;

	strbuf_init(&out, OUT_BYTES_MAX);
	if (copied & 8)
		seat_map_copy_begin(&writer, head, whole->data, &ALL, &out);
	else
		seat_map_write_begin(&writer, event, &ALL, &out);
	for (size_t i = 0; i < 3; i++) {
		_cleanup_(bson_destroyp) bson_t *block = json(blocks[i]);

		if (copied & 1u << i)
			seat_map_copy_block(&writer, &parts[i], whole->data);
		else
			cr_assert_eq(seat_map_write_block(&writer, block, NULL), ERR_OK);
		cr_expect_eq(memcmp(&writer.part, &parts[i], sizeof(parts[i])), 0, "part %zu", i);
	}
	cr_assert_eq(seat_map_write_end(&writer, &version, NULL), ERR_OK);
	cr_expect_str_eq(out.data, whole->data);
	cr_expect_eq(version.version, 13);
}

Test(seat_map, copies_what_did_not_change_to_the_same_bytes)
{
	static const char *const seat =
		"{\"block\":0,\"version\":5,\"seats\":[{\"seat_id\":\"A\",\"status\":\"booked\","
		"\"user_id\":\"u\"},{\"seat_id\":\"C\",\"status\":\"held\",\"user_id\":\"v\"}]}";
	static const char *const none = "{\"block\":1,\"version\":7,\"seats\":[]}";
	static const char *const last = "{\"block\":2,\"version\":1,\"seats\":[{\"status\":"
					"\"available\",\"seat_id\":\"B\",\"user_id\":null}]}";
	const char *const orders[][3] = { { seat, none, last },
					  { none, seat, last },
					  { seat, last, none } };

	for (size_t i = 0; i < 3; i++) {
		_cleanup_(strbuf_done) struct strbuf whole;
		_cleanup_(bson_destroyp) bson_t *event = json(EVENT);
		struct seat_map_part parts[3];
		struct seat_map_writer writer;
		struct seat_map_version version;

		strbuf_init(&whole, OUT_BYTES_MAX);
		seat_map_write_begin(&writer, event, &ALL, &whole);
		for (size_t k = 0; k < 3; k++) {
			_cleanup_(bson_destroyp) bson_t *block = json(orders[i][k]);

			cr_assert_eq(seat_map_write_block(&writer, block, NULL), ERR_OK);
			parts[k] = writer.part;
		}
		cr_assert_eq(seat_map_write_end(&writer, &version, NULL), ERR_OK);
		for (unsigned copied = 0; copied < 16; copied++)
			expect_copy_like(copied, orders[i], &whole, &writer.head, parts);
	}
}

Test(seat_map, versions_alone_make_the_same_etag_as_the_whole_map)
{
	static const char *const blocks[] = {
		"{\"block\":0,\"version\":5,\"seats\":[]}",
		"{\"block\":1,\"version\":7,\"seats\":[]}",
	};
	_cleanup_(strbuf_done) struct strbuf out;
	_cleanup_(bson_destroyp) bson_t *event = json("{\"event_version\":3,\"blocks\":1}");
	struct seat_map_version whole, cheap;
	struct seat_map_sum sum;

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render(EVENT, blocks, 2, &out, &whole, NULL), ERR_OK);

	seat_map_sum_begin(&sum, event, &ALL);
	for (size_t i = 0; i < 2; i++) {
		_cleanup_(bson_destroyp) bson_t *block = json(blocks[i]);

		seat_map_sum_add(&sum, block);
	}
	cr_assert_eq(seat_map_sum_end(&sum, &cheap, NULL), ERR_OK);
	cr_expect_str_eq(cheap.etag.text, whole.etag.text);
}

Test(seat_map, missing_and_odd_event_fields_become_null)
{
	static const char *const events[] = {
		"{\"_id\":\"e1\"}",
		"{\"_id\":\"e1\",\"name\":7,\"kind\":{},\"date\":\"soon\",\"venue\":null,"
		"\"currency\":[],\"event_version\":\"x\",\"blocks\":null}",
		"{\"_id\":\"e1\",\"date\":{\"$date\":{\"$numberLong\":\"9223372036854775807\"}},"
		"\"event_version\":{\"$numberDouble\":\"NaN\"}}",
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		_cleanup_(strbuf_done) struct strbuf out;
		struct seat_map_version version;

		strbuf_init(&out, OUT_BYTES_MAX);
		cr_assert_eq(render(events[i], NULL, 0, &out, &version, NULL), ERR_OK);
		cr_expect_str_eq(
			out.data,
			"{\"_id\":\"e1\",\"event_id\":\"e1\",\"date\":null,\"name\":null,"
			"\"kind\":null,\"venue\":null,\"currency\":null,\"hold_ttl_ms\":null,"
			"\"hold_extensions_max\":null,\"seats_per_user_max\":null,"
			"\"holds_per_user_max\":null,\"sales_open_at\":null,"
			"\"sales_close_at\":null,\"cancelled_at\":null,"
			"\"seats\":[],"
			"\"version\":0,\"counts\":{\"available\":0,\"held\":0,\"booked\":0,"
			"\"blocked\":0}}");
		cr_expect_eq(version.event_version, 0);
	}
}

Test(seat_map, a_date_stored_as_text_is_read_too)
{
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render("{\"_id\":\"e\",\"date\":\"2027-06-19T19:30:00Z\"}", NULL, 0, &out,
			    &version, NULL),
		     ERR_OK);
	cr_expect(strstr(out.data, "\"date\":\"2027-06-19T19:30:00.000Z\""), "%s", out.data);
}

Test(seat_map, texts_outside_the_grammar_still_make_valid_json)
{
	static const char event[] = "{\"_id\":\"e\",\"name\":\"\\\"Rock\\\" \\\\ \\n \\u00e9\"}";
	static const char *const block = "{\"seats\":[{\"seat_id\":\"A\\\"1\",\"status\":"
					 "\"booked\",\"user_id\":\"\\u0001\\u00fc\"},"
					 "{\"seat_id\":\"\",\"status\":\"booked\",\"user_id\":17},"
					 "{\"seat_id\":\"B\",\"status\":\"available\"}]}";
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render(event, &block, 1, &out, &version, NULL), ERR_OK);

	json_t *map = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(map, "%s", out.data);

	json_t *seats = json_object_get(map, "seats");

	cr_expect_str_eq(json_string_value(json_object_get(map, "name")),
			 "\"Rock\" \\ \n \xc3\xa9");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(seats, 0), "seat_id")),
			 "A\"1");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(seats, 0), "user_id")),
			 "\x01\xc3\xbc");
	cr_expect(json_is_null(json_object_get(json_array_get(seats, 1), "user_id")));
	cr_expect(json_is_null(json_object_get(json_array_get(seats, 2), "user_id")));
	json_decref(map);
}

Test(seat_map, leaves_out_positions_without_a_seat)
{
	static const char *const blocks[] = {
		"{\"block\":0,\"version\":0,\"seats\":[null,null]}",
		"{\"block\":1,\"version\":0,\"seats\":[null,{\"seat_id\":\"A\",\"status\":"
		"\"booked\","
		"\"user_id\":\"u\"},null,{\"seat_id\":\"B\",\"status\":\"blocked\"}]}",
	};
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_assert_eq(render(EVENT, blocks, 2, &out, &version, NULL), ERR_OK);
	cr_expect(strstr(out.data,
			 "\"seats\":[{\"seat_id\":\"A\",\"status\":\"booked\",\"user_id\":\"u\"},"
			 "{\"seat_id\":\"B\",\"status\":\"blocked\",\"user_id\":null}]"),
		  "%s", out.data);
}

Test(seat_map, refuses_blocks_that_are_no_part_of_a_map)
{
	static const char *const bad[] = {
		"{}",
		"{\"seats\":null}",
		"{\"seats\":{}}",
		"{\"seats\":\"A1\"}",
		"{\"seats\":[\"A1\"]}",
		"{\"seats\":[{}]}",
		"{\"seats\":[{\"seat_id\":\"A1\",\"user_id\":null}]}",
		"{\"seats\":[{\"status\":\"booked\",\"user_id\":null}]}",
		"{\"seats\":[{\"seat_id\":1,\"status\":\"booked\"}]}",
		"{\"seats\":[{\"seat_id\":\"A1\",\"status\":\"\"}]}",
		"{\"seats\":[{\"seat_id\":\"A1\",\"status\":\"Booked\"}]}",
		"{\"seats\":[{\"seat_id\":\"A1\",\"status\":\"bookedx\"}]}",
		"{\"seats\":[{\"seat_id\":\"A1\",\"status\":\"available\"},{\"seat_id\":\"A2\","
		"\"status\":null}]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_(strbuf_done) struct strbuf out;
		struct seat_map_version version = { .version = 42 };
		struct err err = { 0 };

		strbuf_init(&out, OUT_BYTES_MAX);
		cr_expect_eq(render(EVENT, &bad[i], 1, &out, &version, &err), ERR_INTERNAL,
			     "accepted %s", bad[i]);
		cr_expect_eq(version.version, 42);
	}
}

Test(seat_map, is_unavailable_while_blocks_are_missing)
{
	static const char event[] = "{\"_id\":\"e\",\"blocks\":2}";
	static const char *const block = "{\"block\":0,\"version\":1,\"seats\":[]}";
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version = { .version = 42 };

	strbuf_init(&out, OUT_BYTES_MAX);
	cr_expect_eq(render(event, &block, 1, &out, &version, NULL), ERR_UNAVAILABLE);
	cr_expect_eq(version.version, 42);
}

Test(seat_map, says_so_when_it_outgrows_its_buffer)
{
	static const char *const block =
		"{\"seats\":[{\"seat_id\":\"A1\",\"status\":\"booked\",\"user_id\":\"u\"}]}";
	_cleanup_(strbuf_done) struct strbuf out;
	struct seat_map_version version;

	strbuf_init(&out, 100);
	cr_expect_eq(render(EVENT, &block, 1, &out, &version, NULL), ERR_INTERNAL);
}
