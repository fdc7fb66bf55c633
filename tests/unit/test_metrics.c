#include "clock.h"
#include "metrics.h"
#include "table.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct metrics *metrics;

static void prepare(void)
{
	metrics = metrics_new();
	cr_assert(metrics);
}

static void tidy(void)
{
	metrics_free(metrics);
}

TestSuite(metrics, .init = prepare, .fini = tidy);

static void expect_text(const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf out;
	strbuf_init(&out, 1 << 20);
	metrics_render(metrics, &out);
	cr_expect_not(out.overflow);
	cr_expect_str_eq(out.data, expected);
}

Test(metrics, render_nothing_when_there_are_none)
{
	expect_text("");
	metrics_free(NULL);
}

Test(metrics, render_counters_and_gauges)
{
	struct metric *taken = metrics_add_counter(metrics, "seatline_taken_total", NULL, "Taken.");
	struct metric *lag = metrics_add_gauge(metrics, "seatline_lag", "partition=\"3\"", "Lag.");

	metric_add(taken, 1);
	metric_add(taken, 41);
	metric_set(lag, 10);
	metric_add(lag, -13);
	cr_expect_eq(metric_get(taken), 42);
	cr_expect_eq(metric_get(lag), -3);
	expect_text("# HELP seatline_taken_total Taken.\n"
		    "# TYPE seatline_taken_total counter\n"
		    "seatline_taken_total 42\n"
		    "# HELP seatline_lag Lag.\n"
		    "# TYPE seatline_lag gauge\n"
		    "seatline_lag{partition=\"3\"} -3\n");
}

/* The format allows one HELP and one TYPE a name, with all its lines together. */
Test(metrics, keep_the_lines_of_one_name_together)
{
	struct metric *booked =
		metrics_add_counter(metrics, "outcomes_total", "status=\"booked\"", "Outcomes.");
	(void)metrics_add_counter(metrics, "other_total", NULL, "Other.");
	struct metric *taken =
		metrics_add_counter(metrics, "outcomes_total", "status=\"taken\"", "Outcomes.");

	metric_add(booked, 2);
	metric_add(taken, 3);
	expect_text("# HELP outcomes_total Outcomes.\n"
		    "# TYPE outcomes_total counter\n"
		    "outcomes_total{status=\"booked\"} 2\n"
		    "outcomes_total{status=\"taken\"} 3\n"
		    "# HELP other_total Other.\n"
		    "# TYPE other_total counter\n"
		    "other_total 0\n");
}

Test(metrics, render_cumulative_histograms)
{
	static const double bounds[] = { 0.5, 1, 2.5 };
	static const double values[] = { 0.25, 0.5, 0.75, 1, 2, 2.5, 3, 100 };
	struct metric *sizes =
		metrics_add_histogram(metrics, "size", NULL, "Size.", bounds, COUNT(bounds));
	struct metric *times = metrics_add_histogram(metrics, "time", "step=\"lock\"", "Time.",
						     bounds, COUNT(bounds));

	for (size_t i = 0; i < COUNT(values); i++)
		metric_observe(sizes, values[i]);
	metric_observe(times, 0.125);
	expect_text("# HELP size Size.\n"
		    "# TYPE size histogram\n"
		    "size_bucket{le=\"0.5\"} 2\n"
		    "size_bucket{le=\"1\"} 4\n"
		    "size_bucket{le=\"2.5\"} 6\n"
		    "size_bucket{le=\"+Inf\"} 8\n"
		    "size_sum 110\n"
		    "size_count 8\n"
		    "# HELP time Time.\n"
		    "# TYPE time histogram\n"
		    "time_bucket{step=\"lock\",le=\"0.5\"} 1\n"
		    "time_bucket{step=\"lock\",le=\"1\"} 1\n"
		    "time_bucket{step=\"lock\",le=\"2.5\"} 1\n"
		    "time_bucket{step=\"lock\",le=\"+Inf\"} 1\n"
		    "time_sum{step=\"lock\"} 0.125\n"
		    "time_count{step=\"lock\"} 1\n");
}

Test(metrics, offer_ascending_bounds_that_fit)
{
	static const struct {
		const double *bounds;
		const size_t *count;
	} sets[] = { { METRIC_SECONDS, &METRIC_SECONDS_COUNT },
		     { METRIC_SIZES, &METRIC_SIZES_COUNT } };

	for (size_t i = 0; i < COUNT(sets); i++) {
		cr_expect_leq(*sets[i].count, METRIC_BUCKETS_MAX);
		for (size_t j = 1; j < *sets[i].count; j++)
			cr_expect_gt(sets[i].bounds[j], sets[i].bounds[j - 1]);
	}
	cr_expect_float_eq(METRIC_SECONDS[0], 0.0005, 1e-9);
	cr_expect_float_eq(METRIC_SECONDS[METRIC_SECONDS_COUNT - 1], 10, 1e-9);
	cr_expect_float_eq(METRIC_SIZES[METRIC_SIZES_COUNT - 1], 5000, 1e-9);
}

Test(metrics, observe_durations_in_seconds)
{
	struct metric *times = metrics_add_histogram(metrics, "t", NULL, "T.", METRIC_SECONDS,
						     METRIC_SECONDS_COUNT);
	metric_observe_since(times, clock_monotonic_us() - 3600 * INT64_C(1000000));

	_cleanup_(strbuf_done) struct strbuf out;
	strbuf_init(&out, 1 << 16);
	metrics_render(metrics, &out);
	cr_expect(strstr(out.data, "t_bucket{le=\"10\"} 0\n"), "%s", out.data);
	cr_expect(strstr(out.data, "t_bucket{le=\"+Inf\"} 1\n"), "%s", out.data);
	cr_expect(strstr(out.data, "t_sum 3600"), "%s", out.data);
}

struct shared {
	struct metric *counter, *histogram;
};

static void *use_shared(void *argument)
{
	const struct shared *shared = argument;
	for (int i = 0; i < 20000; i++) {
		metric_add(shared->counter, 1);
		metric_observe(shared->histogram, 0.5);
	}
	return NULL;
}

Test(metrics, lose_nothing_between_threads)
{
	static const double bounds[] = { 1 };
	struct shared shared = {
		.counter = metrics_add_counter(metrics, "c", NULL, "C."),
		.histogram = metrics_add_histogram(metrics, "h", NULL, "H.", bounds, COUNT(bounds)),
	};
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, use_shared, &shared), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);

	expect_text("# HELP c C.\n# TYPE c counter\nc 80000\n"
		    "# HELP h H.\n# TYPE h histogram\n"
		    "h_bucket{le=\"1\"} 80000\nh_bucket{le=\"+Inf\"} 80000\n"
		    "h_sum 40000\nh_count 80000\n");
}

Test(metrics, take_as_many_as_promised)
{
	static char names[METRICS_MAX][8];
	for (size_t i = 0; i < METRICS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "m%zu", i);
		cr_assert(metrics_add_gauge(metrics, names[i], NULL, "M."));
	}
}
