#include "store.h"

#include "bulk.h"
#include "documents.h"
#include "durable.h"
#include "recent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block's document is some 200 kB, so a bulk reads and writes some 25 MB at most. */
#define BULK_BLOCKS_MAX 128
/* Compare-and-swaps are lost to a projector that is about to notice that it is not the active one.
 */
#define SWAP_TRIES_MAX 5

_Static_assert(BULK_BLOCKS_MAX < STORE_BLOCKS_MAX, "the blocks of one bulk are all remembered");

struct store {
	struct mongo *mongo;
	struct recent *blocks; /* by block id: struct block_state */
	struct recent *events; /* by event id: struct map_sums    */
	bool is_unsure;        /* earlier writes of this batch may have happened already */
	bool has_life;
	struct durable_life life; /* in which all was written that is not on disk */
};

/* One bulk of blocks of a fold, and what is planned for each. */
struct swap {
	const struct fold *fold;
	size_t first;
	size_t count;
	struct map_sums growth[BULK_BLOCKS_MAX];
	size_t moved[BULK_BLOCKS_MAX];
};

struct store *store_new(struct mongo *mongo)
{
	struct store *const store = calloc(1, sizeof(*store));
	assert(store);
	store->mongo = mongo;
	store->blocks = recent_new(sizeof(struct block_state), STORE_BLOCKS_MAX);
	store->events = recent_new(sizeof(struct map_sums), STORE_EVENTS_MAX);
	store->is_unsure = true;
	return store;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	recent_free(store->blocks);
	recent_free(store->events);
	free(store);
}

void store_forget(struct store *store)
{
	recent_clear(store->blocks);
	recent_clear(store->events);
	store->is_unsure = true;
	store->has_life = false;
}

void store_result_init(struct store_result *result, const struct fold *fold)
{
	*result = (struct store_result){ 0 };
	result->seats = calloc(fold->seat_count + 1, sizeof(*result->seats));
	result->events = calloc(fold->event_count + 1, sizeof(*result->events));
	assert(result->seats && result->events);
	for (size_t i = 0; i < fold->event_count; i++)
		result->events[i].is_exact = true;
}

void store_result_done(struct store_result *result)
{
	free(result->seats);
	free(result->events);
	*result = (struct store_result){ 0 };
}

static err_code create_index(struct mongo *mongo, const char *collection, const char *name,
			     const bson_t *key, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *command =
		BCON_NEW("createIndexes", BCON_UTF8(collection), "indexes", "[", "{", "key",
			 BCON_DOCUMENT(key), "name", BCON_UTF8(name), "}", "]");
	bson_error_t error;

	if (!mongoc_collection_command_simple(docs, command, NULL, NULL, &error))
		return mongo_err(&error, "create the indexes", err);
	return ERR_OK;
}

err_code store_ensure_indexes(struct mongo *mongo, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *maps =
		BCON_NEW("event_id", BCON_INT32(1), "block", BCON_INT32(1));
	_cleanup_(bson_destroyp) bson_t *bookings = BCON_NEW(
		"user_id", BCON_INT32(1), "requested_at", BCON_INT32(-1), "_id", BCON_INT32(-1));

	err_code code = create_index(mongo, DOCUMENTS_SEAT_MAPS, "event_id_block", maps, err);
	if (code == ERR_OK)
		code = create_index(mongo, DOCUMENTS_BOOKINGS, "user_id_requested_at", bookings,
				    err);
	return code;
}

/* ---- Blocks ---- */

static const struct block_change *block_at(const struct swap *swap, size_t i)
{
	return &swap->fold->blocks[swap->first + i];
}

static struct block_state *remembered(struct store *store, const struct block_change *block)
{
	char id[BLOCK_ID_BYTES_MAX];

	document_block_id(block->event_id, block->block, id);
	return recent_find(store->blocks, id);
}

