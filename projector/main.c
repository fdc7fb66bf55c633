#include "clock.h"
#include "footprint.h"
#include "log.h"
#include "mongo.h"
#include "ops.h"
#include "outbox.h"
#include "pg.h"
#include "projector.h"
#include "stop.h"
#include "verify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NOT_COMPARED    2
#define END_CHECK_MS         100
#define MONGO_CLIENTS_VERIFY 2
#define VERIFY_NAME          "projector-verify"
#define JOBS_MAX             2 /* the read model, and the outbox */

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct mongo *, mongo_close)
DEFINE_CLEANUP(struct ops *, ops_close)
DEFINE_CLEANUP(struct outbox *, outbox_close)
DEFINE_CLEANUP(struct pg *, pg_free)
DEFINE_CLEANUP(struct projector *, projector_close)

/* What a thread of its own does, so that main is free to wait for the signal. */
struct job {
	err_code (*run)(void *ctx, struct err *err);
	void (*stop)(void *ctx);
	void *ctx;
	pthread_t thread;
	atomic_bool has_ended;
	err_code code;
	struct err err;
};

static int fail(const char *event, const struct err *err)
{
	log_error(event, LOG_STR("error", err->text));
	return err->code == ERR_INVALID ? CONFIG_EXIT_BAD : EXIT_FAILURE;
}

static bool has_postgresql(void *ctx)
{
	return projector_has_postgresql(ctx);
}

static bool has_mongodb(void *ctx)
{
	return projector_has_mongodb(ctx);
}

static err_code run_projector(void *ctx, struct err *err)
{
	return projector_run(ctx, err);
}

static void stop_projector(void *ctx)
{
	projector_stop(ctx);
}

static bool is_behind(void *ctx)
{
	return projector_is_behind(ctx);
}

static err_code run_outbox(void *ctx, struct err *err)
{
	return outbox_run(ctx, err);
}

static void stop_outbox(void *ctx)
{
	outbox_stop(ctx);
}

static err_code rebuild(void *ctx, struct err *err)
{
	struct rebuild_result result;

	const err_code code = projector_rebuild(ctx, &result, err);
	if (code == ERR_OK)
		(void)printf("rebuild: %" PRId64 " events, %" PRId64 " blocks, %" PRId64
			     " bookings written, %" PRId64 " documents deleted\n",
			     result.events, result.blocks, result.bookings, result.deleted);
	return code;
}

static void *run_job(void *argument)
{
	struct job *const job = argument;

	job->code = job->run(job->ctx, &job->err);
	atomic_store(&job->has_ended, true);
	return NULL;
}

static bool has_any_ended(struct job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (atomic_load(&jobs[i].has_ended))
			return true;
	return false;
}

/* Stops those that were started; the first that failed says how it ended. */
static int end_jobs(struct job *jobs, size_t count)
{
	int status = EXIT_SUCCESS;

	for (size_t i = 0; i < count; i++)
		jobs[i].stop(jobs[i].ctx);
	for (size_t i = 0; i < count; i++) {
		(void)pthread_join(jobs[i].thread, NULL); /* Fails only for one that is none. */
		if (jobs[i].code != ERR_OK && status == EXIT_SUCCESS)
			status = fail("projector_ended", &jobs[i].err);
	}
	return status;
}

/* Until a job has ended by itself, or the process is asked to stop. */
static int see_through(struct job *jobs, size_t count, struct ops *ops, int64_t drain_ms)
{
	for (size_t i = 0; i < count; i++) {
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]) == 0)
			continue;
		log_error("thread_not_started");
		(void)end_jobs(jobs, i);
		return EXIT_FAILURE;
	}
	static const int64_t SHRINK_MS[] = { FOOTPRINT_SETTLE_MS, FOOTPRINT_AGAIN_MS };
	const int64_t begun_ms = clock_monotonic_ms();
	size_t shrunk = 0;
	bool is_asked = false;
	while (!is_asked && !has_any_ended(jobs, count)) {
		is_asked = stop_wait(END_CHECK_MS);
		if (shrunk == sizeof(SHRINK_MS) / sizeof(SHRINK_MS[0]) ||
		    clock_monotonic_ms() - begun_ms < SHRINK_MS[shrunk])
			continue;
		footprint_shrink();
		shrunk++;
	}
	if (is_asked) {
		log_info("draining", LOG_INT("within_ms", drain_ms));
		stop_arm_deadline(drain_ms);
		if (ops)
			ops_drain(ops);
	}
	return end_jobs(jobs, count);
}

