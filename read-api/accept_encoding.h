/*
 * accept_encoding - may an answer be sent gzipped to this client?
 *
 * Grammar  RFC 9110, sections 12.4.2 and 12.5.3: codings with weights, empty members allowed. What
 *          is outside the grammar asks for nothing.
 * Shape    gzip and x-gzip are one; "*" stands for gzip when it is not named. Of gzip and identity,
 *          both named, the heavier one is wanted; at equal weights gzip.
 * Threads  any; no state.
 */
#pragma once

#include <stdbool.h>

/* value: the header's, or NULL when it was not sent. */
bool accept_encoding_gzip(const char *value);
