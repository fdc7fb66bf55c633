/* What a booking goes through, as its document tells it, on real servers. */
#include "clock.h"
#include "difference.h"
#include "documents.h"
#include "projector_fixture.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

#define DOCS_MAX 64

static struct projector_fixture fixture;
static struct projector *projector;
static struct err err;

static void start(void)
{
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
}

static void stop(void)
{
	projector_close(projector);
	projector = NULL;
}

static void setup(void)
{
	projector_fixture_open(&fixture);
	projector_fixture_event(&fixture, "e", 20);
	start();
}

static void teardown(void)
{
	stop();
	projector_fixture_close(&fixture);
}

TestSuite(life, .init = setup, .fini = teardown);

/* One statement is one transaction. */
static void tell(const char *sql)
{
	(void)projector_fixture_sql(fixture.pg, sql);
}

static void follow(void)
{
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
}

static void expect_one(const char *collection, const char *filter)
{
	cr_expect_eq(projector_fixture_count(&fixture, collection, filter), 1, "%s has no %s",
		     collection, filter);
}

#define BOOKING_1 "\"_id\":\"00000000-0000-8000-8000-000000000001\""

/* Everything of the collection in the order of its ids; the caller frees. */
static size_t read_all(const char *collection, bson_t **ret)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture.mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *filter = bson_new();
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(docs, filter, opts, NULL);

	const bson_t *doc = NULL;
	size_t count = 0;
	while (mongoc_cursor_next(cursor, &doc)) {
		cr_assert_lt(count, DOCS_MAX);
		ret[count++] = bson_copy(doc);
	}
	return count;
}

/* Compares the bookings with what they were; frees that. */
static void expect_as_before(bson_t **before, size_t count, const char *when)
{
	bson_t *after[DOCS_MAX];

	cr_expect_eq(read_all("bookings", after), count, "%s", when);
	for (size_t i = 0; i < count; i++) {
		cr_expect_eq(difference_print(before[i], after[i], when, stderr), 0, "%s", when);
		bson_destroy(before[i]);
		bson_destroy(after[i]);
	}
}

Test(life, is_told_step_by_step)
{
	tell("SELECT make(1, 'e', 'u', '{S2,S1}')");
	follow();
	expect_one("bookings", "{" BOOKING_1 ",\"event_id\":\"e\",\"user_id\":\"u\","
			       "\"mode\":\"hold\",\"seats\":[\"S2\",\"S1\"],\"status\":\"held\","
			       "\"reason\":null,\"seats_lost\":[],\"prices\":[4200,4200],"
			       "\"total_minor\":8400,\"currency\":\"EUR\","
			       "\"payment_reference\":null,\"extensions\":0,\"version\":1,"
			       "\"expires_at\":{\"$ne\":null},"
			       "\"history.1.command\":\"hold\",\"history.1.command_id\":null,"
			       "\"history.1.actor\":\"u\",\"history.1.result\":\"done\","
			       "\"history.1.reason\":null,\"history.1.status\":\"held\","
			       "\"$expr\":{\"$eq\":[\"$expires_at\",\"$history.1.expires_at\"]}}");
	tell("SELECT decide(1, 'extend', 'held')");
	follow();
	expect_one("bookings",
		   "{" BOOKING_1 ",\"status\":\"held\",\"extensions\":1,\"version\":2,\"$expr\":"
		   "{\"$and\":[{\"$eq\":[\"$decided_at\",\"$history.2.at\"]},"
		   "{\"$eq\":[\"$expires_at\",\"$history.2.expires_at\"]},"
		   "{\"$gt\":[\"$expires_at\",\"$history.1.expires_at\"]}]}}");
	tell("SELECT decide(1, 'confirm', 'confirmed')");
	follow();
	expect_one("bookings", "{" BOOKING_1 ",\"status\":\"confirmed\",\"version\":3,"
			       "\"payment_reference\":\"pay_1\",\"expires_at\":null,"
			       "\"history.3.command\":\"confirm\","
			       "\"history.3.command_id\":{\"$ne\":null}}");
	expect_one("seat_maps", "{\"version\":4,\"counts.booked\":2,\"counts.held\":0,"
				"\"seats.1.status\":\"booked\",\"seats.1.version\":2}");
	tell("SELECT decide(1, 'cancel', 'cancelled')");
	follow();
	expect_one("bookings",
		   "{" BOOKING_1 ",\"status\":\"cancelled\",\"version\":4,"
		   "\"history.1.status\":\"held\",\"history.2.status\":\"held\","
		   "\"history.3.status\":\"confirmed\",\"history.4.status\":\"cancelled\"}");
	expect_one("seat_maps", "{\"version\":6,\"counts.available\":20,"
				"\"seats.1.booking_id\":null,\"seats.1.version\":3}");
}

