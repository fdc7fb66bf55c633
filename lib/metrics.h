/*
 * metrics - counters, gauges and histograms in the Prometheus text format.
 *
 * Owns     the registry owns its metrics; names, labels and help must be literals (kept by
 *          pointer).
 * Shape    one struct metric per (name, labels); labels such as `reason="seat_taken"`, or NULL.
 * Threads  metrics_add_* before other threads run; metric_* from any thread.
 * Source   Prometheus text exposition format 0.0.4.
 */
#pragma once

#include "strbuf.h"

#include <stdint.h>

#define METRICS_MAX 128
#define METRIC_BUCKETS_MAX 16

struct metric;
struct metrics;

struct metrics *metrics_new(void); /* never NULL: without memory at the start it aborts */
void metrics_free(struct metrics *metrics);

struct metric *metrics_add_counter(struct metrics *metrics, const char *name, const char *labels,
                                   const char *help);
struct metric *metrics_add_gauge(struct metrics *metrics, const char *name, const char *labels,
                                 const char *help);
/* bounds[0..count) ascending; +Inf is added. */
struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *labels,
                                     const char *help, const double *bounds, size_t count);

/* Bounds for durations in seconds: 0.5 ms .. 10 s. */
extern const double METRIC_SECONDS[];
extern const size_t METRIC_SECONDS_COUNT;
/* Bounds for sizes: 1 .. 5,000. */
extern const double METRIC_SIZES[];
extern const size_t METRIC_SIZES_COUNT;

void metric_add(struct metric *metric, int64_t by); /* counter or gauge */
void metric_set(struct metric *metric, int64_t to); /* gauge            */
int64_t metric_get(const struct metric *metric);
void metric_observe(struct metric *metric, double value);
/* Seconds since start_us (clock_monotonic_us). */
void metric_observe_since(struct metric *metric, int64_t start_us);

void metrics_render(const struct metrics *metrics, struct strbuf *out);
