#include "clock.h"
#include "read_api_fixture.h"
#include "tcp_proxy.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <zlib.h>

#define WAIT_MS_MAX 10000
#define THREADS     6 /* fewer than the fixture serves at once */
#define SEATS       40
#define BLOCKS      3
#define BODY_MAX    (1u << 20)

NEEDS_SERVICE("TEST_MONGO_URI")

static const char MAP[] = "/api/events/e1";
static const char LIST[] = "/api/events";

static struct fixture fixture;
static struct tcp_proxy *proxy;

static void put_event(const char *name, int64_t event_version)
{
	struct strbuf json;

	strbuf_init(&json, BODY_MAX);
	strbuf_addf(&json,
		    "{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"%s\",\"kind\":\"bus\","
		    "\"date\":{\"$date\":\"2027-01-01T00:00:00Z\"},\"event_version\":%d,"
		    "\"version\":0,\"counts\":{\"booked\":0},\"blocks\":%d}",
		    name, (int)event_version, BLOCKS);
	fixture_put(&fixture, "events", json.data);
	strbuf_done(&json);
}

/* `booked` of its seats are booked, and that is its version. */
static void put_block(int block, int booked)
{
	struct strbuf json;

	strbuf_init(&json, BODY_MAX);
	strbuf_addf(&json,
		    "{\"_id\":\"e1/%04d\",\"event_id\":\"e1\",\"block\":%d,\"version\":%d,"
		    "\"seats\":[",
		    block, block, booked);
	for (int i = 0; i < SEATS; i++)
		strbuf_addf(&json, "%s{\"seat_id\":\"B%d-%d\",\"status\":\"%s\",\"user_id\":%s}",
			    i ? "," : "", block, i, i < booked ? "booked" : "available",
			    i < booked ? "\"u1\"" : "null");
	strbuf_add_text(&json, "]}");
	fixture_put(&fixture, "seat_maps", json.data);
	strbuf_done(&json);
}

static void open_fixture(void)
{
	char uri[FIXTURE_URI_BYTES_MAX];

	proxy = tcp_proxy_open(fixture_mongo_port());
	fixture_mongo_uri(tcp_proxy_port(proxy), uri);
	fixture_open(&fixture, uri);
	for (int i = 0; i < BLOCKS; i++)
		put_block(i, 0);
	put_event("N", 1);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	tcp_proxy_close(proxy);
}

TestSuite(read_api_memory, .init = open_fixture, .fini = close_fixture);

static void wait_until(bool (*is_so)(void), const char *what)
{
	const int64_t start_ms = clock_monotonic_ms();

	while (!is_so()) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "not %s", what);
		clock_sleep_ms(2);
	}
}

static bool is_told(void)
{
	return read_api_is_told(&fixture.api);
}

static bool is_not_told(void)
{
	return !is_told();
}

static void follow(void)
{
	fixture_follow(&fixture);
	wait_until(is_told, "told of changes");
}

static json_t *get_json(const char *path)
{
	struct answer answer;

	fixture_get(&fixture, path, NULL, &answer);
	cr_assert_eq(answer.status, 200, "%ld %s", answer.status, answer.body.data);

	json_t *json = json_loads(answer.body.data, 0, NULL);

	cr_assert(json, "%s", answer.body.data);
	answer_done(&answer);
	return json;
}

static int map_version(void)
{
	json_t *map = get_json(MAP);
	const int version = (int)json_integer_value(json_object_get(map, "version"));
	const int booked =
		(int)json_integer_value(json_object_get(json_object_get(map, "counts"), "booked"));

	cr_expect_eq(booked, version);
	cr_expect_eq(json_array_size(json_object_get(map, "seats")), BLOCKS * SEATS);
	json_decref(map);
	return version;
}

static int wanted_version;

static bool has_version(void)
{
	return map_version() == wanted_version;
}

static void expect_version(int version)
{
	wanted_version = version;
	wait_until(has_version, "the map as it is now");
}

static const char *wanted_name;

static bool has_name(void)
{
	json_t *map = get_json(MAP), *list = get_json(LIST);
	const char *in_map = json_string_value(json_object_get(map, "name"));
	const char *in_list = json_string_value(json_object_get(json_array_get(list, 0), "name"));
	const bool has = strcmp(in_map, wanted_name) == 0 && strcmp(in_list, wanted_name) == 0;

	json_decref(map);
	json_decref(list);
	return has;
}