Test(life, is_the_same_in_batches_of_any_size)
{
	static const int64_t sizes[] = { 1, 2, 3, 2000 };

	for (int i = 0; i < 4; i++) {
		char sql[512];
		fixture.config.batch_max = sizes[i];
		(void)snprintf(sql, sizeof(sql),
			       "SELECT make(%d, 'e', 'u', '{S%d}'), decide(%d, 'extend', 'held'),"
			       " decide(%d, 'confirm', NULL, 'not_owner'),"
			       " decide(%d, 'confirm', 'confirmed'),"
			       " decide(%d, 'confirm', NULL, 'already_confirmed', 'unchanged')",
			       10 + i, i, 10 + i, 10 + i, 10 + i, 10 + i);
		tell(sql);
		follow();
		(void)snprintf(
			sql, sizeof(sql),
			"{\"_id\":\"00000000-0000-8000-8000-0000000000%d\","
			"\"version\":5,\"status\":\"confirmed\","
			"\"history.3.result\":\"refused\",\"history.3.reason\":\"not_owner\","
			"\"history.5.result\":\"unchanged\",\"history.5.status\":\"confirmed\","
			"\"$expr\":{\"$eq\":[\"$decided_at\",\"$history.4.at\"]}}",
			10 + i);
		expect_one("bookings", sql);
	}
}

Test(life, leaves_a_booking_as_it_was_when_a_command_is_refused)
{
	tell("SELECT make(1, 'e', 'u', '{S1}')");
	follow();
	tell("SELECT decide(1, 'confirm', NULL, 'not_owner')");
	follow();
	tell("SELECT decide(1, 'cancel', NULL, 'not_owner')");
	follow();
	expect_one("bookings",
		   "{" BOOKING_1 ",\"version\":3,\"status\":\"held\",\"reason\":null,"
		   "\"expires_at\":{\"$ne\":null},\"payment_reference\":null,"
		   "\"history.2.reason\":\"not_owner\",\"history.3.command\":\"cancel\",\"$expr\":"
		   "{\"$and\":[{\"$eq\":[\"$decided_at\",\"$history.1.at\"]},"
		   "{\"$lt\":[\"$decided_at\",\"$history.3.at\"]}]}}");
	expect_one("seat_maps", "{\"version\":1}");
}

Test(life, ends_with_the_hold_and_the_seat_goes_to_the_next_in_one_transaction)
{
	tell("SELECT make(1, 'e', 'first', '{S1,S2}')");
	follow();
	tell("SELECT decide(1, NULL, 'expired'), make(2, 'e', 'second', '{S2,S3}')");
	follow();
	expect_one("bookings", "{" BOOKING_1 ",\"status\":\"expired\",\"reason\":\"hold_expired\","
			       "\"expires_at\":{\"$ne\":null},\"history.2.command\":null,"
			       "\"history.2.actor\":null,\"history.2.reason\":\"hold_expired\"}");
	expect_one("seat_maps", "{\"version\":6,\"counts.held\":2,\"counts.available\":18,"
				"\"seats.1.status\":\"available\",\"seats.1.version\":2,"
				"\"seats.2.status\":\"held\",\"seats.2.user_id\":\"second\","
				"\"seats.2.version\":3,\"seats.3.user_id\":\"second\"}");
	expect_one("events", "{\"version\":6,\"counts.held\":2}");
}

