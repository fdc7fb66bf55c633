#include "projector_config.h"

#define MONGO_ANSWER_FACTOR 3
/* A rebuild writes to MongoDB between its statements. */
#define IDLE_IN_TRANSACTION_MS 60000

/* clang-format off */
static const struct config_key KEYS[] = {
	CONFIG_KEYS_COMMON(struct projector_config, common, "9084", "10000"),
	{ "PG_DSN", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED,
	  offsetof(struct projector_config, pg_dsn),
	  NULL, 1, CONFIG_TEXT_BYTES_MAX - 1, "PostgreSQL connection string of the write model" },
	{ "PG_CONNECT_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, pg_connect_timeout_ms),
	  "2000", 1000, 60000, "longest wait, in ms, to connect to PostgreSQL; in whole seconds" },
	{ "PG_STATEMENT_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, pg_statement_timeout_ms),
	  "5000", 100, 600000, "longest time, in ms, that one statement may take" },
	{ "MONGO_URI", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED,
	  offsetof(struct projector_config, mongo_uri),
	  NULL, 10, CONFIG_TEXT_BYTES_MAX - 1, "MongoDB connection string" },
	{ "MONGO_DATABASE", CONFIG_TEXT, CONFIG_PLAIN,
	  offsetof(struct projector_config, mongo_database),
	  "seatline", 1, 63, "database of the read model" },
	{ "MONGO_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, mongo_timeout_ms),
	  "2000", 100, 60000, "longest wait, in ms, to find MongoDB; thrice that for each answer" },
	{ "POLL_MS", CONFIG_INT, CONFIG_PLAIN, offsetof(struct projector_config, poll_ms),
	  "50", 1, 1000, "time, in ms, between two looks at an idle booking log" },
	{ "BATCH_MAX", CONFIG_INT, CONFIG_PLAIN, offsetof(struct projector_config, batch_max),
	  "2000", 1, 20000, "most log rows folded at once" },
	{ "EVENTS_CHECK_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, events_check_ms),
	  "1000", 10, 60000, "time, in ms, between two looks for new or changed events" },
	{ "LIVE_URL", CONFIG_TEXT, CONFIG_PLAIN, offsetof(struct projector_config, live_url),
	  "http://127.0.0.1:8089/internal/live", 1, CONFIG_TEXT_BYTES_MAX - 1,
	  "where changes are published, as <url>/<event id>; off: nowhere" },
	{ "LIVE_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, live_timeout_ms),
	  "500", 10, 10000, "longest time, in ms, that publishing one change may take" },
	{ "KAFKA_BROKERS", CONFIG_TEXT, CONFIG_PLAIN,
	  offsetof(struct projector_config, kafka_brokers),
	  "127.0.0.1:9092", 1, CONFIG_TEXT_BYTES_MAX - 1,
	  "Kafka bootstrap servers, host:port, comma-separated" },
	CONFIG_KEYS_KAFKA(struct projector_config, kafka_security),
	{ "EVENTS_TOPIC", CONFIG_TEXT, CONFIG_PLAIN,
	  offsetof(struct projector_config, events_topic),
	  "booking_events", 1, 249, "topic that the booking log is told to; off: none" },
	{ "EVENTS_BATCH_MAX", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, events_batch_max),
	  "2000", 1, 2000, "most log rows told to Kafka at once" },
	{ "KAFKA_MESSAGE_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, kafka_message_timeout_ms),
	  "3000", 100, 60000, "time, in ms, after which a message is given up and sent anew" },
	{ "VERIFY_WAIT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, verify_wait_ms),
	  "10000", 0, 600000, "--verify: longest wait, in ms, for the log to be folded in" },
};
/* clang-format on */

const struct config_program PROJECTOR_PROGRAM = {
	.name = "projector",
	.summary = "folds PostgreSQL's booking log into MongoDB, tells the live channel and Kafka",
	.keys = KEYS,
	.count = sizeof(KEYS) / sizeof(KEYS[0]),
};

struct mongo_config projector_mongo_config(const struct projector_config *config, const char *name,
					   int64_t clients_max)
{
	return (struct mongo_config){
		.uri = config->mongo_uri,
		.database = config->mongo_database,
		.application_name = name,
		.connect_timeout_ms = config->mongo_timeout_ms,
		.server_selection_timeout_ms = config->mongo_timeout_ms,
		.socket_timeout_ms = config->mongo_timeout_ms * MONGO_ANSWER_FACTOR,
		.pool_max = clients_max,
	};
}

struct pg_config projector_pg_config(const struct projector_config *config, const char *name)
{
	return (struct pg_config){
		.dsn = config->pg_dsn,
		.application_name = name,
		.connect_timeout_ms = config->pg_connect_timeout_ms,
		.statement_timeout_ms = config->pg_statement_timeout_ms,
		.idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_MS,
	};
}
