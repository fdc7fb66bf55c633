#include "rebuild.h"

#include "booking_page.h"
#include "bulk.h"
#include "clock.h"
#include "log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ID_BYTES_MAX    BLOCK_ID_BYTES_MAX /* the longest of the three collections' ids */
#define BULK_BLOCKS_MAX 16                 /* of some 200 kB each */
#define BULK_SMALL_MAX  1000

/*
 * One collection being replaced in the order of its ids: each bulk writes a run of documents, and
 * then what lies between them is deleted.
 */
struct rewrite {
	const struct rebuild *rebuild;
	const char *collection;
	size_t bulk_max;
	bool is_first;            /* nothing was written yet */
	char after[ID_BYTES_MAX]; /* last id of the bulk before */
	char last[ID_BYTES_MAX];  /* last id of this bulk       */
	bson_t *ids;              /* of this bulk */
	uint32_t count;
	struct bulk bulk;
	int64_t written;
	int64_t deleted;
};

static void begin_bulk(struct rewrite *rewrite)
{
	bulk_open(&rewrite->bulk, rewrite->rebuild->mongo, rewrite->collection);
	rewrite->ids = bson_new();
	rewrite->count = 0;
}

static void end_bulk(struct rewrite *rewrite)
{
	bulk_done(&rewrite->bulk);
	bson_destroy(rewrite->ids);
}

static void rewrite_init(struct rewrite *rewrite, const struct rebuild *rebuild,
			 const char *collection, size_t bulk_max)
{
	*rewrite = (struct rewrite){
		.rebuild = rebuild, .collection = collection, .bulk_max = bulk_max, .is_first = true
	};
	begin_bulk(rewrite);
}

/* A rebuild that another one followed must not write any more: what it read is old, and it does
 * not look at versions. */
static err_code run(const struct rewrite *rewrite, struct bulk *bulk, struct bulk_result *ret,
		    struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *guard = state_guard(rewrite->rebuild->term);

	return bulk_run_guarded(bulk, DOCUMENTS_STATE, guard, "rebuild", ret, err);
}

/* Some documents that match, at most BULK_SMALL_MAX, as a filter of their ids. */
static err_code find_some(const struct rewrite *rewrite, const bson_t *filter, bson_t **ret_some,
			  uint32_t *ret_count, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(rewrite->rebuild->mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *docs =
		mongo_collection(&client, rewrite->collection);
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1),
							 "}", "limit", BCON_INT64(BULK_SMALL_MAX));
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(docs, filter, opts, NULL);
	_cleanup_(bson_destroyp) bson_t *ids = bson_new();
	const bson_t *doc = NULL;
	bson_error_t error;
	bson_iter_t id;
	uint32_t count = 0;

	while (mongoc_cursor_next(cursor, &doc)) {
		char buf[16];
		const char *key = NULL;
		if (!bson_iter_init_find(&id, doc, "_id"))
			continue;
		bson_uint32_to_string(count++, &key, buf, sizeof(buf));
		bson_append_iter(ids, key, -1, &id);
	}
	if (mongoc_cursor_error(cursor, &error))
		return mongo_err(&error, "find what is to be deleted", err);
	*ret_some = BCON_NEW("_id", "{", "$in", BCON_ARRAY(ids), "}");
	*ret_count = count;
	return ERR_OK;
}

/* In transactions of a bounded size. */
static err_code delete_all(struct rewrite *rewrite, const bson_t *filter, struct err *err)
{
	for (;;) {
		_cleanup_(bson_destroyp) bson_t *some = NULL;
		_cleanup_(bulk_done) struct bulk bulk = { 0 };
		struct bulk_result written;
		uint32_t count = 0;

		err_code code = find_some(rewrite, filter, &some, &count, err);
		if (code != ERR_OK || count == 0)
			return code;
		bulk_open(&bulk, rewrite->rebuild->mongo, rewrite->collection);
		code = bulk_delete(&bulk, some, err);
		if (code == ERR_OK)
			code = run(rewrite, &bulk, &written, err);
		if (code != ERR_OK)
			return code;
		rewrite->deleted += written.deleted;
	}
}

