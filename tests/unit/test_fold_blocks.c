/* What a fold does to a block, and what is remembered of blocks. */
#include "block_state.h"
#include "documents.h"
#include "recent.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bson_t *from_json(const char *json)
{
	bson_error_t error;
	bson_t *const doc = bson_new_from_json((const uint8_t *)json, -1, &error);

	cr_assert_not_null(doc, "%s: %s", json, error.message);
	return doc;
}

#define BLOCK                                                                                      \
	"{\"_id\":\"e/0000\",\"version\":9,\"seats\":["                                            \
	"{\"seat_id\":\"A\",\"status\":\"available\",\"version\":0},null,"                         \
	"{\"version\":4,\"status\":\"held\",\"seat_id\":\"C\"},"                                   \
	"{\"seat_id\":\"D\",\"status\":\"booked\",\"version\":{\"$numberLong\":\"5\"}}]}"

static void read_block(const char *json, struct block_state *ret)
{
	_cleanup_(bson_destroyp) bson_t *doc = from_json(json);

	cr_assert(block_state_read(doc, ret), "%s", json);
}

Test(fold_blocks, reads_a_block)
{
	static struct block_state block;
	read_block(BLOCK, &block);

	cr_expect_eq(block.sums.version, 9);
	cr_expect_eq(block.seat_count, 4);
	cr_expect_eq(block.sums.counts[SEAT_AVAILABLE], 1);
	cr_expect_eq(block.sums.counts[SEAT_HELD], 1);
	cr_expect_eq(block.sums.counts[SEAT_BOOKED], 1);
	cr_expect_eq(block.statuses[1], SEAT_STATUS_COUNT);
	cr_expect_eq(block.versions[3], 5);
}

Test(fold_blocks, refuses_what_is_no_block)
{
	static struct block_state block;
	static const char *const bad[] = {
		"{}",
		"{\"version\":1}",
		"{\"seats\":[]}",
		"{\"version\":1,\"seats\":7}",
		"{\"version\":1,\"seats\":[{}]}",
		"{\"version\":1,\"seats\":[{\"status\":\"booked\"}]}",
		"{\"version\":1,\"seats\":[{\"status\":\"sold\",\"version\":1}]}",
		"{\"version\":1,\"seats\":[{\"status\":7,\"version\":1}]}",
		"{\"version\":1,\"seats\":[{\"status\":\"booked\",\"version\":-1}]}",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		_cleanup_(bson_destroyp) bson_t *doc = from_json(bad[i]);
		cr_expect(!block_state_read(doc, &block), "accepted %s", bad[i]);
	}
}

Test(fold_blocks, refuses_a_block_with_too_many_seats)
{
	static struct block_state block;
	bson_t doc = BSON_INITIALIZER;
	bson_t seats;

	BSON_APPEND_INT64(&doc, "version", 0);
	BSON_APPEND_ARRAY_BEGIN(&doc, "seats", &seats);
	for (uint32_t i = 0; i < BLOCK_SEATS + 1; i++) {
		char buf[16];
		const char *key = NULL;
		bson_uint32_to_string(i, &key, buf, sizeof(buf));
		BSON_APPEND_NULL(&seats, key);
	}
	bson_append_array_end(&doc, &seats);
	cr_expect(!block_state_read(&doc, &block));
	bson_destroy(&doc);
}

/* A change of seat `index`, and whether and from what it moves the block above. */
struct move_case {
	int32_t index;
	enum seat_status status;
	int64_t version;
	bool moves;
	int64_t growth;
};

Test(fold_blocks, moves_seats_only_forward)
{
	static struct block_state block;
	static const struct move_case cases[] = {
		{ 0, SEAT_BOOKED, 1, true, 1 },  { 0, SEAT_AVAILABLE, 0, false, 0 },
		{ 0, SEAT_HELD, 7, true, 7 },    { 1, SEAT_BOOKED, 1, false, 0 },
		{ 2, SEAT_BOOKED, 3, false, 0 }, { 2, SEAT_BOOKED, 4, false, 0 },
		{ 2, SEAT_BOOKED, 5, true, 1 },  { 3, SEAT_AVAILABLE, 6, true, 1 },
		{ 4, SEAT_BOOKED, 1, false, 0 }, { 999, SEAT_BOOKED, 1, false, 0 },
	};
	read_block(BLOCK, &block);

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct seat_change change = { .event_id = "e",
						    .index = cases[i].index,
						    .status = cases[i].status,
						    .version = cases[i].version };
		struct seat_move move;
		struct map_sums growth;
		const size_t moved = block_state_plan(&block, &change, 1, &move, &growth);

		cr_expect_eq(moved, cases[i].moves, "case %zu", i);
		cr_expect_eq(move.moved, cases[i].moves, "case %zu", i);
		cr_expect_eq(growth.version, cases[i].growth, "case %zu", i);
		cr_expect_eq(block_state_has_seats(&block, &change, 1),
			     cases[i].index != 1 && cases[i].index < 4, "case %zu", i);
	}
}

