#include "mongo_journal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define UNDO_MAX 4096

static struct {
	struct undo items[UNDO_MAX];
	int count;
	int64_t flushed; /* the number of the last that is on disk */
} journal;

static void drop(int count)
{
	for (int i = 0; i < count; i++)
		bson_destroy(journal.items[i].before);
	memmove(journal.items, journal.items + count,
		(size_t)(journal.count - count) * sizeof(journal.items[0]));
	journal.count -= count;
	journal.flushed += count;
}

void mongo_journal_begin(void)
{
	journal.count = 0;
	journal.flushed = 0;
}

void mongo_journal_end(void)
{
	drop(journal.count);
}

void mongo_journal_note(const char *collection, const char *id, const bson_t *before)
{
	if (journal.count == UNDO_MAX)
		drop(UNDO_MAX / 2); /* The server writes it to disk sooner or later. */
	struct undo *const undo = &journal.items[journal.count++];
	undo->collection = collection;
	undo->before = before ? bson_copy(before) : NULL;
	const int len = snprintf(undo->id, sizeof(undo->id), "%s", id);
	assert(len > 0 && len < (int)sizeof(undo->id));
}

int64_t mongo_journal_last(void)
{
	return journal.flushed + journal.count;
}

bool mongo_journal_is_open(void)
{
	return journal.count > 0;
}

void mongo_journal_flush(int64_t number)
{
	if (number > journal.flushed)
		drop((int)(number - journal.flushed));
}

int mongo_journal_lose(bool all)
{
	const int lost = all ? journal.count : (int)below(journal.count + 1);

	drop(journal.count - lost);
	return lost;
}

struct undo mongo_journal_pop(void)
{
	assert(journal.count > 0);
	return journal.items[--journal.count];
}