/* *ret stays NULL when it is switched off. */
static err_code open_outbox(const struct projector_config *config, struct metrics *metrics,
			    struct outbox **ret, struct err *err)
{
	if (strcmp(config->events_topic, OUTBOX_OFF) == 0)
		return ERR_OK;
	return outbox_open(config, metrics, ret, err);
}

static int serve(const struct projector_config *config)
{
	struct err err = { 0 };
	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
	_cleanup_(projector_closep) struct projector *projector = NULL;
	if (projector_open(config, metrics, &projector, &err) != ERR_OK)
		return fail("projector_not_opened", &err);
	_cleanup_(outbox_closep) struct outbox *outbox = NULL;
	if (open_outbox(config, metrics, &outbox, &err) != ERR_OK)
		return fail("outbox_not_opened", &err);
	if (outbox)
		outbox_give_way_to(outbox, is_behind, projector);

	/* Not Kafka: maps and bookings can be read without what is told to it. */
	const struct ops_check checks[] = {
		{ .name = "postgresql", .is_up = has_postgresql, .ctx = projector },
		{ .name = "mongodb", .is_up = has_mongodb, .ctx = projector },
	};
	_cleanup_(ops_closep) struct ops *ops = NULL;
	if (ops_open(&config->common, PROJECTOR_PROGRAM.name, checks,
		     sizeof(checks) / sizeof(checks[0]), metrics, NULL, NULL, &ops, &err) != ERR_OK)
		return fail("ops_not_opened", &err);
	log_info("started", LOG_INT("ops_port", config->common.ops_port));

	struct job jobs[JOBS_MAX] = {
		{ .run = run_projector, .stop = stop_projector, .ctx = projector },
		{ .run = run_outbox, .stop = stop_outbox, .ctx = outbox },
	};
	const int status = see_through(jobs, outbox ? JOBS_MAX : 1, ops, config->common.drain_ms);
	log_info("stopped", LOG_INT("status", status));
	return status;
}

static int run_rebuild(const struct projector_config *config)
{
	struct err err = { 0 };
	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
	_cleanup_(projector_closep) struct projector *projector = NULL;
	if (projector_open(config, metrics, &projector, &err) != ERR_OK)
		return fail("projector_not_opened", &err);

	struct job job = { .run = rebuild, .stop = stop_projector, .ctx = projector };
	return see_through(&job, 1, NULL, config->common.drain_ms);
}

static int not_compared(const struct err *err)
{
	log_error("not_compared", LOG_STR("error", err->text));
	return EXIT_NOT_COMPARED;
}

static int run_verify(const struct projector_config *config)
{
	const struct pg_config pg_config = projector_pg_config(config, VERIFY_NAME);
	const struct mongo_config mongo_config =
		projector_mongo_config(config, VERIFY_NAME, MONGO_CLIENTS_VERIFY);
	struct err err = { 0 };
	struct verify_result result;
	_cleanup_(mongo_closep) struct mongo *mongo = NULL;
	_cleanup_(pg_freep) struct pg *pg = pg_new(&pg_config);

	if (mongo_open(&mongo_config, &mongo, &err) != ERR_OK || pg_ensure(pg, &err) != ERR_OK ||
	    verify_run(pg, mongo, config->verify_wait_ms, stdout, &result, &err) != ERR_OK)
		return not_compared(&err);
	if (fflush(stdout) != 0)
		return EXIT_NOT_COMPARED;
	return result.differences == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_commands(void)
{
	(void)puts("\nCommands, beside running it:\n"
		   "  projector --rebuild  writes the whole read model anew from PostgreSQL; a "
		   "running\n"
		   "                       projector waits meanwhile. Exits 0 when done, else 1.\n"
		   "  projector --verify   compares MongoDB with PostgreSQL, one line a "
		   "difference. Exits 0\n"
		   "                       when there is none, 1 when there is, 2 when it could "
		   "not compare.");
}

static bool is_argument(int argc, char **argv, const char *name)
{
	return argc == 2 && strcmp(argv[1], name) == 0;
}

int main(int argc, char **argv)
{
	struct projector_config config;

	stop_block();
	const int status = config_load(&PROJECTOR_PROGRAM, argc, argv, &config);
	if (status == EXIT_SUCCESS && is_argument(argc, argv, "--help"))
		print_commands();
	if (status != CONFIG_GO_ON)
		return status;
	log_open(PROJECTOR_PROGRAM.name, log_level_parse(config.common.log_level));

	if (is_argument(argc, argv, "--rebuild"))
		return run_rebuild(&config);
	if (is_argument(argc, argv, "--verify"))
		return run_verify(&config);
	if (argc > 1) {
		(void)fprintf(stderr, "projector: no such command: %s; see --help\n", argv[1]);
		return CONFIG_EXIT_BAD;
	}
	return serve(&config);
}
