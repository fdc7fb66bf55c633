/* The limit without any Redis: each process has one of its own. */
#include "http_internal.h"
#include "log.h"
#include "rate_limit.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NOBODY_PORT 1 /* tcpmux: nothing listens there */

static const struct redis_config REDIS = { .host = "127.0.0.1",
					   .port = NOBODY_PORT,
					   .user = "",
					   .password = "",
					   .timeout_ms = 50,
					   .retry_ms = 1000 };
static const struct rate_policy LISTS = { .name = "lists", .quota = 3, .window_s = 60 };
static const struct rate_policy OFF = { .name = "off", .quota = 0, .window_s = 60 };

static struct http_response response;
static struct metrics *metrics;
static struct rate_limit *limit;

static void open_limit(void)
{
	log_open("test_rate_limit", LOG_LEVEL_ERROR);
	metrics = metrics_new();
	limit = rate_limit_new(&REDIS, metrics);
	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, HTTP_RESPONSE_BYTES_MAX);
	http_response_begin(&response, "req-1");
}

static void close_limit(void)
{
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
	rate_limit_free(limit);
	metrics_free(metrics);
}

TestSuite(rate_limit, .init = open_limit, .fini = close_limit);

static bool has_header(const char *line)
{
	return strstr(response.headers.data, line) != NULL;
}

static void expect_metric(const char *line)
{
	struct strbuf text;

	strbuf_init(&text, 1 << 20);
	metrics_render(metrics, &text);
	cr_expect(strstr(text.data, line), "%s in\n%s", line, text.data);
	strbuf_done(&text);
}

Test(rate_limit, refuses_nobody_for_the_sake_of_redis_but_counts_here)
{
	for (int i = 2; i >= 0; i--) {
		const struct rate_answer answer = rate_limit_take(limit, &LISTS, "u-ann");

		cr_expect(answer.is_limited && answer.is_allowed);
		cr_expect_eq(answer.remaining, i);
	}
	cr_expect_not(rate_limit_is_up(limit));

	const struct rate_answer refused = rate_limit_take(limit, &LISTS, "u-ann");

	cr_expect(refused.is_limited && !refused.is_allowed);
	cr_expect_eq(refused.remaining, 0);
	cr_expect(refused.reset_s >= 1 && refused.reset_s <= 20, "%lld",
		  (long long)refused.reset_s);
	cr_expect(rate_limit_take(limit, &LISTS, "u-bob").is_allowed);
	expect_metric("seatline_rate_limit_total{answer=\"allowed\"} 4\n");
	expect_metric("seatline_rate_limit_total{answer=\"refused\"} 1\n");
	expect_metric("seatline_rate_limit_local_total 5\n");
}

Test(rate_limit, keeps_classes_apart)
{
	const struct rate_policy other = { .name = "bookings", .quota = 1, .window_s = 60 };

	for (int i = 0; i < 3; i++)
		(void)rate_limit_take(limit, &LISTS, "u-ann");
	cr_expect(rate_limit_take(limit, &other, "u-ann").is_allowed);
	cr_expect_not(rate_limit_take(limit, &LISTS, "u-ann").is_allowed);
}

Test(rate_limit, without_a_quota_is_none_and_says_nothing)
{
	for (int i = 0; i < 1000; i++)
		cr_expect(rate_limit_pass(limit, &OFF, "u-ann", &response));
	cr_expect_str_empty(response.headers.data);
	cr_expect_eq(response.status, 200);
	cr_expect(rate_limit_is_up(limit), "Redis was not asked");
}

Test(rate_limit, tells_the_client_what_is_left)
{
	cr_expect(rate_limit_pass(limit, &LISTS, "u-ann", &response));
	cr_expect(has_header("RateLimit-Policy: \"lists\";q=3;w=60\r\n"));
	cr_expect(has_header("RateLimit: \"lists\";r=2;t=20\r\n"), "%s", response.headers.data);
	cr_expect_not(has_header("Retry-After"));
	cr_expect_eq(response.status, 200);
}

Test(rate_limit, refuses_with_a_problem_and_when_to_come_again)
{
	for (int i = 0; i < 3; i++)
		(void)rate_limit_take(limit, &LISTS, "u-ann");
	cr_expect_not(rate_limit_pass(limit, &LISTS, "u-ann", &response));
	cr_expect_eq(response.status, 429);

	int limit_s = -1, retry_s = -2;
	const char *const at = strstr(response.headers.data, "RateLimit: ");

	cr_assert(at, "%s", response.headers.data);
	cr_expect_eq(sscanf(at, "RateLimit: \"lists\";r=0;t=%d\r\nRetry-After: %d\r\n", &limit_s,
			    &retry_s),
		     2, "%s", at);
	cr_expect(retry_s >= 1 && retry_s <= 20);
	cr_expect_eq(limit_s, retry_s);

	json_t *const json = json_loadb(response.body.data, response.body.len, 0, NULL);

	cr_assert(json);
	cr_expect_str_eq(json_string_value(json_object_get(json, "type")),
			 "/problems/too-many-requests");
	cr_expect_eq(json_integer_value(json_object_get(json, "status")), 429);
	json_decref(json);
}

/* Seven do not divide a minute: none of them may be lost to that. */
Test(rate_limit, gives_all_of_an_uneven_quota)
{
	const struct rate_policy seven = { .name = "seven", .quota = 7, .window_s = 60 };

	for (int i = 0; i < 7; i++)
		cr_expect(rate_limit_take(limit, &seven, "u-ann").is_allowed, "%d", i);
	cr_expect_not(rate_limit_take(limit, &seven, "u-ann").is_allowed);
}

Test(rate_limit, takes_the_longest_name_there_may_be)
{
	char who[RATE_WHO_BYTES_MAX];

	memset(who, 'a', sizeof(who) - 1);
	who[sizeof(who) - 1] = '\0';
	cr_expect(rate_limit_take(limit, &LISTS, who).is_allowed);
}
