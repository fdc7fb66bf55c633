#include "projector_fixture.h"

#include "clock.h"
#include "log.h"
#include "state.h"
#include "verify.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIGRATION_BYTES_MAX (64u << 10)
#define TURNS_MAX           10000
#define TIMEOUT_MS          5000
#define FOLLOW_MS           20000
#define VERIFY_WAIT_MS      300

/* One booking a seat, as the worker writes them. */
static const char BOOK[] =
	"WITH s AS (UPDATE seats SET status = 'booked', version = version + 1,"
	" booking_id = gen_random_uuid(), user_id = 'u' || position"
	" WHERE event_id = $1 AND position BETWEEN $2::integer AND $3::integer RETURNING *),"
	" b AS (INSERT INTO bookings (booking_id, event_id, user_id, mode, seat_ids, status,"
	" requested_at, decided_at, seat_prices, total_minor, currency)"
	" SELECT booking_id, event_id, user_id, 'book', ARRAY[seat_id], 'confirmed',"
	" '2026-03-01T19:30:00.123Z', clock_timestamp(), ARRAY[price_minor], price_minor, 'EUR'"
	" FROM s RETURNING *)"
	" INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, mode, status,"
	" booking_seats, requested_at, decided_at, seat_ids, seat_positions, seat_statuses,"
	" seat_versions, command, actor, seat_prices, total_minor, currency)"
	" SELECT b.booking_id, 1, b.event_id, b.user_id, b.mode, 'confirmed', b.seat_ids,"
	" b.requested_at, b.decided_at, b.seat_ids, ARRAY[s.position], ARRAY['booked'],"
	" ARRAY[s.version], 'book', b.user_id, b.seat_prices, b.total_minor, b.currency"
	" FROM b JOIN s USING (booking_id)";

static char text[FIXTURE_TEXT_BYTES_MAX];

/* ---- The write model ---- */

static void run_script(struct pg *pg, const char *sql)
{
	_cleanup_(PQclearp) PGresult *res = PQexec(pg_conn(pg), sql);

	cr_assert_eq(PQresultStatus(res), PGRES_COMMAND_OK, "%s", PQresultErrorMessage(res));
}

/* A migration's way up or down, or a whole file of its own. */
static void run_file(struct pg *pg, const char *directory, const char *name, bool is_down)
{
	char path[1024];
	_cleanup_free_ char *sql = calloc(1, MIGRATION_BYTES_MAX);
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);

	FILE *const file = fopen(path, "re");
	cr_assert(file && sql, "%s", path);
	cr_assert_gt(fread(sql, 1, MIGRATION_BYTES_MAX - 1, file), 0);
	(void)fclose(file); /* Was only read. */
	char *const down = strstr(sql, "-- migrate:down");
	cr_assert(down || !is_down, "%s", path);
	if (is_down) {
		run_script(pg, down);
		return;
	}
	if (down)
		*down = '\0';
	run_script(pg, sql);
}

static int is_sql(const struct dirent *entry)
{
	const char *const dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".sql") == 0;
}

/* All migrations in their order, by name. */
static void make_write_model(struct pg *pg)
{
	struct dirent **entries = NULL;
	const int count = scandir(MIGRATIONS_DIR, &entries, is_sql, alphasort);
	cr_assert_gt(count, 0, "%s", MIGRATIONS_DIR);

	for (int i = 0; i < count; i++) {
		run_file(pg, MIGRATIONS_DIR, entries[i]->d_name, false);
		free(entries[i]);
	}
	free(entries);
	run_file(pg, TESTS_DIR, "projector_story.sql", false);
}

