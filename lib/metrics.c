#include "metrics.h"

#include "clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct metric {
	enum kind kind;
	const char *name;
	const char *labels; /* "" for none */
	const char *help;
	_Atomic int64_t value; /* counter, gauge */
	/* histogram: buckets[i] counts what is <= bounds[i] and above the bound before; the last is
	   +Inf. The sum is a double's bits, since C has no atomic addition of doubles. */
	const double *bounds;
	size_t bound_count;
	_Atomic uint64_t buckets[METRIC_BUCKETS_MAX + 1];
	_Atomic uint64_t sum_bits;
};

struct metrics {
	size_t count;
	struct metric metrics[METRICS_MAX];
};

const double METRIC_SECONDS[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
				  0.1,    0.25,  0.5,    1,     2.5,  5,     10 };
const size_t METRIC_SECONDS_COUNT = sizeof(METRIC_SECONDS) / sizeof(METRIC_SECONDS[0]);
const double METRIC_SIZES[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 };
const size_t METRIC_SIZES_COUNT = sizeof(METRIC_SIZES) / sizeof(METRIC_SIZES[0]);

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	if (!metrics)
		abort();
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	free(metrics);
}

static struct metric *add(struct metrics *metrics, enum kind kind, const char *name,
			  const char *labels, const char *help)
{
	assert(metrics && name && help);
	assert(metrics->count < METRICS_MAX);

	struct metric *metric = &metrics->metrics[metrics->count++];
	metric->kind = kind;
	metric->name = name;
	metric->labels = labels ? labels : "";
	metric->help = help;
	return metric;
}

struct metric *metrics_add_counter(struct metrics *metrics, const char *name, const char *labels,
				   const char *help)
{
	return add(metrics, KIND_COUNTER, name, labels, help);
}

struct metric *metrics_add_gauge(struct metrics *metrics, const char *name, const char *labels,
				 const char *help)
{
	return add(metrics, KIND_GAUGE, name, labels, help);
}

struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *labels,
				     const char *help, const double *bounds, size_t count)
{
	assert(bounds && count <= METRIC_BUCKETS_MAX);

	struct metric *metric = add(metrics, KIND_HISTOGRAM, name, labels, help);
	metric->bounds = bounds;
	metric->bound_count = count;
	return metric;
}

void metric_add(struct metric *metric, int64_t by)
{
	assert(metric->kind == KIND_GAUGE || (metric->kind == KIND_COUNTER && by >= 0));

	atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t to)
{
	assert(metric->kind == KIND_GAUGE);

	atomic_store_explicit(&metric->value, to, memory_order_relaxed);
}

int64_t metric_get(const struct metric *metric)
{
	assert(metric->kind != KIND_HISTOGRAM);

	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static double double_from_bits(uint64_t bits)
{
	double number;
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static uint64_t bits_from_double(double number)
{
	uint64_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

void metric_observe(struct metric *metric, double value)
{
	assert(metric->kind == KIND_HISTOGRAM);

	size_t bucket = 0;
	while (bucket < metric->bound_count && value > metric->bounds[bucket])
		bucket++;
	atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);

	uint64_t old = atomic_load_explicit(&metric->sum_bits, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&metric->sum_bits, &old, bits_from_double(double_from_bits(old) + value),
		memory_order_relaxed, memory_order_relaxed))
		;
}

void metric_observe_since(struct metric *metric, int64_t start_us)
{
	metric_observe(metric, (double)(clock_monotonic_us() - start_us) / 1e6);
}

/* {labels,more} with what there is of both. */
static void render_labels(const char *labels, const char *more, struct strbuf *out)
{
	if (!*labels && !*more)
		return;
	strbuf_addf(out, "{%s%s%s}", labels, *labels && *more ? "," : "", more);
}

static void render_histogram(const struct metric *metric, struct strbuf *out)
{
	/* The total is summed from the buckets read here, so that one answer never contradicts
	   itself however many threads observe meanwhile. */
	uint64_t total = 0;
	for (size_t i = 0; i <= metric->bound_count; i++) {
		char bound[48] = "le=\"+Inf\"";
		if (i < metric->bound_count)
			(void)snprintf(bound, sizeof(bound), "le=\"%g\"", metric->bounds[i]);
		total += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
		strbuf_addf(out, "%s_bucket", metric->name);
		render_labels(metric->labels, bound, out);
		strbuf_addf(out, " %" PRIu64 "\n", total);
	}
	strbuf_addf(out, "%s_sum", metric->name);
	render_labels(metric->labels, "", out);
	strbuf_addf(
		out, " %.12g\n",
		double_from_bits(atomic_load_explicit(&metric->sum_bits, memory_order_relaxed)));
	strbuf_addf(out, "%s_count", metric->name);
	render_labels(metric->labels, "", out);
	strbuf_addf(out, " %" PRIu64 "\n", total);
}

static void render_metric(const struct metric *metric, struct strbuf *out)
{
	if (metric->kind == KIND_HISTOGRAM) {
		render_histogram(metric, out);
		return;
	}
	strbuf_add_text(out, metric->name);
	render_labels(metric->labels, "", out);
	strbuf_addf(out, " %" PRId64 "\n", metric_get(metric));
}

static bool is_first_of_its_name(const struct metrics *metrics, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(metrics->metrics[i].name, metrics->metrics[at].name) == 0)
			return false;
	return true;
}

void metrics_render(const struct metrics *metrics, struct strbuf *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	/* The format wants all lines of one name together, under one HELP and one TYPE. */
	for (size_t i = 0; i < metrics->count; i++) {
		const struct metric *metric = &metrics->metrics[i];
		if (!is_first_of_its_name(metrics, i))
			continue;
		strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
			    metric->name, types[metric->kind]);
		for (size_t j = i; j < metrics->count; j++)
			if (strcmp(metrics->metrics[j].name, metric->name) == 0)
				render_metric(&metrics->metrics[j], out);
	}
}
