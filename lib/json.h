/*
 * json - strict reading of JSON that comes from outside, on top of jansson.
 *
 * Refuses duplicate keys, invalid UTF-8, NUL in strings, trailing bytes, nesting deeper than
 * JSON_DEPTH_MAX (checked before the parser recurses) and anything but an object at the top.
 * Errors   ERR_INVALID; err->text says what and where, safe to show to the sender.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <jansson.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 8

DEFINE_CLEANUP(json_t *, json_decref)

err_code json_parse_object(const char *bytes, size_t len, json_t **ret, struct err *err) _must_check_;
