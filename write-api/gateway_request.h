/*
 * gateway_request - the gateway's name for one request, the same on each of its attempts. Pure.
 *
 * Grammar  "<ms>-<request id>", ms in Unix milliseconds or as nginx's $msec,
 *          "seconds.milliseconds".
 * Source   lib/PROTOCOL.md, "Booking ids".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GATEWAY_REQUEST_HEADER    "Seatline-Request"
#define GATEWAY_CLOCK_DIFF_MS_MAX 3600000

/*
 * *ret_request_id points into text. False: no such name, or a time so far from now_ms that it was
 * not the gateway's. text NULL: not sent.
 */
bool gateway_request_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
			   const char **ret_request_id);