Test(fold_blocks, plans_an_update_and_settles_it)
{
	static struct block_state block;
	const struct seat_change changes[] = {
		{ .index = 0,
		  .status = SEAT_BOOKED,
		  .user_id = "u",
		  .booking_id = "b",
		  .version = 1 },
		{ .index = 2,
		  .status = SEAT_HELD,
		  .user_id = "x",
		  .booking_id = "y",
		  .version = 4 },
		{ .index = 3, .status = SEAT_AVAILABLE, .version = 7 },
	};
	struct seat_move moves[3];
	struct map_sums growth;
	read_block(BLOCK, &block);

	cr_expect_eq(block_state_plan(&block, changes, 3, moves, &growth), 2);
	_cleanup_(bson_destroyp) bson_t *update =
		block_state_update(&block, changes, moves, 3, &growth);
	_cleanup_(bson_destroyp) bson_t *expected = from_json(
		"{\"$set\":{\"version\":{\"$numberLong\":\"12\"},\"counts\":{\"available\":1,"
		"\"held\":1,\"booked\":1,\"blocked\":0},\"seats.0.status\":\"booked\","
		"\"seats.0.user_id\":\"u\",\"seats.0.booking_id\":\"b\","
		"\"seats.0.version\":{\"$numberLong\":\"1\"},\"seats.3.status\":\"available\","
		"\"seats.3.user_id\":null,\"seats.3.booking_id\":null,"
		"\"seats.3.version\":{\"$numberLong\":\"7\"}}}");
	cr_expect(bson_equal(update, expected), "%s", bson_as_json(update, NULL));

	block_state_settle(&block, changes, moves, 3, &growth);
	cr_expect_eq(block.sums.version, 12);
	cr_expect_eq(block.versions[3], 7);
	cr_expect_eq(block.statuses[0], SEAT_BOOKED);
	cr_expect_eq(block_state_plan(&block, changes, 3, moves, &growth), 0,
		     "the same changes move nothing twice");
}

Test(fold_blocks, makes_blocks_that_it_can_read)
{
	static struct block_state block;
	const struct seat_values seats[] = {
		{ .index = 0,
		  .seat_id = "A",
		  .status = SEAT_HELD,
		  .version = 3,
		  .section = "",
		  .row = "" },
		{ .index = 999,
		  .seat_id = "Z",
		  .status = SEAT_BLOCKED,
		  .version = 1,
		  .section = "",
		  .row = "" },
	};
	_cleanup_(bson_destroyp) bson_t *doc = document_block("e", 12, seats, 2);
	bson_iter_t iter;

	cr_assert(bson_iter_init_find(&iter, doc, "_id"));
	cr_expect_str_eq(bson_iter_utf8(&iter, NULL), "e/0012");
	cr_assert(block_state_read(doc, &block));
	cr_expect_eq(block.seat_count, 1000);
	cr_expect_eq(block.sums.version, 4);
	cr_expect_eq(block.statuses[500], SEAT_STATUS_COUNT);
	cr_expect_eq(block.statuses[999], SEAT_BLOCKED);
}

Test(fold_recent, forgets_what_was_not_used_for_longest)
{
	struct recent *const recent = recent_new(sizeof(int), 3);

	*(int *)recent_add(recent, "a") = 1;
	*(int *)recent_add(recent, "b") = 2;
	*(int *)recent_add(recent, "c") = 3;
	cr_assert_not_null(recent_find(recent, "a"));
	*(int *)recent_add(recent, "d") = 4;
	cr_expect_eq(recent_count(recent), 3);
	cr_expect_null(recent_find(recent, "b"));
	cr_expect_eq(*(int *)recent_find(recent, "a"), 1);
	cr_expect_eq(*(int *)recent_find(recent, "c"), 3);
	cr_expect_eq(*(int *)recent_find(recent, "d"), 4);
	recent_free(recent);
}

Test(fold_recent, drops_and_clears)
{
	struct recent *const recent = recent_new(sizeof(int), 100);

	for (int i = 0; i < 1000; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "key%d", i);
		cr_assert_eq(*(int *)recent_add(recent, key), 0);
	}
	cr_expect_eq(recent_count(recent), 100);
	recent_drop(recent, "key950");
	recent_drop(recent, "key950");
	recent_drop(recent, "key1");
	cr_expect_eq(recent_count(recent), 99);
	cr_expect_null(recent_find(recent, "key950"));
	cr_expect_not_null(recent_find(recent, "key951"));
	recent_clear(recent);
	cr_expect_eq(recent_count(recent), 0);
	cr_expect_null(recent_find(recent, "key951"));
	recent_free(recent);
}