/* Ids above `after` and, unless it is the end, up to `last`, but none that was just written. */
static err_code delete_between(struct rewrite *rewrite, bool is_end, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *filter = bson_new();
	bson_t range;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &range);
	BSON_APPEND_UTF8(&range, "$gte", "");
	if (!rewrite->is_first)
		BSON_APPEND_UTF8(&range, "$gt", rewrite->after);
	if (!is_end)
		BSON_APPEND_UTF8(&range, "$lte", rewrite->last);
	BSON_APPEND_ARRAY(&range, "$nin", rewrite->ids);
	bson_append_document_end(filter, &range);
	return delete_all(rewrite, filter, err);
}

static err_code flush(struct rewrite *rewrite, bool is_end, struct err *err)
{
	const struct rebuild *const rebuild = rewrite->rebuild;
	if (rebuild->should_stop && rebuild->should_stop(rebuild->ctx))
		return err_set(err, ERR_UNAVAILABLE, "stopped while rebuilding");

	struct bulk_result written;
	err_code code = run(rewrite, &rewrite->bulk, &written, err);
	if (code == ERR_OK)
		code = delete_between(rewrite, is_end, err);
	if (code != ERR_OK)
		return code;

	rewrite->written += rewrite->count;
	if (rewrite->count > 0) {
		rewrite->is_first = false;
		memcpy(rewrite->after, rewrite->last, sizeof(rewrite->after));
	}
	end_bulk(rewrite);
	begin_bulk(rewrite);
	return ERR_OK;
}

static err_code rewrite_add(struct rewrite *rewrite, const char *id, const bson_t *doc,
			    struct err *err)
{
	char buf[16];
	const char *key = NULL;
	assert((rewrite->is_first && rewrite->count == 0) || strcmp(rewrite->last, id) < 0);

	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
	const err_code code = bulk_replace(&rewrite->bulk, filter, doc, true, err);
	if (code != ERR_OK)
		return code;
	bson_uint32_to_string(rewrite->count++, &key, buf, sizeof(buf));
	BSON_APPEND_UTF8(rewrite->ids, key, id);
	(void)snprintf(rewrite->last, sizeof(rewrite->last), "%s", id);

	return rewrite->count == rewrite->bulk_max ? flush(rewrite, false, err) : ERR_OK;
}

/* The rest: documents after the last one, and those whose id is no text at all. */
static err_code rewrite_end(struct rewrite *rewrite, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *strange =
		BCON_NEW("_id", "{", "$not", "{", "$type", BCON_UTF8("string"), "}", "}");

	err_code code = delete_all(rewrite, strange, err);
	if (code == ERR_OK)
		code = flush(rewrite, true, err);
	return code;
}