static void expect_name(const char *name)
{
	wanted_name = name;
	wait_until(has_name, "the name as it is now");
}

static int64_t metric_value(const char *name)
{
	struct strbuf out;
	char start[80];

	strbuf_init(&out, BODY_MAX);
	metrics_render(fixture.metrics, &out);
	(void)snprintf(start, sizeof(start), "\n%s ", name);

	const char *const found = strstr(out.data, start);

	cr_assert(found, "no %s: %s", name, out.data);

	const int64_t value = strtoll(found + strlen(start), NULL, 10);

	strbuf_done(&out);
	return value;
}

/* How often an answer of this kind was read from MongoDB. */
static int64_t reads(const char *route)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "seatline_read_seconds_count{route=\"%s\"}", route);
	return metric_value(name);
}

/* Many, without a read. A pause of this machine may be a doubt, and cost one. */
static bool are_answered_from_memory(void)
{
	const int64_t before = reads("event") + reads("events");

	for (int i = 0; i < 20; i++) {
		cr_expect_eq(map_version(), 0);
		json_decref(get_json(LIST));
		cr_expect_eq(fixture_if_none_match(&fixture, LIST, "\"other\""), 200);
	}
	return reads("event") + reads("events") == before;
}

Test(read_api_memory, answers_without_mongodb_what_did_not_change)
{
	follow();
	expect_version(0);
	expect_name("N");

	wait_until(are_answered_from_memory, "answered from memory");
}

Test(read_api_memory, shows_each_change_of_a_block_or_an_event)
{
	follow();
	expect_version(0);
	put_block(1, 5);
	expect_version(5);
	put_block(0, 1);
	put_block(2, 7);
	expect_version(13);
	put_event("Other", 2);
	expect_name("Other");
	cr_expect_eq(map_version(), 13);
	put_event("Repaired", 2);
	expect_name("Repaired");
	put_block(1, 0);
	expect_version(8);
}

Test(read_api_memory, shows_what_is_dropped_and_made_anew)
{
	follow();
	expect_version(0);
	fixture_delete(&fixture, "seat_maps", "e1/0001");
	wanted_version = 503;

	struct answer answer = { 0 };
	const int64_t start_ms = clock_monotonic_ms();

	while (answer.status != 503) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still whole");
		fixture_get(&fixture, MAP, NULL, &answer);
		answer_done(&answer);
	}
	put_block(1, 3);
	expect_version(3);
	fixture_delete(&fixture, "events", "e1");
	while (answer.status != 404) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still there");
		fixture_get(&fixture, MAP, NULL, &answer);
		answer_done(&answer);
	}
	put_event("Again", 1);
	expect_version(3);
}

/* That nobody reads now, of the fixture's database. */
static int open_cursors(void)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(bson_destroyp) bson_t *pipeline =
		BCON_NEW("pipeline", "[", "{", "$currentOp", "{", "idleCursors", BCON_BOOL(true),
			 "allUsers", BCON_BOOL(true), "}", "}", "{", "$match", "{", "type",
			 "idleCursor", "ns", "{", "$regex", BCON_UTF8(fixture.database), "}", "}",
			 "}", "]");
	const bson_t *found = NULL;
	bson_error_t error;
	int count = 0;

	mongo_client_take(fixture.mongo, &client);

	mongoc_database_t *admin = mongoc_client_get_database(client.client, "admin");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_database_aggregate(admin, pipeline, NULL, NULL);

	while (mongoc_cursor_next(cursor, &found))
		count++;
	cr_assert_not(mongoc_cursor_error(cursor, &error), "%s", error.message);
	mongoc_database_destroy(admin);
	return count;
}

static void stop_following(void)
{
	follow_close(fixture.api.follow);
	fixture.api.follow = NULL;
}

Test(read_api_memory, leaves_no_cursor_behind_when_it_stops)
{
	follow();
	stop_following();
	cr_expect_eq(open_cursors(), 0);
}

Test(read_api_memory, leaves_no_cursor_of_a_broken_stream_behind)
{
	follow();
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	wait_until(is_not_told, "in doubt");
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	wait_until(is_told, "told again");
	stop_following();
	cr_expect_eq(open_cursors(), 0);
}

static void *ask(void *status)
{
	struct answer answer;

	fixture_get(&fixture, MAP, NULL, &answer);
	*(long *)status = answer.status;
	answer_done(&answer);
	return NULL;
}

/*
 * The server says nothing while they come. Nobody is told of changes here: who came after the first
 * reading began needs one more; and where this machine is slow, not all come meanwhile.
 */
