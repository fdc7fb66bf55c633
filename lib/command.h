/*
 * command - one thing that is asked of a booking, as it stands on Kafka.
 *
 * Shape    JSON, lib/PROTOCOL.md "Commands". book and hold make a booking and name its event, user
 *          and seats; confirm, extend and cancel act on one that was made before, of which they
 *          know the id alone. Content type, schema version, request id and traceparent are headers.
 * Units    requested_at_ms: the producer's wall clock, for information only; PostgreSQL's decides.
 * Errors   command_decode: ERR_INVALID, err->text is the dead-letter reason; ERR_UNAVAILABLE out of
 *          memory.
 */
#pragma once

#include "booking_id.h"
#include "command_id.h"
#include "ident.h"
#include "strbuf.h"

#include <stdbool.h>

#define COMMAND_SEATS_MAX 10
#define COMMAND_BYTES_MAX 4096
#define COMMAND_SCHEMA_VERSION "1"
#define COMMAND_CONTENT_TYPE "application/json"

/* Names of the Kafka headers. */
#define COMMAND_HEADER_CONTENT_TYPE "content-type"
#define COMMAND_HEADER_SCHEMA_VERSION "schema-version"
#define COMMAND_HEADER_REQUEST_ID "x-request-id"
#define COMMAND_HEADER_TRACEPARENT "traceparent"

/* Those that make a booking come first. */
enum command_type {
	COMMAND_BOOK,
	COMMAND_HOLD,
	COMMAND_CONFIRM,
	COMMAND_EXTEND,
	COMMAND_CANCEL,
	COMMAND_TYPE_COUNT,
};

struct command {
	enum command_type type;
	struct booking_id booking_id;
	int64_t requested_at_ms;
	char user_id[IDENT_BYTES_MAX]; /* "" only when !command_makes_booking: its owner is meant */
	/* book, hold: */
	char event_id[IDENT_BYTES_MAX];
	unsigned seat_count; /* 1..COMMAND_SEATS_MAX, no seat twice */
	char seat_ids[COMMAND_SEATS_MAX][IDENT_BYTES_MAX];
	struct command_id idempotency_key; /* hash of user and key; "" when the client sent none */
	/* confirm, extend, cancel: */
	struct command_id id;
	char payment_reference[PAYMENT_REFERENCE_BYTES_MAX]; /* confirm; "" for none */
};

const char *command_type_name(enum command_type type);
bool command_type_parse(const char *text, enum command_type *ret);

static inline bool command_makes_booking(enum command_type type)
{
	return type <= COMMAND_HOLD;
}

/* Appends the JSON value of the message. */
void command_encode(const struct command *command, struct strbuf *out);

/* Reads the JSON value of a message; bytes need no NUL. */
err_code command_decode(const char *bytes, size_t len, struct command *ret,
			struct err *err) _must_check_;
