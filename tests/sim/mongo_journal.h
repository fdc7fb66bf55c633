/*
 * mongo_journal - what MongoDB has not on disk yet: a crash loses the latest of it, in the order
 * in which it was written.
 *
 * Owns     what the documents were before.
 */
#pragma once

#include "attr.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/* A document as it was before a write. */
struct undo {
	const char *collection;
	char id[64];
	bson_t *before; /* NULL: it was not there */
};

void mongo_journal_begin(void);
void mongo_journal_end(void);

/* The write is about to be made. */
void mongo_journal_note(const char *collection, const char *id, const bson_t *before);
/* All that was noted so far has this number, or a lower one. */
int64_t mongo_journal_last(void);
/* A crash would lose something. */
bool mongo_journal_is_open(void);
/* Up to this number all is on disk. */
void mongo_journal_flush(int64_t number);
/* A crash: the number of writes that are lost; the rest is on disk. */
int mongo_journal_lose(bool all);
/* Takes the latest back; before is the caller's. */
struct undo mongo_journal_pop(void);
