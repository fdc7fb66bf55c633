#include "bookings.h"

#include "booking_page.h"
#include "bulk.h"
#include "clock.h"
#include "documents.h"
#include "fault.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_NONE  (-1)
#define VERSION_KNOWN INT64_MAX /* as new as the fold's: it was written, or it was there */
/* Of an array literal: each a UUID, quotes and a comma. */
#define IDS_BYTES_MAX (BOOKING_PAGE_MAX * 48)

static const struct log_row *first_of(const struct fold *fold, const struct booking_change *change)
{
	return fold->rows[change->first];
}

/* The most decisions of this one's kind that a history keeps. */
static int64_t kept_max(const struct log_row *row)
{
	if (row->is_done)
		return DONE_MAX;
	return row->decision.reason && strcmp(row->decision.reason, "not_owner") == 0
		       ? STRANGERS_MAX
		       : HISTORY_MAX;
}

/*
 * Whether the history may have to lose a decision: bookings.sql alone says which. Of a kind there
 * are no more decisions than the version of its newest, so up to as many as are kept all stay.
 */
static bool needs_rewrite(const struct fold *fold, const struct booking_change *change)
{
	for (size_t i = change->first; i < change->first + change->count; i++)
		if (fold->rows[i]->booking.version > kept_max(fold->rows[i]))
			return true;
	return change->has_gap;
}

static bool is_new(const struct fold *fold, const struct booking_change *change)
{
	return first_of(fold, change)->booking.version == 1 && !needs_rewrite(fold, change);
}

/* ---- New ones ---- */

static bson_t *new_document(const struct fold *fold, const struct booking_change *change)
{
	struct decision history[HISTORY_ROWS_MAX];
	assert(change->count <= HISTORY_ROWS_MAX);
	for (size_t i = 0; i < change->count; i++)
		history[i] = fold->rows[change->first + i]->decision;

	struct booking_values booking = change->newest->booking;
	booking.requested_at_ms = first_of(fold, change)->booking.requested_at_ms;
	booking.decided_at_ms = change->decided->booking.decided_at_ms;
	booking.history = history;
	booking.history_count = change->count;
	return document_booking(&booking);
}

/*
 * The first version is what nearly all rows are, and an insert costs MongoDB a tenth of an upsert.
 * Whatever is there already is not older than it.
 */
static err_code insert_new(struct mongo *mongo, const struct fold *fold, struct bulk_result *ret,
			   struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	bulk_open(&bulk, mongo, DOCUMENTS_BOOKINGS);

	for (size_t i = 0; i < fold->booking_count; i++) {
		if (!is_new(fold, &fold->bookings[i]))
			continue;
		_cleanup_(bson_destroyp) bson_t *doc = new_document(fold, &fold->bookings[i]);
		const err_code code = bulk_insert(&bulk, doc, err);
		if (code != ERR_OK)
			return code;
	}
	return bulk_run(&bulk, "insert bookings", ret, err);
}

/* ---- Known ones ---- */

static bson_t *move_filter(const char *booking_id, int64_t from, int64_t to)
{
	return BCON_NEW("_id", BCON_UTF8(booking_id), "version", "{", "$gte", BCON_INT64(from),
			"$lt", BCON_INT64(to), "}");
}

static void append_set(bson_t *update, const struct fold *fold, const struct booking_change *change)
{
	bson_t set;

	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	document_append_booking_state(&set, &change->newest->booking);
	if (change->decided)
		BSON_APPEND_DATE_TIME(&set, "decided_at", change->decided->booking.decided_at_ms);
	for (size_t i = change->first; i < change->first + change->count; i++) {
		const struct decision *const decision = &fold->rows[i]->decision;
		char key[HISTORY_KEY_BYTES_MAX];
		document_history_key(decision->version, key);
		document_append_decision(&set, key, decision);
	}
	bson_append_document_end(update, &set);
}

static err_code add_move(struct bulk *bulk, const struct fold *fold,
			 const struct booking_change *change, struct err *err)
{
	const int64_t first = first_of(fold, change)->booking.version;
	const struct booking_values *const newest = &change->newest->booking;
	_cleanup_(bson_destroyp) bson_t *filter =
		move_filter(newest->booking_id, first - 1, newest->version);
	_cleanup_(bson_destroyp) bson_t *update = bson_new();

	append_set(update, fold, change);
	return bulk_update(bulk, filter, update, false, err);
}