static bool is_read_for_all(void)
{
	pthread_t threads[THREADS];
	long statuses[THREADS];
	const int64_t before = reads("event");
	bool answered = true;

	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, ask, &statuses[i]), 0);
	clock_sleep_ms(300);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		answered &= statuses[i] == 200;
	}
	return answered && reads("event") - before <= 2;
}

Test(read_api_memory, reads_once_for_all_who_ask_at_once)
{
	wait_until(is_read_for_all, "read once for all");
}

Test(read_api_memory, trusts_nothing_while_changes_are_not_told)
{
	follow();
	expect_version(0);
	tcp_proxy_set(proxy, TCP_PROXY_STALL);
	put_block(0, 9);
	wait_until(is_not_told, "in doubt");

	struct answer answer;

	fixture_get(&fixture, MAP, NULL, &answer);
	cr_expect_eq(answer.status, 503, "an old map: %ld", answer.status);
	answer_done(&answer);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);

	const int64_t start_ms = clock_monotonic_ms();

	do {
		fixture_get(&fixture, MAP, NULL, &answer);
		if (answer.status == 200)
			cr_expect(strstr(answer.body.data, "\"version\":9,"), "an old map");
		wanted_version = (int)answer.status;
		answer_done(&answer);
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still away");
	} while (wanted_version != 200);
	wait_until(is_told, "told again");
	cr_expect_eq(map_version(), 9);
}

/* What changed while the stream was broken is told by nobody. */
Test(read_api_memory, doubts_all_when_the_stream_begins_anew)
{
	struct answer answer = { 0 };
	const int64_t start_ms = clock_monotonic_ms();

	follow();
	expect_version(0);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	wait_until(is_not_told, "in doubt");
	put_block(2, 4);
	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	wait_until(is_told, "told again");
	while (answer.status != 200) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still away");
		fixture_get(&fixture, MAP, NULL, &answer);
		if (answer.status == 200)
			cr_expect(strstr(answer.body.data, "\"version\":4,"), "an old map");
		answer_done(&answer);
	}
}

Test(read_api_memory, names_the_write_model_that_it_is_of)
{
	char before[FIXTURE_HEADER_BYTES_MAX], after[FIXTURE_HEADER_BYTES_MAX];
	const int64_t start_ms = clock_monotonic_ms();

	follow();
	fixture_etag(&fixture, MAP, before);
	fixture_put(&fixture, "projector_state",
		    "{\"_id\":\"booking_log\",\"ledger_id\":\"another\",\"xid\":\"1\","
		    "\"seq\":\"1\"}");
	do {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "still %s", before);
		fixture_etag(&fixture, MAP, after);
	} while (strcmp(before, after) == 0);
}

Test(read_api_memory, asks_mongodb_for_who_wants_it_as_it_is_now)
{
	follow();
	expect_version(0);
	for (int i = 1; i <= 20; i++) {
		struct answer answer;
		char version[32];

		put_block(i % BLOCKS, i);
		fixture_get(&fixture, MAP, "Cache-Control: no-cache", &answer);
		(void)snprintf(version, sizeof(version), "\"version\":%d,",
			       i < BLOCKS ? i * (i + 1) / 2 : 3 * i - 3);
		cr_expect(strstr(answer.body.data, version), "%d: no %s", i, version);
		answer_done(&answer);
	}
}

static void inflate_body(const struct strbuf *packed, struct strbuf *out)
{
	z_stream stream = { .next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len };
	char bytes[4096];
	int status = Z_OK;

	cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
	while (status == Z_OK) {
		stream.next_out = (Bytef *)bytes;
		stream.avail_out = sizeof(bytes);
		status = inflate(&stream, Z_NO_FLUSH);
		strbuf_add(out, bytes, sizeof(bytes) - stream.avail_out);
	}
	cr_expect_eq(status, Z_STREAM_END);
	cr_expect_eq(stream.avail_in, 0);
	(void)inflateEnd(&stream);
}

