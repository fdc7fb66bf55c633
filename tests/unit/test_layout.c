#include "layout_json.h"
#include "mongo.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define OUT_BYTES_MAX 262144

struct seat {
	const char *seat_id; /* NULL: a gap */
	const char *section;
	const char *row;
	int number;
};

static struct strbuf out;

static void open_out(void)
{
	strbuf_init(&out, OUT_BYTES_MAX);
}

static void close_out(void)
{
	strbuf_done(&out);
}

TestSuite(layout, .init = open_out, .fini = close_out);

static bson_t *json(const char *text)
{
	bson_error_t error;
	bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);

	cr_assert(doc, "%s: %s", text, error.message);
	return doc;
}

static bson_t *event(int blocks, int seats_total)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"Midnight Sun\","
		       "\"kind\":\"concert\",\"date\":{\"$date\":\"2027-06-19T19:30:00Z\"},"
		       "\"venue\":\"Harbour Hall\",\"currency\":\"EUR\",\"event_version\":3,"
		       "\"version\":99,\"seats_total\":%d,\"blocks\":%d,"
		       "\"counts\":{\"available\":9,\"held\":9,\"booked\":9,\"blocked\":9}}",
		       seats_total, blocks);
	return json(text);
}

/* The layout of an event and its blocks in out. */
static err_code render(const bson_t *event_doc, const char *const *blocks, size_t count,
		       struct err *err)
{
	_cleanup_(layout_writer_done) struct layout_writer writer;
	err_code code = ERR_OK;

	strbuf_reset(&out);
	layout_write_begin(&writer, event_doc, &out);
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		_cleanup_(bson_destroyp) bson_t *block = json(blocks[i]);

		code = layout_write_block(&writer, block, err);
	}

	return code == ERR_OK ? layout_write_end(&writer, err) : code;
}

static err_code render_event(const char *const *blocks, size_t count, int blocks_want,
			     int seats_total)
{
	_cleanup_(bson_destroyp) bson_t *event_doc = event(blocks_want, seats_total);
	struct err err = { 0 };

	return render(event_doc, blocks, count, &err);
}

/* A block as it is stored: what changes, and what does not. */
static void write_block(struct strbuf *json, int block, const struct seat *seats, size_t count)
{
	strbuf_addf(json, "{\"_id\":\"e1/%04d\",\"block\":%d,\"version\":2,\"seats\":[", block,
		    block);
	for (size_t i = 0; i < count; i++) {
		strbuf_add_text(json, i ? "," : "");
		if (seats[i].seat_id)
			strbuf_addf(json,
				    "{\"seat_id\":\"%s\",\"status\":\"available\","
				    "\"user_id\":null,\"booking_id\":null,\"version\":0,"
				    "\"section\":\"%s\",\"row\":\"%s\",\"number\":%d,"
				    "\"price_minor\":8900}",
				    seats[i].seat_id, seats[i].section, seats[i].row,
				    seats[i].number);
		else
			strbuf_add_text(json, "null");
	}
	strbuf_add_text(json, "]}");
	cr_assert_not(json->overflow);
}

/* The layout of an event of one block in out. */
static err_code render_seats(const struct seat *seats, size_t count)
{
	_cleanup_(strbuf_done) struct strbuf block;
	int seats_total = 0;

	for (size_t i = 0; i < count; i++)
		seats_total += seats[i].seat_id != NULL;
	strbuf_init(&block, OUT_BYTES_MAX);
	write_block(&block, 0, seats, count);

	const char *text = block.data;

	return render_event(&text, 1, 1, seats_total);
}

static void summarize_row(struct strbuf *summary, json_t *row)
{
	size_t i;
	json_t *seat;

	strbuf_addf(summary, " %s(", json_string_value(json_object_get(row, "row")));
	json_array_foreach(json_object_get(row, "seats"), i, seat)
		strbuf_addf(summary, "%s%s@%d", i ? " " : "",
			    json_string_value(json_object_get(seat, "seat_id")),
			    (int)json_integer_value(json_object_get(seat, "position")));
	strbuf_add_char(summary, ')');
}

/* What is in out as: section: row(seat@position seat@position) row(...); section: ... */
static void expect_groups(const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf summary;
	json_t *layout = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
	size_t i, j;
	json_t *section, *row;

	cr_assert(layout, "%s", out.data);
	strbuf_init(&summary, OUT_BYTES_MAX);
	json_array_foreach(json_object_get(layout, "sections"), i, section)
	{
		strbuf_addf(&summary, "%s%s:", i ? "; " : "",
			    json_string_value(json_object_get(section, "section")));
		json_array_foreach(json_object_get(section, "rows"), j, row)
			summarize_row(&summary, row);
	}
	json_decref(layout);
	cr_expect_str_eq(summary.data, expected);
}

