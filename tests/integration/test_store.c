/* Writing folds into a real MongoDB: guarded by versions, and the same done twice as done once. */
#include "store.h"

#include "bookings.h"
#include "clock.h"
#include "documents.h"
#include "projector_fixture.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

#define SEATS     2500
#define ID(digit) "00000000-0000-8000-8000-00000000000" digit

static struct projector_fixture fixture;
static struct bookings_result bookings; /* of the last write */
static struct err err;

static void setup(void)
{
	projector_fixture_open(&fixture);
	projector_fixture_event(&fixture, "e", SEATS);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
}

static void teardown(void)
{
	projector_fixture_close(&fixture);
}

TestSuite(store, .init = setup, .fini = teardown);

/* Booking `booking_id` of seat `position`, as one log row; valid until the next call of its slot.
 */
static struct log_row row_of(int slot, const char *booking_id, int64_t booking_version,
			     int32_t position, enum seat_status status, int64_t version)
{
	static struct log_seat seats[16];
	seats[slot] = (struct log_seat){
		.seat_id = "S", .position = position, .status = status, .version = version
	};
	const char *const name = status == SEAT_BOOKED ? "confirmed" : "cancelled";

	return (struct log_row){ .booking = { .booking_id = booking_id,
					      .version = booking_version,
					      .event_id = "e",
					      .user_id = "u",
					      .mode = "book",
					      .status = name,
					      .seats = "{S}",
					      .seats_lost = "{}",
					      .prices = "{4200}",
					      .total_minor = 4200,
					      .currency = "EUR",
					      .requested_at_ms = 1,
					      .decided_at_ms = 2 * booking_version,
					      .expires_at_ms = NUMBER_NONE },
				 .decision = { .version = booking_version,
					       .at_ms = 2 * booking_version,
					       .status = name,
					       .result = "done",
					       .expires_at_ms = NUMBER_NONE },
				 .is_done = true,
				 .seats = &seats[slot],
				 .seat_count = 1 };
}

static void write_bookings(const struct fold *fold)
{
	_cleanup_(bookings_writing_done) struct bookings_writing writing;

	bookings_begin(&writing, fixture.mongo, fold);
	cr_assert_eq(bookings_end(fixture.pg, &writing, &bookings, &err), ERR_OK, "%s", err.text);
}

/* All three steps; the result is the caller's to end. */
static void write_rows(struct store *store, const struct log_row *rows, size_t count,
		       struct fold *fold, struct store_result *result)
{
	fold_batch(rows, count, fold);
	store_result_init(result, fold);
	cr_assert_eq(store_write_blocks(store, fold, result, &err), ERR_OK, "%s", err.text);
	write_bookings(fold);
	cr_assert_eq(store_write_events(store, fold, result, &err), ERR_OK, "%s", err.text);
}

static void write_quietly(struct store *store, const struct log_row *rows, size_t count)
{
	_cleanup_(fold_done) struct fold fold;
	_cleanup_(store_result_done) struct store_result result;

	write_rows(store, rows, count, &fold, &result);
}

static void expect_one(const char *collection, const char *filter)
{
	cr_expect_eq(projector_fixture_count(&fixture, collection, filter), 1, "%s has no %s",
		     collection, filter);
}

Test(store, writes_blocks_bookings_and_events)
{
	struct store *const store = store_new(fixture.mongo);
	_cleanup_(fold_done) struct fold fold;
	_cleanup_(store_result_done) struct store_result result;
	const struct log_row rows[] = { row_of(0, ID("1"), 1, 0, SEAT_BOOKED, 1),
					row_of(1, ID("2"), 1, 2499, SEAT_BOOKED, 1) };

	write_rows(store, rows, 2, &fold, &result);
	cr_expect_eq(result.blocks_written, 2);
	cr_expect_eq(bookings.written, 2);
	cr_expect_eq(result.events_written, 1);
	cr_expect_eq(result.seats_moved, 2);
	cr_expect_eq(result.stale, 0);
	cr_expect(result.events[0].is_exact);
	cr_expect_eq(result.events[0].before.version, 0);
	cr_expect_eq(result.events[0].after.version, 2);
	cr_expect_eq(result.events[0].before.counts[SEAT_AVAILABLE], SEATS);
	expect_one("seat_maps",
		   "{\"_id\":\"e/0002\",\"version\":1,\"counts.booked\":1,"
		   "\"seats.499.booking_id\":\"" ID("2") "\",\"seats.499.user_id\":\"u\"}");
	expect_one("events", "{\"_id\":\"e\",\"version\":2,\"counts.booked\":2}");
	expect_one("bookings", "{\"_id\":\"" ID("1") "\",\"status\":\"confirmed\","
						     "\"seats\":[\"S\"],\"seats_lost\":[],"
						     "\"reason\":null,\"prices\":[4200],"
						     "\"history.1.result\":\"done\"}");
	store_free(store);
}

