/* Who may see what: the same questions, asked by different people. */
#include "clock.h"
#include "rate_limit.h"
#include "read_api_fixture.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <zlib.h>

#define WAIT_MS_MAX    10000
#define SEATS          40 /* enough to be gzipped */
#define BODY_MAX       (1u << 20)
#define PATH_BYTES_MAX 256
#define MADE_MS        1772393400000 /* 2026-03-01T19:30:00Z */
#define COUNT(array)   (sizeof(array) / sizeof(array[0]))

NEEDS_SERVICE("TEST_MONGO_URI")

static const char MAP[] = "/api/events/e1";
static const char LIST[] = "/api/events";
static const char ANSWERS_KEPT[] = "seatline_answers{kind=\"maps\"} ";

/* Authorization, or none. The last of them has no seat. */
static const char *const PEOPLE[] = { "", "Authorization: Bearer ann", "Authorization: Bearer bob",
				      "Authorization: Bearer admin", "Authorization: Bearer cid" };
enum { NOBODY, ANN, BOB, ADMIN, CID, PEOPLE_COUNT };

static struct fixture fixture;

/* Of the first seats, in turns ann's and bob's. */
static void put_map(int taken)
{
	struct strbuf json;

	strbuf_init(&json, BODY_MAX);
	strbuf_addf(&json,
		    "{\"_id\":\"e1/0000\",\"event_id\":\"e1\",\"block\":0,\"version\":%d,\"seats\":"
		    "[",
		    taken);
	for (int i = 0; i < SEATS; i++)
		strbuf_addf(&json, "%s{\"seat_id\":\"A%d\",\"status\":\"%s\",\"user_id\":%s}",
			    i ? "," : "", i, i < taken ? "booked" : "available",
			    i >= taken  ? "null"
			    : i % 2 == 0 ? "\"ann\""
					 : "\"bob\"");
	strbuf_add_text(&json, "]}");
	fixture_put(&fixture, "seat_maps", json.data);
	strbuf_done(&json);
}

static void open_fixture(void)
{
	fixture_ask_who();
	fixture_open(&fixture, NULL);
	fixture_open_waits(&fixture);
	put_map(4);
	fixture_put(&fixture, "events",
		    "{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"N\",\"kind\":\"bus\",\"date\":{"
		    "\"$date\":\"2027-01-01T00:00:00Z\"},\"event_version\":1,\"version\":0,"
		    "\"counts\":{\"booked\":0},\"blocks\":1}");
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	rate_limit_free(fixture.api.limit);
}

TestSuite(read_api_access, .init = open_fixture, .fini = close_fixture);

static int64_t metric_value(const char *line)
{
	struct strbuf text;
	int64_t value = -1;

	strbuf_init(&text, BODY_MAX);
	metrics_render(fixture.metrics, &text);

	const char *const at = strstr(text.data, line);

	if (at)
		value = strtoll(at + strlen(line), NULL, 10);
	strbuf_done(&text);
	cr_assert(at, "no %s", line);
	return value;
}

/* --- maps --- */

/* What one person is answered. */
struct view {
	char body[1 << 14];
	char etag[FIXTURE_HEADER_BYTES_MAX];
	char cache_control[FIXTURE_HEADER_BYTES_MAX];
	char vary[FIXTURE_HEADER_BYTES_MAX];
};

static void inflate_body(const struct strbuf *packed, struct strbuf *out)
{
	z_stream stream = { .next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len };
	char bytes[1 << 14];

	cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = (Bytef *)bytes;
	stream.avail_out = sizeof(bytes);
	cr_assert_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
	strbuf_add(out, bytes, stream.total_out);
	(void)inflateEnd(&stream);
}

