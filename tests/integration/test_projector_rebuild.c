/* --rebuild and --verify on real servers. */
#include "projector_fixture.h"
#include "state.h"
#include "verify.h"

#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

static struct projector_fixture fixture;
static struct err err;

static void setup(void)
{
	projector_fixture_open(&fixture);
	projector_fixture_event(&fixture, "e", 1500);
	projector_fixture_event(&fixture, "e-2", 5);
	projector_fixture_event(&fixture, "e.3", 5);
	projector_fixture_book(&fixture, "e", 0, 9);
	projector_fixture_book(&fixture, "e-2", 0, 1);
	(void)projector_fixture_sql(
		fixture.pg,
		"INSERT INTO bookings (booking_id, event_id, user_id, mode, seat_ids, status,"
		" reason, seats_lost, requested_at, decided_at) VALUES"
		" ('01234567-89ab-8def-8123-456789abcdef', 'e', 'late', 'hold', '{S1,S2}',"
		" 'rejected', 'seat_taken', '{S2}', now(), now())");
	(void)projector_fixture_sql(fixture.pg, "SELECT make(7, 'e', 'holder', '{S100,S101}'),"
						" decide(7, 'extend', 'held'),"
						" decide(7, 'confirm', NULL, 'not_owner')");
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
}

static void teardown(void)
{
	projector_fixture_close(&fixture);
}

TestSuite(rebuild, .init = setup, .fini = teardown);
TestSuite(verify, .init = setup, .fini = teardown);

static void rebuild(struct rebuild_result *ret)
{
	struct metrics *const metrics = metrics_new();
	struct projector *projector = NULL;

	cr_assert_eq(projector_open(&fixture.config, metrics, &projector, &err), ERR_OK);
	cr_assert_eq(projector_rebuild(projector, ret, &err), ERR_OK, "%s", err.text);
	projector_close(projector);
	metrics_free(metrics);
}

/* One lie, and what verify must say of it. */
struct lie {
	const char *collection;
	const char *filter;
	const char *update; /* NULL: the document is deleted; without a filter: inserted */
	const char *told;
};

#define HELD "{\"user_id\":\"holder\"}"

