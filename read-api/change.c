#include "change.h"

#include "document.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_DIGITS_MAX 9

bool change_open_batch(const bson_t *reply, int64_t *ret_cursor_id, bson_iter_t *ret_batch)
{
	bson_t cursor;
	bson_iter_t batch;

	if (!document_sub(reply, "cursor", &cursor) ||
	    (!bson_iter_init_find(&batch, &cursor, "nextBatch") &&
	     !bson_iter_init_find(&batch, &cursor, "firstBatch")) ||
	    !BSON_ITER_HOLDS_ARRAY(&batch) || !bson_iter_recurse(&batch, ret_batch))
		return false;

	*ret_cursor_id = document_int(&cursor, "id");
	return true;
}

size_t change_count(const bson_t *reply)
{
	int64_t cursor_id = 0;
	bson_iter_t batch;
	size_t count = 0;

	if (change_open_batch(reply, &cursor_id, &batch))
		while (bson_iter_next(&batch))
			count++;
	return count;
}

static bool set_event(struct change *change, enum change_kind kind, const char *id, size_t len)
{
	if (!ident_is_valid(id, len))
		return false;
	change->kind = kind;
	(void)snprintf(change->event_id, sizeof(change->event_id), "%.*s", (int)len, id);
	return true;
}

/* "<event>/<block>" */
static bool set_block(struct change *change, const char *id)
{
	const char *const slash = strrchr(id, '/');
	int64_t block = 0;

	if (!slash || strlen(slash + 1) > BLOCK_DIGITS_MAX || !slash[1] ||
	    slash[1 + strspn(slash + 1, "0123456789")])
		return false;
	for (const char *c = slash + 1; *c; c++)
		block = block * 10 + *c - '0';
	change->block = block;
	return set_event(change, CHANGE_OF_BLOCK, id, (size_t)(slash - id));
}

static bool is_count(const char *field)
{
	return strcmp(field, "version") == 0 || strcmp(field, "counts") == 0 ||
	       strncmp(field, "counts.", strlen("counts.")) == 0;
}

/* An update of nothing but what the map's blocks add up to. */
static bool is_of_counts(const bson_t *entry, const char *operation)
{
	bson_t update, fields;
	bson_iter_t iter, removed;

	if (strcmp(operation, "update") != 0 ||
	    !document_sub(entry, "updateDescription", &update) ||
	    !document_sub(&update, "updatedFields", &fields))
		return false;
	if (bson_iter_init_find(&iter, &update, "removedFields") &&
	    bson_iter_recurse(&iter, &removed) && bson_iter_next(&removed))
		return false;
	if (!bson_iter_init(&iter, &fields))
		return false;
	while (bson_iter_next(&iter))
		if (!is_count(bson_iter_key(&iter)))
			return false;
	return true;
}

static bool read_known(const bson_t *entry, struct change *ret)
{
	static const char *const operations[] = { "insert", "update", "replace", "delete" };
	bson_t ns, key;
	size_t len = 0;

	if (!document_sub(entry, "ns", &ns) || !document_sub(entry, "documentKey", &key))
		return false;

	const char *const operation = document_text(entry, "operationType", &len);
	const char *const collection = document_text(&ns, "coll", &len);
	const char *const id = document_text(&key, "_id", &len);
	bool known = false;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		known |= operation && strcmp(operation, operations[i]) == 0;
	if (!known || !collection || !id || strlen(id) != len)
		return false;
	if (strcmp(collection, CHANGE_SEAT_MAPS) == 0)
		return set_block(ret, id);
	if (strcmp(collection, CHANGE_EVENTS) == 0)
		return set_event(
			ret, is_of_counts(entry, operation) ? CHANGE_OF_COUNTS : CHANGE_OF_EVENT,
			id, len);
	return false;
}

void change_read(const bson_iter_t *entry, struct change *ret)
{
	bson_t document;

	*ret = (struct change){ .kind = CHANGE_OF_ALL };
	if (document_iter_sub(entry, &document) && !read_known(&document, ret))
		*ret = (struct change){ .kind = CHANGE_OF_ALL };
}
