/*
 * routes - what write-api answers to, and what its handlers share.
 */
#pragma once

#include "auth.h"
#include "booking_id.h"
#include "command.h"
#include "dead_letter_reader.h"
#include "http.h"
#include "idempotency.h"
#include "kafka.h"
#include "login_limit.h"
#include "metrics.h"
#include "password.h"
#include "pg_pool.h"
#include "rate_limit.h"

#include <stddef.h>

enum refusal {
	REFUSAL_MALFORMED,
	REFUSAL_INVALID,
	REFUSAL_FORBIDDEN,
	REFUSAL_NOT_FOUND,
	REFUSAL_CONFLICT,
	REFUSAL_KEY_REUSED,
	REFUSAL_UNAVAILABLE,
	REFUSAL_INTERNAL,
	REFUSAL_COUNT,
};

enum login { LOGIN_ACCEPTED, LOGIN_REFUSED, LOGIN_LIMITED, LOGIN_UNAVAILABLE, LOGIN_COUNT };

/* The handlers' ctx. */
struct write_api {
	struct kafka_producer *producer;
	struct idempotency *idempotency;
	struct booking_id_key key;
	struct auth *auth;
	struct pg_pool *pg_pool; /* for accounts and administration; bookings do without */
	struct passwords *passwords;
	struct rate_limit *limits;
	struct rate_policy rate_bookings; /* of each user's commands about bookings */
	struct login_limit login_limit;
	struct dead_letter_reader *dead_letters;
	int64_t holds_per_user_max; /* of new events that do not say; 0: none */
	struct metric *logins[LOGIN_COUNT];
	struct metric *accepted[COMMAND_TYPE_COUNT];
	struct metric *refused[REFUSAL_COUNT];
	struct metric *publish_seconds;
};

extern const struct http_route WRITE_API_ROUTES[];
extern const size_t WRITE_API_ROUTES_COUNT;

/* Fills the metrics of the struct. */
void write_api_add_metrics(struct write_api *api, struct metrics *metrics);