Test(life, is_told_of_a_booking_that_was_never_made)
{
	tell("SELECT never_made(1)");
	follow();
	tell("SELECT decide(1, 'cancel', NULL, 'booking_not_found')");
	follow();
	expect_one("bookings",
		   "{" BOOKING_1 ",\"event_id\":null,\"user_id\":null,\"mode\":null,\"seats\":[],"
		   "\"prices\":[],\"total_minor\":null,\"currency\":null,\"status\":\"rejected\","
		   "\"reason\":\"booking_not_found\",\"version\":2,\"expires_at\":null,"
		   "\"$expr\":{\"$lt\":[\"$decided_at\",\"$history.2.at\"]}}");
}

static const int64_t sizes_of_batches[] = { 1, 7, 150, 2000 };

#define SIZES (sizeof(sizes_of_batches) / sizeof(sizes_of_batches[0]))

/* The same decision so many times: arguments of decide(), but for the first. */
struct step {
	const char *decision; /* NULL: the booking is made */
	int times;
};

/* About booking 10 + i, in batches of sizes_of_batches[i]: by turns followed step by step and at
 * once. */
static void tell_of(int i, const struct step *steps, size_t count)
{
	fixture.config.batch_max = sizes_of_batches[i];
	for (size_t k = 0; k < count; k++) {
		char sql[256];
		if (steps[k].decision)
			(void)snprintf(sql, sizeof(sql),
				       "SELECT decide(%d, %s) FROM generate_series(1, %d)", 10 + i,
				       steps[k].decision, steps[k].times);
		else
			(void)snprintf(sql, sizeof(sql), "SELECT make(%d, 'e', 'u', '{S%d}')",
				       10 + i, i);
		tell(sql);
		if (i % 2 == 0)
			follow();
	}
	follow();
}

/* The history has so many entries, and is besides as told by the filter's members. */
static void expect_history(int i, int entries, const char *members)
{
	char filter[1024];

	(void)snprintf(filter, sizeof(filter),
		       "{\"_id\":\"00000000-0000-8000-8000-0000000000%d\",%s,\"$expr\":{\"$eq\":["
		       "{\"$size\":{\"$objectToArray\":\"$history\"}},%d]}}",
		       10 + i, members, entries);
	expect_one("bookings", filter);
}

Test(life, keeps_what_its_owner_must_read_however_many_strangers_come)
{
	static const struct step before[] = {
		{ NULL, 1 },
		{ "'extend', 'held'", 1 },
		{ "'extend', NULL, 'extension_limit'", 1 },
		{ "'cancel', NULL, 'not_owner'", 110 },
	};
	static const struct step after[] = {
		{ "'confirm', 'confirmed'", 1 },
		{ "'confirm', NULL, 'already_confirmed', 'unchanged'", 1 },
	};

	for (int i = 0; i < (int)SIZES; i++) {
		tell_of(i, before, 4);
		expect_history(i, 23,
			       "\"version\":113,\"history.1.command\":\"hold\","
			       "\"history.2.command\":\"extend\",\"history.2.result\":\"done\","
			       "\"history.3.reason\":\"extension_limit\","
			       "\"history.93\":{\"$exists\":false},"
			       "\"history.94.reason\":\"not_owner\","
			       "\"history.113.reason\":\"not_owner\"");
		tell_of(i, after, 2);
		expect_history(i, 25,
			       "\"version\":115,\"status\":\"confirmed\","
			       "\"history.3.reason\":\"extension_limit\","
			       "\"history.94.reason\":\"not_owner\","
			       "\"history.114.result\":\"done\","
			       "\"history.115.result\":\"unchanged\"");
	}
}

