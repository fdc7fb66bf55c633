#include "projector_metrics.h"

#include "clock.h"

#define PREFIX        "seatline_projector_"
#define OUTBOX_PREFIX "seatline_outbox_"

static void add_steps(struct projector_metrics *ret, struct metrics *metrics)
{
	static const char *const labels[STEP_COUNT] = {
		[STEP_READ] = "step=\"read\"",         [STEP_FOLD] = "step=\"fold\"",
		[STEP_BLOCKS] = "step=\"blocks\"",     [STEP_BOOKINGS] = "step=\"bookings\"",
		[STEP_EVENTS] = "step=\"events\"",     [STEP_PUBLISH] = "step=\"publish\"",
		[STEP_POSITION] = "step=\"position\"",
	};

	for (int i = 0; i < STEP_COUNT; i++)
		ret->steps[i] = metrics_add_histogram(metrics, PREFIX "step_seconds", labels[i],
						      "Duration of each step of a batch;"
						      " bookings are written beside events.",
						      METRIC_SECONDS, METRIC_SECONDS_COUNT);
}

static void add_gauges(struct projector_metrics *ret, struct metrics *metrics)
{
	ret->active = metrics_add_gauge(metrics, PREFIX "active", NULL,
					"1 while this projector is the one that writes.");
	ret->lag_seconds = metrics_add_gauge(metrics, PREFIX "lag_seconds", NULL,
					     "Age of the oldest log row not folded in; 0: none.");
	ret->lag_rows = metrics_add_gauge(metrics, PREFIX "lag_rows", NULL,
					  "Log rows not folded in, counted up to 10000.");
}

static void add_written(struct projector_metrics *ret, struct metrics *metrics)
{
	static const char name[] = PREFIX "documents_written_total";
	static const char help[] = "Documents written from the log.";

	ret->written_blocks = metrics_add_counter(metrics, name, "collection=\"seat_maps\"", help);
	ret->written_bookings = metrics_add_counter(metrics, name, "collection=\"bookings\"", help);
	ret->written_events = metrics_add_counter(metrics, name, "collection=\"events\"", help);
	ret->stale = metrics_add_counter(metrics, PREFIX "stale_writes_total", NULL,
					 "Writes that did nothing: MongoDB had as new or newer.");
	ret->skipped = metrics_add_counter(metrics, PREFIX "blocks_skipped_total", NULL,
					   "Block changes with seats that are not in the map.");
}

void projector_metrics_init(struct projector_metrics *ret, struct metrics *metrics)
{
	add_gauges(ret, metrics);
	add_steps(ret, metrics);
	add_written(ret, metrics);
	ret->batch_rows =
		metrics_add_histogram(metrics, PREFIX "batch_rows", NULL,
				      "Log rows folded at once.", METRIC_SIZES, METRIC_SIZES_COUNT);
	ret->delay_seconds = metrics_add_histogram(
		metrics, PREFIX "delay_seconds", NULL,
		"From a batch's newest decision to its being readable; clocks of two machines.",
		METRIC_SECONDS, METRIC_SECONDS_COUNT);
	ret->rows = metrics_add_counter(metrics, PREFIX "rows_total", NULL, "Log rows folded in.");
	ret->seats = metrics_add_counter(metrics, PREFIX "seats_total", NULL,
					 "Seats moved forward in seat maps.");
	ret->published = metrics_add_counter(metrics, PREFIX "published_total", NULL,
					     "Live messages delivered.");
	ret->publish_failures = metrics_add_counter(metrics, PREFIX "publish_failures_total", NULL,
						    "Live messages dropped.");
	ret->rebuilds = metrics_add_counter(metrics, PREFIX "rebuilds_total", NULL,
					    "Times the whole read model was written anew.");
	ret->failures = metrics_add_counter(metrics, PREFIX "failures_total", NULL,
					    "Turns cut short by a server that was away.");
}

void outbox_metrics_init(struct outbox_metrics *ret, struct metrics *metrics)
{
	ret->active =
		metrics_add_gauge(metrics, OUTBOX_PREFIX "active", NULL,
				  "1 while this projector is the one that tells Kafka the log.");
	ret->lag_seconds =
		metrics_add_gauge(metrics, OUTBOX_PREFIX "lag_seconds", NULL,
				  "Age of the oldest log row not told; 0: none, or not active.");
	ret->lag_rows =
		metrics_add_gauge(metrics, OUTBOX_PREFIX "lag_rows", NULL,
				  "Log rows not told, counted up to 10000; 0 when not active.");
	ret->batch_rows =
		metrics_add_histogram(metrics, OUTBOX_PREFIX "batch_rows", NULL,
				      "Log rows told at once.", METRIC_SIZES, METRIC_SIZES_COUNT);
	ret->send_seconds =
		metrics_add_histogram(metrics, OUTBOX_PREFIX "send_seconds", NULL,
				      "From sending a batch to the last acknowledgement.",
				      METRIC_SECONDS, METRIC_SECONDS_COUNT);
	ret->published = metrics_add_counter(metrics, OUTBOX_PREFIX "published_total", NULL,
					     "Booking events that Kafka acknowledged.");
	ret->failures = metrics_add_counter(metrics, OUTBOX_PREFIX "failures_total", NULL,
					    "Turns cut short by a server that was away.");
}

void projector_metrics_batch(const struct projector_metrics *metrics, const struct log_batch *batch,
			     const struct store_result *result)
{
	int64_t newest_ms = 0;

	for (size_t i = 0; i < batch->count; i++)
		if (batch->rows[i].decision.at_ms > newest_ms)
			newest_ms = batch->rows[i].decision.at_ms;
	metric_observe(metrics->batch_rows, (double)batch->count);
	metric_observe(metrics->delay_seconds, (double)(clock_wall_ms() - newest_ms) / 1000);
	metric_add(metrics->rows, (int64_t)batch->count);
	metric_add(metrics->seats, result->seats_moved);
	metric_add(metrics->written_blocks, result->blocks_written);
	metric_add(metrics->written_events, result->events_written);
	metric_add(metrics->stale, result->stale);
	metric_add(metrics->skipped, result->blocks_skipped);
}

void projector_metrics_bookings(const struct projector_metrics *metrics,
				const struct bookings_result *result)
{
	metric_observe(metrics->steps[STEP_BOOKINGS], (double)result->took_us / 1e6);
	metric_add(metrics->written_bookings, result->written);
	metric_add(metrics->stale, result->stale);
}

void projector_metrics_published(const struct projector_metrics *metrics,
				 const struct publish_counts *counts)
{
	metric_add(metrics->published, counts->published);
	metric_add(metrics->publish_failures, counts->failed);
}