/*
 * with_new: some of the new ones were there already, perhaps in an older version than the fold's
 * newest. *ret_complete: all that could be were at a version before theirs, and moved on.
 */
static err_code move_known(struct mongo *mongo, const struct fold *fold, bool with_new,
			   int64_t *ret_moved, bool *ret_complete, struct err *err)
{
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	bulk_open(&bulk, mongo, DOCUMENTS_BOOKINGS);

	for (size_t i = 0; i < fold->booking_count; i++) {
		const struct booking_change *const change = &fold->bookings[i];
		if (needs_rewrite(fold, change) ||
		    (is_new(fold, change) && (!with_new || change->count == 1)))
			continue;
		const err_code code = add_move(&bulk, fold, change, err);
		if (code != ERR_OK)
			return code;
	}
	struct bulk_result written;
	const err_code code = bulk_run(&bulk, "move bookings on", &written, err);
	if (code == ERR_OK) {
		*ret_moved = written.matched;
		*ret_complete = written.matched == (int64_t)bulk.count;
	}
	return code;
}

/* ---- Both, beside ---- */

static err_code write_beside(struct bookings_writing *writing)
{
	struct bulk_result inserted;

	const err_code code = insert_new(writing->mongo, writing->fold, &inserted, &writing->err);
	if (code != ERR_OK)
		return code;
	writing->inserted = inserted.inserted;
	return move_known(writing->mongo, writing->fold, inserted.duplicates > 0, &writing->moved,
			  &writing->is_complete, &writing->err);
}

static void *run_writing(void *ctx)
{
	struct bookings_writing *const writing = ctx;
	const int64_t start_us = clock_monotonic_us();

	writing->code = write_beside(writing);
	writing->took_us = clock_monotonic_us() - start_us;
	FAULT_POINT("projector_after_bookings");
	return NULL;
}

void bookings_begin(struct bookings_writing *writing, struct mongo *mongo, const struct fold *fold)
{
	*writing = (struct bookings_writing){ .mongo = mongo, .fold = fold };
	beside_begin(&writing->beside, run_writing, writing);
}

void bookings_writing_done(struct bookings_writing *writing)
{
	beside_end(&writing->beside);
}

/* ---- Lost ones, and those with more decisions than are kept ---- */

static int compare_change(const void *key, const void *element)
{
	const struct booking_change *const change = element;
	return strcmp(key, change->newest->booking.booking_id);
}

static void note_version(const struct fold *fold, const bson_t *doc, int64_t *versions)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&iter))
		return;
	const struct booking_change *const change =
		bsearch(bson_iter_utf8(&iter, NULL), fold->bookings, fold->booking_count,
			sizeof(*fold->bookings), compare_change);
	if (change && bson_iter_init_find(&iter, doc, "version"))
		versions[change - fold->bookings] = bson_iter_as_int64(&iter);
}

static bson_t *ids_filter(const struct fold *fold, const int64_t *versions)
{
	bson_t *const filter = bson_new();
	bson_t in;
	bson_t ids;
	uint32_t count = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (size_t i = 0; i < fold->booking_count; i++) {
		char buf[16];
		const char *key = NULL;
		if (versions[i] != VERSION_NONE)
			continue;
		bson_uint32_to_string(count++, &key, buf, sizeof(buf));
		BSON_APPEND_UTF8(&ids, key, fold->bookings[i].newest->booking.booking_id);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);
	return filter;
}

