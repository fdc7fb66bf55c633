#include "clock.h"
#include "command_id.h"
#include "read_api_fixture.h"
#include "tcp_proxy.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>

#define DOC_BYTES_MAX  2048
#define PATH_BYTES_MAX 256
#define MADE_MS        1772393400000 /* 2026-03-01T19:30:00Z */
#define WAIT_MS_MAX    9000          /* less than the waits of ten seconds */

NEEDS_SERVICE("TEST_MONGO_URI")

static struct fixture fixture;
static struct tcp_proxy *proxy;

static void open_fixture(void)
{
	char uri[FIXTURE_URI_BYTES_MAX];

	(void)curl_global_init(CURL_GLOBAL_DEFAULT); /* Before threads of ours use it. */
	proxy = tcp_proxy_open(fixture_mongo_port());
	fixture_mongo_uri(tcp_proxy_port(proxy), uri);
	fixture_open(&fixture, uri);
	fixture_open_waits(&fixture);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	tcp_proxy_close(proxy);
}

TestSuite(read_api_waits, .init = open_fixture, .fini = close_fixture);

/* --- a request on its way --- */

struct request {
	char path[PATH_BYTES_MAX];
	const char *header;
	struct answer answer;
	pthread_t thread;
};

static void *run(void *ctx)
{
	struct request *request = (struct request *)ctx;

	fixture_request_at(fixture.wait_port, "GET", request->path, request->header,
			   &request->answer);
	return NULL;
}

static void ask(struct request *request, const char *path, const char *header)
{
	(void)snprintf(request->path, sizeof(request->path), "%s", path);
	request->header = header;
	cr_assert_eq(pthread_create(&request->thread, NULL, run, request), 0);
}

static void ask_outcome(struct request *request, const struct booking_id *id, const char *command,
			const char *wait)
{
	char path[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "/internal/outcomes/%s/%s?wait=%s", id->text, command,
		       wait);
	ask(request, path, NULL);
}

static void ask_booking(struct request *request, const struct booking_id *id, const char *header)
{
	char path[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "/api/bookings/%s", id->text);
	ask(request, path, header);
}

/* Waits for its answer. */
static long await(struct request *request)
{
	(void)pthread_join(request->thread, NULL);
	return request->answer.status;
}

static void done(struct request *request)
{
	answer_done(&request->answer);
}

static bool header_of(const struct request *request, const char *name, char *buf)
{
	return answer_header(&request->answer, name, buf, FIXTURE_HEADER_BYTES_MAX);
}

static void expect_header(const struct request *request, const char *name, const char *expected)
{
	char value[FIXTURE_HEADER_BYTES_MAX] = "";

	(void)header_of(request, name, value);
	cr_expect_str_eq(value, expected, "%s: %s", name, value);
}

static void expect_text(const struct request *request, const char *name, const char *expected)
{
	json_t *body = json_loads(request->answer.body.data, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(body, "%s", request->answer.body.data);

	const char *text = json_string_value(json_object_get(body, name));

	cr_expect_str_eq(text ? text : "", expected, "%s: %s", name, request->answer.body.data);
	json_decref(body);
}

/* --- what the program says of itself --- */

static int64_t metric_of(const char *name)
{
	_cleanup_(strbuf_done) struct strbuf text;
	char line[128];

	strbuf_init(&text, 1u << 20);
	metrics_render(fixture.metrics, &text);
	(void)snprintf(line, sizeof(line), "\n%s ", name);

	const char *found = strstr(text.data, line);

	cr_assert(found, "no %s in %s", name, text.data);
	return strtoll(found + strlen(line), NULL, 10);
}

static void await_waiting(int64_t count)
{
	const int64_t start_ms = clock_monotonic_ms();

	while (metric_of("seatline_waiting") != count) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX, "%" PRId64 " wait",
			     metric_of("seatline_waiting"));
		clock_sleep_ms(5);
	}
}

/* --- what there is to be seen --- */

static struct booking_id make_id(void)
{
	return booking_id_make(&fixture.api.key, "concert123", "u1", MADE_MS);
}

static void put_booking(const struct booking_id *id, const char *rest)
{
	char json[DOC_BYTES_MAX + 64];

	(void)snprintf(json, sizeof(json), "{\"_id\":\"%s\",%s}", id->text, rest);
	fixture_put(&fixture, "bookings", json);
}

