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
#include <stddef.h>
#include <stdint.h>

/* request_id and traceparent travel as headers; "" leaves one out. */
err_code publish_command(struct kafka_producer *producer, const struct command *command,
                         const char *request_id, const char *traceparent, bool *ret_maybe_stored,
                         struct err *err) _must_check_;

/* All of them, or ERR_UNAVAILABLE: then some may be stored. count is at least 1. */
err_code publish_commands(struct kafka_producer *producer, const struct command *commands,
                          size_t count, const char *request_id, const char *traceparent,
                          struct err *err) _must_check_;

/* The partition of a booking. */
err_code publish_partition(struct kafka_producer *producer, const struct booking_id *booking_id,
                           int32_t *ret, struct err *err) _must_check_;