Test(store, does_nothing_the_second_time_and_says_that_it_is_unsure)
{
	struct store *const store = store_new(fixture.mongo);
	_cleanup_(fold_done) struct fold fold;
	_cleanup_(store_result_done) struct store_result result;
	const struct log_row row = row_of(0, ID("1"), 1, 5, SEAT_BOOKED, 1);

	write_quietly(store, &row, 1);
	store_forget(store);
	write_rows(store, &row, 1, &fold, &result);
	cr_expect_eq(result.blocks_written, 0);
	cr_expect_eq(bookings.written, 0);
	cr_expect_eq(result.events_written, 0);
	cr_expect(!result.events[0].is_exact);
	cr_expect_eq(result.events[0].after.version, 1);
	store_free(store);
}

Test(store, completes_each_step_after_those_before_were_done_already)
{
	for (int done = 0; done <= 3; done++) {
		struct store *const first = store_new(fixture.mongo);
		struct store *const second = store_new(fixture.mongo);
		_cleanup_(fold_done) struct fold fold;
		_cleanup_(store_result_done) struct store_result result;
		char booking_id[sizeof(ID("1"))];
		char event[64];
		(void)snprintf(booking_id, sizeof(booking_id), ID("%d"), done);
		(void)snprintf(event, sizeof(event), "{\"version\":%d,\"counts.booked\":%d}",
			       done + 1, done + 1);
		const struct log_row row = row_of(0, booking_id, 1, done, SEAT_BOOKED, 1);

		fold_batch(&row, 1, &fold);
		store_result_init(&result, &fold);
		if (done > 0)
			cr_assert_eq(store_write_blocks(first, &fold, &result, &err), ERR_OK);
		if (done > 1)
			write_bookings(&fold);
		if (done > 2)
			cr_assert_eq(store_write_events(first, &fold, &result, &err), ERR_OK);
		write_quietly(second, &row, 1);
		expect_one("events", event);
		cr_expect_eq(projector_fixture_count(&fixture, "bookings", "{}"), done + 1);
		store_free(first);
		store_free(second);
	}
}

Test(store, never_takes_a_document_back)
{
	struct store *const store = store_new(fixture.mongo);
	const struct log_row newer = row_of(0, ID("1"), 2, 5, SEAT_AVAILABLE, 2);
	const struct log_row older = row_of(1, ID("1"), 1, 5, SEAT_BOOKED, 1);
	const struct log_row between = row_of(2, ID("1"), 2, 5, SEAT_BOOKED, 2);

	write_quietly(store, &newer, 1);
	write_quietly(store, &older, 1);
	write_quietly(store, &between, 1);
	store_forget(store);
	write_quietly(store, &older, 1);
	expect_one("seat_maps", "{\"_id\":\"e/0000\",\"version\":2,"
				"\"seats.5.status\":\"available\",\"seats.5.user_id\":null}");
	expect_one("events", "{\"version\":2,\"counts.booked\":0}");
	store_free(store);
}

/* A projector that stood still writes what it read before another one went on. */
Test(store, never_takes_a_booking_back)
{
	struct store *const store = store_new(fixture.mongo);
	const struct log_row late[] = { row_of(0, ID("1"), 2, 5, SEAT_BOOKED, 1),
					row_of(1, ID("1"), 3, 5, SEAT_BOOKED, 2) };

	projector_fixture_insert(&fixture, "bookings",
				 "{\"_id\":\"" ID("1") "\",\"version\":4,"
				 "\"status\":\"cancelled\"}");
	write_quietly(store, late, 1);
	write_quietly(store, late, 2);
	cr_expect_eq(bookings.stale, 1);
	expect_one("bookings", "{\"version\":4,\"status\":\"cancelled\","
			       "\"history.2\":{\"$exists\":false}}");
	store_free(store);
}

