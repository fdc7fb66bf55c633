#include "clock.h"
#include "log.h"
#include "mongo.h"
#include "ops.h"
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

#define EXIT_NOT_COMPARED      2
#define END_CHECK_MS           100
#define MONGO_CLIENTS_VERIFY   2
#define MONGO_ANSWER_FACTOR    3
#define IDLE_IN_TRANSACTION_MS 60000

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct mongo *, mongo_close)
DEFINE_CLEANUP(struct ops *, ops_close)
DEFINE_CLEANUP(struct pg *, pg_free)
DEFINE_CLEANUP(struct projector *, projector_close)

/* The thread that does the work, so that main is free to wait for the signal. */
struct worker {
	struct projector *projector;
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

static void *work(void *argument)
{
	struct worker *const worker = argument;

	worker->code = projector_run(worker->projector, &worker->err);
	atomic_store(&worker->has_ended, true);
	return NULL;
}

static void rebuild(struct projector *projector, struct worker *worker)
{
	struct rebuild_result result;

	worker->code = projector_rebuild(projector, &result, &worker->err);
	if (worker->code == ERR_OK)
		(void)printf("rebuild: %" PRId64 " events, %" PRId64 " blocks, %" PRId64
			     " bookings written, %" PRId64 " documents deleted\n",
			     result.events, result.blocks, result.bookings, result.deleted);
}

static void *work_rebuild(void *argument)
{
	struct worker *const worker = argument;

	rebuild(worker->projector, worker);
	atomic_store(&worker->has_ended, true);
	return NULL;
}

/* Until the work has ended by itself, or the process is asked to stop. */
static int see_through(struct worker *worker, void *(*job)(void *), struct ops *ops,
		       int64_t drain_ms)
{
	if (pthread_create(&worker->thread, NULL, job, worker) != 0) {
		log_error("thread_not_started");
		return EXIT_FAILURE;
	}
	bool is_asked = false;
	while (!is_asked && !atomic_load(&worker->has_ended))
		is_asked = stop_wait(END_CHECK_MS);
	if (is_asked) {
		log_info("draining", LOG_INT("within_ms", drain_ms));
		stop_arm_deadline(drain_ms);
		if (ops)
			ops_drain(ops);
		projector_stop(worker->projector);
	}
	(void)pthread_join(worker->thread, NULL); /* Fails only for a thread that is none. */
	return worker->code == ERR_OK ? EXIT_SUCCESS : fail("projector_ended", &worker->err);
}

static int serve(const struct projector_config *config)
{
	struct err err = { 0 };
	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
	_cleanup_(projector_closep) struct projector *projector = NULL;
	if (projector_open(config, metrics, &projector, &err) != ERR_OK)
		return fail("projector_not_opened", &err);

	const struct ops_check checks[] = {
		{ .name = "postgresql", .is_up = has_postgresql, .ctx = projector },
		{ .name = "mongodb", .is_up = has_mongodb, .ctx = projector },
	};
	_cleanup_(ops_closep) struct ops *ops = NULL;
	if (ops_open(&config->common, PROJECTOR_PROGRAM.name, checks,
		     sizeof(checks) / sizeof(checks[0]), metrics, NULL, NULL, &ops, &err) != ERR_OK)
		return fail("ops_not_opened", &err);
	log_info("started", LOG_INT("ops_port", config->common.ops_port));

	struct worker worker = { .projector = projector };
	const int status = see_through(&worker, work, ops, config->common.drain_ms);
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

	struct worker worker = { .projector = projector };
	return see_through(&worker, work_rebuild, NULL, config->common.drain_ms);
}

static int not_compared(const struct err *err)
{
	log_error("not_compared", LOG_STR("error", err->text));
	return EXIT_NOT_COMPARED;
}

static int run_verify(const struct projector_config *config)
{
	const struct pg_config pg_config = {
		.dsn = config->pg_dsn,
		.application_name = "projector-verify",
		.connect_timeout_ms = config->pg_connect_timeout_ms,
		.statement_timeout_ms = config->pg_statement_timeout_ms,
		.idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_MS,
	};
	const struct mongo_config mongo_config = {
		.uri = config->mongo_uri,
		.database = config->mongo_database,
		.application_name = "projector-verify",
		.connect_timeout_ms = config->mongo_timeout_ms,
		.server_selection_timeout_ms = config->mongo_timeout_ms,
		.socket_timeout_ms = config->mongo_timeout_ms * MONGO_ANSWER_FACTOR,
		.pool_max = MONGO_CLIENTS_VERIFY,
	};
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
