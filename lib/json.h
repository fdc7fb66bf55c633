/*
 * json - strict reading of JSON that comes from outside, on top of jansson.
 *
 * Refuses duplicate keys, invalid UTF-8, NUL in strings, trailing bytes, nesting deeper than
 * JSON_DEPTH_MAX (checked before the parser recurses) and anything but an object at the top.
 * Errors   ERR_INVALID; err->text says what and where, without the sender's words, safe to show to
 *          the sender. ERR_UNAVAILABLE out of memory.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <jansson.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 8

/* json_t pointers clean up by _cleanup_(json_decrefp), which jansson declares itself. */

err_code json_parse_object(const char *bytes, size_t len, json_t **ret,
                           struct err *err) _must_check_;
