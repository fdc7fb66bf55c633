/* Live messages through a real NGINX with Nchan: what subscribers get, and what an outage costs. */
#include "clock.h"
#include "projector_fixture.h"
#include "publish.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")

#define START_MS           5000
#define TOLD_MS            20000
#define HELD_UP_MS_MAX     10000 /* far above the bounds of publish.h */
#define MESSAGES_BYTES_MAX (256u << 10)
#define SETPRIV            "/usr/bin/setpriv"
#define NCHAN              "/usr/lib/nginx/modules/ngx_nchan_module.so"

extern char **environ;

struct nginx {
	char directory[PATH_MAX];
	unsigned port;
	pid_t pid; /* 0: not running */
};

static struct projector_fixture fixture;
static struct nginx nginx;

static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(listener, 0);
	cr_assert_eq(bind(listener, (const struct sockaddr *)&address, len), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	(void)close(listener); /* Its port is what was wanted. */
	return ntohs(address.sin_port);
}

static void write_conf(void)
{
	char path[PATH_MAX + 16];
	(void)snprintf(path, sizeof(path), "%s/nginx.conf", nginx.directory);

	FILE *const conf = fopen(path, "we");
	cr_assert_not_null(conf);
	(void)fprintf(conf,
		      "load_module " NCHAN ";\n"
		      "daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n"
		      "events {}\n"
		      "http {\n"
		      " access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"
		      " fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
		      " server {\n"
		      "  listen 127.0.0.1:%u; client_max_body_size 2m;\n"
		      "  location ~ ^/internal/live/(.+)$ {\n"
		      "   nchan_publisher http; nchan_channel_id $1;\n"
		      "  }\n"
		      "  location ~ ^/live/(.+)$ {\n"
		      "   nchan_subscriber eventsource; nchan_channel_id $1;\n"
		      "   nchan_subscriber_first_message oldest; nchan_subscriber_timeout 1s;\n"
		      "  }\n"
		      " }\n"
		      "}\n",
		      nginx.port);
	cr_assert_eq(fclose(conf), 0);
}

static bool answers(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)nginx.port) };
	const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool is_up =
		connect(connection, (const struct sockaddr *)&address, sizeof(address)) == 0;

	(void)close(connection); /* Only tried. */
	return is_up;
}

static void nginx_start(void)
{
	/* A test that crashes leaves no server behind. */
	char program[] = SETPRIV;
	char death_flag[] = "--pdeathsig";
	char death_signal[] = "TERM";
	char server[] = "/usr/sbin/nginx";
	char prefix_flag[] = "-p";
	char conf_flag[] = "-c";
	char conf[] = "nginx.conf";
	char *const argv[] = { program,         death_flag, death_signal, server, prefix_flag,
			       nginx.directory, conf_flag,  conf,         NULL };
	const int64_t deadline_ms = clock_monotonic_ms() + START_MS;

	posix_spawnattr_t attributes;

	/* A process group of its own, to stop its worker with it. */
	cr_assert_eq(posix_spawnattr_init(&attributes), 0);
	cr_assert_eq(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP), 0);
	cr_assert_eq(posix_spawn(&nginx.pid, SETPRIV, NULL, &attributes, argv, environ), 0);
	cr_assert_eq(posix_spawnattr_destroy(&attributes), 0);
	while (!answers()) {
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "nginx does not start, see %s",
			     nginx.directory);
		clock_sleep_ms(10);
	}
}

static void nginx_stop(void)
{
	if (nginx.pid == 0)
		return;
	cr_expect_eq(kill(nginx.pid, SIGTERM), 0);
	cr_expect_eq(waitpid(nginx.pid, NULL, 0), nginx.pid);
	nginx.pid = 0;
}

static void remove_directory(void)
{
	static const char *const names[] = { "nginx.conf", "error.log", "nginx.pid", "body",
					     "proxy",      "fcgi",      "uwsgi",     "scgi" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX + 16];
		(void)snprintf(path, sizeof(path), "%s/%s", nginx.directory, names[i]);
		(void)remove(path); /* Some are not there. */
	}
	cr_expect_eq(rmdir(nginx.directory), 0);
}

static void setup(void)
{
	projector_fixture_open(&fixture);
	(void)snprintf(nginx.directory, sizeof(nginx.directory), "/tmp/seatline-live-XXXXXX");
	cr_assert_not_null(mkdtemp(nginx.directory));
	/* nginx's workers are another user's when it is root who starts it. */
	cr_assert_eq(chmod(nginx.directory, 0755), 0);
	nginx.port = free_port();
	write_conf();
	nginx_start();
	(void)snprintf(fixture.config.live_url, sizeof(fixture.config.live_url),
		       "http://127.0.0.1:%u/internal/live", nginx.port);
	projector_fixture_event(&fixture, "e", 3000);
	projector_fixture_event(&fixture, "other.one", 3);
}

static void teardown(void)
{
	nginx_stop();
	remove_directory();
	projector_fixture_close(&fixture);
}

