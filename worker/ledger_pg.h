/*
 * ledger_pg - the ledger in PostgreSQL: two round trips and one fsync for a batch.
 *
 * Owns     nothing of the connection, which must outlive it; it is used by nobody else.
 * Threads  one lane.
 * Source   sql/, lib/PROTOCOL.md "The write model".
 */
#pragma once

#include "ledger.h"
#include "pg.h"

struct ledger_pg;

struct ledger_pg *ledger_pg_new(struct pg *pg);
void ledger_pg_free(struct ledger_pg *ledger);
struct ledger ledger_pg_ops(struct ledger_pg *ledger);