static const struct lie LIES[] = {
	{ "seat_maps", "{\"_id\":\"e/0000\"}", "{\"$set\":{\"seats.3.status\":\"available\"}}",
	  "seat_maps e/0000 seats.3[S3].status: postgresql \"booked\", mongodb \"available\"" },
	{ "seat_maps", "{\"_id\":\"e/0000\"}", "{\"$set\":{\"seats.3.user_id\":\"mallory\"}}",
	  "seat_maps e/0000 seats.3[S3].user_id: postgresql \"u3\", mongodb \"mallory\"" },
	{ "seat_maps", "{\"_id\":\"e/0000\"}", "{\"$set\":{\"seats.12.user_id\":\"eve\"}}",
	  "seat_maps e/0000 seats.12[S12].user_id: postgresql null, mongodb \"eve\"" },
	{ "seat_maps", "{\"_id\":\"e/0000\"}", "{\"$set\":{\"seats.3.booking_id\":null}}",
	  "seat_maps e/0000 seats.3[S3].booking_id: postgresql \"" },
	{ "seat_maps", "{\"_id\":\"e/0001\"}",
	  "{\"$inc\":{\"seats.499.version\":{\"$numberLong\":\"9\"}}}",
	  "seat_maps e/0001 seats.499[S1499].version: postgresql 0, mongodb 9" },
	{ "seat_maps", "{\"_id\":\"e/0001\"}",
	  "{\"$inc\":{\"version\":{\"$numberLong\":\"1000\"}}}",
	  "seat_maps e/0001 version: postgresql 0, mongodb 1000" },
	{ "seat_maps", "{\"_id\":\"e-2/0000\"}", "{\"$set\":{\"counts.held\":4}}",
	  "seat_maps e-2/0000 counts.held: postgresql 0, mongodb 4" },
	{ "seat_maps", "{\"_id\":\"e-2/0000\"}", "{\"$set\":{\"seats.4.price_minor\":1}}",
	  "seat_maps e-2/0000 seats.4[S4].price_minor: postgresql 4200, mongodb 1" },
	{ "seat_maps", "{\"_id\":\"e-2/0000\"}", "{\"$unset\":{\"seats.4.row\":1}}",
	  "seat_maps e-2/0000 seats.4[S4].row: postgresql \"R\", mongodb (absent)" },
	{ "seat_maps", "{\"_id\":\"e-2/0000\"}", "{\"$push\":{\"seats\":{\"seat_id\":\"S5\"}}}",
	  "seat_maps e-2/0000 seats.5[S5]: postgresql (absent), mongodb (" },
	{ "seat_maps", "{\"_id\":\"e-2/0000\"}", "{\"$pop\":{\"seats\":1}}",
	  "seat_maps e-2/0000 seats.4[S4]: postgresql (" },
	{ "seat_maps", "{\"_id\":\"e/0001\"}", NULL,
	  "seat_maps e/0001 (document): postgresql (present), mongodb (absent)" },
	{ "seat_maps", NULL, "{\"_id\":\"e/0002\",\"version\":1}",
	  "seat_maps e/0002 (document): postgresql (absent), mongodb (present)" },
	{ "seat_maps", NULL, "{\"_id\":\"a-ghost/0000\"}",
	  "seat_maps a-ghost/0000 (document): postgresql (absent), mongodb (present)" },
	{ "events", "{\"_id\":\"e.3\"}", "{\"$set\":{\"name\":\"Other\"}}",
	  "events e.3 name: postgresql \"An \\\"evening\\\"\", mongodb \"Other\"" },
	{ "events", "{\"_id\":\"e.3\"}",
	  "{\"$set\":{\"date\":{\"$date\":\"2020-01-01T00:00:00Z\"}}}",
	  "events e.3 date: postgresql 2027-01-01T20:00:00.000Z, mongodb 2020-01-01T" },
	{ "events", "{\"_id\":\"e\"}", "{\"$inc\":{\"counts.booked\":7}}",
	  "events e counts.booked: postgresql 10, mongodb 17" },
	{ "events", "{\"_id\":\"e\"}", "{\"$set\":{\"extra\":true}}",
	  "events e extra: postgresql (absent), mongodb true" },
	{ "events", "{\"_id\":\"e\"}", "{\"$set\":{\"version\":{\"$numberLong\":\"99\"}}}",
	  "events e version: postgresql 12, mongodb 99" },
	{ "events", "{\"_id\":\"e\"}", "{\"$set\":{\"hold_ttl_ms\":1}}",
	  "events e hold_ttl_ms: postgresql 120000, mongodb 1" },
	{ "events", "{\"_id\":\"e\"}", "{\"$set\":{\"seats_per_user_max\":4}}",
	  "events e seats_per_user_max: postgresql null, mongodb 4" },
	{ "events", "{\"_id\":\"e\"}", "{\"$unset\":{\"sales_open_at\":1}}",
	  "events e sales_open_at: postgresql null, mongodb (absent)" },
	{ "events", "{\"_id\":\"e\"}",
	  "{\"$set\":{\"cancelled_at\":{\"$date\":\"2020-01-01T00:00:00Z\"}}}",
	  "events e cancelled_at: postgresql null, mongodb 2020-01-01T00:00:00.000Z" },
	{ "events", "{\"_id\":\"e-2\"}", NULL,
	  "events e-2 (document): postgresql (present), mongodb (absent)" },
	{ "events", NULL, "{\"_id\":\"zzz\"}",
	  "events zzz (document): postgresql (absent), mongodb (present)" },
	{ "events", NULL, "{\"_id\":{\"$oid\":\"5f5e7b1b1c9d440000000000\"}}",
	  "events (an id that is no text) (document): postgresql (absent)" },
	{ "bookings", "{\"user_id\":\"u3\",\"event_id\":\"e\"}",
	  "{\"$set\":{\"status\":\"cancelled\",\"version\":{\"$numberLong\":\"7\"}}}",
	  " status: postgresql \"confirmed\", mongodb \"cancelled\"" },
	{ "bookings", "{\"user_id\":\"late\"}", "{\"$set\":{\"seats_lost\":[\"S1\"]}}",
	  "bookings 01234567-89ab-8def-8123-456789abcdef seats_lost.0: postgresql \"S2\"" },
	{ "bookings", "{\"user_id\":\"late\"}", "{\"$set\":{\"reason\":null}}",
	  "bookings 01234567-89ab-8def-8123-456789abcdef reason: postgresql \"seat_taken\"" },
	{ "bookings", HELD, "{\"$set\":{\"prices.1\":{\"$numberLong\":\"1\"}}}",
	  " prices.1: postgresql 4200, mongodb 1" },
	{ "bookings", HELD, "{\"$set\":{\"total_minor\":null}}",
	  " total_minor: postgresql 8400, mongodb null" },
	{ "bookings", HELD, "{\"$set\":{\"expires_at\":{\"$date\":\"2020-01-01T00:00:00Z\"}}}",
	  " expires_at: postgresql 2" },
	{ "bookings", HELD, "{\"$inc\":{\"extensions\":1}}",
	  " extensions: postgresql 1, mongodb 2" },
	{ "bookings", HELD, "{\"$set\":{\"payment_reference\":\"pay_2\"}}",
	  " payment_reference: postgresql null, mongodb \"pay_2\"" },
	{ "bookings", HELD, "{\"$set\":{\"mode\":\"book\"}}",
	  " mode: postgresql \"hold\", mongodb \"book\"" },
	{ "bookings", HELD, "{\"$set\":{\"decided_at\":{\"$date\":\"2020-01-01T00:00:00Z\"}}}",
	  " decided_at: postgresql 2" },
	{ "bookings", HELD, "{\"$unset\":{\"history.2\":1}}",
	  " history.2: postgresql (BSON type 0x03), mongodb (absent)" },
	{ "bookings", HELD, "{\"$set\":{\"history.3.reason\":null}}",
	  " history.3.reason: postgresql \"not_owner\", mongodb null" },
	{ "bookings", HELD, "{\"$set\":{\"history.3.actor\":\"mallory\"}}",
	  " history.3.actor: postgresql \"someone\", mongodb \"mallory\"" },
	{ "bookings", HELD, "{\"$set\":{\"history.4\":{}}}",
	  " history.4: postgresql (absent), mongodb (BSON type 0x03)" },
	{ "bookings", HELD, "{\"$set\":{\"history.1.expires_at\":null}}",
	  " history.1.expires_at: postgresql 2" },
	{ "bookings", "{\"user_id\":\"late\"}", NULL,
	  "bookings 01234567-89ab-8def-8123-456789abcdef (document): postgresql (present)" },
	{ "bookings", NULL, "{\"_id\":\"ffffffff-ffff-8fff-bfff-ffffffffffff\"}",
	  "bookings ffffffff-ffff-8fff-bfff-ffffffffffff (document): postgresql (absent)" },
	{ "bookings", NULL, "{\"_id\":\"00000000-0000-8000-8000-000000000001\"}",
	  "bookings 00000000-0000-8000-8000-000000000001 (document): postgresql (absent)" },
};
#define LIES_COUNT (sizeof(LIES) / sizeof(LIES[0]))

