/* The PostgreSQL adapter on a real server: what each failure is called, and that no wait is for
 * ever. */
#include "clock.h"
#include "log.h"
#include "pg.h"
#include "pg_vector.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define TIMEOUT_MS 1000

static struct pg *pg;
static struct err err;

static void set_up(void)
{
	log_open("test_pg", LOG_LEVEL_ERROR);
	pg = fixture_pg(NULL, TIMEOUT_MS);
}

static void tear_down(void)
{
	pg_free(pg);
}

TestSuite(pg, .init = set_up, .fini = tear_down);

/* The same database, through a proxy. */
static struct pg *through(const struct tcp_proxy *proxy)
{
	char dsn[FIXTURE_TEXT_BYTES_MAX];
	(void)snprintf(dsn, sizeof(dsn), "%s host=127.0.0.1 port=%u", getenv("TEST_PG_DSN"),
	               tcp_proxy_port(proxy));

	return fixture_pg(dsn, TIMEOUT_MS);
}

static struct tcp_proxy *proxy_open(void)
{
	return tcp_proxy_open((uint16_t)strtoul(PQport(pg_conn(pg)), NULL, 10));
}

static err_code run(struct pg *on, const char *sql)
{
	return pg_query(on, NULL, sql, NULL, 0, NULL, &err);
}

Test(pg, carries_any_text_through_an_array_and_back)
{
	static const char *const texts[] = { "plain", "", "a b", "\"", "\\", "{,}", "NULL", "ä€😀",
		                             "end\\", NULL };
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	_cleanup_(strbuf_done) struct strbuf array;
	strbuf_init(&array, 4096);
	pg_array_open(&array);
	for (size_t i = 0; i < count; i++)
		pg_array_add(&array, texts[i]);
	pg_array_close(&array);
	const char *const params[] = { array.data };
	_cleanup_(PQclearp) PGresult *res = NULL;

	cr_assert_eq(pg_query(pg, "echo", "SELECT u, $1::text[] FROM unnest($1::text[]) AS u",
			      params, 1, &res, &err),
		     ERR_OK, "%s", err.text);
	cr_assert_eq((size_t)PQntuples(res), count);
	const char *cursor = PQgetvalue(res, 0, 1);
	for (size_t i = 0; i < count; i++) {
		char element[64];
		bool is_null = false;

		cr_expect_eq(PQgetisnull(res, (int)i, 0), texts[i] == NULL, "element %zu", i);
		cr_assert(pg_array_next(&cursor, element, sizeof(element), &is_null));
		cr_expect_eq(is_null, texts[i] == NULL, "element %zu", i);
		if (texts[i]) {
			cr_expect_str_eq(PQgetvalue(res, (int)i, 0), texts[i]);
			cr_expect_str_eq(element, texts[i]);
		}
	}
	char rest[8];
	bool is_null = false;
	cr_expect_not(pg_array_next(&cursor, rest, sizeof(rest), &is_null));
}

