#include "block_state.h"

#include "documents.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES_MAX 32 /* "seats.999.booking_id" and its NUL */

void map_sums_add(struct map_sums *a, const struct map_sums *b, int sign)
{
	a->version += sign * b->version;
	for (int i = 0; i < SEAT_STATUS_COUNT; i++)
		a->counts[i] += sign * b->counts[i];
}

static bool read_seat(bson_iter_t *seat, struct block_state *block, int32_t index)
{
	bson_iter_t fields;
	int64_t version = -1;
	enum seat_status status = SEAT_STATUS_COUNT;

	if (!bson_iter_recurse(seat, &fields))
		return false;
	while (bson_iter_next(&fields)) {
		const char *const key = bson_iter_key(&fields);
		if (strcmp(key, "status") == 0 && BSON_ITER_HOLDS_UTF8(&fields))
			status = seat_status_parse(bson_iter_utf8(&fields, NULL));
		else if (strcmp(key, "version") == 0)
			version = bson_iter_as_int64(&fields);
	}
	if (status == SEAT_STATUS_COUNT || version < 0)
		return false;

	block->versions[index] = version;
	block->statuses[index] = (uint8_t)status;
	block->sums.counts[status]++;
	return true;
}

bool block_state_read(const bson_t *doc, struct block_state *ret)
{
	bson_iter_t iter;
	bson_iter_t seats;

	*ret = (struct block_state){ 0 };
	if (!bson_iter_init_find(&iter, doc, "version"))
		return false;
	ret->sums.version = bson_iter_as_int64(&iter);

	if (!bson_iter_init_find(&iter, doc, "seats") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
	    !bson_iter_recurse(&iter, &seats))
		return false;
	while (bson_iter_next(&seats)) {
		if (ret->seat_count == BLOCK_SEATS)
			return false;
		ret->statuses[ret->seat_count] = SEAT_STATUS_COUNT;
		if (BSON_ITER_HOLDS_DOCUMENT(&seats) && !read_seat(&seats, ret, ret->seat_count))
			return false;
		ret->seat_count++;
	}
	return true;
}

static bool has_seat(const struct block_state *block, int32_t index)
{
	return index < block->seat_count && block->statuses[index] != SEAT_STATUS_COUNT;
}

bool block_state_has_seats(const struct block_state *block, const struct seat_change *changes,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!has_seat(block, changes[i].index))
			return false;
	return true;
}

size_t block_state_plan(const struct block_state *block, const struct seat_change *changes,
			size_t count, struct seat_move *moves, struct map_sums *ret_growth)
{
	size_t moved = 0;

	*ret_growth = (struct map_sums){ 0 };
	for (size_t i = 0; i < count; i++) {
		const struct seat_change *const change = &changes[i];
		moves[i] = (struct seat_move){ 0 };
		if (!has_seat(block, change->index) ||
		    change->version <= block->versions[change->index])
			continue;

		moves[i] = (struct seat_move){
			.moved = true,
			.from = (enum seat_status)block->statuses[change->index],
			.from_version = block->versions[change->index],
		};
		ret_growth->version += change->version - moves[i].from_version;
		ret_growth->counts[moves[i].from]--;
		ret_growth->counts[change->status]++;
		moved++;
	}
	return moved;
}

static const char *path(char buf[static PATH_BYTES_MAX], int32_t index, const char *field)
{
	(void)snprintf(buf, PATH_BYTES_MAX, "seats.%d.%s", index, field);
	return buf;
}

static void append_id(bson_t *doc, const char *name, const char *id)
{
	if (id)
		BSON_APPEND_UTF8(doc, name, id);
	else
		BSON_APPEND_NULL(doc, name);
}

static void append_move(bson_t *set, const struct seat_change *change)
{
	char buf[PATH_BYTES_MAX];

	BSON_APPEND_UTF8(set, path(buf, change->index, "status"), seat_status_name(change->status));
	append_id(set, path(buf, change->index, "user_id"), change->user_id);
	append_id(set, path(buf, change->index, "booking_id"), change->booking_id);
	BSON_APPEND_INT64(set, path(buf, change->index, "version"), change->version);
}

bson_t *block_state_update(const struct block_state *block, const struct seat_change *changes,
			   const struct seat_move *moves, size_t count,
			   const struct map_sums *growth)
{
	struct map_sums sums = block->sums;
	map_sums_add(&sums, growth, 1);

	bson_t *const update = bson_new();
	bson_t set;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	BSON_APPEND_INT64(&set, "version", sums.version);
	document_append_counts(&set, sums.counts);
	for (size_t i = 0; i < count; i++)
		if (moves[i].moved)
			append_move(&set, &changes[i]);
	bson_append_document_end(update, &set);
	return update;
}

void block_state_settle(struct block_state *block, const struct seat_change *changes,
			const struct seat_move *moves, size_t count, const struct map_sums *growth)
{
	map_sums_add(&block->sums, growth, 1);
	for (size_t i = 0; i < count; i++) {
		if (!moves[i].moved)
			continue;
		assert(changes[i].version > block->versions[changes[i].index]);
		block->versions[changes[i].index] = changes[i].version;
		block->statuses[changes[i].index] = (uint8_t)changes[i].status;
	}
}