void projector_fixture_migrate_anew(struct pg *pg)
{
	struct dirent **entries = NULL;
	const int count = scandir(MIGRATIONS_DIR, &entries, is_sql, alphasort);
	cr_assert_gt(count, 0, "%s", MIGRATIONS_DIR);

	const char *const newest = entries[count - 1]->d_name;
	run_file(pg, MIGRATIONS_DIR, newest, true);
	run_file(pg, MIGRATIONS_DIR, newest, false);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

static struct pg *open_pg(const char *dsn)
{
	const struct pg_config config = {
		.dsn = dsn,
		.application_name = "test_projector",
		.connect_timeout_ms = TIMEOUT_MS,
		.statement_timeout_ms = 4 * TIMEOUT_MS,
		.idle_in_transaction_timeout_ms = 60000,
	};
	struct pg *const pg = pg_new(&config);
	struct err err = { 0 };

	cr_assert_eq(pg_ensure(pg, &err), ERR_OK, "%s", err.text);
	return pg;
}

static void on_server(const char *verb, const char *name, const char *how)
{
	char sql[256];
	struct pg *const pg = open_pg(getenv("TEST_PG_DSN"));

	(void)snprintf(sql, sizeof(sql), "%s \"%s\"%s", verb, name, how);
	run_script(pg, sql);
	pg_free(pg);
}

struct pg *projector_fixture_pg(const struct projector_fixture *fixture)
{
	char dsn[CONFIG_TEXT_BYTES_MAX + 64];
	/* Of a name given twice the last counts. */
	(void)snprintf(dsn, sizeof(dsn), "%s dbname=%s", getenv("TEST_PG_DSN"), fixture->database);
	return open_pg(dsn);
}

const char *projector_fixture_sql(struct pg *pg, const char *sql)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	struct err err = { 0 };

	cr_assert_eq(pg_query(pg, NULL, sql, NULL, 0, &res, &err), ERR_OK, "%s: %s", sql, err.text);
	(void)snprintf(text, sizeof(text), "%s",
		       PQntuples(res) > 0 && PQnfields(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	return text;
}

void projector_fixture_event(struct projector_fixture *fixture, const char *event_id, int seats)
{
	char count[16];
	struct err err = { 0 };
	(void)snprintf(count, sizeof(count), "%d", seats);
	const char *const params[] = { event_id, count };

	cr_assert_eq(pg_query(fixture->pg, NULL,
			      "INSERT INTO events (event_id, name, starts_at, venue)"
			      " VALUES ($1, 'An \"evening\"', '2027-01-01T20:00:00Z', 'Hall')",
			      params, 1, NULL, &err),
		     ERR_OK, "%s", err.text);
	cr_assert_eq(pg_query(fixture->pg, NULL,
			      "INSERT INTO seats (event_id, seat_id, position, section, row_name,"
			      " number, price_minor)"
			      " SELECT $1, 'S' || n, n, 'North', 'R', n, 4200"
			      " FROM generate_series(0, $2::integer - 1) AS n",
			      params, 2, NULL, &err),
		     ERR_OK, "%s", err.text);
}

void projector_fixture_book(struct projector_fixture *fixture, const char *event_id, int first,
			    int last)
{
	char from[16];
	char to[16];
	struct err err = { 0 };
	(void)snprintf(from, sizeof(from), "%d", first);
	(void)snprintf(to, sizeof(to), "%d", last);
	const char *const params[] = { event_id, from, to };

	cr_assert_eq(pg_query(fixture->pg, NULL, BOOK, params, 3, NULL, &err), ERR_OK, "%s",
		     err.text);
}

/* ---- Both ---- */

/* A login of its own, with the projector's rights. */
static void add_role(struct projector_fixture *fixture)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "CREATE ROLE \"%s\" LOGIN PASSWORD '%s' IN ROLE seatline_projector",
		       fixture->database, fixture->database);
	run_script(fixture->pg, sql);
}

static void configure(struct projector_fixture *fixture)
{
	struct projector_config *const config = &fixture->config;

	*config = (struct projector_config){
		.common.ops_port = 1,
		.pg_connect_timeout_ms = TIMEOUT_MS,
		.pg_statement_timeout_ms = 2 * TIMEOUT_MS,
		.mongo_timeout_ms = TIMEOUT_MS,
		.poll_ms = 5,
		.batch_max = 2000,
		.events_check_ms = 10,
		.live_timeout_ms = 500,
		.verify_wait_ms = VERIFY_WAIT_MS,
	};
	/* With no more rights than the program has. */
	(void)snprintf(config->pg_dsn, sizeof(config->pg_dsn), "%s dbname=%s user=%s password=%s",
		       getenv("TEST_PG_DSN"), fixture->database, fixture->database,
		       fixture->database);
	(void)snprintf(config->mongo_uri, sizeof(config->mongo_uri), "%s",
		       getenv("TEST_MONGO_URI"));
	(void)snprintf(config->mongo_database, sizeof(config->mongo_database), "%s",
		       fixture->database);
	(void)snprintf(config->live_url, sizeof(config->live_url), "off");
}

void projector_fixture_open(struct projector_fixture *fixture)
{
	static atomic_int count;
	struct err err = { 0 };

	log_open("test_projector", LOG_LEVEL_ERROR);
	*fixture = (struct projector_fixture){ 0 };
	(void)snprintf(fixture->database, sizeof(fixture->database), "projector_%d_%" PRId64 "_%d",
		       (int)getpid(), clock_wall_ms(), atomic_fetch_add(&count, 1));
	on_server("CREATE DATABASE", fixture->database, "");
	fixture->pg = projector_fixture_pg(fixture);
	make_write_model(fixture->pg);
	add_role(fixture);

	configure(fixture);
	const struct mongo_config mongo = {
		.uri = fixture->config.mongo_uri,
		.database = fixture->database,
		.application_name = "test_projector",
		.connect_timeout_ms = TIMEOUT_MS,
		.server_selection_timeout_ms = TIMEOUT_MS,
		.socket_timeout_ms = 2 * TIMEOUT_MS,
		.pool_max = 4,
	};
	cr_assert_eq(mongo_open(&mongo, &fixture->mongo, &err), ERR_OK, "%s", err.text);
}