Test(layout, has_the_shape_that_clients_know)
{
	static const char *const block =
		"{\"block\":0,\"version\":2,\"seats\":[{\"seat_id\":\"A:1\",\"status\":\"held\","
		"\"user_id\":\"u1\",\"booking_id\":\"b\",\"version\":2,\"section\":\"Hall\","
		"\"row\":\"A\",\"number\":1,\"price_minor\":8900},{\"seat_id\":\"A2\","
		"\"section\":\"Hall\",\"row\":\"A\",\"number\":2,\"price_minor\":0}]}";

	cr_assert_eq(render_event(&block, 1, 1, 2), ERR_OK);
	cr_expect_str_eq(
		out.data,
		"{\"event_id\":\"e1\",\"name\":\"Midnight Sun\",\"kind\":\"concert\","
		"\"date\":\"2027-06-19T19:30:00.000Z\",\"venue\":\"Harbour Hall\","
		"\"currency\":\"EUR\",\"seats_total\":2,\"sections\":["
		"{\"section\":\"Hall\",\"rows\":[{\"row\":\"A\",\"seats\":["
		"{\"seat_id\":\"A:1\",\"number\":1,\"position\":0,\"price_minor\":8900},"
		"{\"seat_id\":\"A2\",\"number\":2,\"position\":1,\"price_minor\":0}]}]}]}");
}

Test(layout, neighbours_of_one_section_and_row_stand_together)
{
	static const struct seat seats[] = {
		{ "A1", "Hall", "A", 1 }, { "A2", "Hall", "A", 2 },  { "B1", "Hall", "B", 1 },
		{ "B2", "Hall", "B", 2 }, { "X", "Gallery", "", 7 },
	};

	cr_assert_eq(render_seats(seats, 5), ERR_OK);
	expect_groups("Hall: A(A1@0 A2@1) B(B1@2 B2@3); Gallery: (X@4)");
}

Test(layout, two_sections_may_have_a_row_of_the_same_name)
{
	static const struct seat seats[] = {
		{ "L1", "Left", "A", 1 },
		{ "L2", "Left", "A", 2 },
		{ "R1", "Right", "A", 1 },
	};

	cr_assert_eq(render_seats(seats, 3), ERR_OK);
	expect_groups("Left: A(L1@0 L2@1); Right: A(R1@2)");
}

Test(layout, a_name_that_only_begins_like_the_open_one_is_another)
{
	static const struct seat seats[] = {
		{ "a", "Hall", "AA", 1 },  { "b", "Hall", "A", 1 }, { "c", "Hall", "AA", 1 },
		{ "d", "Hall 2", "A", 1 }, { "e", "Hall", "A", 1 },
	};

	cr_assert_eq(render_seats(seats, 5), ERR_OK);
	expect_groups("Hall: AA(a@0) A(b@1) AA(c@2); Hall 2: A(d@3); Hall: A(e@4)");
}

Test(layout, a_gap_takes_a_position_and_no_seat)
{
	static const struct seat seats[] = {
		{ 0 }, { "A1", "S", "A", 1 }, { 0 }, { 0 }, { "A2", "S", "A", 2 }, { 0 },
	};

	cr_assert_eq(render_seats(seats, 6), ERR_OK);
	expect_groups("S: A(A1@1 A2@4)");
}

Test(layout, a_row_goes_on_in_the_next_block)
{
	static const struct seat seats[] = {
		{ "A1", "S", "A", 1 },
		{ 0 },
		{ "A2", "S", "A", 2 },
		{ "A3", "S", "A", 3 },
	};
	struct strbuf json[4];
	const char *blocks[4];

	/* The second is empty. */
	for (int i = 0; i < 4; i++) {
		strbuf_init(&json[i], OUT_BYTES_MAX);
		write_block(&json[i], i, &seats[i], 1);
		blocks[i] = json[i].data;
	}
	cr_assert_eq(render_event(blocks, 4, 4, 3), ERR_OK);
	expect_groups("S: A(A1@0 A2@2000 A3@3000)");
	for (int i = 0; i < 4; i++)
		strbuf_done(&json[i]);
}

Test(layout, an_event_without_seats_has_no_sections)
{
	static const struct seat gap = { 0 };

	cr_assert_eq(render_event(NULL, 0, 0, 0), ERR_OK);
	cr_expect(strstr(out.data, "\"seats_total\":0,\"sections\":[]}"), "%s", out.data);
	cr_assert_eq(render_seats(&gap, 1), ERR_OK);
	cr_expect(strstr(out.data, "\"seats_total\":0,\"sections\":[]}"), "%s", out.data);
}