/* The ids of the swap's blocks that are not remembered: a filter, or NULL when all are. */
static bson_t *missing_filter(struct store *store, const struct swap *swap)
{
	bson_t *const filter = bson_new();
	bson_t in;
	bson_t ids;
	uint32_t count = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (size_t i = 0; i < swap->count; i++) {
		char id[BLOCK_ID_BYTES_MAX];
		char buf[16];
		const char *key = NULL;

		document_block_id(block_at(swap, i)->event_id, block_at(swap, i)->block, id);
		if (recent_find(store->blocks, id))
			continue;
		bson_uint32_to_string(count++, &key, buf, sizeof(buf));
		BSON_APPEND_UTF8(&ids, key, id);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);
	if (count > 0)
		return filter;
	bson_destroy(filter);
	return NULL;
}

static void remember_block(struct store *store, const bson_t *doc)
{
	bson_iter_t iter;
	_cleanup_free_ struct block_state *block = malloc(sizeof(*block));
	assert(block);

	/* What cannot be read counts as missing, and is written anew from PostgreSQL. */
	if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&iter) ||
	    !block_state_read(doc, block))
		return;
	memcpy(recent_add(store->blocks, bson_iter_utf8(&iter, NULL)), block, sizeof(*block));
}

static err_code load_blocks(struct store *store, const struct swap *swap, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *filter = missing_filter(store, swap);
	if (!filter)
		return ERR_OK;

	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(store->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *maps =
		mongo_collection(&client, DOCUMENTS_SEAT_MAPS);
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(maps, filter, NULL, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	while (mongoc_cursor_next(cursor, &doc))
		remember_block(store, doc);
	return mongoc_cursor_error(cursor, &error) ? mongo_err(&error, "read blocks", err) : ERR_OK;
}

static err_code add_swap(struct bulk *bulk, const struct block_change *change,
			 const struct block_state *block, const bson_t *update, struct err *err)
{
	char id[BLOCK_ID_BYTES_MAX];

	document_block_id(change->event_id, change->block, id);
	_cleanup_(bson_destroyp) bson_t *filter =
		BCON_NEW("_id", BCON_UTF8(id), "version", BCON_INT64(block->sums.version));
	return bulk_update(bulk, filter, update, false, err);
}

static err_code missing(struct store_result *result, const struct block_change *change,
			struct err *err)
{
	(void)snprintf(result->missing_event, sizeof(result->missing_event), "%s",
		       change->event_id);
	return err_set(err, ERR_NOT_FOUND, "the map of event '%s' lacks a seat of block %d",
		       change->event_id, change->block);
}

static err_code plan_block(struct store *store, struct swap *swap, size_t i, struct bulk *bulk,
			   struct store_result *result, struct err *err)
{
	const struct block_change *const change = block_at(swap, i);
	const struct seat_change *const seats = &swap->fold->seats[change->first];
	struct seat_move *const moves = &result->seats[change->first];
	const struct block_state *const block = remembered(store, change);

	swap->moved[i] = 0;
	const bool is_whole = block && block_state_has_seats(block, seats, change->count);
	if (!is_whole && !result->skips_missing)
		return missing(result, change, err);
	if (!is_whole)
		result->blocks_skipped++;
	if (!block)
		return ERR_OK;

	swap->moved[i] = block_state_plan(block, seats, change->count, moves, &swap->growth[i]);
	if (swap->moved[i] == 0)
		return ERR_OK;
	_cleanup_(bson_destroyp) bson_t *update =
		block_state_update(block, seats, moves, change->count, &swap->growth[i]);
	return add_swap(bulk, change, block, update, err);
}

/* All was written as planned. */
static void settle(struct store *store, const struct swap *swap, struct store_result *result)
{
	for (size_t i = 0; i < swap->count; i++) {
		if (swap->moved[i] == 0)
			continue;
		const struct block_change *const change = block_at(swap, i);
		block_state_settle(remembered(store, change), &swap->fold->seats[change->first],
				   &result->seats[change->first], change->count, &swap->growth[i]);
		struct map_sums *const sums = recent_find(store->events, change->event_id);
		if (sums)
			map_sums_add(sums, &swap->growth[i], 1);
		result->blocks_written++;
		result->seats_moved += (int64_t)swap->moved[i];
	}
}

/* Someone else wrote one of these blocks; which one, the answer does not tell. */
static void doubt(struct store *store, const struct swap *swap, struct store_result *result)
{
	for (size_t i = 0; i < swap->count; i++) {
		const struct block_change *const change = block_at(swap, i);
		char id[BLOCK_ID_BYTES_MAX];

		document_block_id(change->event_id, change->block, id);
		recent_drop(store->blocks, id);
		recent_drop(store->events, change->event_id);
	}
	for (size_t i = 0; i < swap->fold->event_count; i++) {
		const struct event_change *const event = &swap->fold->events[i];
		if (event->first < swap->first + swap->count &&
		    event->first + event->count > swap->first)
			result->events[i].is_exact = false;
	}
}

/* ---- What an event's blocks add up to ---- */

static void add_block_sums(const bson_t *doc, struct map_sums *sums)
{
	bson_iter_t iter;
	bson_iter_t counts;

	if (bson_iter_init_find(&iter, doc, "version"))
		sums->version += bson_iter_as_int64(&iter);
	if (!bson_iter_init_find(&iter, doc, "counts") || !bson_iter_recurse(&iter, &counts))
		return;
	while (bson_iter_next(&counts)) {
		const enum seat_status status = seat_status_parse(bson_iter_key(&counts));
		if (status != SEAT_STATUS_COUNT)
			sums->counts[status] += bson_iter_as_int64(&counts);
	}
}

static err_code load_sums(struct store *store, const char *event_id, struct map_sums *ret,
			  struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(store->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *maps =
		mongo_collection(&client, DOCUMENTS_SEAT_MAPS);
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("event_id", BCON_UTF8(event_id));
	_cleanup_(bson_destroyp) bson_t *opts =
		BCON_NEW("projection", "{", "version", BCON_INT32(1), "counts", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(maps, filter, opts, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	struct map_sums sums = { 0 };
	while (mongoc_cursor_next(cursor, &doc))
		add_block_sums(doc, &sums);
	if (mongoc_cursor_error(cursor, &error))
		return mongo_err(&error, "read an event's sums", err);
	*ret = sums;
	return ERR_OK;
}

static err_code find_sums(struct store *store, const char *event_id, struct map_sums *ret,
			  struct err *err)
{
	const struct map_sums *const known = recent_find(store->events, event_id);
	if (known) {
		*ret = *known;
		return ERR_OK;
	}

	const err_code code = load_sums(store, event_id, ret, err);
	if (code == ERR_OK)
		*(struct map_sums *)recent_add(store->events, event_id) = *ret;
	return code;
}

/*
 * Of the events of the swap, after its blocks were read and before they are written: what others
 * write from then on to these blocks makes the swap fail, and is not taken for what it added.
 */
static err_code know_sums(struct store *store, const struct swap *swap, struct err *err)
{
	err_code code = ERR_OK;

	for (size_t i = 0; i < swap->count && code == ERR_OK; i++) {
		struct map_sums sums;
		code = find_sums(store, block_at(swap, i)->event_id, &sums, err);
	}
	return code;
}

/* ---- Swapping blocks ---- */

static err_code try_swap(struct store *store, struct swap *swap, struct store_result *result,
			 bool *ret_settled, struct err *err)
{
	err_code code = load_blocks(store, swap, err);
	if (code == ERR_OK)
		code = know_sums(store, swap, err);
	if (code != ERR_OK)
		return code;

	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	bulk_open_hasty(&bulk, store->mongo,
			DOCUMENTS_SEAT_MAPS); /* Its event's document follows. */
	for (size_t i = 0; i < swap->count; i++) {
		code = plan_block(store, swap, i, &bulk, result, err);
		if (code != ERR_OK)
			return code;
	}

	struct bulk_result written;
	code = bulk_run(&bulk, "write blocks", &written, err);
	if (code != ERR_OK)
		return code;
	*ret_settled = written.matched == (int64_t)bulk.count;
	if (*ret_settled)
		settle(store, swap, result);
	else
		doubt(store, swap, result);
	result->stale += (int64_t)bulk.count - written.matched;
	return ERR_OK;
}

static err_code swap_blocks(struct store *store, struct swap *swap, struct store_result *result,
			    struct err *err)
{
	for (int i = 0; i < SWAP_TRIES_MAX; i++) {
		bool is_settled = false;
		const err_code code = try_swap(store, swap, result, &is_settled, err);
		if (code != ERR_OK || is_settled)
			return code;
	}
	return err_set(err, ERR_UNAVAILABLE, "blocks keep changing: another projector writes");
}

/* Before anything is read that a later write relies on. */
static err_code know_life(struct store *store, struct err *err)
{
	if (store->has_life)
		return ERR_OK;
	const err_code code = durable_life(store->mongo, &store->life, err);
	store->has_life = code == ERR_OK;
	return code;
}

static err_code done(struct store *store, err_code code)
{
	if (code != ERR_OK)
		store_forget(store);
	return code;
}

err_code store_write_blocks(struct store *store, const struct fold *fold,
			    struct store_result *result, struct err *err)
{
	err_code code = know_life(store, err);

	for (size_t i = 0; i < fold->block_count && code == ERR_OK; i += BULK_BLOCKS_MAX) {
		const size_t left = fold->block_count - i;
		struct swap swap = { .fold = fold,
				     .first = i,
				     .count = left < BULK_BLOCKS_MAX ? left : BULK_BLOCKS_MAX };
		code = swap_blocks(store, &swap, result, err);
	}
	return done(store, code);
}

/* ---- Events ---- */

static bool is_same_life(const struct durable_life *a, const struct durable_life *b)
{
	return bson_oid_equal(&a->process, &b->process) &&
	       bson_oid_equal(&a->election, &b->election);
}

/* All of the batch reached one server, in one life: the events on its disk, so the blocks too. */
static err_code check_life(struct store *store, struct err *err)
{
	struct durable_life now;

	const err_code code = durable_life(store->mongo, &now, err);
	if (code != ERR_OK)
		return code;
	return is_same_life(&now, &store->life)
		       ? ERR_OK
		       : err_set(err, ERR_UNAVAILABLE, "MongoDB began anew in the middle");
}

/* What this batch's moves made the event's map grow by, and whether all of its seats moved. */
static struct map_sums growth_of(const struct fold *fold, const struct event_change *event,
				 const struct store_result *result, bool *ret_all_moved)
{
	const struct block_change *const last = &fold->blocks[event->first + event->count - 1];
	struct map_sums growth = { 0 };

	*ret_all_moved = true;
	for (size_t i = fold->blocks[event->first].first; i < last->first + last->count; i++) {
		const struct seat_move *const move = &result->seats[i];
		if (!move->moved) {
			*ret_all_moved = false;
			continue;
		}
		growth.version += fold->seats[i].version - move->from_version;
		growth.counts[move->from]--;
		growth.counts[fold->seats[i].status]++;
	}
	return growth;
}

static err_code add_event(struct bulk *bulk, const char *event_id, const struct map_sums *sums,
			  struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW(
		"_id", BCON_UTF8(event_id), "version", "{", "$lt", BCON_INT64(sums->version), "}");
	_cleanup_(bson_destroyp) bson_t *update = bson_new();
	bson_t set;

	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	BSON_APPEND_INT64(&set, "version", sums->version);
	document_append_counts(&set, sums->counts);
	bson_append_document_end(update, &set);
	return bulk_update(bulk, filter, update, false, err);
}

err_code store_write_events(struct store *store, const struct fold *fold,
			    struct store_result *result, struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	bulk_open(&bulk, store->mongo, DOCUMENTS_EVENTS);

	/* Also of events whose blocks did not change now: a crash may have come between. */
	err_code code = know_life(store, err);
	for (size_t i = 0; i < fold->event_count && code == ERR_OK; i++) {
		struct event_move *const move = &result->events[i];
		const char *const event_id = fold->events[i].event_id;

		code = find_sums(store, event_id, &move->after, err);
		if (code != ERR_OK)
			break;
		bool all_moved = false;
		const struct map_sums growth =
			growth_of(fold, &fold->events[i], result, &all_moved);
		move->before = move->after;
		map_sums_add(&move->before, &growth, -1);
		move->is_exact = move->is_exact && (all_moved || !store->is_unsure);
		code = add_event(&bulk, event_id, &move->after, err);
	}

	struct bulk_result written = { 0 };
	if (code == ERR_OK)
		code = bulk_run(&bulk, "write events", &written, err);
	if (code == ERR_OK && bulk.count > 0)
		code = check_life(store, err);
	result->events_written += written.matched;
	if (code == ERR_OK)
		store->is_unsure = false;
	return done(store, code);
}
