#include "read_api_fixture.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define BLOCKS        3
#define SEATS_BLOCK   150
#define READERS       3
#define TAG_BYTES_MAX 128

NEEDS_SERVICE("TEST_MONGO_URI")

static struct fixture fixture;
static atomic_bool written;
static atomic_uint checked;

static void open_fixture(void)
{
	fixture_open(&fixture, NULL);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
}

TestSuite(read_api_consistency, .init = open_fixture, .fini = close_fixture);

static void put_map(void)
{
	fixture_put(&fixture, "events",
		    "{\"_id\":\"e1\",\"name\":\"N\",\"event_version\":1,\"blocks\":3}");
	for (unsigned b = 0; b < BLOCKS; b++) {
		_cleanup_(strbuf_done) struct strbuf json;

		strbuf_init(&json, 1u << 20);
		strbuf_addf(&json, "{\"_id\":\"e1/%04u\",\"block\":%u,\"version\":0,\"seats\":[", b,
			    b);
		for (unsigned i = 0; i < SEATS_BLOCK; i++)
			strbuf_addf(&json,
				    "%s{\"seat_id\":\"P%u\",\"status\":\"available\","
				    "\"user_id\":null}",
				    i ? "," : "", b * SEATS_BLOCK + i);
		strbuf_add_text(&json, "]}");
		fixture_put(&fixture, "seat_maps", json.data);
	}
}

/* Books seat i of a block and counts it, in one update, as the projector does. */
static void book(mongoc_collection_t *blocks, unsigned block, unsigned i)
{
	char id[32], status[32];
	bson_error_t error;

	(void)snprintf(id, sizeof(id), "e1/%04u", block);
	(void)snprintf(status, sizeof(status), "seats.%u.status", i);

	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
	_cleanup_(bson_destroyp) bson_t *update =
		BCON_NEW("$set", "{", status, BCON_UTF8("booked"), "}", "$inc", "{", "version",
			 BCON_INT64(1), "}");

	cr_assert(mongoc_collection_update_one(blocks, filter, update, NULL, NULL, &error), "%s",
		  error.message);
}

static void *write_all(void *ctx)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };

	(void)ctx;
	mongo_client_take(fixture.mongo, &client);

	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *blocks =
		mongo_collection(&client, "seat_maps");

	for (unsigned i = 0; i < SEATS_BLOCK; i++)
		for (unsigned block = 0; block < BLOCKS; block++)
			book(blocks, block, i);
	atomic_store(&written, true);
	return NULL;
}

/* The version of a map whose numbers all say the same. */
static json_int_t check_map(const char *body)
{
	json_t *map = json_loads(body, 0, NULL), *seat;
	json_int_t booked = 0;
	size_t i;

	cr_assert(map, "%s", body);
	json_array_foreach(json_object_get(map, "seats"), i, seat) booked +=
		strcmp(json_string_value(json_object_get(seat, "status")), "booked") == 0;

	const json_int_t version = json_integer_value(json_object_get(map, "version"));

	/* Each booking added one to a version: any mix of blocks adds up to its seats. */
	cr_expect_eq(i, BLOCKS * SEATS_BLOCK);
	cr_expect_eq(version, booked);
	cr_expect_eq(booked,
		     json_integer_value(json_object_get(json_object_get(map, "counts"), "booked")));
	json_decref(map);
	return version;
}

/* Reads with the tag of the answer before: the same tag must mean the same bytes. */
static void *read_all(void *ctx)
{
	char tag[TAG_BYTES_MAX] = "\"none\"", header[TAG_BYTES_MAX + 32];
	json_int_t version = -1;
	bool last = false;

	(void)ctx;
	while (!last || version < BLOCKS * SEATS_BLOCK) {
		struct answer answer;
		char before[TAG_BYTES_MAX];

		last = atomic_load(&written);
		(void)snprintf(header, sizeof(header), "If-None-Match: %s", tag);
		memcpy(before, tag, sizeof(before));
		fixture_get(&fixture, "/api/events/e1", header, &answer);
		cr_assert(answer_header(&answer, "etag", tag, sizeof(tag)));
		if (answer.status == 304) {
			cr_expect_str_eq(tag, before);
			cr_assert_not(last && version < BLOCKS * SEATS_BLOCK,
				      "304 for a map at version %d", (int)version);
		} else {
			const json_int_t now = check_map(answer.body.data);

			cr_assert_eq(answer.status, 200);
			cr_expect_str_neq(tag, before, "the same tag for other bytes");
			cr_expect_geq(now, version, "the map went back");
			version = now;
			atomic_fetch_add(&checked, 1);
		}
		answer_done(&answer);
	}
	return NULL;
}

Test(read_api_consistency, every_answer_fits_itself_while_the_map_changes)
{
	pthread_t writer, readers[READERS];

	put_map();
	for (size_t i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&readers[i], NULL, read_all, NULL), 0);
	cr_assert_eq(pthread_create(&writer, NULL, write_all, NULL), 0);
	(void)pthread_join(writer, NULL);
	for (size_t i = 0; i < READERS; i++)
		(void)pthread_join(readers[i], NULL);
	cr_expect_gt(atomic_load(&checked), 10, "only %u maps were seen", atomic_load(&checked));
}