Test(layout, what_buyers_change_is_not_in_it)
{
	static const char *const blocks[] = {
		"{\"block\":0,\"version\":0,\"counts\":{\"available\":1},\"seats\":[{"
		"\"seat_id\":\"A1\",\"status\":\"available\",\"user_id\":null,\"version\":0,"
		"\"section\":\"S\",\"row\":\"A\",\"number\":1.0,"
		"\"price_minor\":9007199254740993}]}",
		"{\"block\":0,\"version\":7,\"counts\":{\"available\":0},\"seats\":[{"
		"\"price_minor\":{\"$numberLong\":\"9007199254740993\"},\"number\":1,"
		"\"row\":\"A\",\"section\":\"S\",\"version\":7,\"booking_id\":\"b\","
		"\"user_id\":\"u1\",\"status\":\"booked\",\"seat_id\":\"A1\"}]}",
	};
	char before[1024];

	cr_assert_eq(render_event(&blocks[0], 1, 1, 1), ERR_OK);
	(void)snprintf(before, sizeof(before), "%s", out.data);
	cr_expect(strstr(before, "\"price_minor\":9007199254740993}"), "%s", before);
	cr_assert_eq(render_event(&blocks[1], 1, 1, 1), ERR_OK);
	cr_expect_str_eq(out.data, before);
}

Test(layout, names_are_escaped)
{
	static const char *const block =
		"{\"block\":0,\"seats\":[{\"seat_id\":\"A\\\"1\",\"section\":\"\\\"Parkett\\\" "
		"\\\\ \\n\",\"row\":\"\\u00e9\\u0001\",\"number\":-1,\"price_minor\":1},"
		"{\"seat_id\":\"A2\",\"section\":\"\\\"Parkett\\\" \\\\ \\n\","
		"\"row\":\"\\u00e9\\u0001\",\"number\":2,\"price_minor\":2}]}";
	_cleanup_(bson_destroyp) bson_t *event_doc =
		json("{\"_id\":\"e\",\"name\":\"\\\"Rock\\\" \\\\ \\n \\u00e9\",\"venue\":\"\\t\","
		     "\"seats_total\":2,\"blocks\":1}");
	struct err err = { 0 };

	cr_assert_eq(render(event_doc, &block, 1, &err), ERR_OK, "%s", err.text);

	json_t *layout = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(layout, "%s", out.data);

	json_t *sections = json_object_get(layout, "sections");
	json_t *section = json_array_get(sections, 0);
	json_t *rows = json_object_get(section, "rows");
	json_t *row = json_array_get(rows, 0);
	json_t *seats = json_object_get(row, "seats");

	cr_expect_eq(json_array_size(sections), 1);
	cr_expect_eq(json_array_size(rows), 1);
	cr_expect_eq(json_array_size(seats), 2);
	cr_expect_str_eq(json_string_value(json_object_get(layout, "name")),
			 "\"Rock\" \\ \n \xc3\xa9");
	cr_expect_str_eq(json_string_value(json_object_get(layout, "venue")), "\t");
	cr_expect_str_eq(json_string_value(json_object_get(section, "section")),
			 "\"Parkett\" \\ \n");
	cr_expect_str_eq(json_string_value(json_object_get(row, "row")), "\xc3\xa9\x01");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(seats, 0), "seat_id")),
			 "A\"1");
	json_decref(layout);
}

Test(layout, missing_and_odd_event_fields_become_null)
{
	static const char *const events[] = {
		"{\"_id\":\"e1\"}",
		"{\"_id\":\"e1\",\"name\":7,\"kind\":{},\"date\":\"soon\",\"venue\":null,"
		"\"currency\":[],\"seats_total\":\"x\",\"blocks\":null}",
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		_cleanup_(bson_destroyp) bson_t *event_doc = json(events[i]);

		cr_assert_eq(render(event_doc, NULL, 0, NULL), ERR_OK);
		cr_expect_str_eq(out.data,
				 "{\"event_id\":\"e1\",\"name\":null,\"kind\":null,\"date\":null,"
				 "\"venue\":null,\"currency\":null,\"seats_total\":0,"
				 "\"sections\":[]}");
	}
}

