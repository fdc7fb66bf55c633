#include "worker_config.h"

#include "lane.h"

#define FIELD(name) offsetof(struct worker_config, name)

/* clang-format off */
static const struct config_key keys[] = {
	CONFIG_KEYS_COMMON(struct worker_config, common, "9083", "10000"),
	{ "KAFKA_BROKERS", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_brokers), "127.0.0.1:9092",
	  1, 511, "Kafka bootstrap servers, host:port, separated by commas" },
	CONFIG_KEYS_KAFKA(struct worker_config, kafka_security),
	{ "KAFKA_TOPIC", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_topic), "booking_requests", 1, 249,
	  "topic of the booking commands" },
	{ "KAFKA_DLQ_TOPIC", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_dlq_topic),
	  "booking_requests.dlq", 1, 249, "topic for messages that cannot be decoded" },
	{ "KAFKA_GROUP", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_group), "booking-workers", 1, 249,
	  "consumer group that shares the partitions out" },
	{ "KAFKA_SESSION_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(kafka_session_timeout_ms),
	  "6000", 1000, 300000,
	  "time, in ms, after which a worker that died is missed by the group" },
	{ "PG_DSN", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED, FIELD(pg_dsn), NULL, 1, 511,
	  "PostgreSQL connection string or URI" },
	{ "PG_CONNECT_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(pg_connect_timeout_ms), "2000",
	  100, 60000,
	  "longest wait, in ms, for a connection to PostgreSQL; whole seconds, at least 2" },
	{ "PG_STATEMENT_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(pg_statement_timeout_ms),
	  "5000", 100, 60000,
	  "longest run, in ms, of a statement, its waits for row locks included" },
	{ "REDIS_HOST", CONFIG_TEXT, CONFIG_PLAIN, FIELD(redis_host), "127.0.0.1", 1, 255,
	  "host of the Redis that holds the seat locks" },
	{ "REDIS_PORT", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_port), "6379", 1, 65535,
	  "its port" },
	{ "REDIS_USER", CONFIG_TEXT, CONFIG_PLAIN, FIELD(redis_user), "", 0, 255,
	  "its ACL user; empty for the default user" },
	{ "REDIS_PASSWORD", CONFIG_TEXT, CONFIG_SECRET, FIELD(redis_password), "", 0, 255,
	  "its password; empty for none" },
	{ "REDIS_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_timeout_ms), "100", 1, 10000,
	  "longest wait, in ms, for an answer of Redis; then the batch goes on without locks" },
	{ "REDIS_RETRY_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_retry_ms), "1000", 0, 60000,
	  "pause, in ms, after a failure of Redis, in which batches go on without locks" },
	{ "LANES", CONFIG_INT, CONFIG_PLAIN, FIELD(lanes), "2", 1, WORKER_LANES_MAX,
	  "threads that consume, each with connections of its own; more than the partitions idle" },
	{ "BATCH_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(batch_max), "500", 1, LANE_BATCH_MAX,
	  "most messages settled by one transaction; over 500 adds latency, not throughput" },
	{ "LOCK_TTL_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(lock_ttl_ms), "30000", 100, 600000,
	  "time, in ms, after which a seat lock in Redis expires" },
	{ "LOCK_WAIT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(lock_wait_ms), "2000", 0, 60000,
	  "longest wait, in ms, for a seat locked by another partition; then on without" },
	{ "SWEEP_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(sweep_ms), "1000", 0, 3600000,
	  "pause, in ms, between looks for holds that ran out; 0: never, they then end when a "
	  "command meets them" },
};
/* clang-format on */

const struct config_program worker_program = {
	.name = "worker",
	.summary = "Takes booking commands from Kafka and settles them in PostgreSQL.",
	.keys = keys,
	.count = sizeof(keys) / sizeof(keys[0]),
};
