/* worker_config - the worker's configuration; the table in worker_config.c says what each means. */
#pragma once

#include "config.h"
#include "kafka_security.h"

struct worker_config {
	struct config_common common;
	char kafka_brokers[CONFIG_TEXT_BYTES_MAX];
	struct kafka_security kafka_security;
	char kafka_topic[CONFIG_TEXT_BYTES_MAX];
	char kafka_dlq_topic[CONFIG_TEXT_BYTES_MAX];
	char kafka_group[CONFIG_TEXT_BYTES_MAX];
	int64_t kafka_session_timeout_ms;
	char pg_dsn[CONFIG_TEXT_BYTES_MAX];
	int64_t pg_connect_timeout_ms;
	int64_t pg_statement_timeout_ms;
	char redis_host[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_port;
	char redis_user[CONFIG_TEXT_BYTES_MAX];
	char redis_password[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_timeout_ms;
	int64_t redis_retry_ms;
	int64_t lanes;
	int64_t batch_max;
	int64_t lock_ttl_ms;
	int64_t lock_wait_ms;
	int64_t sweep_ms;
};

#define WORKER_LANES_MAX 64

extern const struct config_program worker_program;