/* A booking that is held, on which this command was decided so. */
static void put_decided(const struct booking_id *id, const char *command_id, const char *result,
			const char *reason)
{
	char rest[DOC_BYTES_MAX];

	(void)snprintf(rest, sizeof(rest),
		       "\"event_id\":\"concert123\",\"user_id\":\"u1\",\"seats\":[\"A1\"],"
		       "\"status\":\"held\",\"version\":2,\"history\":{\"1\":{\"status\":\"held\","
		       "\"command\":\"hold\",\"command_id\":null,\"result\":\"done\"},\"2\":{"
		       "\"status\":\"held\",\"command\":\"extend\",\"command_id\":\"%s\","
		       "\"result\":\"%s\",\"reason\":\"%s\"}}",
		       command_id, result, reason);
	put_booking(id, rest);
}

static const char HELD[] =
	"\"event_id\":\"concert123\",\"user_id\":\"u1\",\"seats\":[\"A1\"],"
	"\"status\":\"held\",\"version\":1,\"history\":{\"1\":{\"status\":"
	"\"held\",\"command\":\"hold\",\"command_id\":null,\"result\":\"done\"}}";

/* --- outcomes of commands --- */

Test(read_api_waits, a_booking_is_201_as_soon_as_it_is_there)
{
	const struct booking_id id = make_id(), other = make_id();
	struct request request, plain;
	char location[PATH_BYTES_MAX], etag[FIXTURE_HEADER_BYTES_MAX] = "";

	ask_outcome(&request, &id, "new", "10");
	await_waiting(1);
	put_booking(&other, HELD);
	put_booking(&id, HELD);
	cr_expect_eq(await(&request), 201, "%s", request.answer.body.data);
	expect_text(&request, "booking_id", id.text);
	expect_text(&request, "status", "held");
	(void)snprintf(location, sizeof(location), "/api/bookings/%s", id.text);
	expect_header(&request, "location", location);
	expect_header(&request, "preference-applied", "wait=10");
	expect_header(&request, "cache-control", "no-store");
	expect_header(&request, "content-type", "application/json");

	/* The tag is the one that a read has. */
	ask_booking(&plain, &id, NULL);
	cr_expect_eq(await(&plain), 200);
	(void)header_of(&plain, "etag", etag);
	expect_header(&request, "etag", etag);
	done(&request);
	done(&plain);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"outcome\"}"), 1);
	cr_expect_eq(metric_of("seatline_waiting"), 0);
}

Test(read_api_waits, a_rejection_is_a_problem_with_the_seats_that_went)
{
	static const struct {
		const char *reason;
		long status;
	} cases[] = {
		{ "seat_taken", 409 },
		{ "event_not_found", 409 },
		{ "idempotency_key_reused", 422 },
		{ "booking_not_found", 404 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct booking_id id = make_id();
		struct request request;
		char rest[DOC_BYTES_MAX];

		ask_outcome(&request, &id, "new", "10");
		await_waiting(1);
		(void)snprintf(rest, sizeof(rest),
			       "\"status\":\"rejected\",\"reason\":\"%s\",\"seats\":[\"A1\","
			       "\"A2\"],\"seats_lost\":[\"A2\"],\"version\":1",
			       cases[i].reason);
		put_booking(&id, rest);
		cr_expect_eq(await(&request), cases[i].status, "%s", cases[i].reason);
		expect_header(&request, "content-type", "application/problem+json");
		expect_header(&request, "cache-control", "no-store");
		expect_text(&request, "reason", cases[i].reason);
		expect_text(&request, "bookingId", id.text);
		cr_expect(strstr(request.answer.body.data, "\"seats\":[\"A2\"]"), "%s",
			  request.answer.body.data);
		done(&request);
	}
}

Test(read_api_waits, a_command_is_answered_when_the_history_has_it)
{
	static const struct {
		const char *result, *reason;
		long status;
	} cases[] = {
		{ "done", "", 200 },
		{ "unchanged", "already_confirmed", 200 },
		{ "refused", "hold_expired", 410 },
		{ "refused", "not_owner", 404 },
		{ "refused", "extension_limit", 409 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct booking_id id = make_id();
		const struct command_id command = command_id_make(), other = command_id_make();
		struct request request;

		put_booking(&id, HELD);
		ask_outcome(&request, &id, command.text, "10");
		await_waiting(1);
		put_decided(&id, other.text, "done", "");
		put_decided(&id, command.text, cases[i].result, cases[i].reason);
		cr_expect_eq(await(&request), cases[i].status, "%s: %s", cases[i].reason,
			     request.answer.body.data);
		if (cases[i].status == 200)
			expect_text(&request, "booking_id", id.text);
		else
			expect_text(&request, "reason", cases[i].reason);
		done(&request);
	}
}

Test(read_api_waits, an_outcome_that_is_there_already_needs_no_wait)
{
	const struct booking_id id = make_id();
	const struct command_id command = command_id_make();
	struct request made, extended;

	put_decided(&id, command.text, "done", "");
	ask_outcome(&made, &id, "new", "10");
	ask_outcome(&extended, &id, command.text, "10");
	cr_expect_eq(await(&made), 201);
	cr_expect_eq(await(&extended), 200);
	done(&made);
	done(&extended);
}

Test(read_api_waits, all_who_wait_for_one_booking_are_answered)
{
	const struct booking_id id = make_id();
	struct request requests[FIXTURE_WAITERS];

	for (size_t i = 0; i < FIXTURE_WAITERS; i++)
		ask_outcome(&requests[i], &id, "new", "10");
	await_waiting(FIXTURE_WAITERS);
	put_booking(&id, HELD);
	for (size_t i = 0; i < FIXTURE_WAITERS; i++) {
		cr_expect_eq(await(&requests[i]), 201);
		done(&requests[i]);
	}
}

static void expect_accepted(struct request *request, const struct booking_id *id,
			    const char *command_id)
{
	char location[PATH_BYTES_MAX];

	cr_expect_eq(await(request), 202, "%s", request->answer.body.data);
	(void)snprintf(location, sizeof(location), "/api/bookings/%s", id->text);
	expect_header(request, "location", location);
	expect_header(request, "retry-after", "1");
	expect_header(request, "cache-control", "no-store");
	expect_text(request, "bookingId", id->text);
	expect_text(request, "commandId", command_id);
	expect_text(request, "status", "pending");
	done(request);
}

Test(read_api_waits, a_wait_that_ends_is_202)
{
	const struct booking_id id = make_id();
	const struct command_id command = command_id_make();
	struct request made, extended, pending;

	ask_outcome(&made, &id, "new", "1");
	ask_outcome(&extended, &id, command.text, "1");
	ask_booking(&pending, &id, "Prefer: wait=1");
	expect_accepted(&made, &id, "");
	expect_accepted(&extended, &id, command.text);
	cr_expect_eq(await(&pending), 202);
	cr_expect(pending.answer.seconds >= 1.0, "%f s", pending.answer.seconds);
	expect_text(&pending, "booking_id", id.text);
	expect_text(&pending, "status", "pending");
	expect_header(&pending, "retry-after", "1");
	expect_header(&pending, "preference-applied", "wait=1");
	done(&pending);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"timeout\"}"), 3);
}