Test(life, keeps_the_newest_hundred_of_what_was_not_done_for_its_owner)
{
	static const struct step steps[] = {
		{ NULL, 1 },
		{ "'extend', NULL, 'extension_limit'", 60 },
		{ "'extend', 'held'", 1 },
		{ "'confirm', NULL, 'not_owner'", 5 },
		{ "'extend', NULL, 'extension_limit'", 90 },
		{ "'confirm', 'confirmed'", 1 },
	};

	for (int i = 0; i < (int)SIZES; i++) {
		tell_of(i, steps, sizeof(steps) / sizeof(steps[0]));
		expect_history(i, 108,
			       "\"version\":158,\"history.1.command\":\"hold\","
			       "\"history.2\":{\"$exists\":false},"
			       "\"history.51\":{\"$exists\":false},"
			       "\"history.52.reason\":\"extension_limit\","
			       "\"history.62.result\":\"done\","
			       "\"history.63.reason\":\"not_owner\","
			       "\"history.68.reason\":\"extension_limit\","
			       "\"history.158.command\":\"confirm\"");
	}
}

/* Two bookings in all that can happen to them, and one that never was. */
static void tell_stories(void)
{
	tell("SELECT make(1, 'e', 'u', '{S1,S2}')");
	tell("SELECT decide(1, 'extend', 'held'), make(2, 'e', 'v', '{S7}', 'book')");
	tell("SELECT decide(1, 'extend', NULL, 'extension_limit')");
	tell("SELECT decide(1, NULL, 'expired'), make(3, 'e', 'w', '{S1}')");
	tell("SELECT decide(2, 'confirm', NULL, 'already_confirmed', 'unchanged')");
	tell("SELECT decide(2, 'cancel', 'cancelled'), never_made(4)");
	tell("SELECT decide(3, 'confirm', 'confirmed')");
	tell("SELECT decide(1, 'confirm', NULL, 'hold_expired') FROM generate_series(1, 110)");
	tell("SELECT decide(3, 'cancel', NULL, 'not_owner') FROM generate_series(1, 40)");
}

/* The log from its beginning, in batches of another size. */
static void read_again(int64_t batch_max)
{
	stop();
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"xid\":\"0\",\"seq\":\"0\"}}");
	fixture.config.batch_max = batch_max;
	start();
	follow();
}

Test(life, changes_nothing_when_it_is_read_again)
{
	static const int64_t sizes[] = { 1, 2, 5, 50, 2000 };

	tell_stories();
	follow();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bson_t *before[DOCS_MAX];
		const size_t count = read_all("bookings", before);

		cr_expect_eq(count, 4);
		read_again(sizes[i]);
		expect_as_before(before, count, "read again");
	}
}

Test(life, comes_to_the_same_when_all_documents_were_lost)
{
	static const int64_t sizes[] = { 1, 2, 5, 50, 2000 };

	tell_stories();
	follow();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bson_t *before[DOCS_MAX];
		const size_t count = read_all("bookings", before);

		projector_fixture_delete(&fixture, "bookings", "{}");
		read_again(sizes[i]);
		expect_as_before(before, count, "told again");
	}
}

