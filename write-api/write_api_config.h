/*
 * write_api_config - what write-api takes from the environment.
 */
#pragma once

#include "auth.h"
#include "config.h"
#include "kafka_security.h"

struct write_api_config {
	struct config_common common;
	char http_host[CONFIG_TEXT_BYTES_MAX];
	int64_t http_port;
	int64_t http_threads;
	int64_t slow_ms;
	int64_t at_once_min;
	int64_t body_bytes_max;
	char kafka_brokers[CONFIG_TEXT_BYTES_MAX];
	struct kafka_security kafka_security;
	char kafka_topic[CONFIG_TEXT_BYTES_MAX];
	char kafka_dlq_topic[CONFIG_TEXT_BYTES_MAX];
	int64_t holds_per_user_max_default;
	int64_t kafka_linger_ms;
	int64_t kafka_in_flight_max;
	int64_t kafka_message_timeout_ms;
	int64_t ack_wait_ms;
	int64_t kafka_queue_messages_max;
	char booking_id_key[CONFIG_TEXT_BYTES_MAX];
	char redis_host[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_port;
	char redis_user[CONFIG_TEXT_BYTES_MAX];
	char redis_password[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_timeout_ms;
	int64_t redis_retry_ms;
	int64_t idempotency_ttl_s;
	struct auth_config auth;
	char pg_dsn[CONFIG_TEXT_BYTES_MAX];
	int64_t pg_connections_max;
	int64_t password_hashes_max;
	int64_t rate_bookings_per_min;
	int64_t rate_auth_per_min;
};

extern const struct config_program WRITE_API_PROGRAM;