/* What is written anew was read a moment before, too. */
Test(store, never_takes_a_booking_back_by_writing_it_anew)
{
	struct store *const store = store_new(fixture.mongo);
	projector_fixture_book(&fixture, "e", 0, 0);
	char booking_id[sizeof(ID("1"))];
	(void)snprintf(booking_id, sizeof(booking_id), "%s",
		       projector_fixture_sql(fixture.pg, "SELECT booking_id FROM bookings"));
	char doc[128];
	(void)snprintf(doc, sizeof(doc),
		       "{\"_id\":\"%s\",\"version\":4,\"status\":\"cancelled\"}", booking_id);
	projector_fixture_insert(&fixture, "bookings", doc);
	const struct log_row after_a_gap = row_of(0, booking_id, 6, 5, SEAT_BOOKED, 1);

	write_quietly(store, &after_a_gap, 1);
	cr_expect_eq(bookings.rewritten, 1);
	expect_one("bookings", doc);
	store_free(store);
}

Test(store, moves_a_booking_on_to_a_later_version)
{
	struct store *const store = store_new(fixture.mongo);
	const struct log_row first = row_of(0, ID("1"), 1, 5, SEAT_BOOKED, 1);
	const struct log_row second = row_of(1, ID("1"), 2, 5, SEAT_AVAILABLE, 2);
	static const char moved_on[] = "{\"version\":2,\"status\":\"cancelled\","
				       "\"history.1.status\":\"confirmed\","
				       "\"history.2.status\":\"cancelled\"}";

	write_quietly(store, &first, 1);
	cr_expect_eq(bookings.written, 1);
	write_quietly(store, &second, 1);
	cr_expect_eq(bookings.written, 1);
	expect_one("bookings", moved_on);
	expect_one("events", "{\"version\":2,\"counts.booked\":0}");

	const struct log_row both[] = { first, second };
	write_quietly(store, &first, 1);
	cr_expect_eq(bookings.stale, 1);
	write_quietly(store, &second, 1);
	cr_expect_eq(bookings.stale, 1);
	write_quietly(store, both, 2);
	cr_expect_eq(bookings.stale, 1);
	cr_expect_eq(bookings.written, 0);
	expect_one("bookings", moved_on);
	store_free(store);
}

Test(store, counts_a_booking_that_postgresql_does_not_know)
{
	struct store *const store = store_new(fixture.mongo);
	const struct log_row rows[] = { row_of(0, ID("1"), 3, 5, SEAT_BOOKED, 1),
					row_of(1, ID("2"), 1, 6, SEAT_BOOKED, 1),
					row_of(2, ID("2"), 3, 6, SEAT_BOOKED, 3),
					row_of(3, ID("3"), 1, 7, SEAT_BOOKED, 1) };

	write_quietly(store, rows, 4);
	cr_expect_eq(bookings.unknown, 2);
	cr_expect_eq(bookings.written, 1);
	cr_expect_eq(bookings.stale, 0);
	cr_expect_eq(projector_fixture_count(&fixture, "bookings", "{}"), 1);
	store_free(store);
}

/* PostgreSQL does not know the booking: asked for its history, it would say so. */
Test(store, asks_postgresql_what_a_history_keeps_once_it_may_be_too_much)
{
	static const struct {
		const char *refusal; /* NULL: done */
		int64_t kept;
	} cases[] = { { NULL, DONE_MAX },
		      { "not_owner", STRANGERS_MAX },
		      { "extension_limit", HISTORY_MAX } };
	struct store *const store = store_new(fixture.mongo);

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const bool is_above = i % 2 == 1;
		const int64_t version = cases[i / 2].kept + is_above;
		char doc[128];
		char expected[128];
		struct log_row row = row_of(0, ID("1"), version, 5, SEAT_BOOKED, 1);
		row.is_done = !cases[i / 2].refusal;
		row.decision.result = row.is_done ? "done" : "refused";
		row.decision.reason = cases[i / 2].refusal;

		projector_fixture_delete(&fixture, "bookings", "{}");
		(void)snprintf(doc, sizeof(doc), "{\"_id\":\"" ID("1") "\",\"version\":%d}",
			       (int)version - 1);
		projector_fixture_insert(&fixture, "bookings", doc);
		write_quietly(store, &row, 1);
		cr_expect_eq(bookings.written, !is_above, "%s", doc);
		cr_expect_eq(bookings.unknown, is_above, "%s", doc);
		cr_expect_eq(bookings.rewritten, 0, "%s", doc);
		(void)snprintf(expected, sizeof(expected), "{\"version\":%d}",
			       (int)version - is_above);
		expect_one("bookings", expected);
	}
	store_free(store);
}

