/* Events in a real PostgreSQL, as the role that write-api has there. */
#include "account_store.h"
#include "clock.h"
#include "event_store.h"
#include "log.h"
#include "services.h"
#include "worker_fixture.h"
#include "write_api_sql.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define TIMEOUT_MS 30000 /* of a machine that is busy */
#define KEY_BYTES  37
#define THREADS    6
#define EMAIL_BYTES (IDENT_BYTES_MAX + 16)
#define HOUSE                                                                                     \
	"\"sections\":[{\"name\":\"S\",\"rows\":1000,\"seatsPerRow\":99,\"priceMinor\":5},"        \
	"{\"name\":\"T\",\"seatsPerRow\":1000}]"

static struct pg *pg;
static struct event_request event;
static struct event_outcome outcome;
static struct http_request request = { .request_id = "r-1", .address = "192.0.2.1" };
static struct booking_faults faults;
static struct err err;
static char event_id[IDENT_BYTES_MAX];

static struct pg *connect_as_write_api(void)
{
	struct pg *ret = fixture_pg(NULL, TIMEOUT_MS);

	cr_assert_eq(pg_query(ret, NULL, "SET ROLE seatline_write_api", NULL, 0, NULL, &err),
		     ERR_OK, "%s", err.text);
	return ret;
}

static void set_up(void)
{
	log_open("test_event_store", LOG_LEVEL_ERROR);
	pg = connect_as_write_api();
	(void)snprintf(event_id, sizeof(event_id), "e-%d-%" PRId64, (int)getpid(),
		       clock_wall_ms());
	(void)snprintf(request.caller.user_id, sizeof(request.caller.user_id), "u-admin");
}

static void tear_down(void)
{
	event_request_done(&event);
	pg_free(pg);
}

TestSuite(event_store, .init = set_up, .fini = tear_down);

static void plan(const char *seats)
{
	char body[1024];

	(void)snprintf(body, sizeof(body),
		       "{\"eventId\":\"%s\",\"name\":\"N\",\"date\":\"2030-03-01T19:30:00Z\","
		       "\"salesOpenAt\":\"2029-01-01T00:00:00Z\",%s}",
		       event_id, seats);
	event_request_done(&event);
	cr_assert_eq(event_request_parse_new(body, strlen(body), &event, &faults, &err), ERR_OK,
		     "%s", err.text);
}

static struct audit_entry entry(const char *action, const char *key, const char *hash)
{
	return (struct audit_entry){ .request = &request,
				     .event_id = event_id,
				     .action = action,
				     .detail = "{\"seats_total\":4}",
				     .key = key,
				     .request_hash = hash };
}

static err_code add(const char *key, const char *hash)
{
	const struct audit_entry audit = entry("create_event", key, hash);
	bool unknown = true;

	const err_code code = event_store_add(pg, &event, &audit, &outcome, &unknown, &err);
	cr_expect_not(unknown);
	return code;
}

static void expect_added(void)
{
	cr_assert_eq(add(NULL, NULL), ERR_OK, "%s", err.text);
	cr_assert_eq(outcome.answer, EVENT_DONE);
}

static enum event_answer change(const char *body)
{
	const struct audit_entry audit = entry("change_event", NULL, NULL);
	bool unknown = true;

	event_request_done(&event);
	cr_assert_eq(event_request_parse_change(body, strlen(body), &event, &faults, &err), ERR_OK,
		     "%s", err.text);
	cr_assert_eq(event_store_change(pg, event_id, &event, &audit, &outcome, &unknown, &err),
		     ERR_OK, "%s", err.text);
	return outcome.answer;
}

/* The one value of a query about the event, which is $1. */
static void expect_value(const char *sql, const char *value)
{
	const char *const params[] = { event_id };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	cr_assert_eq(pg_query(pg, NULL, sql, params, 1, &rows, &err), ERR_OK, "%s", err.text);
	cr_expect_str_eq(PQgetvalue(rows, 0, 0), value, "%s: %s", sql, PQgetvalue(rows, 0, 0));
}

static void make_key(char ret[static KEY_BYTES])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(ret, KEY_BYTES, "%08x-0000-8000-8000-%012lx", (unsigned)getpid(),
		       (unsigned long)now.tv_nsec);
}