Test(read_api_waits, what_is_no_time_is_202_at_once)
{
	static const char *const waits[] = { "0", "", "-1", "x", "1.5", "1&wait=2", "%00" };
	const struct booking_id id = make_id();

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct request request;

		ask_outcome(&request, &id, "new", waits[i]);
		expect_accepted(&request, &id, "");
	}
}

Test(read_api_waits, what_names_no_command_is_404)
{
	const struct booking_id_key other = { .bytes = { 0xee } };
	const struct booking_id id = make_id();
	const struct booking_id foreign = booking_id_make(&other, "concert123", "u1", MADE_MS);
	static const char *const commands[] = { "old", "NEW", "17", "%7B%22$gt%22:%22%22%7D",
						"00000000-0000-0000-0000-000000000000" };
	struct request request;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		ask_outcome(&request, &id, commands[i], "10");
		cr_expect_eq(await(&request), 404, "%s", commands[i]);
		expect_header(&request, "content-type", "application/problem+json");
		done(&request);
	}
	ask_outcome(&request, &foreign, "new", "10");
	cr_expect_eq(await(&request), 404);
	done(&request);
	ask(&request, "/internal/outcomes/17/new?wait=10", NULL);
	cr_expect_eq(await(&request), 404);
	done(&request);
}

/* --- reading with a wait --- */

Test(read_api_waits, a_pending_booking_is_200_as_soon_as_it_is_decided)
{
	const struct booking_id id = make_id();
	struct request request;

	ask_booking(&request, &id, "Prefer: respond-async, wait=10");
	await_waiting(1);
	put_booking(&id, "\"status\":\"rejected\",\"reason\":\"seat_taken\"");
	cr_expect_eq(await(&request), 200);
	expect_text(&request, "status", "rejected");
	expect_header(&request, "preference-applied", "wait=10");
	expect_header(&request, "cache-control", "no-cache");
	done(&request);

	ask_booking(&request, &id, "Prefer: wait=10");
	cr_expect_eq(await(&request), 200);
	done(&request);
}