TestSuite(publish_live, .init = setup, .fini = teardown);

struct received {
	char bytes[MESSAGES_BYTES_MAX];
	size_t len;
};

static size_t keep(char *data, size_t size, size_t count, void *ctx)
{
	struct received *const received = ctx;
	const size_t len = size * count;

	cr_assert_lt(received->len + len, sizeof(received->bytes));
	memcpy(received->bytes + received->len, data, len);
	received->len += len;
	received->bytes[received->len] = '\0';
	return len;
}

/* All that a new subscriber of the event gets from the channel's beginning on. */
static const char *subscribe(const char *event_id)
{
	static struct received received;
	char url[256];
	CURL *const curl = curl_easy_init();

	received.len = 0;
	received.bytes[0] = '\0';
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/live/%s", nginx.port, event_id);
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_URL, url), CURLE_OK);
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep), CURLE_OK);
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received), CURLE_OK);
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 500L), CURLE_OK);
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_PROXY, ""), CURLE_OK);
	struct curl_slist *const headers = curl_slist_append(NULL, "Accept: text/event-stream");
	cr_assert_eq(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers), CURLE_OK);
	/* An event stream never ends; the time-out is how it is left. */
	cr_expect_eq(curl_easy_perform(curl), CURLE_OPERATION_TIMEDOUT);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return received.bytes;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		count++;
	return count;
}

static void expect_part(const char *text, const char *part)
{
	cr_expect_not_null(strstr(text, part), "'%s' is not in:\n%.2000s", part, text);
}

Test(publish_live, tells_subscribers_each_change_by_event)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 7, 7);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 8, 8);
	projector_fixture_book(&fixture, "other.one", 2, 2);
	projector_fixture_follow(&fixture, projector);

	const char *told = subscribe("e");
	expect_part(told,
		    "{\"event_id\":\"e\",\"previous_version\":0,\"seats\":[{\"seat_id\":\"S7\","
		    "\"status\":\"booked\"}],\"version\":1,\"counts\":{\"available\":2999,"
		    "\"held\":0,\"booked\":1,\"blocked\":0}}");
	expect_part(told, "\"previous_version\":1,\"seats\":[{\"seat_id\":\"S8\"");
	cr_expect_eq(count_of(told, "event_id"), 2, "%s", told);
	told = subscribe("other.one");
	expect_part(told, "\"previous_version\":0,\"seats\":[{\"seat_id\":\"S2\"");
	cr_expect_eq(count_of(told, "event_id"), 1, "%s", told);
	projector_close(projector);
}

Test(publish_live, cuts_a_large_batch_into_messages_that_follow_on)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 0, 1999);
	projector_fixture_follow(&fixture, projector);

	const char *const told = subscribe("e");
	cr_expect_eq(count_of(told, "event_id"), 2);
	cr_expect_eq(count_of(told, "seat_id"), 2000);
	expect_part(told, "\"previous_version\":0,");
	expect_part(told,
		    "\"version\":1000,\"counts\":{\"available\":2000,\"held\":0,\"booked\":1000");
	expect_part(told, "\"previous_version\":1000,");
	expect_part(told, "\"version\":2000,");
	projector_close(projector);
}

Test(publish_live, says_only_the_version_when_a_batch_was_written_before)
{
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "e", 7, 7);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"xid\":\"0\"}}");
	projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);

	const char *const told = subscribe("e");
	cr_expect_eq(count_of(told, "event_id"), 2, "%s", told);
	expect_part(told, "\"previous_version\":1,\"seats\":[],\"version\":1,");
	projector_close(projector);
}

Test(publish_live, tells_one_seats_many_changes_in_one_message)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	/* One transaction, and so one batch. */
	(void)projector_fixture_sql(
		fixture.pg, "SELECT make(1, 'e', 'u', '{S1,S2}'), decide(1, NULL, 'expired'),"
			    " make(2, 'e', 'v', '{S1}'), decide(2, 'confirm', 'confirmed'),"
			    " decide(2, 'cancel', 'cancelled'), make(3, 'e', 'w', '{S3}')");
	projector_fixture_follow(&fixture, projector);
	(void)projector_fixture_sql(fixture.pg, "SELECT decide(3, 'extend', 'held')");
	(void)projector_fixture_sql(fixture.pg, "SELECT decide(3, 'confirm', 'confirmed')");
	projector_fixture_follow(&fixture, projector);
	(void)projector_fixture_sql(fixture.pg, "SELECT decide(3, 'cancel', 'cancelled')");
	projector_fixture_follow(&fixture, projector);

	const char *const told = subscribe("e");
	expect_part(told, "\"previous_version\":0,\"seats\":[{\"seat_id\":\"S1\","
			  "\"status\":\"available\"},{\"seat_id\":\"S2\",\"status\":\"available\"},"
			  "{\"seat_id\":\"S3\",\"status\":\"held\"}],\"version\":8,\"counts\":"
			  "{\"available\":2999,\"held\":1,\"booked\":0,\"blocked\":0}}");
	expect_part(told, "\"previous_version\":8,\"seats\":[{\"seat_id\":\"S3\",\"status\":"
			  "\"booked\"}],\"version\":9,\"counts\":{\"available\":2999,\"held\":0,"
			  "\"booked\":1,\"blocked\":0}}");
	expect_part(told, "\"previous_version\":9,\"seats\":[{\"seat_id\":\"S3\",\"status\":"
			  "\"available\"}],\"version\":10,");
	cr_expect_eq(count_of(told, "event_id"), 3, "%s", told);
	projector_fixture_expect_equal(&fixture);
	projector_close(projector);
}