static void look_at(const char *path, int person, bool gzip, struct view *ret)
{
	struct answer answer;
	struct strbuf body;
	char headers[256], encoding[64];

	*ret = (struct view){ 0 };
	strbuf_init(&body, BODY_MAX);
	(void)snprintf(headers, sizeof(headers), "%s\n%s", PEOPLE[person],
		       gzip ? "Accept-Encoding: gzip" : "");
	fixture_get(&fixture, path, headers[0] == '\n' ? headers + 1 : headers, &answer);
	cr_assert_eq(answer.status, 200, "%s: %ld %s", path, answer.status, answer.body.data);
	cr_expect_eq(answer_header(&answer, "content-encoding", encoding, sizeof(encoding)), gzip);
	if (gzip)
		inflate_body(&answer.body, &body);
	(void)snprintf(ret->body, sizeof(ret->body), "%s", gzip ? body.data : answer.body.data);
	cr_expect(answer_header(&answer, "etag", ret->etag, sizeof(ret->etag)));
	cr_expect(answer_header(&answer, "cache-control", ret->cache_control,
				sizeof(ret->cache_control)));
	(void)answer_header(&answer, "vary", ret->vary, sizeof(ret->vary)); /* "" when not sent */
	answer_done(&answer);
	strbuf_done(&body);
}

static size_t times(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		count++;
	return count;
}

static void expect_ids(const struct view *view, size_t anns, size_t bobs, size_t nobodys)
{
	cr_expect_eq(times(view->body, "\"user_id\":\"ann\""), anns, "%s", view->body);
	cr_expect_eq(times(view->body, "\"user_id\":\"bob\""), bobs, "%s", view->body);
	cr_expect_eq(times(view->body, "\"user_id\":null"), nobodys, "%s", view->body);
	cr_expect_eq(times(view->body, "ann"), anns);
	cr_expect_eq(times(view->body, "bob"), bobs);
	cr_expect_eq(times(view->body, "\"status\":\"booked\""), 4, "all see what is taken");
}

static void expect_views(bool gzip)
{
	struct view views[PEOPLE_COUNT];

	for (int i = 0; i < PEOPLE_COUNT; i++)
		look_at(MAP, i, gzip, &views[i]);
	expect_ids(&views[NOBODY], 0, 0, SEATS);
	expect_ids(&views[ANN], 2, 0, SEATS - 2);
	expect_ids(&views[BOB], 0, 2, SEATS - 2);
	expect_ids(&views[ADMIN], 2, 2, SEATS - 4);
	cr_expect_str_eq(views[CID].body, views[NOBODY].body);
	cr_expect_str_eq(views[CID].etag, views[NOBODY].etag);
}

Test(read_api_access, shows_in_a_map_only_ids_that_the_caller_may_know)
{
	expect_views(false);
	expect_views(true);
	expect_views(false);
}

Test(read_api_access, holds_the_same_with_changes_told)
{
	const int64_t start_ms = clock_monotonic_ms();

	fixture_follow(&fixture);
	while (!read_api_is_told(&fixture.api)) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "not told of changes");
		clock_sleep_ms(2);
	}
	for (int i = 0; i < 20; i++)
		expect_views(i % 2);
}

/* However a client came by a tag, it is told 304 only for the bytes that it would get now. */
Test(read_api_access, takes_nobodys_tag_for_anothers)
{
	struct view views[2 * PEOPLE_COUNT];

	for (int i = 0; i < 2 * PEOPLE_COUNT; i++)
		look_at(MAP, i % PEOPLE_COUNT, i >= PEOPLE_COUNT, &views[i]);
	for (int have = 0; have < 2 * PEOPLE_COUNT; have++) {
		for (int ask = 0; ask < PEOPLE_COUNT; ask++) {
			const bool same = strcmp(views[have].body, views[ask].body) == 0;
			struct answer answer;
			char headers[FIXTURE_HEADER_BYTES_MAX + 128];

			(void)snprintf(headers, sizeof(headers), "If-None-Match: %s\n%s",
				       views[have].etag, PEOPLE[ask]);
			fixture_get(&fixture, MAP, headers, &answer);
			cr_expect_eq(answer.status, same ? 304 : 200, "%d has %s, %d asks: %ld",
				     have, views[have].etag, ask, answer.status);
			if (answer.status == 304)
				cr_expect_eq(answer.body.len, 0);
			answer_done(&answer);
		}
	}
}

