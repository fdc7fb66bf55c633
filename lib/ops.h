/*
 * ops - the private port of a program: /livez, /readyz, /metrics.
 *
 * /livez is 200 while the process runs; /readyz names each dependency with its state, and is 503
 * when one is down or while draining; /metrics is the Prometheus text format.
 * Threads  a check runs on the ops thread: it reads state that the program keeps, it does no I/O.
 */
#pragma once

#include "attr.h"
#include "config.h"
#include "err.h"
#include "metrics.h"

#include <stdbool.h>
#include <stddef.h>

#define OPS_CHECKS_MAX 8

struct ops_check {
	const char *name; /* "kafka" */
	bool (*is_up)(void *ctx);
	void *ctx;
};

struct ops;

/* `before_metrics` (may be NULL) runs before each render, to set gauges. Adds build and process
 * metrics (start time, resident bytes). */
err_code ops_open(const struct config_common *config, const char *service,
                  const struct ops_check *checks, size_t count, struct metrics *metrics,
                  void (*before_metrics)(void *ctx), void *ctx, struct ops **ret,
                  struct err *err) _must_check_;
/* /readyz says draining. */
void ops_drain(struct ops *ops);
void ops_close(struct ops *ops);
