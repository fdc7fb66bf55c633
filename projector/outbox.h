/*
 * outbox - tells the booking log to Kafka, for whoever wants to react to bookings.
 *
 * It follows the log beside the read model, on a connection of its own: neither waits for the
 * other's server. While maps have a backlog the outbox leaves them the processors and PostgreSQL,
 * and tells a batch each OUTBOX_GIVE_WAY_MS_MAX. Of several, the one that holds the lock is
 * active; the others look once a second whether it is free. A turn sends a batch, waits until
 * Kafka has acknowledged all of it, and then moves the position in PostgreSQL: a crash in between
 * sends the batch again.
 * Order    a row is sent once all earlier rows of its booking are acknowledged, so whatever is
 *          repeated, the first of each come in order.
 * Threads  outbox_run and outbox_turn belong to one thread; outbox_stop and outbox_is_active may
 *          come from any.
 * Source   lib/PROTOCOL.md, "Booking events (Kafka)".
 */
#pragma once

#include "err.h"
#include "metrics.h"
#include "projector_config.h"

#include <stdbool.h>

#define OUTBOX_OFF             "off" /* the topic that means: nowhere */
#define OUTBOX_GIVE_WAY_MS_MAX 2000

struct outbox;

/* Does not connect. config must outlive it. */
err_code outbox_open(const struct projector_config *config, struct metrics *metrics,
                     struct outbox **ret, struct err *err) _must_check_;
void outbox_close(struct outbox *outbox);

/* Before outbox_run: is_behind says whether maps have a backlog, asked from outbox_run's thread. */
void outbox_give_way_to(struct outbox *outbox, bool (*is_behind)(void *ctx), void *ctx);

/* Turns until outbox_stop. ERR_INTERNAL: it cannot go on. */
err_code outbox_run(struct outbox *outbox, struct err *err) _must_check_;
void outbox_stop(struct outbox *outbox);

/* One turn: at most a batch. *ret_wait_ms: how long nothing is to be done; 0: there may be more. */
err_code outbox_turn(struct outbox *outbox, int64_t *ret_wait_ms, struct err *err) _must_check_;

/* It holds the lock and knows where to go on. */
bool outbox_is_active(const struct outbox *outbox);