Test(read_api_access, tells_caches_what_is_whose)
{
	static const char *const paths[] = { MAP, LIST, "/api/bookings?userId=ann" };
	struct view view;

	for (size_t i = 0; i < COUNT(paths); i++) {
		for (int person = i == 2 ? ANN : NOBODY; person < PEOPLE_COUNT; person++) {
			if (i == 2 && person != ANN && person != ADMIN)
				continue;
			look_at(paths[i], person, false, &view);
			cr_expect_str_eq(view.cache_control,
					 person == NOBODY ? "no-cache" : "private, no-cache",
					 "%s of %d", paths[i], person);
			cr_expect_eq(strstr(view.vary, "Authorization") != NULL, person != NOBODY,
				     "%s of %d: %s", paths[i], person, view.vary);
			cr_expect_eq(strstr(view.vary, "Accept-Encoding") != NULL, i < 2);
		}
	}
}

Test(read_api_access, says_the_same_with_a_304)
{
	struct view view;
	struct answer answer;
	char headers[FIXTURE_HEADER_BYTES_MAX + 128], text[FIXTURE_HEADER_BYTES_MAX];

	look_at(MAP, ANN, false, &view);
	(void)snprintf(headers, sizeof(headers), "If-None-Match: %s\n%s", view.etag, PEOPLE[ANN]);
	fixture_get(&fixture, MAP, headers, &answer);
	cr_expect_eq(answer.status, 304);
	cr_expect(answer_header(&answer, "cache-control", text, sizeof(text)));
	cr_expect_str_eq(text, "private, no-cache");
	cr_expect(answer_header(&answer, "vary", text, sizeof(text)));
	cr_expect_str_eq(text, "Accept-Encoding, Authorization");
	answer_done(&answer);
}

Test(read_api_access, renders_only_what_somebody_asked_for)
{
	struct view view;

	look_at(MAP, ADMIN, false, &view);
	cr_expect_eq(metric_value(ANSWERS_KEPT), 1);
	look_at(MAP, ADMIN, true, &view);
	cr_expect_eq(metric_value(ANSWERS_KEPT), 1);
	look_at(MAP, NOBODY, false, &view);
	cr_expect_eq(metric_value(ANSWERS_KEPT), 2);
}

Test(read_api_access, renders_for_nobody_what_nobody_may_see_alone)
{
	struct view view;

	look_at(MAP, NOBODY, false, &view);
	look_at(MAP, NOBODY, true, &view);
	cr_expect_eq(metric_value(ANSWERS_KEPT), 1);
}

Test(read_api_access, keeps_no_map_of_a_user)
{
	struct view view;

	look_at(MAP, ADMIN, false, &view);

	const int64_t bytes = metric_value("seatline_answer_bytes{kind=\"maps\"} ");

	for (int i = 0; i < 20; i++)
		look_at(MAP, i % 2 ? ANN : BOB, i % 3 == 0, &view);
	cr_expect_eq(metric_value(ANSWERS_KEPT), 1);
	cr_expect_eq(metric_value("seatline_answer_bytes{kind=\"maps\"} "), bytes);
}

static void wait_for_seats(int person, const char *id, size_t count)
{
	const int64_t start_ms = clock_monotonic_ms();
	struct view view;
	char part[64];

	(void)snprintf(part, sizeof(part), "\"%s\":%s", id[0] ? "user_id" : "status",
		       id[0] ? id : "\"booked\"");
	do {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "%d has not %zu of %s",
			     person, count, part);
		look_at(MAP, person, false, &view);
	} while (times(view.body, part) != count);
}