Test(read_api_memory, sends_the_same_bytes_gzipped_under_a_tag_of_its_own)
{
	struct answer plain, packed;
	struct strbuf body;
	char text[FIXTURE_HEADER_BYTES_MAX], plain_tag[FIXTURE_HEADER_BYTES_MAX];

	put_block(0, 17);
	fixture_get(&fixture, MAP, NULL, &plain);
	fixture_get(&fixture, MAP, "Accept-Encoding: br, gzip", &packed);
	strbuf_init(&body, BODY_MAX);
	inflate_body(&packed.body, &body);
	cr_expect_eq(body.len, plain.body.len);
	cr_expect_eq(memcmp(body.data, plain.body.data, body.len), 0);
	cr_expect_lt(packed.body.len, plain.body.len);
	strbuf_done(&body);

	cr_expect_not(answer_header(&plain, "content-encoding", text, sizeof(text)));
	cr_expect(answer_header(&packed, "content-encoding", text, sizeof(text)));
	cr_expect_str_eq(text, "gzip");
	cr_expect(answer_header(&plain, "vary", text, sizeof(text)));
	cr_expect_str_eq(text, "Accept-Encoding");
	cr_expect(answer_header(&plain, "etag", plain_tag, sizeof(plain_tag)));
	cr_expect(answer_header(&packed, "etag", text, sizeof(text)));
	cr_expect_str_neq(text, plain_tag);
	cr_expect_eq(fixture_if_none_match(&fixture, MAP, plain_tag), 304);
	cr_expect_eq(fixture_if_none_match(&fixture, MAP, text), 304);
	answer_done(&plain);
	answer_done(&packed);
}

static void expect_gzip_counted(const char *path, const char *metric)
{
	struct answer answer;
	int64_t plain, packed;

	fixture_get(&fixture, path, NULL, &answer);
	answer_done(&answer);
	plain = metric_value(metric);
	fixture_get(&fixture, path, "Accept-Encoding: gzip", &answer);
	packed = metric_value(metric);
	cr_expect_geq(packed, plain + (int64_t)answer.body.len, "%s: %d, then %d", path,
		      (int)plain, (int)packed);
	answer_done(&answer);
}

Test(read_api_memory, counts_gzipped_bytes_when_they_are_made)
{
	for (int i = 0; i < 20; i++) {
		char json[256];

		(void)snprintf(json, sizeof(json),
			       "{\"_id\":\"more%d\",\"event_id\":\"more%d\",\"name\":\"N\","
			       "\"kind\":\"bus\",\"date\":{\"$date\":\"2027-01-01T00:00:00Z\"},"
			       "\"event_version\":1,\"version\":0,\"counts\":{\"booked\":0},"
			       "\"blocks\":0}",
			       i, i);
		fixture_put(&fixture, "events", json);
	}
	expect_gzip_counted(MAP, "seatline_answer_bytes{kind=\"maps\"}");
	expect_gzip_counted(LIST, "seatline_answer_bytes{kind=\"lists\"}");
}

Test(read_api_memory, sends_what_is_small_as_it_is)
{
	struct answer answer;
	char text[FIXTURE_HEADER_BYTES_MAX];

	fixture_get(&fixture, "/api/events?q=none", "Accept-Encoding: gzip", &answer);
	cr_expect_eq(answer.status, 200);
	cr_expect_not(answer_header(&answer, "content-encoding", text, sizeof(text)));
	cr_expect_str_eq(answer.body.data, "[]");
	answer_done(&answer);
}

/* Nobody is asked who they are: there is but one map, whatever they say of themselves. */
Test(read_api_memory, keeps_one_map_of_an_event_when_everybody_sees_all)
{
	static const char *const headers[] = { NULL, "Authorization: Bearer ann",
					       "Accept-Encoding: gzip", "Authorization: nonsense" };
	char etag[FIXTURE_HEADER_BYTES_MAX], text[FIXTURE_HEADER_BYTES_MAX];

	put_block(0, 3);
	follow();
	fixture_etag(&fixture, MAP, etag);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct answer answer;

		fixture_get(&fixture, MAP, headers[i], &answer);
		cr_expect_eq(answer.status, 200);
		cr_expect(answer_header(&answer, "cache-control", text, sizeof(text)));
		cr_expect_str_eq(text, "no-cache");
		cr_expect(answer_header(&answer, "vary", text, sizeof(text)));
		cr_expect_str_eq(text, "Accept-Encoding");
		cr_expect(answer_header(&answer, "etag", text, sizeof(text)));
		cr_expect_eq(strncmp(text, etag, strlen(etag) - 1), 0, "%s", text);
		if (i != 2)
			cr_expect(strstr(answer.body.data, "\"user_id\":\"u1\""));
		answer_done(&answer);
	}
	cr_expect_eq(metric_value("seatline_answers{kind=\"maps\"}"), 1);
}