static void plant(const struct lie *lie)
{
	if (!lie->filter)
		projector_fixture_insert(&fixture, lie->collection, lie->update);
	else if (lie->update)
		projector_fixture_update(&fixture, lie->collection, lie->filter, lie->update);
	else
		projector_fixture_delete(&fixture, lie->collection, lie->filter);
}

Test(verify, tells_each_planted_difference_and_rebuild_repairs_it)
{
	projector_fixture_expect_equal(&fixture);
	for (size_t i = 0; i < LIES_COUNT; i++) {
		int64_t differences = 0;
		struct rebuild_result result;

		plant(&LIES[i]);
		const char *const printed = projector_fixture_verify(&fixture, &differences);
		cr_expect_gt(differences, 0, "not found: %s", LIES[i].told);
		cr_expect_not_null(strstr(printed, LIES[i].told), "'%s' is not in:\n%s",
				   LIES[i].told, printed);
		rebuild(&result);
		projector_fixture_expect_equal(&fixture);
	}
}

Test(verify, counts_what_it_compared)
{
	int64_t differences = 0;
	const char *const printed = projector_fixture_verify(&fixture, &differences);

	cr_expect_str_eq(printed, "verify: 3 events, 1510 seats, 14 bookings compared,"
				  " 0 differences\n");
}