Test(read_api_access, tells_everybody_of_a_change)
{
	struct view view;

	fixture_follow(&fixture);
	for (int i = 0; i < PEOPLE_COUNT; i++)
		look_at(MAP, i, false, &view);
	put_map(8);
	for (int i = 0; i < PEOPLE_COUNT; i++)
		wait_for_seats(i, "", 8);
	wait_for_seats(ANN, "\"ann\"", 4);
	wait_for_seats(BOB, "\"bob\"", 4);
	wait_for_seats(ADMIN, "\"bob\"", 4);
	wait_for_seats(NOBODY, "\"bob\"", 0);
	/* And who had none, and now has: their map is another at once. */
	fixture_put(&fixture, "seat_maps",
		    "{\"_id\":\"e1/0000\",\"event_id\":\"e1\",\"block\":0,\"version\":9,\"seats\":["
		    "{\"seat_id\":\"A0\",\"status\":\"held\",\"user_id\":\"cid\"},"
		    "{\"seat_id\":\"A1\",\"status\":\"held\",\"user_id\":\"ann\"}]}");
	wait_for_seats(CID, "\"cid\"", 1);
	wait_for_seats(CID, "null", 1);
	wait_for_seats(NOBODY, "null", 2);
}

Test(read_api_access, refuses_a_bad_token_instead_of_taking_it_for_none)
{
	static const char *const paths[] = { MAP, LIST, "/api/events/e1/layout",
					     "/api/bookings?userId=ann" };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct answer answer;

		fixture_get(&fixture, paths[i], "Authorization: Basic YTpi", &answer);
		cr_expect_eq(answer.status, 401, "%s: %ld", paths[i], answer.status);
		answer_done(&answer);
	}
}

/* --- bookings --- */

static struct booking_id id_of(const char *user_id)
{
	static int64_t made_ms = MADE_MS;

	return booking_id_make(&fixture.api.key, "e1", user_id, made_ms++);
}

static void put_booking(const struct booking_id *id, const char *user_id, const char *more)
{
	struct strbuf json;

	strbuf_init(&json, BODY_MAX);
	strbuf_addf(&json, "{\"_id\":\"%s\",\"event_id\":\"e1\",\"user_id\":", id->text);
	if (user_id)
		strbuf_add_json(&json, user_id);
	else
		strbuf_add_text(&json, "null");
	strbuf_addf(&json,
		    ",\"seats\":[\"A1\"],\"version\":1,\"requested_at\":{\"$date\":{"
		    "\"$numberLong\":\"%" PRId64 "\"}},%s}",
		    (int64_t)MADE_MS, more);
	fixture_put(&fixture, "bookings", json.data);
	strbuf_done(&json);
}

static long status_at(int port, const char *path, const char *headers)
{
	struct answer answer;

	fixture_request_at(port, "GET", path, headers[0] ? headers : NULL, &answer);

	const long status = answer.status;

	if (status == 404)
		cr_expect(strstr(answer.body.data, "/problems/not-found"), "%s", answer.body.data);
	answer_done(&answer);
	return status;
}

/* Everything that can be asked of a booking. */
static void expect_status(const struct booking_id *id, int person, long status)
{
	char path[PATH_BYTES_MAX], waits[256];

	(void)snprintf(path, sizeof(path), "/api/bookings/%s", id->text);
	(void)snprintf(waits, sizeof(waits), "%s%sPrefer: wait=1", PEOPLE[person],
		       PEOPLE[person][0] ? "\n" : "");
	cr_expect_eq(status_at(fixture.port, path, PEOPLE[person]), status, "%s of %d", path,
		     person);
	cr_expect_eq(status_at(fixture.wait_port, path, PEOPLE[person]), status, "%s of %d", path,
		     person);

	const long waited = status_at(fixture.wait_port, path, waits);

	cr_expect(waited == status || (status == 200 && waited == 202), "%s of %d: %ld", path,
		  person, waited);
}

