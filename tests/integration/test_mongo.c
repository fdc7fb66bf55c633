/* The MongoDB adapter on a real server: what its failures mean, and that each comes in time. */
#include "mongo.h"

#include "clock.h"
#include "log.h"
#include "services.h"
#include "tcp_proxy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_MONGO_URI")

#define TIMEOUT_MS 400

static char database[64];
static struct err err;

static err_code open_at(const char *uri, struct mongo **ret)
{
	const struct mongo_config config = {
		.uri = uri,
		.database = database,
		.application_name = "test_mongo",
		.connect_timeout_ms = TIMEOUT_MS,
		.server_selection_timeout_ms = TIMEOUT_MS,
		.socket_timeout_ms = TIMEOUT_MS,
		.pool_max = 2,
	};

	log_open("test_mongo", LOG_LEVEL_ERROR);
	(void)snprintf(database, sizeof(database), "mongo_%d_%" PRId64, (int)getpid(),
		       clock_wall_ms());
	return mongo_open(&config, ret, &err);
}

/* The server behind a relay: TEST_MONGO_URI with another port, and no discovery past it. */
static struct mongo *open_behind(const struct tcp_proxy *proxy)
{
	struct mongo *mongo = NULL;
	char uri[256];

	(void)snprintf(uri, sizeof(uri), "mongodb://127.0.0.1:%u/?directConnection=true",
		       tcp_proxy_port(proxy));
	cr_assert_eq(open_at(uri, &mongo), ERR_OK, "%s", err.text);
	return mongo;
}

static uint16_t server_port(void)
{
	mongoc_uri_t *const uri = mongoc_uri_new(getenv("TEST_MONGO_URI"));
	cr_assert_not_null(uri);
	const uint16_t port = mongoc_uri_get_hosts(uri)->port;

	mongoc_uri_destroy(uri);
	return port;
}

static err_code insert(const struct mongo_client *client, const bson_t *doc)
{
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(client, "docs");
	bson_error_t error;

	if (!mongoc_collection_insert_one(docs, doc, NULL, NULL, &error))
		return mongo_err(&error, "insert", &err);
	return ERR_OK;
}

Test(mongo, answers_a_ping_and_tells_conflicts_from_mistakes)
{
	struct mongo *mongo = NULL;
	struct mongo_client client = { 0 };
	bson_error_t error;
	_cleanup_(bson_destroyp) bson_t *doc = BCON_NEW("_id", BCON_INT32(1));
	_cleanup_(bson_destroyp) bson_t *wrong = BCON_NEW("noSuchCommand", BCON_INT32(1));
	_cleanup_(bson_destroyp) bson_t *drop = BCON_NEW("dropDatabase", BCON_INT32(1));

	cr_assert_eq(open_at(getenv("TEST_MONGO_URI"), &mongo), ERR_OK, "%s", err.text);
	cr_expect_eq(mongo_ping(mongo, &err), ERR_OK, "%s", err.text);
	mongo_client_take(mongo, &client);
	cr_expect_eq(insert(&client, doc), ERR_OK, "%s", err.text);
	cr_expect_eq(insert(&client, doc), ERR_CONFLICT);
	cr_expect(
		!mongoc_client_command_simple(client.client, database, wrong, NULL, NULL, &error));
	cr_expect_eq(mongo_err(&error, "try", &err), ERR_INTERNAL);
	cr_expect_not_null(strstr(err.text, "try: "), "%s", err.text);
	cr_expect(mongoc_client_command_simple(client.client, database, drop, NULL, NULL, &error));
	mongo_client_done(&client);
	cr_expect_null(client.mongo);
	mongo_client_done(&client);
	mongo_close(mongo);
}

Test(mongo, refuses_a_bad_uri_without_quoting_it)
{
	static const char *const bad[] = { "", "hunter2", "mongodb://user:hunter2@",
					   "mongodb://user:hunter2@[::1", "http://hunter2/" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mongo *mongo = NULL;
		cr_expect_eq(open_at(bad[i], &mongo), ERR_INVALID, "accepted '%s'", bad[i]);
		cr_expect_null(mongo);
		cr_expect_null(strstr(err.text, "hunter2"), "%s", err.text);
	}
}

Test(mongo, says_in_time_that_a_server_is_away_and_finds_it_again)
{
	struct tcp_proxy *const proxy = tcp_proxy_open(server_port());
	static const enum tcp_proxy_mode away[] = { TCP_PROXY_REFUSE, TCP_PROXY_STALL };

	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		struct mongo *const mongo = open_behind(proxy);
		cr_expect_eq(mongo_ping(mongo, &err), ERR_OK, "%s", err.text);
		tcp_proxy_set(proxy, away[i]);
		for (int k = 0; k < 2; k++) {
			const int64_t start_ms = clock_monotonic_ms();
			cr_expect_eq(mongo_ping(mongo, &err), ERR_UNAVAILABLE);
			cr_expect_lt(clock_monotonic_ms() - start_ms, 5 * TIMEOUT_MS);
		}
		tcp_proxy_set(proxy, TCP_PROXY_RELAY);
		const int64_t back_ms = clock_monotonic_ms();
		while (mongo_ping(mongo, &err) != ERR_OK && clock_monotonic_ms() - back_ms < 10000)
			clock_sleep_ms(20);
		cr_expect_eq(mongo_ping(mongo, &err), ERR_OK, "%s", err.text);
		mongo_close(mongo);
	}
	tcp_proxy_close(proxy);
}
