#include "account_admin.h"
#include "auth.h"
#include "dead_letter_reader.h"
#include "footprint.h"
#include "http.h"
#include "idempotency.h"
#include "kafka.h"
#include "log.h"
#include "metrics.h"
#include "ops.h"
#include "password.h"
#include "pg_pool.h"
#include "rate_limit.h"
#include "routes.h"
#include "stop.h"
#include "write_api_config.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_TIMEOUT_MS    10000
#define KEEP_ALIVE_TIMEOUT_MS 75000 /* longer than the gateway's: it is the one to hang up */
#define FLUSH_MS              500   /* of messages that nobody waits for any more */
/* Accounts and administration, which bookings go on without: */
#define ASIDES_MAX              32 /* requests at once */
#define PUBLIC_ASIDES_MAX       16 /* of these, nobody's: to register or to log in */
#define PASSWORD_WAIT_MS        2000
#define PG_WAIT_MS              1000
#define PG_CONNECT_TIMEOUT_MS   2000
#define PG_STATEMENT_TIMEOUT_MS 2000
#define PG_IDLE_TIMEOUT_MS      10000 /* within a transaction */
#define RATE_WINDOW_S           60

static void producer_close(struct kafka_producer *producer)
{
	kafka_producer_close(producer, FLUSH_MS);
}

DEFINE_CLEANUP(struct metrics *, metrics_free)
DEFINE_CLEANUP(struct kafka_producer *, producer_close)
DEFINE_CLEANUP(struct dead_letter_reader *, dead_letter_reader_free)
DEFINE_CLEANUP(struct idempotency *, idempotency_free)
DEFINE_CLEANUP(struct ops *, ops_close)
DEFINE_CLEANUP(struct pg_pool *, pg_pool_free)
DEFINE_CLEANUP(struct rate_limit *, rate_limit_free)

struct gauges {
	const struct write_api *api;
	struct metric *kafka_up;
	struct metric *redis_up;
	struct metric *pg_up;
};

static void set_gauges(void *ctx)
{
	const struct gauges *gauges = ctx;

	metric_set(gauges->kafka_up, kafka_producer_is_up(gauges->api->producer));
	metric_set(gauges->redis_up, idempotency_is_up(gauges->api->idempotency));
	metric_set(gauges->pg_up, pg_pool_is_up(gauges->api->pg_pool));
}

static void add_gauges(struct gauges *gauges, const struct write_api *api, struct metrics *metrics)
{
	gauges->api = api;
	gauges->kafka_up = metrics_add_gauge(metrics, "seatline_kafka_up", NULL,
					     "1 while Kafka acknowledges commands.");
	gauges->redis_up = metrics_add_gauge(metrics, "seatline_redis_up", NULL,
					     "1 while Redis remembers idempotency keys.");
	gauges->pg_up = metrics_add_gauge(metrics, "seatline_pg_up", NULL,
					  "0 since PostgreSQL failed an account or an "
					  "administrator, until it works again.");
}

static int fail(const char *event, const struct err *err)
{
	log_error(event, LOG_STR("error", err->text));
	return err->code == ERR_INVALID ? CONFIG_EXIT_BAD : EXIT_FAILURE;
}

static err_code open_producer(const struct write_api_config *config, struct kafka_producer **ret,
			      struct err *err)
{
	const struct kafka_producer_config kafka = {
		.brokers = config->kafka_brokers,
		.client_id = WRITE_API_PROGRAM.name,
		.topic = config->kafka_topic,
		.security = &config->kafka_security,
		.linger_ms = config->kafka_linger_ms,
		.message_timeout_ms = config->kafka_message_timeout_ms,
		.ack_wait_ms = config->ack_wait_ms,
		.queue_messages_max = config->kafka_queue_messages_max,
		.in_flight_max = config->kafka_in_flight_max,
	};

	if (config->ack_wait_ms <= config->kafka_message_timeout_ms)
		return err_set(err, ERR_INVALID,
			       "ACK_WAIT_MS must be above KAFKA_MESSAGE_TIMEOUT_MS");
	return kafka_producer_open(&kafka, ret, err);
}

static struct dead_letter_reader *open_dead_letters(const struct write_api_config *config)
{
	const struct dead_letter_config letters = {
		.brokers = config->kafka_brokers,
		.client_id = WRITE_API_PROGRAM.name,
		.topic = config->kafka_dlq_topic,
		.security = &config->kafka_security,
	};

	return dead_letter_reader_new(&letters);
}

static struct redis_config redis_of(const struct write_api_config *config)
{
	return (struct redis_config){
		.host = config->redis_host,
		.port = config->redis_port,
		.user = config->redis_user,
		.password = config->redis_password,
		.timeout_ms = config->redis_timeout_ms,
		.retry_ms = config->redis_retry_ms,
	};
}

static struct pg_pool *open_pg_pool(const struct write_api_config *config)
{
	const struct pg_config pg = {
		.dsn = config->pg_dsn,
		.application_name = WRITE_API_PROGRAM.name,
		.connect_timeout_ms = PG_CONNECT_TIMEOUT_MS,
		.statement_timeout_ms = PG_STATEMENT_TIMEOUT_MS,
		.idle_in_transaction_timeout_ms = PG_IDLE_TIMEOUT_MS,
	};

	return pg_pool_new(&pg, (size_t)config->pg_connections_max, PG_WAIT_MS);
}

static struct rate_policy policy(const char *name, int64_t per_min)
{
	return (struct rate_policy){ .name = name, .quota = per_min, .window_s = RATE_WINDOW_S };
}

