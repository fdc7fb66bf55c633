#include "auth.h"
#include "clock.h"
#include "event_answers.h"
#include "follow.h"
#include "footprint.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "mongo.h"
#include "ops.h"
#include "read_api.h"
#include "read_api_config.h"
#include "routes.h"
#include "stop.h"
#include "wait_routes.h"
#include "waiters.h"
#include "watch.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_TIMEOUT_MS    10000
#define KEEP_ALIVE_TIMEOUT_MS 65000 /* longer than the gateway's: it is the one to hang up */
#define BODY_BYTES_MAX        1024  /* no request here needs one */
/* Who waits holds a thread; these are for who is answered at once, and do not stay with anyone. */
#define WAIT_SPARE_THREADS         8
#define WAIT_REQUEST_TIMEOUT_MS    1000
#define WAIT_KEEP_ALIVE_TIMEOUT_MS 200
/* A heap of its own for each few of hundreds of threads would keep 2 MB more, and gain nothing. */
#define HEAPS_MAX       2
#define SPARE_CLIENTS   4 /* besides one per thread: watch, follow, waiters, one more */
#define SECONDS_PER_MIN 60

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct mongo *, mongo_close)
DEFINE_CLEANUP(struct read_api *, event_answers_close)
DEFINE_CLEANUP(struct watch *, watch_close)
DEFINE_CLEANUP(struct follow *, follow_close)
DEFINE_CLEANUP(struct waiters *, waiters_close)
DEFINE_CLEANUP(struct rate_limit *, rate_limit_free)
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
		.pool_max = config->http_threads + config->waiters_max + WAIT_SPARE_THREADS +
			    SPARE_CLIENTS,
	};

	return mongo_open(&mongo, ret, err);
}

static struct rate_limit *open_limit(const struct read_api_config *config, struct metrics *metrics)
{
	const struct redis_config redis = {
		.host = config->redis_host,
		.port = config->redis_port,
		.user = config->redis_user,
		.password = config->redis_password,
		.timeout_ms = config->redis_timeout_ms,
		.retry_ms = config->redis_retry_ms,
	};

	return rate_limit_new(&redis, metrics);
}

static err_code open_server(const struct read_api_config *config, struct read_api *api,
			    struct auth *auth, struct metrics *metrics, struct http_server **ret,
			    struct err *err)
{
	const struct http_config http = {
		.host = config->http_host,
		.port = config->http_port,
		.threads = config->http_threads,
		.body_bytes_max = BODY_BYTES_MAX,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = KEEP_ALIVE_TIMEOUT_MS,
		.service = READ_API_PROGRAM.name,
		.authenticate = auth_authenticate,
		.authenticate_ctx = auth,
	};

	return http_server_open(&http, READ_API_ROUTES, READ_API_ROUTES_COUNT, api, metrics, ret,
				err);
}

static err_code open_waiters(const struct read_api_config *config, const struct read_api *api,
			     struct metrics *metrics, struct waiters **ret, struct err *err)
{
	const struct waiters_config waiters = {
		.mongo = api->mongo,
		.watch = api->watch,
		.mongo_errors = api->mongo_errors,
		.poll_ms = config->wait_poll_ms,
		.waiters_max = config->waiters_max,
	};

	return waiters_open(&waiters, metrics, ret, err);
}

static err_code open_wait_server(const struct read_api_config *config, struct read_api *api,
				 struct auth *auth, struct http_server **ret, struct err *err)
{
	const struct http_config http = {
		.host = config->http_host,
		.port = config->wait_port,
		.threads = config->waiters_max + WAIT_SPARE_THREADS,
		.body_bytes_max = BODY_BYTES_MAX,
		.request_timeout_ms = WAIT_REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = WAIT_KEEP_ALIVE_TIMEOUT_MS,
		.service = "read-api-wait",
		.authenticate = auth_authenticate,
		.authenticate_ctx = auth,
	};

	return http_server_open(&http, WAIT_ROUTES, WAIT_ROUTES_COUNT, api, NULL, ret, err);
}

static err_code open_ops(const struct read_api_config *config, struct watch *watch,
			 struct metrics *metrics, struct ops **ret, struct err *err)
{
	const struct ops_check check = { .name = "mongodb", .is_up = watch_is_up, .ctx = watch };

	return ops_open(&config->common, READ_API_PROGRAM.name, &check, 1, metrics, NULL, NULL, ret,
			err);
}

struct closing {
	struct http_server *server;
	int64_t linger_ms;
};

static void *close_server(void *ctx)
{
	const struct closing *closing = (const struct closing *)ctx;

	http_server_close(closing->server, closing->linger_ms);
	return NULL;
}

