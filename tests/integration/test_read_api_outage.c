#include "clock.h"
#include "read_api_fixture.h"
#include "tcp_proxy.h"

#include <criterion/criterion.h>
#include <string.h>

#define WAIT_MS_MAX   10000
#define REQUEST_S_MAX 2.0 /* until an outage is answered, the first time     */
#define KNOWN_S_MAX   0.2 /* once it is known                                */
#define SETTLE_MS     500 /* every look begun in the outage has ended        */
#define STALL_S_MAX   4.0 /* a server that is there and silent: two time-outs */

NEEDS_SERVICE("TEST_MONGO_URI")

static const char EVENT[] = "{\"_id\":\"e1\",\"event_id\":\"e1\",\"name\":\"N\",\"kind\":\"bus\","
			    "\"date\":{\"$date\":\"2027-01-01T00:00:00Z\"},\"event_version\":1,"
			    "\"blocks\":1}";
static const char BLOCK[] =
	"{\"_id\":\"e1/0000\",\"block\":0,\"version\":1,\"seats\":[{\"seat_id\":"
	"\"A1\",\"status\":\"booked\",\"user_id\":\"u1\"}]}";

static struct fixture fixture;
static struct tcp_proxy *proxy;

static void open_fixture(void)
{
	char uri[FIXTURE_URI_BYTES_MAX];

	proxy = tcp_proxy_open(fixture_mongo_port());
	fixture_mongo_uri(tcp_proxy_port(proxy), uri);
	fixture_open(&fixture, uri);
	fixture_put(&fixture, "events", EVENT);
	fixture_put(&fixture, "seat_maps", BLOCK);
}

static void close_fixture(void)
{
	fixture_close(&fixture);
	tcp_proxy_close(proxy);
}

TestSuite(read_api_outage, .init = open_fixture, .fini = close_fixture);

static long get(const char *path, double *ret_seconds)
{
	struct answer answer;

	fixture_get(&fixture, path, NULL, &answer);
	if (answer.status == 503) {
		char retry[16];

		cr_expect(answer_header(&answer, "retry-after", retry, sizeof(retry)), "%s",
			  answer.head.data);
		cr_expect(strstr(answer.body.data, "\"status\":503"), "%s", answer.body.data);
	}
	if (ret_seconds)
		*ret_seconds = answer.seconds;

	const long status = answer.status;

	answer_done(&answer);
	return status;
}

/* Until the program answers with this status; fails the test after WAIT_MS_MAX. */
static void wait_for(const char *path, long status)
{
	const int64_t start_ms = clock_monotonic_ms();

	while (get(path, NULL) != status) {
		cr_assert_lt(clock_monotonic_ms() - start_ms, WAIT_MS_MAX,
			     "%s is still not answered %ld", path, status);
		clock_sleep_ms(20);
	}
}

static void expect_outage(enum tcp_proxy_mode mode, double first_s_max)
{
	const struct booking_id id = booking_id_make(&fixture.api.key, "e1", "u1", 1772393400000);
	char booking[64];
	const char *const paths[] = { "/api/events", "/api/events/e1", "/api/events/nobody",
				      booking };
	double seconds = 0;

	(void)snprintf(booking, sizeof(booking), "/api/bookings/%s", id.text);
	cr_assert_eq(get("/api/events/e1", NULL), 200);
	cr_assert_eq(get(booking, NULL), 200);
	tcp_proxy_set(proxy, mode);

	cr_expect_eq(get("/api/events/e1", &seconds), 503);
	cr_expect_lt(seconds, first_s_max, "took %f s", seconds);
	clock_sleep_ms(FIXTURE_MONGO_TIMEOUT_MS); /* the watch has seen it by now, too */
	cr_expect_not(watch_is_up(fixture.api.watch));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cr_expect_eq(get(paths[i], &seconds), 503, "%s", paths[i]);
		cr_expect_lt(seconds, KNOWN_S_MAX, "%s took %f s", paths[i], seconds);
	}

	cr_expect_geq(metric_get(fixture.api.mongo_errors), 5);

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	wait_for("/api/events/e1", 200);
	clock_sleep_ms(SETTLE_MS);
	cr_expect(watch_is_up(fixture.api.watch));
	/* No connection of the pool remembers the outage. */
	for (int i = 0; i < 4 * FIXTURE_THREADS; i++) {
		cr_expect_eq(get("/api/events/e1", NULL), 200);
		cr_expect_eq(get("/api/events/nobody", NULL), 404);
	}
}

Test(read_api_outage, a_server_that_is_gone_is_503_at_once_and_used_again_when_back)
{
	expect_outage(TCP_PROXY_REFUSE, REQUEST_S_MAX);
}

Test(read_api_outage, a_server_that_is_silent_is_503_within_a_bound)
{
	expect_outage(TCP_PROXY_STALL, STALL_S_MAX);
}

Test(read_api_outage, breaks_of_connections_are_got_over_however_many)
{
	for (int i = 0; i < 5; i++) {
		tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
		tcp_proxy_set(proxy, TCP_PROXY_RELAY);
		/* A look that met two breaks in a row may still say down: until the next one. */
		wait_for("/api/events/e1", 200);
	}
}