Test(life, is_the_same_when_it_is_rebuilt)
{
	bson_t *before[DOCS_MAX];
	struct rebuild_result result;

	tell_stories();
	follow();
	const size_t count = read_all("bookings", before);
	cr_expect_eq(count, 4);
	cr_assert_eq(projector_rebuild(projector, &result, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(result.bookings, 4);
	expect_as_before(before, count, "rebuilt");
	follow();
}

/* What a disaster may have done to a document, before the next decision about it comes. */
static const char *const damages[] = {
	NULL, /* it is gone */
	"{\"$set\":{\"version\":{\"$numberLong\":\"1\"},\"status\":\"held\",\"history\":{}}}",
	"{\"$unset\":{\"version\":1,\"history\":1,\"prices\":1}}",
};

Test(life, is_written_anew_when_the_document_was_lost)
{
	for (int i = 0; i < (int)(sizeof(damages) / sizeof(damages[0])); i++) {
		char sql[256];
		char filter[128];
		(void)snprintf(sql, sizeof(sql),
			       "SELECT make(%d, 'e', 'u', '{S%d}'), decide(%d, 'extend', 'held'),"
			       " decide(%d, 'confirm', 'confirmed')",
			       10 + i, i, 10 + i, 10 + i);
		(void)snprintf(filter, sizeof(filter),
			       "{\"_id\":\"00000000-0000-8000-8000-0000000000%d\"}", 10 + i);
		tell(sql);
		follow();
		if (damages[i])
			projector_fixture_update(&fixture, "bookings", filter, damages[i]);
		else
			projector_fixture_delete(&fixture, "bookings", filter);
		(void)snprintf(sql, sizeof(sql), "SELECT decide(%d, 'cancel', 'cancelled')",
			       10 + i);
		tell(sql);
		follow();
	}
	cr_expect_eq(projector_fixture_count(&fixture, "bookings",
					     "{\"history.1.command\":\"hold\",\"version\":4,"
					     "\"history.2.command\":\"extend\","
					     "\"history.3.command\":\"confirm\","
					     "\"history.4.command\":\"cancel\"}"),
		     3);
}

Test(life, follows_the_versions_when_the_log_is_out_of_order)
{
	fixture.config.batch_max = 1;
	tell("SELECT make(1, 'e', 'u', '{S1}')");
	tell("SELECT decide(1, 'extend', 'held')");
	tell("SELECT decide(1, 'confirm', 'confirmed')");
	tell("WITH x AS (SELECT booking_version AS v, xid AS x FROM booking_log)"
	     " UPDATE booking_log SET xid = (SELECT x FROM x WHERE v = 4 - booking_version)");
	follow();
	expect_one("bookings", "{" BOOKING_1 ",\"version\":3,\"status\":\"confirmed\","
			       "\"history.1.command\":\"hold\",\"history.2.command\":\"extend\","
			       "\"history.3.command\":\"confirm\"}");
}

Test(life, goes_on_around_a_booking_that_postgresql_no_longer_has)
{
	tell("SELECT make(1, 'e', 'u', '{S1}')");
	follow();
	tell("SELECT decide(1, 'confirm', NULL, 'not_owner'), make(2, 'e', 'u', '{S2}')");
	tell("DELETE FROM bookings WHERE booking_id = booking(1)");
	projector_fixture_delete(&fixture, "bookings", "{}");
	follow();
	cr_expect_eq(projector_fixture_count(&fixture, "bookings", "{}"), 1);
}

Test(life, finds_a_users_bookings_by_an_index)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture.mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *bookings =
		mongo_collection(&client, "bookings");
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("user_id", BCON_UTF8("u"));
	_cleanup_(bson_destroyp) bson_t *opts =
		BCON_NEW("hint", "{", "user_id", BCON_INT32(1), "requested_at", BCON_INT32(-1),
			 "_id", BCON_INT32(-1), "}");
	bson_error_t error;

	tell("SELECT make(1, 'e', 'u', '{S1}'), make(2, 'e', 'v', '{S2}')");
	follow();
	cr_expect_eq(mongoc_collection_count_documents(bookings, filter, opts, NULL, NULL, &error),
		     1, "%s", error.message);
}

Test(life, makes_a_read_model_of_another_shape_anew)
{
	static const char *const shapes[] = { "{\"$unset\":{\"shape\":1}}",
					      "{\"$set\":{\"shape\":1}}",
					      "{\"$set\":{\"shape\":99}}" };

	tell_stories();
	follow();
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct read_model_state state;

		stop();
		projector_fixture_update(&fixture, "bookings", "{" BOOKING_1 "}",
					 "{\"$unset\":{\"history\":1,\"prices\":1,\"mode\":1}}");
		projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
					 shapes[i]);
		start();
		follow();
		cr_assert_eq(state_read(fixture.mongo, &state, &err), ERR_OK, "%s", err.text);
		cr_expect_eq(state.shape, DOCUMENTS_SHAPE);
	}
}

