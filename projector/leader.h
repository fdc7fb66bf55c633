/*
 * leader - which of several projectors is the active one.
 *
 * An advisory lock held by the very session that reads the log: who reads, leads, and a projector
 * that loses its session has stopped leading with the next statement, without having to ask.
 * Each duty has a lock of its own: they may be led by different projectors.
 */
#pragma once

#include "pg.h"

#include <stdbool.h>

enum leader_duty {
	LEADER_READ_MODEL, /* writes MongoDB         */
	LEADER_OUTBOX,     /* tells the log to Kafka */
	LEADER_DUTY_COUNT,
};

/* Once a connection: has the server notice soon that this client is gone. */
err_code leader_prepare(struct pg *pg, struct err *err) _must_check_;

/* Tries once. */
err_code leader_try(struct pg *pg, enum leader_duty duty, bool *ret_leads,
                    struct err *err) _must_check_;

/* Ends the session of whoever leads and tries, for up to timeout_ms. ERR_UNAVAILABLE: in vain. */
err_code leader_take_over(struct pg *pg, enum leader_duty duty, int64_t timeout_ms,
                          struct err *err) _must_check_;