Test(verify, says_when_it_cannot_compare)
{
	struct verify_result result;
	FILE *const out = fopen("/dev/null", "we");
	cr_assert_not_null(out);

	projector_fixture_book(&fixture, "e", 20, 20); /* and nobody follows */
	cr_expect_eq(verify_run(fixture.pg, fixture.mongo, 100, out, &result, &err),
		     ERR_UNAVAILABLE);
	cr_expect_not_null(strstr(err.text, "has not folded in"), "%s", err.text);
	cr_expect(PQtransactionStatus(pg_conn(fixture.pg)) == PQTRANS_IDLE);
	(void)fclose(out); /* Nothing of it matters. */
}

Test(rebuild, makes_everything_anew_from_nothing)
{
	struct rebuild_result result;

	projector_fixture_delete(&fixture, "events", "{}");
	projector_fixture_delete(&fixture, "seat_maps", "{}");
	projector_fixture_delete(&fixture, "bookings", "{}");
	rebuild(&result);
	cr_expect_eq(result.events, 3);
	cr_expect_eq(result.blocks, 4);
	cr_expect_eq(result.bookings, 14);
	cr_expect_eq(result.deleted, 0);
	projector_fixture_expect_equal(&fixture);
}

Test(rebuild, deletes_every_document_when_postgresql_is_empty)
{
	struct rebuild_result result;

	(void)projector_fixture_sql(fixture.pg, "TRUNCATE bookings, booking_log, seats, events");
	rebuild(&result);
	cr_expect_eq(result.deleted, 3 + 4 + 14);
	projector_fixture_expect_equal(&fixture);
}

Test(rebuild, takes_the_lead_from_a_running_projector_which_then_goes_on)
{
	int64_t wait_ms = 0;
	struct rebuild_result result;

	struct projector *const running = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, running);
	projector_fixture_book(&fixture, "e", 30, 30);
	projector_fixture_follow(&fixture, running);
	projector_fixture_update(&fixture, "seat_maps", "{\"_id\":\"e/0000\"}",
				 "{\"$set\":{\"seats.30.status\":\"available\"}}");
	rebuild(&result);
	projector_fixture_book(&fixture, "e", 31, 31);
	cr_expect_eq(projector_turn(running, &wait_ms, &err), ERR_UNAVAILABLE);
	projector_fixture_follow(&fixture, running);
	cr_expect(projector_is_active(running));
	projector_fixture_expect_equal(&fixture);
	projector_close(running);
}

/* Asked between what a rebuild has read and what it writes of it. */
static bool begin_another_term(void *ctx)
{
	struct read_model_state state;
	(void)ctx;

	cr_assert_eq(state_begin_term(fixture.mongo, &state, &err), ERR_OK, "%s", err.text);
	return false;
}

Test(rebuild, writes_and_deletes_nothing_after_another_term_has_begun)
{
	struct read_model_state state;
	struct rebuild_result result;

	cr_assert_eq(state_begin_term(fixture.mongo, &state, &err), ERR_OK, "%s", err.text);
	const struct rebuild late = { .pg = fixture.pg,
				      .mongo = fixture.mongo,
				      .term = state.term,
				      .should_stop = begin_another_term };
	projector_fixture_update(&fixture, "seat_maps", "{\"_id\":\"e/0000\"}",
				 "{\"$set\":{\"seats.0.user_id\":\"newer\"}}");
	projector_fixture_delete(&fixture, "seat_maps", "{\"_id\":\"e-2/0000\"}");
	projector_fixture_insert(&fixture, "seat_maps", "{\"_id\":\"d/0000\"}");
	cr_expect_eq(rebuild_run(&late, &result, &err), ERR_CONFLICT);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps",
					     "{\"seats.0.user_id\":\"newer\"}"),
		     1);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps", "{\"_id\":\"e-2/0000\"}"), 0);
	cr_expect_eq(projector_fixture_count(&fixture, "seat_maps", "{\"_id\":\"d/0000\"}"), 1);
}

Test(rebuild, sees_again_what_was_running_when_it_began)
{
	struct rebuild_result result;
	bool is_unknown = false;

	struct pg *const late = projector_fixture_pg(&fixture);
	struct pg *const own = fixture.pg;
	cr_assert_eq(pg_begin(late, &err), ERR_OK);
	fixture.pg = late;
	projector_fixture_book(&fixture, "e", 40, 40);
	fixture.pg = own;
	projector_fixture_book(&fixture, "e", 41, 41);
	rebuild(&result);
	cr_assert_eq(pg_commit(late, &is_unknown, &err), ERR_OK);
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
	pg_free(late);
}