Test(layout, refuses_blocks_that_are_no_part_of_a_layout)
{
	static const char *const bad[] = {
		"{}",
		"{\"block\":0}",
		"{\"block\":0,\"seats\":null}",
		"{\"block\":0,\"seats\":{}}",
		"{\"block\":0,\"seats\":[\"A1\"]}",
		"{\"block\":0,\"seats\":[{}]}",
		"{\"seats\":[null]}",
		"{\"block\":\"0\",\"seats\":[null]}",
		"{\"block\":-1,\"seats\":[null]}",
		"{\"block\":0.5,\"seats\":[null]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(render_event(&bad[i], 1, 1, 0), ERR_INTERNAL, "accepted %s", bad[i]);
}

/* A layout of one seat with these fields, each with its name. */
static err_code render_seat(const char *seat_id, const char *section, const char *row,
			    const char *number, const char *price)
{
	char block[512];
	const char *text = block;

	(void)snprintf(block, sizeof(block), "{\"block\":0,\"seats\":[{%s%s%s%s%s\"version\":0}]}",
		       seat_id, section, row, number, price);
	return render_event(&text, 1, 1, 1);
}

Test(layout, refuses_seats_that_lack_something)
{
	static const char *const ids[] = { "", "\"seat_id\":1,", "\"seat_id\":null," };
	static const char *const sections[] = { "", "\"section\":1,", "\"section\":null," };
	static const char *const rows[] = { "", "\"row\":1,", "\"row\":null," };
	static const char *const numbers[] = { "", "\"number\":\"1\",", "\"number\":null,",
					       "\"number\":1.5," };
	static const char *const prices[] = {
		"",
		"\"price_minor\":\"1\",",
		"\"price_minor\":null,",
		"\"price_minor\":89.5,",
		"\"price_minor\":1e300,",
		"\"price_minor\":{\"$numberDouble\":\"NaN\"},",
	};
	static const char id[] = "\"seat_id\":\"A1\",", section[] = "\"section\":\"S\",",
			  row[] = "\"row\":\"A\",", number[] = "\"number\":1,",
			  price[] = "\"price_minor\":1,";

	cr_expect_eq(render_seat(id, section, row, number, price), ERR_OK);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		cr_expect_eq(render_seat(ids[i], section, row, number, price), ERR_INTERNAL, "%s",
			     ids[i]);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		cr_expect_eq(render_seat(id, sections[i], row, number, price), ERR_INTERNAL, "%s",
			     sections[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(render_seat(id, section, rows[i], number, price), ERR_INTERNAL, "%s",
			     rows[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cr_expect_eq(render_seat(id, section, row, numbers[i], price), ERR_INTERNAL, "%s",
			     numbers[i]);
	for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++)
		cr_expect_eq(render_seat(id, section, row, number, prices[i]), ERR_INTERNAL, "%s",
			     prices[i]);
}

Test(layout, refuses_blocks_out_of_order)
{
	static const char *const blocks[] = {
		"{\"block\":1,\"seats\":[]}",
		"{\"block\":1,\"seats\":[]}",
		"{\"block\":0,\"seats\":[]}",
	};

	cr_expect_eq(render_event(blocks, 2, 2, 0), ERR_INTERNAL);
	cr_expect_eq(render_event(blocks + 1, 2, 2, 0), ERR_INTERNAL);
}

Test(layout, refuses_a_block_whose_positions_are_the_next_ones)
{
	static struct seat seats[LAYOUT_BLOCK_SEATS + 1];

	for (size_t i = 0; i < sizeof(seats) / sizeof(seats[0]); i++)
		seats[i] = (struct seat){ "X", "S", "A", 1 };
	cr_expect_eq(render_seats(seats, LAYOUT_BLOCK_SEATS), ERR_OK);
	cr_expect(strstr(out.data, "\"position\":999,"));
	cr_expect_eq(render_seats(seats, LAYOUT_BLOCK_SEATS + 1), ERR_INTERNAL);
}

static const char ONE_SEAT[] = "{\"block\":0,\"seats\":[{\"seat_id\":\"A1\",\"section\":\"S\","
			       "\"row\":\"A\",\"number\":1,\"price_minor\":1},null]}";

Test(layout, is_unavailable_while_blocks_or_seats_are_missing_or_too_many)
{
	static const char *const block = ONE_SEAT;

	cr_expect_eq(render_event(&block, 1, 1, 1), ERR_OK);
	cr_expect_eq(render_event(&block, 1, 2, 1), ERR_UNAVAILABLE);
	cr_expect_eq(render_event(&block, 1, 1, 2), ERR_UNAVAILABLE);
	cr_expect_eq(render_event(&block, 1, 1, 0), ERR_UNAVAILABLE);
}

Test(layout, says_so_when_it_outgrows_its_buffer)
{
	static const char *const block = ONE_SEAT;

	out.bytes_max = 200;
	cr_expect_eq(render_event(&block, 1, 1, 1), ERR_INTERNAL);
}
