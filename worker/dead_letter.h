/*
 * dead_letter - where messages go that cannot be decoded.
 *
 * Shape    an interface: dead_letter_kafka in service, memory in tests and simulations.
 * Errors   ERR_UNAVAILABLE: not all are known to be stored; the caller sends all again. So a letter
 *          may be stored twice; its source partition and offset identify it.
 *
 * Source   lib/PROTOCOL.md, "Commands".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "source.h"

struct dead_letter {
	const struct source_message *message;
	const char *reason;
};

struct dead_letter_ops {
	err_code (*send)(void *ctx, const struct partition_name *from,
			 const struct dead_letter *letters, size_t count, struct err *err);
};

struct dead_letter_box {
	const struct dead_letter_ops *ops;
	void *ctx;
};
