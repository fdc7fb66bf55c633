/* projector_config - the projector's environment variables. */
#pragma once

#include "config.h"
#include "kafka_security.h"
#include "mongo.h"
#include "pg.h"

struct projector_config {
	struct config_common common;
	char pg_dsn[CONFIG_TEXT_BYTES_MAX];
	int64_t pg_connect_timeout_ms;
	int64_t pg_statement_timeout_ms;
	char mongo_uri[CONFIG_TEXT_BYTES_MAX];
	char mongo_database[CONFIG_TEXT_BYTES_MAX];
	int64_t mongo_timeout_ms;
	int64_t poll_ms;
	int64_t batch_max;
	int64_t events_check_ms;
	char live_url[CONFIG_TEXT_BYTES_MAX];
	int64_t live_timeout_ms;
	char kafka_brokers[CONFIG_TEXT_BYTES_MAX];
	struct kafka_security kafka_security;
	char events_topic[CONFIG_TEXT_BYTES_MAX];
	int64_t events_batch_max;
	int64_t kafka_message_timeout_ms;
	int64_t verify_wait_ms;
};

extern const struct config_program PROJECTOR_PROGRAM;

/* The texts stay where they are, in config. */
struct mongo_config projector_mongo_config(const struct projector_config *config, const char *name,
					   int64_t clients_max);
struct pg_config projector_pg_config(const struct projector_config *config, const char *name);