Test(store, lets_two_writers_change_one_block_by_turns)
{
	struct store *const one = store_new(fixture.mongo);
	struct store *const other = store_new(fixture.mongo);
	int64_t stale = 0;

	for (int32_t i = 0; i < 10; i++) {
		_cleanup_(fold_done) struct fold fold;
		_cleanup_(store_result_done) struct store_result result;
		char booking_id[sizeof(ID("1"))];
		(void)snprintf(booking_id, sizeof(booking_id), ID("%d"), i);
		const struct log_row row = row_of(0, booking_id, 1, i, SEAT_BOOKED, 1);

		write_rows(i % 2 ? one : other, &row, 1, &fold, &result);
		stale += result.stale;
		/* Each but the first of a writer meets what the other wrote. */
		cr_expect_eq(result.stale, i < 2 ? 0 : 1, "write %d", i);
		cr_expect_eq(result.events[0].is_exact, i < 2, "write %d", i);
		cr_expect_eq(result.events[0].after.version, i + 1, "write %d", i);
	}
	cr_expect_eq(stale, 8);
	expect_one("seat_maps", "{\"_id\":\"e/0000\",\"version\":10,\"counts.booked\":10,"
				"\"counts.available\":990}");
	expect_one("events", "{\"version\":10,\"counts.booked\":10}");
	store_free(one);
	store_free(other);
}

Test(store, tells_of_its_own_moves_only_though_another_wrote_before_the_events)
{
	struct store *const slow = store_new(fixture.mongo);
	struct store *const next = store_new(fixture.mongo);
	_cleanup_(fold_done) struct fold fold;
	_cleanup_(store_result_done) struct store_result result;
	const struct log_row row = row_of(0, ID("1"), 1, 5, SEAT_BOOKED, 1);
	const struct log_row later[] = { row, row_of(1, ID("2"), 1, 6, SEAT_BOOKED, 1) };

	fold_batch(&row, 1, &fold);
	store_result_init(&result, &fold);
	cr_assert_eq(store_write_blocks(slow, &fold, &result, &err), ERR_OK, "%s", err.text);
	write_quietly(next, later, 2);
	cr_assert_eq(store_write_events(slow, &fold, &result, &err), ERR_OK, "%s", err.text);
	cr_expect(result.events[0].is_exact);
	cr_expect_eq(result.events[0].before.version, 0);
	cr_expect_eq(result.events[0].after.version, 1);
	expect_one("events", "{\"_id\":\"e\",\"version\":2,\"counts.booked\":2}");
	store_free(slow);
	store_free(next);
}

Test(store, names_the_event_whose_map_lacks_a_seat)
{
	static const int32_t missing[] = { SEATS, 2999, 3000, 9999999 };
	struct store *const store = store_new(fixture.mongo);

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		_cleanup_(fold_done) struct fold fold;
		_cleanup_(store_result_done) struct store_result result;
		const struct log_row row = row_of(0, ID("1"), 1, missing[i], SEAT_BOOKED, 1);

		fold_batch(&row, 1, &fold);
		store_result_init(&result, &fold);
		cr_expect_eq(store_write_blocks(store, &fold, &result, &err), ERR_NOT_FOUND);
		cr_expect_str_eq(result.missing_event, "e");
		result.skips_missing = true;
		cr_expect_eq(store_write_blocks(store, &fold, &result, &err), ERR_OK);
		cr_expect_eq(result.blocks_skipped, 1);
	}
	expect_one("events", "{\"version\":0}");
	store_free(store);
}

Test(state, lets_only_the_present_term_move_the_position)
{
	struct read_model_state first;
	struct read_model_state second;
	struct read_model_state now;
	const struct log_position far = { UINT64_MAX - 1, INT64_MAX };
	const struct log_position near = { 3, 4 };

	cr_assert_eq(state_begin_term(fixture.mongo, &first, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(state_begin_term(fixture.mongo, &second, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(second.term, first.term + 1);
	cr_expect_eq(state_move(fixture.mongo, first.term, &far, &err), ERR_CONFLICT);
	cr_expect_eq(state_begin_rebuild(fixture.mongo, first.term, &err), ERR_CONFLICT);
	cr_expect_eq(state_end_rebuild(fixture.mongo, first.term, "x", &far, &err), ERR_CONFLICT);
	cr_assert_eq(state_move(fixture.mongo, second.term, &near, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(state_read(fixture.mongo, &now, &err), ERR_OK);
	cr_expect_eq(log_position_compare(&now.position, &near), 0);
	cr_assert_eq(state_move(fixture.mongo, second.term, &far, &err), ERR_OK);
	cr_assert_eq(state_read(fixture.mongo, &now, &err), ERR_OK);
	cr_expect_eq(log_position_compare(&now.position, &far), 0, "64 bits are kept");
}

TestSuite(state, .init = setup, .fini = teardown);