Test(event_store, a_large_house_has_each_seat_once_and_in_order)
{
	plan(HOUSE);
	expect_added();
	cr_expect_eq(outcome.seat_count, 100000);
	expect_value("SELECT count(*) FROM seats WHERE event_id = $1", "100000");
	expect_value("SELECT min(position) || '-' || max(position) FROM seats WHERE event_id = $1",
		     "0-99999");
	expect_value("SELECT seat_id FROM seats WHERE event_id = $1 AND position = 98999",
		     "S-ALL-99");
	expect_value("SELECT seat_id FROM seats WHERE event_id = $1 AND position = 99000", "T-1");
	expect_value("SELECT count(*) FROM seats WHERE event_id = $1 AND price_minor = 5", "99000");
	expect_value("SELECT count(*) FROM seats WHERE event_id = $1"
		     " AND seat_id = section || '-' || row_name || '-' || number",
		     "99000");
}

Test(event_store, prices_of_a_large_house_change_in_parts)
{
	plan(HOUSE);
	expect_added();
	cr_expect_eq(change("{\"prices\":[{\"section\":\"S\",\"priceMinor\":7}]}"), EVENT_DONE);
	cr_expect_eq(outcome.version, 2);
	expect_value("SELECT count(*) FROM seats WHERE event_id = $1 AND price_minor = 7", "99000");
	expect_value("SELECT sum(version) FROM seats WHERE event_id = $1", "0");
}

static void *reprice(void *ctx)
{
	enum event_answer *answer = ctx;

	*answer = change("{\"prices\":[{\"section\":\"S\",\"priceMinor\":7}]}");
	return NULL;
}

/* A worker locks seats, and then the event it cancels. */
Test(event_store, prices_change_beside_whoever_has_the_event_and_leave_the_seats_to_them)
{
	struct pg *worker = fixture_pg(NULL, TIMEOUT_MS);
	enum event_answer answer = EVENT_NOT_FOUND;
	const char *count = "0";
	pthread_t thread;

	plan("\"sections\":[{\"name\":\"S\",\"rows\":25,\"seatsPerRow\":99}]");
	expect_added();
	cr_assert_eq(pg_begin(worker, &err), ERR_OK);
	(void)fixture_sql(worker, "SELECT 1 FROM events WHERE event_id = $1 FOR UPDATE", event_id,
			  NULL, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, reprice, &answer), 0);
	for (int i = 0; i < TIMEOUT_MS / 20 && strcmp(count, "2475") != 0; i++) {
		clock_sleep_ms(20);
		count = fixture_sql(worker,
				    "SELECT count(*) FROM seats"
				    " WHERE event_id = $1 AND price_minor = 7",
				    event_id, NULL, NULL);
	}
	cr_expect_str_eq(count, "2475", "no price waits for the event");
	(void)fixture_sql(worker,
			  "SELECT count(*) FROM (SELECT FROM seats WHERE event_id = $1"
			  " FOR UPDATE NOWAIT) AS s",
			  event_id, NULL, NULL);
	cr_assert_eq(pg_query(worker, NULL, "COMMIT", NULL, 0, NULL, &err), ERR_OK);
	cr_assert_eq(pthread_join(thread, NULL), 0);

	cr_expect_eq(answer, EVENT_DONE);
	cr_expect_eq(outcome.version, 2);
	pg_free(worker);
}

Test(event_store, an_id_that_is_taken_leaves_no_trace)
{
	plan("\"totalSeats\":4");
	expect_added();
	plan("\"totalSeats\":5");
	cr_assert_eq(add(NULL, NULL), ERR_OK);
	cr_expect_eq(outcome.answer, EVENT_EXISTS);
	expect_value("SELECT count(*) FROM seats WHERE event_id = $1", "4");
	expect_value("SELECT count(*) FROM audit_log WHERE event_id = $1", "1");
}

Test(event_store, a_key_is_one_event)
{
	char key[KEY_BYTES];

	make_key(key);
	plan("\"totalSeats\":4");
	cr_assert_eq(add(key, "one"), ERR_OK, "%s", err.text);
	cr_assert_eq(add(key, "one"), ERR_OK);
	cr_expect_eq(outcome.answer, EVENT_DONE);
	cr_expect_str_eq(outcome.event_id, event_id);
	cr_expect_eq(outcome.seat_count, 4);
	cr_assert_eq(add(key, "another"), ERR_OK);
	cr_expect_eq(outcome.answer, EVENT_KEY_REUSED);
	expect_value("SELECT count(*) FROM audit_log WHERE event_id = $1", "1");
}

struct adder {
	pthread_t thread;
	const char *key;
	enum event_answer answer;
};

static void *add_beside(void *ctx)
{
	struct adder *adder = ctx;
	const struct audit_entry audit = entry("create_event", adder->key, "one");
	struct event_outcome found;
	struct err why = { 0 };
	bool unknown;

	struct pg *mine = connect_as_write_api();
	cr_expect_eq(event_store_add(mine, &event, &audit, &found, &unknown, &why), ERR_OK, "%s",
		     why.text);
	adder->answer = found.answer;
	pg_free(mine);
	return NULL;
}