/* Both at once: each lingers, and has the time for it once. */
static void close_servers(struct http_server *server, struct http_server *wait_server,
			  int64_t linger_ms)
{
	struct closing closing = { .server = wait_server, .linger_ms = linger_ms };
	pthread_t thread;
	const bool started = pthread_create(&thread, NULL, close_server, &closing) == 0;

	http_server_close(server, linger_ms);
	if (started)
		(void)pthread_join(thread, NULL);
	else
		(void)close_server(&closing);
}

/* Until the process is asked to stop; then both servers are closed. */
static int run(const struct read_api_config *config, struct read_api *api, struct auth *auth,
	       struct metrics *metrics)
{
	_cleanup_(ops_closep) struct ops *ops = NULL;
	struct http_server *server = NULL, *wait_server = NULL;
	struct err err = { 0 };

	if (open_ops(config, api->watch, metrics, &ops, &err) != ERR_OK)
		return fail("ops_not_opened", &err);
	if (open_wait_server(config, api, auth, &wait_server, &err) != ERR_OK)
		return fail("wait_http_not_opened", &err);
	if (open_server(config, api, auth, metrics, &server, &err) != ERR_OK) {
		http_server_close(wait_server, 0);
		return fail("http_not_opened", &err);
	}
	log_info("started", LOG_INT("port", config->http_port),
		 LOG_INT("wait_port", config->wait_port));

	footprint_wait_for_stop();
	log_info("draining", LOG_INT("within_ms", config->common.drain_ms));
	stop_arm_deadline(config->common.drain_ms);
	ops_drain(ops);
	waiters_stop(api->waiters);
	/* The rest of the time is for reads that wait for MongoDB. */
	close_servers(server, wait_server, config->common.drain_ms / 5);
	log_info("stopped");

	return EXIT_SUCCESS;
}

static int serve(const struct read_api_config *config)
{
	struct read_api api = { 0 };
	struct err err = { 0 };

	if (booking_id_init(&err) != ERR_OK ||
	    booking_id_key_parse(config->booking_id_key, &api.key, &err) != ERR_OK)
		return fail("bad_booking_id_key", &err);

	_cleanup_(auth_freep) struct auth *auth = NULL;

	if (auth_new(&config->auth, config->http_host, &auth, &err) != ERR_OK)
		return fail("bad_auth", &err);

	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();

	read_api_add_metrics(&api, metrics);

	_cleanup_(rate_limit_freep) struct rate_limit *limit = open_limit(config, metrics);

	api.limit = limit;
	api.lists = (struct rate_policy){ .name = "lists",
					  .quota = config->rate_lists_per_min,
					  .window_s = SECONDS_PER_MIN };

	_cleanup_(mongo_closep) struct mongo *mongo = NULL;

	if (open_mongo(config, &mongo, &err) != ERR_OK)
		return fail("mongodb_not_opened", &err);

	event_answers_open(&api, (size_t)config->answer_cache_bytes,
			   config->answer_pause_ms_max * 1000, metrics);

	_cleanup_(event_answers_closep) struct read_api *answers = &api;

	_cleanup_(watch_closep) struct watch *watch = NULL;
	const struct watch_listener on_watch = { .on_ledger = event_answers_doubt, .ctx = &api };

	if (watch_open(mongo, &on_watch, &watch, &err) != ERR_OK)
		return fail("watch_not_opened", &err);
	api.mongo = mongo;
	api.watch = watch;

	_cleanup_(follow_closep) struct follow *follow = NULL;
	const struct follow_listener on_follow = event_answers_listener(&api);

	if (follow_open(mongo, &on_follow, metrics, &follow, &err) != ERR_OK)
		return fail("follow_not_opened", &err);
	api.follow = follow;

	_cleanup_(waiters_closep) struct waiters *waiters = NULL;

	if (open_waiters(config, &api, metrics, &waiters, &err) != ERR_OK)
		return fail("waiters_not_opened", &err);
	api.waiters = waiters;

	return run(config, &api, auth, metrics);
}

int main(int argc, char **argv)
{
	struct read_api_config config;

	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		http_routes_print("http", READ_API_ROUTES, READ_API_ROUTES_COUNT, stdout);
		http_routes_print("wait", WAIT_ROUTES, WAIT_ROUTES_COUNT, stdout);
		return EXIT_SUCCESS;
	}
	stop_block();
	(void)mallopt(M_ARENA_MAX, HEAPS_MAX); /* Only memory, so failing is no matter. */

	const int status = config_load(&READ_API_PROGRAM, argc, argv, &config);

	if (status != CONFIG_GO_ON)
		return status;
	log_open(READ_API_PROGRAM.name, log_level_parse(config.common.log_level));

	return serve(&config);
}