Test(read_api_waits, without_a_wait_a_read_is_what_it_always_is)
{
	const struct booking_id id = make_id();
	struct request request;
	char value[FIXTURE_HEADER_BYTES_MAX];

	ask_booking(&request, &id, NULL);
	cr_expect_eq(await(&request), 200);
	expect_text(&request, "status", "pending");
	cr_expect_not(header_of(&request, "preference-applied", value));
	done(&request);
	ask_booking(&request, &id, "Prefer: wait=soon");
	cr_expect_eq(await(&request), 200);
	done(&request);
}

Test(read_api_waits, nobody_waits_for_what_was_never_asked_for)
{
	struct request request;
	struct booking_id id = make_id();

	id.text[35] = id.text[35] == '0' ? '1' : '0'; /* a digit of the tag */
	ask_booking(&request, &id, "Prefer: wait=10");
	cr_expect_eq(await(&request), 404);
	done(&request);
	ask(&request, "/api/bookings/17", "Prefer: wait=10");
	cr_expect_eq(await(&request), 404);
	done(&request);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"timeout\"}"), 0);
}

/* --- bounds, the end, and MongoDB away --- */

Test(read_api_waits, one_too_many_is_answered_at_once_and_keeps_nobody_from_waiting)
{
	const struct booking_id id = make_id(), decided = make_id();
	struct request waiting[FIXTURE_WAITERS], request;
	char value[FIXTURE_HEADER_BYTES_MAX];

	for (size_t i = 0; i < FIXTURE_WAITERS; i++)
		ask_outcome(&waiting[i], &id, "new", "10");
	await_waiting(FIXTURE_WAITERS);

	ask_outcome(&request, &id, "new", "10");
	expect_accepted(&request, &id, "");
	ask_booking(&request, &id, "Prefer: wait=10");
	cr_expect_eq(await(&request), 202);
	expect_text(&request, "status", "pending");
	cr_expect_not(header_of(&request, "preference-applied", value));
	done(&request);
	put_booking(&decided, HELD);
	ask_booking(&request, &decided, "Prefer: wait=10");
	cr_expect_eq(await(&request), 200);
	done(&request);

	/* All that while the others waited. */
	cr_expect_eq(metric_of("seatline_waiting"), FIXTURE_WAITERS);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"full\"}"), 3);
	put_booking(&id, HELD);
	for (size_t i = 0; i < FIXTURE_WAITERS; i++) {
		cr_expect_eq(await(&waiting[i]), 201);
		done(&waiting[i]);
	}

	/* And there is room again. */
	ask_outcome(&request, &id, "new", "10");
	cr_expect_eq(await(&request), 201);
	done(&request);
}

Test(read_api_waits, stopping_answers_all_who_wait)
{
	const struct booking_id id = make_id();
	struct request made, pending;

	ask_outcome(&made, &id, "new", "10");
	ask_booking(&pending, &id, "Prefer: wait=10");
	await_waiting(2);
	waiters_stop(fixture.api.waiters);
	http_server_close(fixture.wait_server, 0);
	fixture.wait_server = NULL;
	expect_accepted(&made, &id, "");
	cr_expect_eq(await(&pending), 202);
	expect_text(&pending, "status", "pending");
	done(&pending);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"stopped\"}"), 2);
	cr_expect_eq(metric_of("seatline_waits_total{end=\"timeout\"}"), 0);
}

Test(read_api_waits, after_the_stop_nobody_waits_any_more)
{
	const struct booking_id id = make_id();
	struct request request;

	waiters_stop(fixture.api.waiters);
	ask_outcome(&request, &id, "new", "10");
	expect_accepted(&request, &id, "");
	cr_expect_eq(metric_of("seatline_waits_total{end=\"stopped\"}"), 1);
}

static void expect_patience(enum tcp_proxy_mode mode)
{
	const struct booking_id id = make_id();
	struct request made, pending, patient;

	ask_outcome(&made, &id, "new", "2");
	ask_booking(&pending, &id, "Prefer: wait=2");
	ask_outcome(&patient, &id, "new", "10");
	await_waiting(3);
	tcp_proxy_set(proxy, mode);
	put_booking(&id, HELD); /* past the proxy */

	/* The one ends as if nothing had been decided, the other as a read without a wait. */
	expect_accepted(&made, &id, "");
	cr_expect_eq(await(&pending), 503, "%s", pending.answer.body.data);
	expect_header(&pending, "retry-after", "1");
	done(&pending);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	cr_expect_eq(await(&patient), 201, "%s", patient.answer.body.data);
	done(&patient);
}

Test(read_api_waits, while_mongodb_is_gone_waits_go_on)
{
	expect_patience(TCP_PROXY_REFUSE);
}

Test(read_api_waits, while_mongodb_is_silent_waits_go_on)
{
	expect_patience(TCP_PROXY_STALL);
}
