#include "routes.h"

#include "book.h"

const struct http_route WRITE_API_ROUTES[] = {
	{ "POST", "/api/book", book, HTTP_JSON },
};
const size_t WRITE_API_ROUTES_COUNT = sizeof(WRITE_API_ROUTES) / sizeof(WRITE_API_ROUTES[0]);

void write_api_add_metrics(struct write_api *api, struct metrics *metrics)
{
	static const char *const labels[REFUSAL_COUNT] = {
		[REFUSAL_MALFORMED] = "reason=\"malformed\"",
		[REFUSAL_INVALID] = "reason=\"invalid\"",
		[REFUSAL_KEY_REUSED] = "reason=\"key_reused\"",
		[REFUSAL_UNAVAILABLE] = "reason=\"unavailable\"",
		[REFUSAL_INTERNAL] = "reason=\"internal\"",
	};

	api->accepted = metrics_add_counter(metrics, "seatline_accepted_total", NULL,
					    "Commands answered 202: stored by Kafka.");
	for (size_t i = 0; i < REFUSAL_COUNT; i++)
		api->refused[i] = metrics_add_counter(metrics, "seatline_refused_total", labels[i],
						      "Commands refused, by reason.");
	api->publish_seconds = metrics_add_histogram(
		metrics, "seatline_publish_seconds", NULL,
		"Time from a command's hand-over to Kafka to its acknowledgement or failure.",
		METRIC_SECONDS, METRIC_SECONDS_COUNT);
}
