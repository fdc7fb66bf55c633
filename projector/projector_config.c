#include "projector_config.h"

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
	{ "VERIFY_WAIT_MS", CONFIG_INT, CONFIG_PLAIN,
	  offsetof(struct projector_config, verify_wait_ms),
	  "10000", 0, 600000, "--verify: longest wait, in ms, for the log to be folded in" },
};
/* clang-format on */

const struct config_program PROJECTOR_PROGRAM = {
	.name = "projector",
	.summary = "folds PostgreSQL's booking log into MongoDB and tells the live channel",
	.keys = KEYS,
	.count = sizeof(KEYS) / sizeof(KEYS[0]),
};