Test(life, shows_what_an_event_allows)
{
	expect_one("events",
		   "{\"hold_ttl_ms\":120000,\"hold_extensions_max\":1,\"seats_per_user_max\":null,"
		   "\"holds_per_user_max\":null,\"sales_open_at\":null,"
		   "\"sales_close_at\":null,\"cancelled_at\":null}");
	tell("UPDATE events SET hold_ttl_ms = 1500, hold_extensions_max = 0,"
	     " seats_per_user_max = 4, holds_per_user_max = 2,"
	     " sales_open_at = '2026-01-01T10:00:00.5Z',"
	     " sales_close_at = '2026-02-01T10:00:00Z', cancelled_at = '2026-01-02T10:00:00Z',"
	     " version = version + 1");
	clock_sleep_ms(fixture.config.events_check_ms + 5);
	follow();
	expect_one("events",
		   "{\"hold_ttl_ms\":1500,\"hold_extensions_max\":0,\"seats_per_user_max\":4,"
		   "\"holds_per_user_max\":2,"
		   "\"sales_open_at\":{\"$date\":\"2026-01-01T10:00:00.500Z\"},"
		   "\"sales_close_at\":{\"$date\":\"2026-02-01T10:00:00Z\"},"
		   "\"cancelled_at\":{\"$date\":\"2026-01-02T10:00:00Z\"},\"event_version\":2}");
}

Test(life, shows_what_administrators_did)
{
	tell("SELECT make(1, 'e', 'u', '{S1}', 'book')");
	tell("SELECT administer(2, 'block', 'e', '{S1,S2,S3}', '{S1}')");
	follow();
	expect_one("bookings", "{\"_id\":\"00000000-0000-8000-8000-000000000002\","
			       "\"mode\":\"block\",\"status\":\"done\",\"reason\":null,"
			       "\"seats\":[\"S1\",\"S2\",\"S3\"],\"seats_lost\":[\"S1\"],"
			       "\"prices\":[],\"total_minor\":null,\"user_id\":\"root\","
			       "\"history.1.command\":\"block\",\"history.1.result\":\"done\"}");
	expect_one("seat_maps", "{\"version\":3,\"counts.blocked\":2,\"counts.booked\":1,"
				"\"seats\":{\"$elemMatch\":{\"seat_id\":\"S2\","
				"\"status\":\"blocked\",\"user_id\":null,"
				"\"booking_id\":null,\"version\":1}}}");

	tell("SELECT administer(3, 'unblock', 'e', '{S2}')");
	follow();
	expect_one("seat_maps", "{\"version\":4,\"counts.blocked\":1,\"counts.available\":18}");
}

/* Without waiting for the next look at the events. */
Test(life, shows_an_event_cancelled_as_soon_as_what_cancelled_it)
{
	fixture.config.events_check_ms = 60000;
	stop();
	start();
	tell("SELECT administer(1, 'cancel_event', 'e', '{}')");
	projector_fixture_follow(&fixture, projector);
	expect_one("bookings", "{" BOOKING_1 ",\"mode\":\"cancel_event\",\"status\":\"done\","
			       "\"seats\":[]}");
	expect_one("events", "{\"cancelled_at\":{\"$ne\":null},\"event_version\":2}");
	projector_fixture_expect_equal(&fixture);
}

Test(life, takes_in_prices_that_changed_and_seats_that_were_added)
{
	tell("SELECT make(1, 'e', 'u', '{S1}', 'book')");
	follow();
	tell("WITH p AS (UPDATE seats SET price_minor = 777 WHERE seat_id IN ('S1', 'S2')),"
	     " n AS (INSERT INTO seats (event_id, seat_id, position)"
	     "       VALUES ('e', 'T1', 20), ('e', 'T2', 1500))"
	     " UPDATE events SET version = version + 1");
	clock_sleep_ms(fixture.config.events_check_ms + 5);
	follow();
	expect_one("events", "{\"seats_total\":22,\"blocks\":2,\"version\":1,\"event_version\":2}");
	expect_one("seat_maps", "{\"block\":0,\"seats\":{\"$elemMatch\":{\"seat_id\":\"S2\","
				"\"price_minor\":777,\"version\":0}}}");
	expect_one("seat_maps", "{\"block\":1,\"counts.available\":1}");
	expect_one("bookings", "{" BOOKING_1 ",\"prices\":[4200]}");

	tell("SELECT make(2, 'e', 'u', '{T1,T2}', 'book')");
	follow();
	expect_one("events", "{\"counts.booked\":3,\"version\":3}");
}
