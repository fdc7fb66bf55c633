#include "change.h"
#include "changes.h"
#include "mongo.h"
#include "table.h"

#include <criterion/criterion.h>

/* What an entry of a batch is read as. */
static struct change read_entry(const char *entry)
{
	char text[1024];
	bson_error_t error;
	bson_iter_t batch;
	int64_t cursor_id = 0;
	struct change change;

	(void)snprintf(text, sizeof(text),
		       "{\"cursor\":{\"id\":{\"$numberLong\":\"7\"},\"nextBatch\":[%s]}}", entry);

	_cleanup_(bson_destroyp) bson_t *reply =
		bson_new_from_json((const uint8_t *)text, -1, &error);

	cr_assert(reply, "%s: %s", text, error.message);
	cr_assert(change_open_batch(reply, &cursor_id, &batch));
	cr_expect_eq(cursor_id, 7);
	cr_expect_eq(change_count(reply), 1);
	cr_assert(bson_iter_next(&batch));
	change_read(&batch, &change);
	return change;
}

#define ENTRY(operation, collection, id, rest)                                                     \
	"{\"operationType\":\"" operation "\",\"ns\":{\"coll\":\"" collection                      \
	"\"},\"documentKey\":{\"_id\":\"" id "\"}" rest "}"
#define UPDATED(fields)                                                                            \
	",\"updateDescription\":{\"updatedFields\":{" fields "},\"removedFields\":[]}"

Test(change, names_the_block_that_changed)
{
	static const char *const entries[] = {
		ENTRY("update", "seat_maps", "e1/0007", ""),
		ENTRY("insert", "seat_maps", "e1/0007", ""),
		ENTRY("replace", "seat_maps", "e1/0007", ""),
		ENTRY("delete", "seat_maps", "e1/0007", ""),
	};

	for (size_t i = 0; i < COUNT(entries); i++) {
		const struct change change = read_entry(entries[i]);

		cr_expect_eq(change.kind, CHANGE_OF_BLOCK, "%s", entries[i]);
		cr_expect_str_eq(change.event_id, "e1");
		cr_expect_eq(change.block, 7);
	}
}

Test(change, tells_an_events_own_data_from_its_counts)
{
	static const struct {
		const char *entry;
		enum change_kind kind;
	} cases[] = {
		{ ENTRY("update", "events", "e1", UPDATED("\"version\":5,\"counts\":{}")),
		  CHANGE_OF_COUNTS },
		{ ENTRY("update", "events", "e1", UPDATED("\"version\":5,\"counts.held\":3")),
		  CHANGE_OF_COUNTS },
		{ ENTRY("update", "events", "e1", UPDATED("\"version\":5,\"name\":\"x\"")),
		  CHANGE_OF_EVENT },
		{ ENTRY("update", "events", "e1", UPDATED("\"event_version\":2")),
		  CHANGE_OF_EVENT },
		{ ENTRY("update", "events", "e1",
			",\"updateDescription\":{\"updatedFields\":{\"version\":5},"
			"\"removedFields\":[\"venue\"]}"),
		  CHANGE_OF_EVENT },
		{ ENTRY("update", "events", "e1", ""), CHANGE_OF_EVENT },
		{ ENTRY("replace", "events", "e1", ""), CHANGE_OF_EVENT },
		{ ENTRY("insert", "events", "e1", ""), CHANGE_OF_EVENT },
		{ ENTRY("delete", "events", "e1", ""), CHANGE_OF_EVENT },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct change change = read_entry(cases[i].entry);

		cr_expect_eq(change.kind, cases[i].kind, "%s", cases[i].entry);
		cr_expect_str_eq(change.event_id, "e1");
	}
}

Test(change, takes_what_it_does_not_understand_for_a_change_of_all)
{
	static const char *const entries[] = {
		"{\"operationType\":\"drop\",\"ns\":{\"coll\":\"seat_maps\"}}",
		"{\"operationType\":\"rename\",\"ns\":{\"coll\":\"events\"},\"to\":{}}",
		"{\"operationType\":\"dropDatabase\"}",
		"{\"operationType\":\"invalidate\"}",
		"{}",
		"7",
		ENTRY("modify", "seat_maps", "e1/0007", ""),
		ENTRY("update", "seat_maps", "e1", ""),
		ENTRY("update", "seat_maps", "e1/", ""),
		ENTRY("update", "seat_maps", "e1/x", ""),
		ENTRY("update", "seat_maps", "e1/0007x", ""),
		ENTRY("update", "seat_maps", "/0007", ""),
		ENTRY("update", "seat_maps", "e1/99999999999", ""),
		ENTRY("update", "events", "e 1", ""),
		ENTRY("update", "events", "e1\\u0000", ""),
		ENTRY("update", "halls", "e1", ""),
		"{\"operationType\":\"update\",\"ns\":{\"coll\":\"events\"},"
		"\"documentKey\":{\"_id\":7}}",
	};

	for (size_t i = 0; i < COUNT(entries); i++) {
		const struct change change = read_entry(entries[i]);

		cr_expect_eq(change.kind, CHANGE_OF_ALL, "%s", entries[i]);
		cr_expect_str_eq(change.event_id, "");
	}
}

Test(change, has_no_batch_in_what_is_no_reply)
{
	static const char *const replies[] = { "{}", "{\"cursor\":7}", "{\"cursor\":{\"id\":1}}",
					       "{\"cursor\":{\"id\":1,\"nextBatch\":7}}" };

	for (size_t i = 0; i < COUNT(replies); i++) {
		_cleanup_(bson_destroyp) bson_t *reply =
			bson_new_from_json((const uint8_t *)replies[i], -1, NULL);
		bson_iter_t batch;
		int64_t cursor_id = 0;

		cr_expect_not(change_open_batch(reply, &cursor_id, &batch), "%s", replies[i]);
		cr_expect_eq(change_count(reply), 0);
	}
}

Test(changes, remember_blocks_and_take_others_for_all)
{
	struct changes changes = { 0 }, more = { 0 };

	changes_add_block(&changes, 0);
	changes_add_block(&changes, 499);
	cr_expect(changes.any && !changes.all && !changes.event);
	cr_expect(changes_has_block(&changes, 0) && changes_has_block(&changes, 499));
	cr_expect_not(changes_has_block(&changes, 1));
	changes_drop_block(&changes, 0);
	cr_expect(changes_has_blocks(&changes));
	changes_drop_block(&changes, 499);
	cr_expect_not(changes_has_blocks(&changes));

	changes_add_event(&more);
	changes_add(&changes, &more);
	cr_expect(changes.any && changes.event && !changes.all);
	changes_add_block(&changes, SEAT_MAP_BLOCKS_MAX);
	cr_expect(changes.all && changes_has_block(&changes, 3) && changes_has_blocks(&changes));
}
