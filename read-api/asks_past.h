/*
 * asks_past - whether a client asks past all that is kept: it must see what was just done.
 *
 * Grammar  "no-cache", "no-store" or "max-age=0" anywhere in Cache-Control or Pragma, in any case.
 * Shape    a pure function of the two headers, each NULL when it was not sent.
 * Source   nginx/gateway.conf.template, $asks_past: what goes past the gateway goes past here.
 */
#pragma once

#include <stdbool.h>

bool asks_past(const char *cache_control, const char *pragma);
