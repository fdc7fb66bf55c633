/*
 * checker - says whether the promises are kept, of what it sees the servers hold; it never asks
 * the programs.
 *
 * Each transaction is read as it commits, by the reader of the unit tests (tests/unit/log_reader),
 * which decides every command anew for itself: in the order of the partition's messages (P5), each
 * once (P2, P6), all seats or none (P4), no seat twice (P1), no hold too long or too short (P8).
 * At rest nothing may be left over, the tables must be what the log says, and the documents what
 * the tables say (P7).
 * Errors   a violation.
 */
#pragma once

#include "postgres.h"

#include <bson/bson.h>

void checker_begin(void);
void checker_end(void);
/* A transaction is about to be seen by others. */
void checker_committed(const struct pending *pending, uint64_t xid);
/* A transaction has a partition, and is about to decide. */
void checker_owned(int partition, uint64_t xid);
/* An operator set a partition's progress back. */
void checker_rewound(int partition, int64_t to);

/* A lane says that all before is settled. */
void checker_reported(int partition, int64_t next_offset);

/* NULL: all messages are settled, and their outcomes are in the documents; otherwise what is
 * missing. */
const char *checker_awaits(void);
void checker_at_rest(void);

/* checker_documents.c */
void documents_begin(void);
/* MongoDB lost writes: until the log is read up to here again, maps may be behind. */
void documents_lost(void);
/* Of a booking that was written from the log: whoever reads it finds its seats in the map. filter
 * is NULL for an insert. */
void documents_written(const char *collection, const bson_t *filter, const bson_t *doc);
const char *documents_await(void);
void documents_at_rest(void);
/* Nothing of it is lost when MongoDB crashes now. */
void documents_last(void);
