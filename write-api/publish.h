/*
 * publish - a command becomes a message that Kafka has acknowledged.
 *
 * Shape    lib/PROTOCOL.md, "Commands": partition from the booking id; key = event id, or the
 *          booking id where the command does not know the event.
 * Errors   ERR_UNAVAILABLE: not known to be stored; *ret_maybe_stored tells whether it may be all
 *          the same. ERR_INTERNAL: Kafka will never take this message.
 */
#pragma once

#include "attr.h"
#include "command.h"
#include "err.h"
#include "kafka.h"

#include <stdbool.h>

/* request_id and traceparent travel as headers; "" leaves one out. */
err_code publish_command(struct kafka_producer *producer, const struct command *command,
                         const char *request_id, const char *traceparent, bool *ret_maybe_stored,
                         struct err *err) _must_check_;