static err_code open_server(const struct write_api_config *config, struct write_api *api,
			    struct metrics *metrics, struct http_server **ret, struct err *err)
{
	const struct http_config http = {
		.host = config->http_host,
		.port = config->http_port,
		.threads = config->http_threads,
		.body_bytes_max = config->body_bytes_max,
		.request_timeout_ms = REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = KEEP_ALIVE_TIMEOUT_MS,
		.slow_ms = config->slow_ms,
		.handlers_min = config->at_once_min,
		.asides_max = ASIDES_MAX,
		.public_asides_max = PUBLIC_ASIDES_MAX,
		.service = "api",
		.log_requests = true,
		.authenticate = auth_authenticate,
		.authenticate_ctx = api->auth,
	};

	return http_server_open(&http, WRITE_API_ROUTES, WRITE_API_ROUTES_COUNT, api, metrics, ret,
				err);
}

static bool is_kafka_up(void *producer)
{
	return kafka_producer_is_up(producer);
}

/* Redis is no check: bookings are accepted without it. */
static err_code open_ops(const struct write_api_config *config, struct gauges *gauges,
			 struct metrics *metrics, struct ops **ret, struct err *err)
{
	const struct ops_check check = { "kafka", is_kafka_up, gauges->api->producer };

	return ops_open(&config->common, WRITE_API_PROGRAM.name, &check, 1, metrics, set_gauges,
			gauges, ret, err);
}

/* What is accepted is answered, and what is answered 202 is stored already. */
static void drain(const struct write_api_config *config, struct ops *ops,
		  struct http_server *server)
{
	log_info("draining", LOG_INT("within_ms", config->common.drain_ms));
	stop_arm_deadline(config->common.drain_ms);
	ops_drain(ops);
	/* The rest of the time is for handlers that wait for Kafka. */
	http_server_close(server, config->common.drain_ms / 5);
}

static int serve(const struct write_api_config *config)
{
	struct write_api api = { 0 };
	struct gauges gauges;
	struct err err = { 0 };

	if (booking_id_init(&err) != ERR_OK ||
	    booking_id_key_parse(config->booking_id_key, &api.key, &err) != ERR_OK)
		return fail("bad_booking_id_key", &err);
	_cleanup_(auth_freep) struct auth *auth = NULL;
	if (auth_new(&config->auth, config->http_host, &auth, &err) != ERR_OK)
		return fail("bad_auth", &err);
	api.auth = auth;

	_cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
	write_api_add_metrics(&api, metrics);
	add_gauges(&gauges, &api, metrics);

	const struct redis_config redis = redis_of(config);
	_cleanup_(idempotency_freep) struct idempotency *idempotency =
		idempotency_new(&redis, config->idempotency_ttl_s, metrics);
	_cleanup_(rate_limit_freep) struct rate_limit *limits = rate_limit_new(&redis, metrics);
	_cleanup_(pg_pool_freep) struct pg_pool *pg_pool = open_pg_pool(config);
	_cleanup_(passwords_freep) struct passwords *passwords = NULL;
	if (passwords_new((size_t)config->password_hashes_max, PASSWORD_WAIT_MS, &passwords,
			  &err) != ERR_OK)
		return fail("passwords_not_opened", &err);
	api.idempotency = idempotency;
	api.limits = limits;
	api.rate_bookings = policy("bookings", config->rate_bookings_per_min);
	api.login_limit = login_limit_of(api.limits, config->rate_auth_per_min);
	api.pg_pool = pg_pool;
	api.passwords = passwords;

	_cleanup_(producer_closep) struct kafka_producer *producer = NULL;
	_cleanup_(dead_letter_reader_freep) struct dead_letter_reader *dead_letters =
		open_dead_letters(config);
	api.dead_letters = dead_letters;
	api.holds_per_user_max = config->holds_per_user_max_default;
	if (open_producer(config, &producer, &err) != ERR_OK)
		return fail("kafka_not_opened", &err);
	api.producer = producer;

	_cleanup_(ops_closep) struct ops *ops = NULL;
	struct http_server *server = NULL;
	if (open_ops(config, &gauges, metrics, &ops, &err) != ERR_OK)
		return fail("ops_not_opened", &err);
	if (open_server(config, &api, metrics, &server, &err) != ERR_OK)
		return fail("http_not_opened", &err);
	log_info("started", LOG_INT("port", config->http_port));

	footprint_wait_for_stop();
	drain(config, ops, server);
	log_info("stopped");
	return EXIT_SUCCESS;
}

/* --add-account EMAIL ROLE */
static int add_account(const struct write_api_config *config, char **argv)
{
	_cleanup_(pg_pool_freep) struct pg_pool *pool = open_pg_pool(config);
	_cleanup_(passwords_freep) struct passwords *passwords = NULL;
	struct err err = { 0 };

	if (passwords_new(1, 0, &passwords, &err) != ERR_OK ||
	    account_admin_put(pool, passwords, argv[2], argv[3], stdin, stdout, &err) != ERR_OK)
		return fail("account_not_added", &err);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct write_api_config config;

	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		http_routes_print("http", WRITE_API_ROUTES, WRITE_API_ROUTES_COUNT, stdout);
		return EXIT_SUCCESS;
	}
	stop_block();
	const int status = config_load(&WRITE_API_PROGRAM, argc, argv, &config);
	if (status != CONFIG_GO_ON)
		return status;
	log_open(WRITE_API_PROGRAM.name, log_level_parse(config.common.log_level));
	if (argc == 4 && strcmp(argv[1], "--add-account") == 0)
		return add_account(&config, argv);
	log_collect_begin();
	const int exit_status = serve(&config);
	log_collect_end();
	return exit_status;
}