static void expect_only(const struct booking_id *id, int owner)
{
	expect_status(id, NOBODY, 401);
	expect_status(id, ANN, owner == ANN ? 200 : 404);
	expect_status(id, BOB, owner == BOB ? 200 : 404);
	expect_status(id, CID, 404);
	expect_status(id, ADMIN, 200);
}

Test(read_api_access, shows_a_booking_to_its_owner_alone)
{
	const struct booking_id stored = id_of("ann"), pending = id_of("ann"), lost = id_of("ann");

	put_booking(&stored, "ann", "\"status\":\"confirmed\"");
	put_booking(&lost, NULL, "\"status\":\"rejected\",\"reason\":\"booking_not_found\"");
	expect_only(&stored, ANN);
	expect_only(&pending, ANN);
	expect_only(&lost, ANN);
}

/* The tag of an id is right for one in 65,536 strangers; what is stored is right always. */
Test(read_api_access, believes_the_booking_more_than_its_id)
{
	const struct booking_id id = id_of("ann");

	put_booking(&id, "bob", "\"status\":\"confirmed\"");
	expect_only(&id, BOB);
}

Test(read_api_access, lets_nobody_wait_for_anothers_booking)
{
	const struct booking_id id = id_of("ann");
	char path[PATH_BYTES_MAX], outcome[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "/api/bookings/%s", id.text);
	(void)snprintf(outcome, sizeof(outcome), "/internal/outcomes/%s/new?wait=10", id.text);
	cr_expect_eq(status_at(fixture.wait_port, path,
			       "Authorization: Bearer bob\nPrefer: wait=10"),
		     404);
	cr_expect_eq(status_at(fixture.wait_port, outcome, PEOPLE[BOB]), 404);
	cr_expect_eq(status_at(fixture.wait_port, outcome, PEOPLE[NOBODY]), 401);
	cr_expect_eq(metric_value("seatline_waits_total{end=\"timeout\"} "), 0);
	cr_expect_eq(metric_value("seatline_waits_total{end=\"outcome\"} "), 0);
}

Test(read_api_access, tells_an_outcome_to_its_owner_alone)
{
	const struct booking_id id = id_of("ann"), bobs = id_of("ann");
	char path[PATH_BYTES_MAX];

	put_booking(&id, "ann", "\"status\":\"held\"");
	put_booking(&bobs, "bob", "\"status\":\"held\"");
	(void)snprintf(path, sizeof(path), "/internal/outcomes/%s/new?wait=10", id.text);
	cr_expect_eq(status_at(fixture.wait_port, path, PEOPLE[ANN]), 201);
	cr_expect_eq(status_at(fixture.wait_port, path, PEOPLE[ADMIN]), 201);
	cr_expect_eq(status_at(fixture.wait_port, path, PEOPLE[BOB]), 404);
	/* Of an id that ann's requests may have come to, and bob's did. */
	(void)snprintf(path, sizeof(path), "/internal/outcomes/%s/new?wait=10", bobs.text);
	cr_expect_eq(status_at(fixture.wait_port, path, PEOPLE[ANN]), 404);
}

Test(read_api_access, lists_to_each_their_own)
{
	const struct booking_id anns = id_of("ann"), bobs = id_of("bob");
	struct view view;

	put_booking(&anns, "ann", "\"status\":\"confirmed\"");
	put_booking(&bobs, "bob", "\"status\":\"confirmed\"");
	look_at("/api/bookings", ANN, false, &view);
	cr_expect(strstr(view.body, anns.text) && !strstr(view.body, bobs.text), "%s", view.body);
	look_at("/api/bookings?user_id=ann", ANN, false, &view);
	cr_expect(strstr(view.body, anns.text) && !strstr(view.body, bobs.text), "%s", view.body);
	look_at("/api/bookings?userId=bob", ADMIN, false, &view);
	cr_expect(strstr(view.body, bobs.text) && !strstr(view.body, anns.text), "%s", view.body);
	look_at("/api/bookings", ADMIN, false, &view);
	cr_expect_str_eq(view.body, "[]", "an administrator's own");
	cr_expect_eq(status_at(fixture.port, "/api/bookings?userId=bob", PEOPLE[ANN]), 404);
	cr_expect_eq(status_at(fixture.port, "/api/bookings?userId=nosuch", PEOPLE[ANN]), 404);
	cr_expect_eq(status_at(fixture.port, "/api/bookings?userId=ann", PEOPLE[NOBODY]), 401);
	cr_expect_eq(status_at(fixture.port, "/api/bookings", PEOPLE[NOBODY]), 401);
}