Test(event_store, a_key_that_is_used_at_once_is_one_event)
{
	struct adder adders[THREADS];
	char key[KEY_BYTES];

	make_key(key);
	plan("\"totalSeats\":4");
	for (size_t i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){ .key = key, .answer = EVENT_NOT_FOUND };
		cr_assert_eq(pthread_create(&adders[i].thread, NULL, add_beside, &adders[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(adders[i].thread, NULL), 0);
		cr_expect_eq(adders[i].answer, EVENT_DONE);
	}
	expect_value("SELECT count(*) FROM audit_log WHERE event_id = $1", "1");
}

Test(event_store, what_is_not_changed_stays)
{
	plan("\"totalSeats\":4");
	expect_added();
	cr_expect_eq(change("{\"name\":\"M\",\"seatsPerUserMax\":3}"), EVENT_DONE);
	cr_expect_eq(outcome.version, 2);
	cr_expect_eq(outcome.seat_count, 4);
	cr_expect_eq(change("{\"seatsPerUserMax\":null,\"salesOpenAt\":null}"), EVENT_DONE);
	expect_value("SELECT concat_ws('|', name, kind, hold_ttl_ms, seats_per_user_max,"
		     " sales_open_at, version) FROM events WHERE event_id = $1",
		     "M|concert|120000|3"); /* The last is the version. */
}

Test(event_store, a_change_that_does_not_fit_leaves_no_trace)
{
	plan("\"totalSeats\":4");
	expect_added();
	cr_expect_eq(change("{\"salesCloseAt\":\"2028-01-01T00:00:00Z\"}"), EVENT_BAD_WINDOW);
	cr_expect_eq(change("{\"name\":\"M\",\"prices\":[{\"section\":\"\",\"priceMinor\":1},"
			    "{\"section\":\"x\",\"priceMinor\":1}]}"),
		     EVENT_NO_SECTION);
	cr_expect_eq(outcome.price, 1);
	expect_value("SELECT name || version FROM events WHERE event_id = $1", "N1");
	expect_value("SELECT sum(price_minor) FROM seats WHERE event_id = $1", "0");
	expect_value("SELECT count(*) FROM audit_log WHERE event_id = $1", "1");
	(void)snprintf(event_id, sizeof(event_id), "no-such-event");
	cr_expect_eq(change("{\"name\":\"M\"}"), EVENT_NOT_FOUND);
	cr_expect_eq(event_store_find(pg, event_id, &err), ERR_NOT_FOUND);
}

Test(event_store, the_audit_has_accounts_by_the_operator)
{
	char email[EMAIL_BYTES];
	struct account made = { 0 };
	account_make_id(made.user_id);
	const char *const account[] = { made.user_id, email, "$argon2id$", "admin" };
	const char *const again[] = { "u-aaaaaaaaaaaaaaaaaaaa", email, "$argon2id$", "user" };

	(void)snprintf(email, sizeof(email), "%s@example.com", event_id);
	(void)snprintf(event_id, sizeof(event_id), "%s", made.user_id); /* what is asked about */
	cr_assert_eq(pg_query(pg, NULL, SQL_PUT_ACCOUNT, account, 4, NULL, &err), ERR_OK, "%s",
		     err.text);
	cr_assert_eq(pg_query(pg, NULL, SQL_PUT_ACCOUNT, again, 4, NULL, &err), ERR_OK);
	expect_value("SELECT string_agg(concat_ws(' ', actor, action, detail->>'role'), ','"
		     " ORDER BY seq) FROM audit_log"
		     " WHERE event_id IS NULL AND detail->>'user_id' = $1",
		     "operator put_account admin,operator put_account user");
}

Test(event_store, may_do_this_and_nothing_else)
{
	static const char *const forbidden[] = {
		"UPDATE seats SET status = 'blocked'",
		"UPDATE events SET cancelled_at = now()",
		"UPDATE bookings SET status = 'confirmed'",
		"DELETE FROM events",
		"DELETE FROM audit_log",
		"UPDATE audit_log SET actor = 'somebody else'",
		"INSERT INTO booking_log DEFAULT VALUES",
		"UPDATE partition_progress SET next_offset = 0",
	};

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		cr_expect_eq(pg_query(pg, NULL, forbidden[i], NULL, 0, NULL, &err), ERR_INTERNAL,
			     "may %s", forbidden[i]);
		cr_expect(strstr(err.text, "permission denied"), "%s: %s", forbidden[i], err.text);
	}
}