/* Turns on while nothing is booked, until subscribers of the event were told this. */
static const char *turn_until_told(struct projector *projector, const char *event_id,
				   const char *part)
{
	const int64_t deadline_ms = clock_monotonic_ms() + TOLD_MS;
	const char *told = "";

	while (clock_monotonic_ms() < deadline_ms) {
		projector_fixture_turn(projector);
		told = subscribe(event_id);
		if (strstr(told, part))
			return told;
	}
	cr_assert_fail("'%s' was not told, but:\n%.2000s", part, told);
	return told;
}

Test(publish_live, goes_on_without_nginx_and_then_says_which_version_is_current)
{
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	nginx_stop();
	projector_fixture_book(&fixture, "e", 7, 7);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_book(&fixture, "other.one", 0, 0);
	projector_fixture_book(&fixture, "e", 9, 9);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_expect_equal(&fixture);

	nginx_start();
	const char *told =
		turn_until_told(projector, "e",
				"\"previous_version\":2,\"seats\":[],\"version\":2,\"counts\":"
				"{\"available\":2998,\"held\":0,\"booked\":2,\"blocked\":0}}");
	(void)turn_until_told(projector, "other.one",
			      "\"previous_version\":1,\"seats\":[],\"version\":1,");
	projector_fixture_book(&fixture, "e", 8, 8);
	projector_fixture_follow(&fixture, projector);
	projector_fixture_turn(projector);
	told = subscribe("e");
	cr_expect_eq(count_of(told, "event_id"), 2, "told again: %s", told);
	expect_part(told, "\"previous_version\":2,\"seats\":[{\"seat_id\":\"S8\"");
	projector_close(projector);
}

Test(publish_live, says_which_version_is_current_after_a_rebuild)
{
	struct projector *projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	projector_close(projector);
	projector_fixture_book(&fixture, "e", 7, 8);
	projector_fixture_update(&fixture, "projector_state", "{\"_id\":\"booking_log\"}",
				 "{\"$set\":{\"rebuilding\":true}}");
	projector = projector_fixture_start(&fixture);
	(void)turn_until_told(projector, "e", "\"previous_version\":2,\"seats\":[],\"version\":2,");
	cr_expect_eq(count_of(subscribe("other.one"), "event_id"), 0,
		     "nothing ever happened there");
	projector_close(projector);
}

Test(publish_live, owes_each_event_only_the_newest_version)
{
	struct publish *publish = NULL;
	struct publish_counts counts;
	struct err err = { 0 };
	cr_assert_eq(publish_open(fixture.config.live_url, 500, &publish, &err), ERR_OK, "%s",
		     err.text);

	for (int64_t version = 1; version < 10; version++) {
		publish_owe(publish, "e", &(const struct map_sums){ .version = version });
		publish_owe(publish, "f", &(const struct map_sums){ .version = 2 * version });
	}
	publish_owed(publish, TOLD_MS, &counts);
	cr_expect_eq(counts.published, 2);
	publish_owed(publish, TOLD_MS, &counts);
	cr_expect_eq(counts.published, 0);
	const char *const told = subscribe("f");
	cr_expect_eq(count_of(told, "event_id"), 1);
	expect_part(told, "\"version\":18,");
	publish_close(publish);
}

/* Stopped, it still takes connections, and never answers. */
Test(publish_live, waits_only_so_long_for_an_nginx_that_hangs)
{
	fixture.config.live_timeout_ms = 200;
	struct projector *const projector = projector_fixture_start(&fixture);
	projector_fixture_follow(&fixture, projector);
	cr_assert_eq(kill(-nginx.pid, SIGSTOP), 0);

	const int64_t start_ms = clock_monotonic_ms();
	projector_fixture_book(&fixture, "e", 0, 1999);
	projector_fixture_book(&fixture, "other.one", 0, 0);
	projector_fixture_follow(&fixture, projector);
	cr_expect_lt(clock_monotonic_ms() - start_ms, HELD_UP_MS_MAX);
	cr_assert_eq(kill(-nginx.pid, SIGCONT), 0);
	projector_fixture_expect_equal(&fixture);
	(void)turn_until_told(projector, "e",
			      "\"previous_version\":2000,\"seats\":[],\"version\":2000,");
	(void)turn_until_told(projector, "other.one",
			      "\"previous_version\":1,\"seats\":[],\"version\":1,");
	projector_close(projector);
}
