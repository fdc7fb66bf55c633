/*
 * command - one booking request as it stands on Kafka.
 *
 * Shape    JSON, lib/PROTOCOL.md "Commands": {"type","bookingId","eventId","seatIds":[..],"userId",
 *          "requestedAt"}; content type, schema version, request id and traceparent are headers.
 * Units    requested_at_ms: the producer's wall clock, for information only; PostgreSQL's decides.
 * Errors   command_decode: ERR_INVALID, err->text is the dead-letter reason; ERR_UNAVAILABLE out of
 *          memory.
 */
#pragma once

#include "booking_id.h"
#include "ident.h"
#include "strbuf.h"

#define COMMAND_SEATS_MAX 10
#define COMMAND_BYTES_MAX 4096
#define COMMAND_SCHEMA_VERSION "1"
#define COMMAND_CONTENT_TYPE "application/json"

/* Names of the Kafka headers. */
#define COMMAND_HEADER_CONTENT_TYPE "content-type"
#define COMMAND_HEADER_SCHEMA_VERSION "schema-version"
#define COMMAND_HEADER_REQUEST_ID "x-request-id"
#define COMMAND_HEADER_TRACEPARENT "traceparent"

enum command_type { COMMAND_BOOK, COMMAND_TYPE_COUNT };

struct command {
	enum command_type type;
	struct booking_id booking_id;
	char event_id[IDENT_BYTES_MAX];
	char user_id[IDENT_BYTES_MAX];
	unsigned seat_count; /* 1..COMMAND_SEATS_MAX, no seat twice */
	char seat_ids[COMMAND_SEATS_MAX][IDENT_BYTES_MAX];
	int64_t requested_at_ms;
};

const char *command_type_name(enum command_type type);

void command_encode(const struct command *command, struct strbuf *out);
err_code command_decode(const char *bytes, size_t len, struct command *ret,
                        struct err *err) _must_check_;
