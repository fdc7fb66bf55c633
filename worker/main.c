/* worker - takes booking commands from Kafka, decides them, and settles them in PostgreSQL. */
#include "attr.h"
#include "crew.h"
#include "footprint.h"
#include "log.h"
#include "metrics_worker.h"
#include "ops.h"
#include "stop.h"
#include "worker_config.h"

#include <stdlib.h>

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct crew *, crew_close)
DEFINE_CLEANUP(struct ops *, ops_close)

struct gauges {
	const struct crew *crew;
	const struct metrics_worker *metrics;
};

static void set_gauges(void *ctx)
{
	const struct gauges *const gauges = ctx;

	metric_set(gauges->metrics->lag, crew_lag(gauges->crew));
}

static err_code run(const struct worker_config *config, struct err *err)
{
	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
	struct metrics_worker counted;
	metrics_worker_init(&counted, metrics);

	_cleanup_(crew_closep) struct crew *crew = NULL;
	err_code code = crew_open(config, &counted, &crew, err);
	if (code != ERR_OK)
		return code;

	struct gauges gauges = { .crew = crew, .metrics = &counted };
	const struct ops_check checks[] = {
		{ .name = "kafka", .is_up = crew_is_kafka_up, .ctx = crew },
		{ .name = "postgresql", .is_up = crew_is_ledger_up, .ctx = crew },
	};
	_cleanup_(ops_closep) struct ops *ops = NULL;
	code = ops_open(&config->common, "worker", checks, sizeof(checks) / sizeof(checks[0]),
			metrics, set_gauges, &gauges, &ops, err);
	if (code != ERR_OK)
		return code;
	log_info("started", LOG_INT("lanes", config->lanes), LOG_STR("topic", config->kafka_topic));

	footprint_wait_for_stop();
	log_info("stopping");
	stop_arm_deadline(config->common.drain_ms);
	crew_stop(crew);
	ops_drain(ops);

	return ERR_OK;
}

int main(int argc, char **argv)
{
	stop_block();

	static struct worker_config config;
	const int status = config_load(&worker_program, argc, argv, &config);
	if (status != CONFIG_GO_ON)
		return status;
	log_open("worker", log_level_parse(config.common.log_level));

	struct err err = { 0 };
	const err_code code = run(&config, &err);
	if (code != ERR_OK) {
		log_error("failed", LOG_STR("code", err_name(code)), LOG_STR("text", err.text));
		return code == ERR_INVALID ? CONFIG_EXIT_BAD : EXIT_FAILURE;
	}
	log_info("stopped");

	return EXIT_SUCCESS;
}
