/*
 * command - one thing that is asked of a booking, as it stands on Kafka.
 *
 * Shape    JSON, lib/PROTOCOL.md "Commands". book and hold make a booking and name its event, user
 *          and seats; confirm, extend and cancel act on one that was made before, of which they
 *          know the id alone. block, unblock and cancel_event are an administrator's: each makes a
 *          booking of its own kind, which names what was asked and says what came of it. Content
 *          type, schema version, request id and traceparent are headers.
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
#define COMMAND_ADDRESS_BYTES_MAX 46 /* of an IPv6 address, and its NUL */
#define COMMAND_SCHEMA_VERSION "1"
#define COMMAND_CONTENT_TYPE "application/json"

/* Names of the Kafka headers. */
#define COMMAND_HEADER_CONTENT_TYPE "content-type"
#define COMMAND_HEADER_SCHEMA_VERSION "schema-version"
#define COMMAND_HEADER_REQUEST_ID "x-request-id"
#define COMMAND_HEADER_TRACEPARENT "traceparent"

/* Those that take seats, those that act on a booking, those of administrators. */
enum command_type {
	COMMAND_BOOK,
	COMMAND_HOLD,
	COMMAND_CONFIRM,
	COMMAND_EXTEND,
	COMMAND_CANCEL,
	COMMAND_BLOCK,
	COMMAND_UNBLOCK,
	COMMAND_CANCEL_EVENT,
	COMMAND_TYPE_COUNT,
};

struct command {
	enum command_type type;
	struct booking_id booking_id;
	int64_t requested_at_ms;
	char user_id[IDENT_BYTES_MAX]; /* "" only when !command_makes_booking: its owner is meant */
	char actor[IDENT_BYTES_MAX];   /* who asked for it, where that is not the user; else "" */
	char address[COMMAND_ADDRESS_BYTES_MAX]; /* from where; "" unknown */
	/* Of those that make a booking: */
	char event_id[IDENT_BYTES_MAX];
	unsigned seat_count; /* 1..COMMAND_SEATS_MAX, no seat twice; 0 for cancel_event */
	char seat_ids[COMMAND_SEATS_MAX][IDENT_BYTES_MAX];
	struct command_id idempotency_key; /* hash of user and key; "" when the client sent none */
	/* confirm, extend, cancel: */
	struct command_id id;
	char payment_reference[PAYMENT_REFERENCE_BYTES_MAX]; /* confirm; "" for none */
};

const char *command_type_name(enum command_type type);
bool command_type_parse(const char *text, enum command_type *ret);

/* What it makes is a booking that a user has. */
static inline bool command_takes_seats(enum command_type type)
{
	return type <= COMMAND_HOLD;
}

/* Its booking id is its own, else that of the booking it acts on. */
static inline bool command_makes_booking(enum command_type type)
{
	return type <= COMMAND_HOLD || type >= COMMAND_BLOCK;
}

static inline bool command_names_seats(enum command_type type)
{
	return command_makes_booking(type) && type != COMMAND_CANCEL_EVENT;
}

/* Appends the JSON value of the message. An address that is none is left out. */
void command_encode(const struct command *command, struct strbuf *out);

/* Reads the JSON value of a message; bytes need no NUL. */
err_code command_decode(const char *bytes, size_t len, struct command *ret,
			struct err *err) _must_check_;