Test(read_api_access, tells_an_owner_of_no_other_actor)
{
	const struct booking_id id = id_of("ann");
	char path[PATH_BYTES_MAX];
	struct view view;

	put_booking(&id, "ann",
		    "\"status\":\"cancelled\",\"history\":{\"1\":{\"actor\":\"ann\"},"
		    "\"2\":{\"actor\":\"the-boss\",\"command\":\"cancel\"}}");
	(void)snprintf(path, sizeof(path), "/api/bookings/%s", id.text);
	look_at(path, ADMIN, false, &view);
	cr_expect(strstr(view.body, "the-boss"));
	look_at(path, ANN, false, &view);
	cr_expect_not(strstr(view.body, "the-boss"), "%s", view.body);
	cr_expect(strstr(view.body, "\"actor\":\"ann\""));
}

/* --- limits --- */

static void limit_lists(int64_t quota)
{
	/* Nothing listens there: each process counts for itself, which will do here. */
	static const struct redis_config redis = {
		.host = "127.0.0.1", .port = 1, .timeout_ms = 50, .retry_ms = 10000
	};

	fixture.api.lists = (struct rate_policy){ "lists", quota, 60 };
	fixture.api.limit = rate_limit_new(&redis, fixture.metrics);
}

Test(read_api_access, limits_how_often_a_user_asks_for_lists)
{
	struct view view;

	limit_lists(3);
	look_at(LIST, ANN, false, &view);
	look_at("/api/bookings", ANN, false, &view);
	look_at(LIST, ANN, false, &view);
	cr_expect_eq(status_at(fixture.port, LIST, PEOPLE[ANN]), 429);
	cr_expect_eq(status_at(fixture.port, "/api/bookings", PEOPLE[ANN]), 429);
	cr_expect_eq(status_at(fixture.port, LIST, PEOPLE[BOB]), 200);
	cr_expect_eq(status_at(fixture.port, MAP, PEOPLE[ANN]), 200, "a map is no list");
	for (int i = 0; i < 10; i++) {
		cr_expect_eq(status_at(fixture.port, LIST, PEOPLE[ADMIN]), 200);
		cr_expect_eq(status_at(fixture.port, LIST, PEOPLE[NOBODY]), 200);
	}
}

Test(read_api_access, tells_with_each_list_what_is_left)
{
	struct answer answer;
	char text[FIXTURE_HEADER_BYTES_MAX];

	limit_lists(2);
	for (int left = 1; left >= -1; left--) {
		fixture_get(&fixture, LIST, PEOPLE[ANN], &answer);
		cr_expect_eq(answer.status, left < 0 ? 429 : 200);
		cr_expect(answer_header(&answer, "ratelimit-policy", text, sizeof(text)));
		cr_expect_str_eq(text, "\"lists\";q=2;w=60");
		cr_expect(answer_header(&answer, "ratelimit", text, sizeof(text)));
		cr_expect_eq(strncmp(text, left == 1 ? "\"lists\";r=1;t=" : "\"lists\";r=0;t=", 14),
			     0, "%s", text);
		cr_expect_eq(answer_header(&answer, "retry-after", text, sizeof(text)), left < 0);
		answer_done(&answer);
	}
}
