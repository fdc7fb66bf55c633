#include "clock.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "mongo.h"
#include "ops.h"
#include "read_api_config.h"
#include "routes.h"
#include "stop.h"
#include "watch.h"

#include <stdlib.h>

#define REQUEST_TIMEOUT_MS    10000
#define KEEP_ALIVE_TIMEOUT_MS 65000 /* longer than the gateway's: it is the one to hang up */
#define BODY_BYTES_MAX        1024  /* no request here needs one */
#define SPARE_CLIENTS         2     /* besides one per handler: the watch, and one to breathe */

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct mongo *, mongo_close)
DEFINE_CLEANUP(struct watch *, watch_close)
DEFINE_CLEANUP(struct ops *, ops_close)

static int fail(const char *event, const struct err *err)
{
	log_error(event, LOG_STR("error", err->text));
	return err->code == ERR_INVALID ? CONFIG_EXIT_BAD : EXIT_FAILURE;
}

static err_code open_mongo(const struct read_api_config *config, struct mongo **ret,
			   struct err *err)
{
	const struct mongo_config mongo = {
		.uri = config->mongo_uri,
		.database = config->mongo_database,
		.application_name = READ_API_PROGRAM.name,
		.connect_timeout_ms = config->mongo_timeout_ms,
		.server_selection_timeout_ms = config->mongo_timeout_ms,
		.socket_timeout_ms = config->mongo_timeout_ms,
		.pool_max = config->http_threads + SPARE_CLIENTS,
	};

	return mongo_open(&mongo, ret, err);
}

static err_code open_server(const struct read_api_config *config, struct read_api *api,
			    struct metrics *metrics, struct http_server **ret, struct err *err)
{
	const struct http_config http = {
		.host = config->http_host,
		.port = config->http_port,
		.threads = config->http_threads,
		.body_bytes_max = BODY_BYTES_MAX,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = KEEP_ALIVE_TIMEOUT_MS,
		.service = READ_API_PROGRAM.name,
	};

	return http_server_open(&http, READ_API_ROUTES, READ_API_ROUTES_COUNT, api, metrics, ret,
				err);
}

static err_code open_ops(const struct read_api_config *config, struct watch *watch,
			 struct metrics *metrics, struct ops **ret, struct err *err)
{
	const struct ops_check check = { .name = "mongodb", .is_up = watch_is_up, .ctx = watch };

	return ops_open(&config->common, READ_API_PROGRAM.name, &check, 1, metrics, NULL, NULL, ret,
			err);
}

static int serve(const struct read_api_config *config)
{
	struct read_api api = { 0 };
	struct err err = { 0 };

	if (booking_id_init(&err) != ERR_OK ||
	    booking_id_key_parse(config->booking_id_key, &api.key, &err) != ERR_OK)
		return fail("bad_booking_id_key", &err);

	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();

	read_api_add_metrics(&api, metrics);

	_cleanup_(mongo_closep) struct mongo *mongo = NULL;

	if (open_mongo(config, &mongo, &err) != ERR_OK)
		return fail("mongodb_not_opened", &err);

	_cleanup_(watch_closep) struct watch *watch = NULL;

	if (watch_open(mongo, &watch, &err) != ERR_OK)
		return fail("watch_not_opened", &err);
	api.mongo = mongo;
	api.watch = watch;

	_cleanup_(ops_closep) struct ops *ops = NULL;
	struct http_server *server = NULL;

	if (open_ops(config, watch, metrics, &ops, &err) != ERR_OK)
		return fail("ops_not_opened", &err);
	if (open_server(config, &api, metrics, &server, &err) != ERR_OK)
		return fail("http_not_opened", &err);
	log_info("started", LOG_INT("port", config->http_port));

	(void)stop_wait(-1); /* For ever: it returns only when asked to stop. */
	log_info("draining", LOG_INT("within_ms", config->common.drain_ms));
	stop_arm_deadline(config->common.drain_ms);
	ops_drain(ops);
	/* The rest of the time is for reads that wait for MongoDB, and for HTTP_STOP_MS. */
	http_server_close(server, config->common.drain_ms / 5);
	log_info("stopped");

	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct read_api_config config;

	stop_block();

	const int status = config_load(&READ_API_PROGRAM, argc, argv, &config);

	if (status != CONFIG_GO_ON)
		return status;
	log_open(READ_API_PROGRAM.name, log_level_parse(config.common.log_level));

	return serve(&config);
}
