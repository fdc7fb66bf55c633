/*
 * read_api_config - what read-api takes from the environment.
 */
#pragma once

#include "auth.h"
#include "config.h"

struct read_api_config {
	struct config_common common;
	char http_host[CONFIG_TEXT_BYTES_MAX];
	int64_t http_port;
	int64_t http_threads;
	int64_t wait_port;
	int64_t wait_poll_ms;
	int64_t waiters_max;
	char mongo_uri[CONFIG_TEXT_BYTES_MAX];
	char mongo_database[CONFIG_TEXT_BYTES_MAX];
	int64_t mongo_timeout_ms;
	int64_t answer_cache_bytes;
	int64_t answer_pause_ms_max;
	char booking_id_key[CONFIG_TEXT_BYTES_MAX];
	struct auth_config auth;
	int64_t rate_lists_per_min;
	char redis_host[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_port;
	char redis_user[CONFIG_TEXT_BYTES_MAX];
	char redis_password[CONFIG_TEXT_BYTES_MAX];
	int64_t redis_timeout_ms;
	int64_t redis_retry_ms;
};

extern const struct config_program READ_API_PROGRAM;
