#include "read_api_config.h"

#define PORT_MAX       65535
#define KEY_HEX_DIGITS 64

/* clang-format off */
static const struct config_key KEYS[] = {
	CONFIG_KEYS_COMMON(struct read_api_config, common, "9082", "10000"),
	{ "HTTP_HOST", CONFIG_TEXT, CONFIG_PLAIN, offsetof(struct read_api_config, http_host),
	  "127.0.0.1", 1, 64,
	  "address to serve on; the gateway is the only client meant to reach it" },
	{ "HTTP_PORT", CONFIG_INT, CONFIG_PLAIN, offsetof(struct read_api_config, http_port),
	  "8082", 1, PORT_MAX, "port to serve on" },
	{ "HTTP_THREADS", CONFIG_INT, CONFIG_PLAIN, offsetof(struct read_api_config, http_threads),
	  "128", 1, 1024,
	  "connections served at once, idle ones too: READS_MAX and the 64 the gateway keeps" },
	{ "WAIT_PORT", CONFIG_INT, CONFIG_PLAIN, offsetof(struct read_api_config, wait_port),
	  "8083", 1, PORT_MAX, "port for requests that wait for an outcome (Prefer: wait)" },
	{ "WAITERS_MAX", CONFIG_INT, CONFIG_PLAIN, offsetof(struct read_api_config, waiters_max),
	  "128", 0, 1000, "requests that wait at once, a thread each; the rest do not wait" },
	{ "WAIT_POLL_MS", CONFIG_INT, CONFIG_PLAIN, offsetof(struct read_api_config, wait_poll_ms),
	  "10", 1, 1000, "how often, in ms, MongoDB is asked for outcomes while anyone waits" },
	{ "MONGO_URI", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED,
	  offsetof(struct read_api_config, mongo_uri),
	  NULL, 10, CONFIG_TEXT_BYTES_MAX - 1, "MongoDB connection string" },
	{ "MONGO_DATABASE", CONFIG_TEXT, CONFIG_PLAIN,
	  offsetof(struct read_api_config, mongo_database),
	  "seatline", 1, 63, "database of the read model" },
	{ "MONGO_TIMEOUT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct read_api_config, mongo_timeout_ms),
	  "1500", 100, 60000,
	  "longest wait, in ms, for MongoDB to be found, and for each of its answers" },
	{ "ANSWER_CACHE_BYTES", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct read_api_config, answer_cache_bytes),
	  "67108864", 0, INT64_C(1) << 40,
	  "memory for seat maps and lists that are ready to be sent" },
	{ "ANSWER_PAUSE_MS_MAX", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct read_api_config, answer_pause_ms_max),
	  "25", 0, 60,
	  "longest time, in ms, that a map is sent after a change, before it is made anew" },
	{ "BOOKING_ID_KEY", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED,
	  offsetof(struct read_api_config, booking_id_key),
	  NULL, KEY_HEX_DIGITS, KEY_HEX_DIGITS,
	  "64 hexadecimal digits, as write-api has: tells issued booking ids from made-up ones" },
	CONFIG_KEYS_AUTH(struct read_api_config, auth),
};
/* clang-format on */

const struct config_program READ_API_PROGRAM = {
	.name = "read-api",
	.summary = "answers seat maps, event lists and booking outcomes from MongoDB",
	.keys = KEYS,
	.count = sizeof(KEYS) / sizeof(KEYS[0]),
};