static err_code rewrite_event_map(struct rewrite *rewrite, const char *event_id, int32_t blocks,
				  struct err *err)
{
	for (int32_t i = 0; i < blocks; i++) {
		char id[BLOCK_ID_BYTES_MAX];
		_cleanup_(bson_destroyp) bson_t *doc = NULL;

		document_block_id(event_id, i, id);
		err_code code = write_model_block(rewrite->rebuild->pg, event_id, i, &doc, err);
		if (code == ERR_OK)
			code = rewrite_add(rewrite, id, doc, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code rewrite_maps(struct rewrite *rewrite, struct err *err)
{
	char after[IDENT_BYTES_MAX] = "";

	for (int count = EVENTS_PAGE; count == EVENTS_PAGE;) {
		_cleanup_(PQclearp) PGresult *page = NULL;
		err_code code = write_model_maps(rewrite->rebuild->pg, after, &page, err);
		if (code != ERR_OK)
			return code;
		count = PQntuples(page);
		for (int i = 0; i < count && code == ERR_OK; i++) {
			const char *const event_id = write_model_map_event(page, i);
			code = rewrite_event_map(rewrite, event_id, write_model_map_blocks(page, i),
						 err);
			(void)snprintf(after, sizeof(after), "%s", event_id);
		}
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code rewrite_events(struct rewrite *rewrite, struct err *err)
{
	char after[IDENT_BYTES_MAX] = "";

	for (int count = EVENTS_PAGE; count == EVENTS_PAGE;) {
		_cleanup_(PQclearp) PGresult *page = NULL;
		err_code code = write_model_events(rewrite->rebuild->pg, after, &page, err);
		if (code != ERR_OK)
			return code;
		count = PQntuples(page);
		for (int i = 0; i < count && code == ERR_OK; i++) {
			const struct event_values event = write_model_event_at(page, i);
			_cleanup_(bson_destroyp) bson_t *doc = document_event(&event);
			code = rewrite_add(rewrite, event.event_id, doc, err);
			if (code == ERR_OK && rewrite->rebuild->on_event)
				rewrite->rebuild->on_event(rewrite->rebuild->ctx, &event);
			(void)snprintf(after, sizeof(after), "%s", event.event_id);
		}
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code rewrite_bookings(struct rewrite *rewrite, struct err *err)
{
	_cleanup_(booking_page_done) struct booking_page page = { .last = BOOKING_PAGE_BEGIN };

	while (!page.is_last) {
		struct booking_values booking;
		err_code code = booking_page_after(rewrite->rebuild->pg, page.last, &page, err);
		while (code == ERR_OK && booking_page_next(&page, &booking)) {
			_cleanup_(bson_destroyp) bson_t *doc = document_booking(&booking);
			code = rewrite_add(rewrite, booking.booking_id, doc, err);
		}
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code rewrite_collection(const struct rebuild *rebuild, const char *collection,
				   size_t bulk_max,
				   err_code (*fill)(struct rewrite *, struct err *),
				   int64_t *ret_written, int64_t *deleted, struct err *err)
{
	struct rewrite rewrite;

	rewrite_init(&rewrite, rebuild, collection, bulk_max);
	err_code code = fill(&rewrite, err);
	if (code == ERR_OK)
		code = rewrite_end(&rewrite, err);
	end_bulk(&rewrite);
	*ret_written = rewrite.written;
	*deleted += rewrite.deleted;
	return code;
}

/* Maps before the events that name them: a reader never finds an event without its map. */
static err_code rewrite_all(const struct rebuild *rebuild, struct rebuild_result *result,
			    struct err *err)
{
	err_code code = rewrite_collection(rebuild, DOCUMENTS_SEAT_MAPS, BULK_BLOCKS_MAX,
					   rewrite_maps, &result->blocks, &result->deleted, err);
	if (code == ERR_OK)
		code = rewrite_collection(rebuild, DOCUMENTS_EVENTS, BULK_SMALL_MAX, rewrite_events,
					  &result->events, &result->deleted, err);
	if (code == ERR_OK)
		code = rewrite_collection(rebuild, DOCUMENTS_BOOKINGS, BULK_SMALL_MAX,
					  rewrite_bookings, &result->bookings, &result->deleted,
					  err);
	return code;
}

/*
 * A position at or above a transaction id that is still to come is of another history: PostgreSQL
 * was restored from a backup, or a standby that lacked the last commits was promoted.
 */
bool rebuild_is_needed(const struct read_model_state *state, const struct write_model *model)
{
	return state->is_rebuilding || state->shape != DOCUMENTS_SHAPE ||
	       strcmp(state->ledger_id, model->ledger_id) != 0 || state->position.xid > model->xmin;
}

err_code rebuild_run(const struct rebuild *rebuild, struct rebuild_result *ret, struct err *err)
{
	struct write_model model;
	struct rebuild_result result = { 0 };
	const int64_t start_ms = clock_monotonic_ms();

	log_info("rebuild_begun");
	err_code code = state_begin_rebuild(rebuild->mongo, rebuild->term, err);
	if (code != ERR_OK)
		return code;
	code = write_model_begin(rebuild->pg, &model, err);
	if (code != ERR_OK)
		return code;
	code = rewrite_all(rebuild, &result, err);
	pg_rollback(rebuild->pg);
	if (code != ERR_OK)
		return code;

	/* All transactions below xmin were visible; seq begins at 1. */
	result.position = (struct log_position){ .xid = model.xmin, .seq = 0 };
	code = state_end_rebuild(rebuild->mongo, rebuild->term, model.ledger_id, &result.position,
				 err);
	if (code != ERR_OK)
		return code;
	log_info("rebuild_done", LOG_INT("blocks", result.blocks), LOG_INT("events", result.events),
		 LOG_INT("bookings", result.bookings), LOG_INT("deleted", result.deleted),
		 LOG_INT("ms", clock_monotonic_ms() - start_ms));
	*ret = result;
	return ERR_OK;
}