Test(pg, carries_any_element_in_binary)
{
	static const char *const texts[] = { NULL,   NULL, "plain", "",
		                             "{,}", "ä€😀", NULL,    "end" };
	static const int64_t numbers[] = { 0, -1, INT64_MIN, INT64_MAX };
	static const char uuid[] = "01A1fe6f-5493-848f-8169-46d1326717a5";
	enum { TEXT, WIDE, SHORT, UUID, EMPTY, COLUMNS };
	static const enum pg_vector_type types[COLUMNS] = { PG_VECTOR_TEXT, PG_VECTOR_INT8,
		                                            PG_VECTOR_INT4, PG_VECTOR_UUID,
		                                            PG_VECTOR_INT8 };
	struct pg_vector vectors[COLUMNS];
	const char *params[COLUMNS];
	int lengths[COLUMNS];
	_cleanup_(PQclearp) PGresult *res = NULL;

	for (size_t i = 0; i < COLUMNS; i++) {
		pg_vector_init(&vectors[i], 4096);
		pg_vector_open(&vectors[i], types[i]);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pg_vector_add(&vectors[TEXT], texts[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		pg_vector_add_int(&vectors[WIDE], numbers[i]);
	pg_vector_add_int(&vectors[SHORT], INT32_MIN);
	pg_vector_add(&vectors[UUID], uuid);
	pg_vector_add(&vectors[EMPTY], NULL);
	for (size_t i = 0; i < COLUMNS; i++) {
		pg_vector_close(&vectors[i]);
		cr_assert_not(vectors[i].bytes.overflow);
		params[i] = vectors[i].bytes.data;
		lengths[i] = (int)vectors[i].bytes.len;
	}
	const struct pg_step step = { "vectors",
		                      "SELECT $1::text[]::text, $2::bigint[]::text,"
		                      " $3::integer[]::text, $4::uuid[]::text, $5::bigint[]::text",
		                      params, COLUMNS, lengths };

	cr_assert_eq(pg_pipeline(pg, &step, 1, &res, &err), ERR_OK, "%s", err.text);
	cr_expect_str_eq(PQgetvalue(res, 0, TEXT), "{NULL,NULL,plain,\"\",\"{,}\",ä€😀,NULL,end}");
	cr_expect_str_eq(PQgetvalue(res, 0, WIDE),
			 "{0,-1,-9223372036854775808,9223372036854775807}");
	cr_expect_str_eq(PQgetvalue(res, 0, SHORT), "{-2147483648}");
	cr_expect_str_eq(PQgetvalue(res, 0, UUID), "{01a1fe6f-5493-848f-8169-46d1326717a5}");
	cr_expect_str_eq(PQgetvalue(res, 0, EMPTY), "{}", "nothing but NULL");
	for (size_t i = 0; i < COLUMNS; i++)
		pg_vector_done(&vectors[i]);
}

Test(pg, makes_no_uuid_of_another_text)
{
	static const char *const texts[] = { "", "01a1fe6f",
		                             "01a1fe6f-5493-848f-8169-46d1326717a5f",
		                             "g1a1fe6f-5493-848f-8169-46d1326717a5" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct pg_vector vector;
		pg_vector_init(&vector, 4096);
		pg_vector_open(&vector, PG_VECTOR_UUID);
		pg_vector_add(&vector, texts[i]);
		pg_vector_close(&vector);
		cr_expect(vector.bytes.overflow, "took '%s'", texts[i]);
		pg_vector_done(&vector);
	}
}

Test(pg, reads_an_empty_array_and_cuts_what_is_too_long)
{
	const char *empty = "{}";
	const char *long_one = "{abcdef,g}";
	char element[4];
	bool is_null = false;

	cr_expect_not(pg_array_next(&empty, element, sizeof(element), &is_null));
	cr_assert(pg_array_next(&long_one, element, sizeof(element), &is_null));
	cr_expect_str_eq(element, "abc");
	cr_assert(pg_array_next(&long_one, element, sizeof(element), &is_null));
	cr_expect_str_eq(element, "g");
}

Test(pg, names_failures_by_what_the_caller_may_do)
{
	static const struct {
		const char *sql;
		err_code code;
	} cases[] = {
		{ "SELECT 1", ERR_OK },
		{ "SELEC 1", ERR_INTERNAL },
		{ "SELECT 1/0", ERR_INTERNAL },
		{ "SELECT * FROM no_such_table", ERR_INTERNAL },
		{ "SELECT pg_sleep(5)", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53300'; END $$", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '55P03'; END $$", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '25006'; END $$", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '23505'; END $$", ERR_UNAVAILABLE },
		{ "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '23514'; END $$", ERR_INTERNAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(pg_ensure(pg, &err), ERR_OK);
		cr_expect_eq(run(pg, cases[i].sql), cases[i].code, "%s: %s", cases[i].sql,
			     err.text);
	}
	cr_assert_eq(pg_ensure(pg, &err), ERR_OK);
	cr_expect_eq(run(pg, "SELECT 1"), ERR_OK, "none of these spoils the connection");
}

Test(pg, stops_a_pipeline_at_its_first_failure)
{
	const struct pg_step steps[] = {
		{ "p_begin", "BEGIN", NULL, 0, NULL },
		{ "p_one", "CREATE TEMP TABLE one (n integer)", NULL, 0, NULL },
		{ "p_bad", "SELECT 1/0", NULL, 0, NULL },
		{ "p_commit", "COMMIT", NULL, 0, NULL },
	};
	PGresult *results[4] = { NULL };

	cr_expect_eq(pg_pipeline(pg, steps, 4, results, &err), ERR_INTERNAL);
	cr_expect_not_null(strstr(err.text, "22012"), "%s", err.text);
	pg_rollback(pg);
	cr_expect_str_eq(
		fixture_sql(pg, "SELECT to_regclass('pg_temp.one')::text", NULL, NULL, NULL), "",
		"COMMIT was not executed");
}

Test(pg, prepares_again_what_a_failed_pipeline_had_not)
{
	const struct pg_step bad[] = {
		{ "q_bad", "SELECT 1/0", NULL, 0, NULL },
		{ "q_good", "SELECT 7", NULL, 0, NULL },
	};
	PGresult *results[2] = { NULL };
	_cleanup_(PQclearp) PGresult *res = NULL;

	cr_expect_eq(pg_pipeline(pg, bad, 2, results, &err), ERR_INTERNAL);
	cr_assert_eq(pg_query(pg, "q_good", "SELECT 7", NULL, 0, &res, &err), ERR_OK, "%s",
		     err.text);
	cr_expect_str_eq(PQgetvalue(res, 0, 0), "7");
}

Test(pg, carries_megabytes_both_ways_in_one_pipeline)
{
	const size_t len = 6u << 20;
	_cleanup_free_ char *text = malloc(len + 1);
	cr_assert(text);
	memset(text, 'x', len);
	text[len] = '\0';
	const char *const params[] = { text };
	const struct pg_step steps[] = {
		{ "m", "SELECT $1::text", params, 1, NULL },
		{ "m", "SELECT $1::text", params, 1, NULL },
		{ "n", "SELECT length($1::text)", params, 1, NULL },
	};
	PGresult *results[3] = { NULL };

	/* Prepared by itself first: a new name may stand only once in a pipeline. */
	cr_assert_eq(pg_pipeline(pg, steps, 1, results, &err), ERR_OK, "%s", err.text);
	PQclear(results[0]);
	cr_assert_eq(pg_pipeline(pg, steps, 3, results, &err), ERR_OK, "%s", err.text);
	cr_expect_eq(strlen(PQgetvalue(results[1], 0, 0)), len);
	for (int i = 0; i < 3; i++)
		PQclear(results[i]);
}

Test(pg, plans_for_keys_only_where_that_is_said)
{
	static const char settings[] = "SELECT concat_ws(' ', current_setting('plan_cache_mode'),"
				       " current_setting('enable_seqscan'),"
				       " current_setting('enable_bitmapscan'))";
	const struct pg_config config = { .dsn = getenv("TEST_PG_DSN"),
					  .application_name = "test_pg",
					  .connect_timeout_ms = 2000,
					  .statement_timeout_ms = TIMEOUT_MS,
					  .idle_in_transaction_timeout_ms = TIMEOUT_MS,
					  .by_keys = true };
	struct pg *const keyed = pg_new(&config);

	cr_assert_eq(pg_ensure(keyed, &err), ERR_OK, "%s", err.text);
	cr_expect_str_eq(fixture_sql(keyed, settings, NULL, NULL, NULL),
			 "force_generic_plan off off");
	cr_expect_str_eq(fixture_sql(pg, settings, NULL, NULL, NULL), "auto on on");
	pg_free(keyed);
}

Test(pg, says_that_a_failed_transaction_was_not_committed)
{
	bool unknown = true;

	cr_assert_eq(pg_begin(pg, &err), ERR_OK);
	cr_expect_eq(run(pg, "SELECT 1/0"), ERR_INTERNAL);
	cr_expect_eq(pg_commit(pg, &unknown, &err), ERR_INTERNAL);
	cr_expect_not(unknown);
}

Test(pg, notices_a_killed_session_and_opens_a_new_one)
{
	struct pg *const other = fixture_pg(NULL, TIMEOUT_MS);
	char pid[16];
	(void)snprintf(pid, sizeof(pid), "%d", PQbackendPID(pg_conn(pg)));
	_cleanup_(PQclearp) PGresult *res = NULL;
	cr_assert_eq(pg_query(pg, "seven", "SELECT 7", NULL, 0, NULL, &err), ERR_OK);

	(void)fixture_sql(other, "SELECT pg_terminate_backend($1::integer, 2000)", pid, NULL, NULL);
	cr_expect_eq(pg_query(pg, "seven", "SELECT 7", NULL, 0, NULL, &err), ERR_UNAVAILABLE);
	cr_expect_not(pg_is_open(pg));
	cr_expect_eq(run(pg, "SELECT 1"), ERR_UNAVAILABLE, "no silent new session");

	cr_assert_eq(pg_ensure(pg, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(pg_query(pg, "seven", "SELECT 7", NULL, 0, &res, &err), ERR_OK, "%s",
		     err.text);
	cr_expect_str_eq(PQgetvalue(res, 0, 0), "7");
	pg_free(other);
}

Test(pg, waits_for_a_frozen_server_no_longer_than_its_bound)
{
	struct tcp_proxy *const proxy = proxy_open();
	struct pg *const far = through(proxy);

	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	const int64_t from_ms = clock_monotonic_ms();
	cr_expect_eq(run(far, "SELECT 1"), ERR_UNAVAILABLE);
	const int64_t spent_ms = clock_monotonic_ms() - from_ms;

	cr_expect_lt(spent_ms, TIMEOUT_MS + 2500, "%lld ms", (long long)spent_ms);
	cr_expect_not(pg_is_open(far));
	pg_free(far);
	tcp_proxy_close(proxy);
}

Test(pg, does_not_know_the_outcome_of_a_commit_without_an_answer)
{
	struct tcp_proxy *const proxy = proxy_open();
	struct pg *const far = through(proxy);
	bool unknown = false;

	cr_assert_eq(pg_begin(far, &err), ERR_OK);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	cr_expect_eq(pg_commit(far, &unknown, &err), ERR_UNAVAILABLE);
	cr_expect(unknown);
	cr_expect_eq(pg_ensure(far, &err), ERR_UNAVAILABLE);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	cr_expect_eq(pg_ensure(far, &err), ERR_OK, "%s", err.text);
	pg_free(far);
	tcp_proxy_close(proxy);
}