void projector_fixture_close(struct projector_fixture *fixture)
{
	struct mongo_client client = { 0 };
	bson_error_t error;

	mongo_client_take(fixture->mongo, &client);
	mongoc_database_t *const database =
		mongoc_client_get_database(client.client, fixture->database);
	cr_expect(mongoc_database_drop(database, &error), "%s", error.message);
	mongoc_database_destroy(database);
	mongo_client_done(&client);
	mongo_close(fixture->mongo);

	pg_free(fixture->pg);
	on_server("DROP DATABASE", fixture->database, " WITH (FORCE)");
	on_server("DROP ROLE", fixture->database, "");
}

struct projector *projector_fixture_start(struct projector_fixture *fixture)
{
	struct projector *projector = NULL;
	struct err err = { 0 };
	static struct metrics *metrics; /* as long as the test's process */

	metrics_free(metrics);
	metrics = metrics_new();
	cr_assert_eq(projector_open(&fixture->config, metrics, &projector, &err), ERR_OK, "%s",
		     err.text);
	return projector;
}

void projector_fixture_turn(struct projector *projector)
{
	struct err err = { 0 };

	for (int i = 0; i < TURNS_MAX; i++) {
		int64_t wait_ms = 0;
		cr_assert_eq(projector_turn(projector, &wait_ms, &err), ERR_OK, "%s", err.text);
		if (wait_ms > 0)
			return;
	}
	cr_assert_fail("it never comes to rest");
}

void projector_fixture_follow(struct projector_fixture *fixture, struct projector *projector)
{
	const int64_t deadline_ms = clock_monotonic_ms() + FOLLOW_MS;
	struct err err = { 0 };
	struct log_position newest;
	struct read_model_state state;

	for (;;) {
		projector_fixture_turn(projector);
		cr_assert_eq(changes_newest(fixture->pg, &newest, &err), ERR_OK, "%s", err.text);
		cr_assert_eq(state_read(fixture->mongo, &state, &err), ERR_OK, "%s", err.text);
		if (projector_is_active(projector) &&
		    log_position_compare(&state.position, &newest) >= 0)
			return;
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the log is not followed");
		clock_sleep_ms(2);
	}
}

const char *projector_fixture_verify(struct projector_fixture *fixture, int64_t *ret_differences)
{
	static char printed[64u << 10];
	struct err err = { 0 };
	struct verify_result result;
	FILE *const out = fmemopen(printed, sizeof(printed), "w");
	cr_assert_not_null(out);

	cr_assert_eq(verify_run(fixture->pg, fixture->mongo, VERIFY_WAIT_MS, out, &result, &err),
		     ERR_OK, "%s", err.text);
	(void)fclose(out); /* In memory. */
	*ret_differences = result.differences;
	return printed;
}

void projector_fixture_expect_equal(struct projector_fixture *fixture)
{
	int64_t differences = -1;
	const char *const printed = projector_fixture_verify(fixture, &differences);

	cr_expect_eq(differences, 0, "%s", printed);
}

/* ---- MongoDB ---- */

static bson_t *from_json(const char *json)
{
	bson_error_t error;
	bson_t *const doc = bson_new_from_json((const uint8_t *)json, -1, &error);

	cr_assert_not_null(doc, "%s: %s", json, error.message);
	return doc;
}

void projector_fixture_update(struct projector_fixture *fixture, const char *collection,
			      const char *filter, const char *update)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *selector = from_json(filter);
	_cleanup_(bson_destroyp) bson_t *change = from_json(update);
	bson_t reply;
	bson_iter_t iter;
	bson_error_t error;

	cr_assert(mongoc_collection_update_one(docs, selector, change, NULL, &reply, &error), "%s",
		  error.message);
	cr_assert(bson_iter_init_find(&iter, &reply, "matchedCount") &&
			  bson_iter_as_int64(&iter) == 1,
		  "no %s matches %s", collection, filter);
	bson_destroy(&reply);
}

void projector_fixture_insert(struct projector_fixture *fixture, const char *collection,
			      const char *doc)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *document = from_json(doc);
	bson_error_t error;

	cr_assert(mongoc_collection_insert_one(docs, document, NULL, NULL, &error), "%s",
		  error.message);
}

void projector_fixture_delete(struct projector_fixture *fixture, const char *collection,
			      const char *filter)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *selector = from_json(filter);
	bson_error_t error;

	cr_assert(mongoc_collection_delete_many(docs, selector, NULL, NULL, &error), "%s",
		  error.message);
}

int64_t projector_fixture_count(struct projector_fixture *fixture, const char *collection,
				const char *filter)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(fixture->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *selector = from_json(filter);
	bson_error_t error;

	const int64_t count =
		mongoc_collection_count_documents(docs, selector, NULL, NULL, NULL, &error);
	cr_assert_geq(count, 0, "%s", error.message);
	return count;
}
