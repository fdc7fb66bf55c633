#include "log.h"
#include "ops.h"
#include "raw_http.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct config_common config;
static struct metrics *metrics;
static struct metric *gauge;
static struct ops *ops;
static struct raw_connection client;
static atomic_bool kafka_is_up = true;

static bool is_kafka_up(void *ctx)
{
	(void)ctx;
	return atomic_load(&kafka_is_up);
}

static bool is_always_up(void *ctx)
{
	return ctx == &config;
}

static void set_gauge(void *ctx)
{
	metric_set(ctx, 42);
}

/* The table of a program has no port 0: ask the kernel for one. */
static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)close(fd); /* Nothing was sent. */
	return ntohs(address.sin_port);
}

static void open_all(void)
{
	const struct ops_check checks[] = {
		{ "kafka", is_kafka_up, NULL },
		{ "redis", is_always_up, &config },
	};
	struct err err = { 0 };

	log_open("test_http_ops", LOG_LEVEL_WARN);
	(void)snprintf(config.ops_host, sizeof(config.ops_host), "127.0.0.1");
	config.ops_port = free_port();
	metrics = metrics_new();
	gauge = metrics_add_gauge(metrics, "seatline_test", NULL, "For this test.");
	cr_assert_eq(ops_open(&config, "tester", checks, 2, metrics, set_gauge, gauge, &ops, &err),
		     ERR_OK, "%s", err.text);
	raw_open(&client, (int)config.ops_port);
}

static void close_all(void)
{
	raw_close(&client);
	ops_close(ops);
	metrics_free(metrics);
}

TestSuite(http_ops, .init = open_all, .fini = close_all);

static void expect(const char *path, int status, const char *body)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_send_text(&client, text);
	const struct raw_answer answer = raw_read(&client, false);
	cr_expect_eq(answer.status, status, "%s: %d", path, answer.status);
	cr_expect(answer.status != 0 && strstr(answer.body, body), "%s: %s", path, answer.body);
}

Test(http_ops, tells_that_the_process_lives)
{
	expect("/livez", 200, "{\"status\":\"alive\",\"service\":\"tester\"}");
	atomic_store(&kafka_is_up, false);
	ops_drain(ops);
	expect("/livez", 200, "alive");
}

Test(http_ops, names_each_dependency)
{
	expect("/readyz", 200,
	       "{\"status\":\"ready\",\"checks\":{\"kafka\":\"up\",\"redis\":\"up\"}}");
	atomic_store(&kafka_is_up, false);
	expect("/readyz", 503,
	       "{\"status\":\"not ready\",\"checks\":{\"kafka\":\"down\",\"redis\":\"up\"}}");
	atomic_store(&kafka_is_up, true);
	expect("/readyz", 200, "\"ready\"");
}

Test(http_ops, is_not_ready_while_draining)
{
	ops_drain(ops);
	expect("/readyz", 503,
	       "{\"status\":\"draining\",\"checks\":{\"kafka\":\"up\",\"redis\":\"up\"}}");
}

Test(http_ops, renders_metrics_with_fresh_gauges)
{
	expect("/metrics", 200, "# TYPE seatline_test gauge\nseatline_test 42\n");
	expect("/metrics", 200, "seatline_build_info{version=\"" SEATLINE_VERSION "\"} 1\n");
	expect("/metrics", 200, "process_start_time_seconds ");
	expect("/metrics", 200, "process_resident_memory_bytes ");
}

Test(http_ops, has_nothing_else)
{
	expect("/", 404, "not-found");
	expect("/metrics/", 404, "not-found");
	raw_send_text(&client, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	cr_expect_eq(raw_read(&client, false).status, 405);
}
