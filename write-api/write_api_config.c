#include "write_api_config.h"

#include "pg_pool.h"
#include "rate_limit.h"

#define PORT_MAX       65535
#define KEY_HEX_DIGITS 64

#define FIELD(name) offsetof(struct write_api_config, name)

/* clang-format off */
static const struct config_key KEYS[] = {
	CONFIG_KEYS_COMMON(struct write_api_config, common, "9081", "15000"),
	{ "HTTP_HOST", CONFIG_TEXT, CONFIG_PLAIN, FIELD(http_host), "127.0.0.1", 1, 64,
	  "address to serve on; the gateway is the only client meant to reach it" },
	{ "HTTP_PORT", CONFIG_INT, CONFIG_PLAIN, FIELD(http_port), "8081", 1, PORT_MAX,
	  "port to serve on" },
	{ "HTTP_THREADS", CONFIG_INT, CONFIG_PLAIN, FIELD(http_threads), "320", 1, 1024,
	  "connections served at once, idle ones too: WRITES_MAX and the 64 the gateway keeps" },
	{ "SLOW_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(slow_ms), "1000", 0, 60000,
	  "a request that takes longer, in ms, lowers how many are worked on at once; one more is "
	  "refused; 0: never" },
	{ "AT_ONCE_MIN", CONFIG_INT, CONFIG_PLAIN, FIELD(at_once_min), "8", 1, 1024,
	  "requests worked on at once however slow" },
	{ "BODY_BYTES_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(body_bytes_max), "131072", 256,
	  1048576, "longest request body, in bytes; the gateway lets fewer of them through" },
	{ "KAFKA_BROKERS", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_brokers), "127.0.0.1:9092", 1,
	  CONFIG_TEXT_BYTES_MAX - 1, "Kafka bootstrap servers, host:port, comma-separated" },
	CONFIG_KEYS_KAFKA(struct write_api_config, kafka_security),
	{ "KAFKA_TOPIC", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_topic), "booking_requests", 1, 249,
	  "topic that commands go to" },
	{ "KAFKA_DLQ_TOPIC", CONFIG_TEXT, CONFIG_PLAIN, FIELD(kafka_dlq_topic),
	  "booking_requests.dlq", 1, 249,
	  "topic of messages that cannot be decoded, for administrators to see" },
	{ "KAFKA_LINGER_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(kafka_linger_ms), "1", 0, 1000,
	  "time, in ms, a message waits for others to share its batch" },
	{ "KAFKA_IN_FLIGHT_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(kafka_in_flight_max), "2", 1, 1000,
	  "requests to one broker at once; meanwhile messages gather for the next ones" },
	{ "KAFKA_MESSAGE_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(kafka_message_timeout_ms),
	  "1500", 100, 60000, "time, in ms, after which a message is given up" },
	{ "ACK_WAIT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(ack_wait_ms), "2500", 200, 120000,
	  "longest wait, in ms, for Kafka's acknowledgement; above KAFKA_MESSAGE_TIMEOUT_MS" },
	{ "KAFKA_QUEUE_MESSAGES_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(kafka_queue_messages_max),
	  "20000", 1, 1000000, "messages under way at once; one more is refused" },
	{ "BOOKING_ID_KEY", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED, FIELD(booking_id_key),
	  NULL, KEY_HEX_DIGITS, KEY_HEX_DIGITS,
	  "64 hexadecimal digits, the same as read-api's: marks the booking ids issued here" },
	{ "REDIS_HOST", CONFIG_TEXT, CONFIG_PLAIN, FIELD(redis_host), "127.0.0.1", 1, 253,
	  "Redis that remembers idempotency keys; bookings go on without it" },
	{ "REDIS_PORT", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_port), "6379", 1, PORT_MAX,
	  "its port" },
	{ "REDIS_USER", CONFIG_TEXT, CONFIG_PLAIN, FIELD(redis_user), "", 0, 128,
	  "its user; empty for none" },
	{ "REDIS_PASSWORD", CONFIG_TEXT, CONFIG_SECRET, FIELD(redis_password), "", 0, 256,
	  "its password; empty for none" },
	{ "REDIS_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_timeout_ms), "50", 1, 10000,
	  "longest wait, in ms, for each of its answers" },
	{ "REDIS_RETRY_MS", CONFIG_INT, CONFIG_PLAIN, FIELD(redis_retry_ms), "1000", 0, 60000,
	  "pause, in ms, after it failed" },
	{ "IDEMPOTENCY_TTL_S", CONFIG_INT, CONFIG_PLAIN, FIELD(idempotency_ttl_s), "86400", 1,
	  2592000, "time, in s, for which the request behind an idempotency key is remembered" },
	CONFIG_KEYS_AUTH(struct write_api_config, auth),
	{ "PG_DSN", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED, FIELD(pg_dsn), NULL, 1, 511,
	  "PostgreSQL connection string or URI, for accounts and administration" },
	{ "PG_CONNECTIONS_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(pg_connections_max), "4", 1,
	  PG_POOL_MAX, "connections to it at once, opened when they are needed" },
	{ "PASSWORD_HASHES_MAX", CONFIG_INT, CONFIG_PLAIN, FIELD(password_hashes_max), "2", 1, 64,
	  "passwords hashed or looked at at once, 64 MiB and some 50 ms of a core each" },
	{ "RATE_BOOKINGS_PER_MIN", CONFIG_INT, CONFIG_PLAIN, FIELD(rate_bookings_per_min), "0", 0,
	  RATE_QUOTA_MAX, "commands about bookings that one user may send in a minute; 0: any" },
	{ "HOLDS_PER_USER_MAX_DEFAULT", CONFIG_INT, CONFIG_PLAIN,
	  FIELD(holds_per_user_max_default), "20", 0, 100000,
	  "seats one user may hold at once in a new event that does not say; 0: any; in open mode "
	  "any" },
	{ "RATE_AUTH_PER_MIN", CONFIG_INT, CONFIG_PLAIN, FIELD(rate_auth_per_min), "0", 0,
	  RATE_QUOTA_MAX, "failed logins with one e-mail from one address in a minute; 0: any" },
};
/* clang-format on */

const struct config_program WRITE_API_PROGRAM = {
	.name = "write-api",
	.summary = "takes booking requests and answers 202 once Kafka has stored them",
	.keys = KEYS,
	.count = sizeof(KEYS) / sizeof(KEYS[0]),
};
