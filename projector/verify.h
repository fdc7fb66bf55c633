/*
 * verify - compares the read model with PostgreSQL, document by document and field by field.
 *
 * Both are read in the order of their ids, PostgreSQL at one moment, with bounded memory. Every
 * difference is one line on `out`:
 *
 *   <collection> <id> <field>: postgresql <value>, mongodb <value>
 *
 * and the last line is "verify: N events, N seats, N bookings compared, N differences".
 * Errors   ERR_UNAVAILABLE: the log was not folded in within wait_ms, or a server is away.
 */
#pragma once

#include "mongo.h"
#include "pg.h"

#include <stdio.h>

struct verify_result {
	int64_t events;
	int64_t seats;
	int64_t bookings;
	int64_t differences;
};

err_code verify_run(struct pg *pg, struct mongo *mongo, int64_t wait_ms, FILE *out,
                    struct verify_result *ret, struct err *err) _must_check_;
