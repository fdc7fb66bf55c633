/*
 * booking_request - what a client asks for, read from the request's body and headers. Pure.
 *
 * Grammar  {"userId","eventId","seatId"}: each an id (lib/ident.h) as a string, or an integer,
 *          which means its decimal text. Other members are ignored.
 * Errors   ERR_INVALID: not a JSON object; err->text is a sentence for the client.
 *          ERR_CONFLICT: a JSON object, but not a request; *ret_faults says what is wrong with each
 *          member. ERR_UNAVAILABLE: out of memory.
 * Source   API.md, "Conventions"; lib/PROTOCOL.md, "Ids" and "Booking ids".
 */
#pragma once

#include "attr.h"
#include "command.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOKING_FAULTS_MAX       4
#define BOOKING_FAULT_BYTES_MAX  96
#define GATEWAY_CLOCK_DIFF_MS_MAX 3600000

struct booking_fault {
	const char *field;
	char detail[BOOKING_FAULT_BYTES_MAX];
};

struct booking_faults {
	size_t count;
	struct booking_fault items[BOOKING_FAULTS_MAX];
};

/* Fills type, ids and seat; the booking id and the time are the caller's. */
err_code booking_request_parse(const char *body, size_t len, struct command *ret,
                               struct booking_faults *ret_faults, struct err *err) _must_check_;

/*
 * The gateway's name for one request, the same on each of its attempts: "<ms>-<request id>", ms in
 * Unix milliseconds or as nginx's $msec, "seconds.milliseconds". *ret_request_id points into text.
 * False: no such name, or a time so far from now_ms that it was not the gateway's.
 */
bool gateway_request_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
                           const char **ret_request_id);