/* What MongoDB has of each booking of the fold that is at VERSION_NONE: its version, or nothing. */
static err_code read_versions(struct mongo *mongo, const struct fold *fold, int64_t *versions,
			      struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *bookings =
		mongo_collection(&client, DOCUMENTS_BOOKINGS);
	_cleanup_(bson_destroyp) bson_t *filter = ids_filter(fold, versions);
	_cleanup_(bson_destroyp) bson_t *opts =
		BCON_NEW("projection", "{", "version", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(bookings, filter, opts, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	while (mongoc_cursor_next(cursor, &doc))
		note_version(fold, doc, versions);
	return mongoc_cursor_error(cursor, &error) ? mongo_err(&error, "read bookings", err)
						   : ERR_OK;
}

static err_code add_replacement(struct bulk *bulk, const struct booking_values *booking,
				struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *doc = document_booking(booking);
	_cleanup_(bson_destroyp) bson_t *filter =
		BCON_NEW("_id", BCON_UTF8(booking->booking_id), "version", "{", "$not", "{", "$gt",
			 BCON_INT64(booking->version), "}", "}");

	return bulk_replace(bulk, filter, doc, true, err);
}

static err_code rewrite_page(struct pg *pg, struct mongo *mongo, const char *ids,
			     int64_t *rewritten, struct err *err)
{
	_cleanup_(booking_page_done) struct booking_page page = { 0 };
	_cleanup_(bulk_done) struct bulk bulk = { 0 };
	struct booking_values booking;
	bulk_open(&bulk, mongo, DOCUMENTS_BOOKINGS);

	err_code code = booking_page_of(pg, ids, &page, err);
	while (code == ERR_OK && booking_page_next(&page, &booking))
		code = add_replacement(&bulk, &booking, err);
	struct bulk_result written; /* A duplicate is newer. */
	if (code == ERR_OK)
		code = bulk_run(&bulk, "write bookings anew", &written, err);
	if (code == ERR_OK)
		*rewritten += (int64_t)bulk.count;
	return code;
}

/* Those that are not there, or older than the fold's newest. */
static err_code rewrite_lost(struct pg *pg, struct mongo *mongo, const struct fold *fold,
			     const int64_t *versions, struct bookings_result *result,
			     struct err *err)
{
	_cleanup_(strbuf_done) struct strbuf ids;
	err_code code = ERR_OK;
	strbuf_init(&ids, IDS_BYTES_MAX);

	for (size_t next = 0; code == ERR_OK && next < fold->booking_count;) {
		int count = 0;
		strbuf_reset(&ids);
		pg_array_open(&ids);
		for (; next < fold->booking_count && count < BOOKING_PAGE_MAX; next++) {
			const struct booking_values *const newest =
				&fold->bookings[next].newest->booking;
			if (versions[next] >= newest->version)
				continue;
			pg_array_add(&ids, newest->booking_id);
			count++;
		}
		pg_array_close(&ids);
		const int64_t before = result->rewritten;
		if (count > 0)
			code = rewrite_page(pg, mongo, ids.data, &result->rewritten, err);
		result->unknown += count - (result->rewritten - before);
	}
	return code;
}

/* with_moved: any may be lost, or newer; else only those that need it are written anew. */
static err_code repair(struct pg *pg, struct mongo *mongo, const struct fold *fold, bool with_moved,
		       struct bookings_result *result, struct err *err)
{
	_cleanup_free_ int64_t *versions = calloc(fold->booking_count + 1, sizeof(*versions));
	size_t count = 0;
	assert(versions);

	for (size_t i = 0; i < fold->booking_count; i++) {
		const bool is_open = with_moved || needs_rewrite(fold, &fold->bookings[i]);
		versions[i] = is_open ? VERSION_NONE : VERSION_KNOWN;
		count += is_open;
	}
	if (count == 0)
		return ERR_OK;
	const err_code code = read_versions(mongo, fold, versions, err);
	return code == ERR_OK ? rewrite_lost(pg, mongo, fold, versions, result, err) : code;
}

static void log_bookings(const struct fold *fold, const struct bookings_result *result)
{
	if (result->rewritten > 0)
		log_warn("bookings_rewritten", LOG_INT("bookings", result->rewritten));
	if (result->unknown > 0)
		log_warn("bookings_not_in_postgresql", LOG_INT("bookings", result->unknown));
	for (size_t i = 0; i < fold->booking_count; i++) {
		const struct booking_values *const newest = &fold->bookings[i].newest->booking;
		log_debug("booking_folded", LOG_STR("booking_id", newest->booking_id),
			  LOG_STR("status", newest->status), LOG_INT("version", newest->version));
	}
}

err_code bookings_end(struct pg *pg, struct bookings_writing *writing, struct bookings_result *ret,
		      struct err *err)
{
	const struct fold *const fold = writing->fold;
	struct bookings_result result = { 0 };

	beside_end(&writing->beside);
	if (writing->code != ERR_OK)
		return err_set(err, writing->code, "%s", writing->err.text);
	const int64_t start_us = clock_monotonic_us();
	const err_code code = repair(pg, writing->mongo, fold, !writing->is_complete, &result, err);
	if (code != ERR_OK)
		return code;

	log_bookings(fold, &result);
	result.written = writing->inserted + writing->moved + result.rewritten;
	result.stale = (int64_t)fold->booking_count - result.written - result.unknown;
	result.took_us = writing->took_us + clock_monotonic_us() - start_us;
	*ret = result;
	return ERR_OK;
}
