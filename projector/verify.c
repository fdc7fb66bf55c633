#include "verify.h"

#include "booking_page.h"
#include "changes.h"
#include "clock.h"
#include "difference.h"
#include "documents.h"
#include "maps.h"
#include "state.h"
#include "write_model.h"

#include <inttypes.h>
#include <string.h>

#define WAIT_STEP_MS    50
#define EVENTS_WAIT_MS  3000 /* longer than projectors look for new events, by default */
#define WHERE_BYTES_MAX 256

/* One collection of MongoDB, read in step with what PostgreSQL expects. */
struct comparison {
	const char *collection;
	mongoc_cursor_t *cursor;
	const bson_t *doc; /* the next one; NULL after the last */
	FILE *out;
	int64_t differences;
};

/* ---- MongoDB's side ---- */

static err_code advance(struct comparison *comparison, struct err *err)
{
	bson_error_t error;

	if (!mongoc_cursor_next(comparison->cursor, &comparison->doc)) {
		comparison->doc = NULL;
		if (mongoc_cursor_error(comparison->cursor, &error))
			return mongo_err(&error, "read the read model", err);
	}
	return ERR_OK;
}

/* NULL for an id that is no text: none of ours. */
static const char *id_of(const bson_t *doc)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&iter))
		return NULL;
	return bson_iter_utf8(&iter, NULL);
}

static err_code report_unknown(struct comparison *comparison, struct err *err)
{
	const char *const id = id_of(comparison->doc);

	(void)fprintf(comparison->out, "%s %s (document): postgresql (absent), mongodb (present)\n",
		      comparison->collection, id ? id : "(an id that is no text)");
	comparison->differences++;
	return advance(comparison, err);
}

/* PostgreSQL's next document; ids ascend as MongoDB sorts them, byte by byte. */
static err_code expect(struct comparison *comparison, const char *id, const bson_t *doc,
		       struct err *err)
{
	err_code code = ERR_OK;
	while (code == ERR_OK && comparison->doc &&
	       (!id_of(comparison->doc) || strcmp(id_of(comparison->doc), id) < 0))
		code = report_unknown(comparison, err);
	if (code != ERR_OK)
		return code;

	if (!comparison->doc || strcmp(id_of(comparison->doc), id) != 0) {
		(void)fprintf(comparison->out,
			      "%s %s (document): postgresql (present), mongodb (absent)\n",
			      comparison->collection, id);
		comparison->differences++;
		return ERR_OK;
	}
	char where[WHERE_BYTES_MAX];
	(void)snprintf(where, sizeof(where), "%s %s", comparison->collection, id);
	comparison->differences += difference_print(doc, comparison->doc, where, comparison->out);
	return advance(comparison, err);
}

static err_code expect_end(struct comparison *comparison, struct err *err)
{
	err_code code = ERR_OK;

	while (code == ERR_OK && comparison->doc)
		code = report_unknown(comparison, err);
	return code;
}

/* ---- PostgreSQL's side ---- */

static int64_t seats_of(const bson_t *block)
{
	bson_iter_t iter;
	bson_iter_t seats;
	int64_t count = 0;

	if (bson_iter_init_find(&iter, block, "seats") && bson_iter_recurse(&iter, &seats))
		while (bson_iter_next(&seats))
			count += BSON_ITER_HOLDS_DOCUMENT(&seats);
	return count;
}

static err_code expect_map(struct pg *pg, struct comparison *comparison, const char *event_id,
			   int32_t blocks, int64_t *seats, struct err *err)
{
	for (int32_t i = 0; i < blocks; i++) {
		char id[BLOCK_ID_BYTES_MAX];
		_cleanup_(bson_destroyp) bson_t *doc = NULL;

		document_block_id(event_id, i, id);
		err_code code = write_model_block(pg, event_id, i, &doc, err);
		if (code != ERR_OK)
			return code;
		*seats += seats_of(doc);
		code = expect(comparison, id, doc, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code expect_maps(struct pg *pg, struct comparison *comparison,
			    struct verify_result *result, struct err *err)
{
	char after[IDENT_BYTES_MAX] = "";

	for (int count = EVENTS_PAGE; count == EVENTS_PAGE;) {
		_cleanup_(PQclearp) PGresult *page = NULL;
		err_code code = write_model_maps(pg, after, &page, err);
		if (code != ERR_OK)
			return code;
		count = PQntuples(page);
		for (int i = 0; i < count && code == ERR_OK; i++) {
			const char *const event_id = write_model_map_event(page, i);
			code = expect_map(pg, comparison, event_id, write_model_map_blocks(page, i),
					  &result->seats, err);
			(void)snprintf(after, sizeof(after), "%s", event_id);
		}
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code expect_events(struct pg *pg, struct comparison *comparison,
			      struct verify_result *result, struct err *err)
{
	char after[IDENT_BYTES_MAX] = "";

	for (int count = EVENTS_PAGE; count == EVENTS_PAGE;) {
		_cleanup_(PQclearp) PGresult *page = NULL;
		err_code code = write_model_events(pg, after, &page, err);
		if (code != ERR_OK)
			return code;
		count = PQntuples(page);
		for (int i = 0; i < count && code == ERR_OK; i++) {
			const struct event_values event = write_model_event_at(page, i);
			_cleanup_(bson_destroyp) bson_t *doc = document_event(&event);
			code = expect(comparison, event.event_id, doc, err);
			(void)snprintf(after, sizeof(after), "%s", event.event_id);
		}
		if (code != ERR_OK)
			return code;
		result->events += count;
	}
	return ERR_OK;
}

static err_code expect_bookings(struct pg *pg, struct comparison *comparison,
				struct verify_result *result, struct err *err)
{
	_cleanup_(booking_page_done) struct booking_page page = { .last = BOOKING_PAGE_BEGIN };

	while (!page.is_last) {
		struct booking_values booking;
		err_code code = booking_page_after(pg, page.last, &page, err);
		while (code == ERR_OK && booking_page_next(&page, &booking)) {
			_cleanup_(bson_destroyp) bson_t *doc = document_booking(&booking);
			code = expect(comparison, booking.booking_id, doc, err);
			result->bookings++;
		}
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static err_code compare_collection(struct pg *pg, struct mongo *mongo, const char *name,
				   err_code (*fill)(struct pg *, struct comparison *,
						    struct verify_result *, struct err *),
				   FILE *out, struct verify_result *result, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *collection =
		mongo_collection(&client, name);
	_cleanup_(bson_destroyp) bson_t *filter = bson_new();
	_cleanup_(bson_destroyp) bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(collection, filter, opts, NULL);

	struct comparison comparison = { .collection = name, .cursor = cursor, .out = out };
	err_code code = advance(&comparison, err);
	if (code == ERR_OK)
		code = fill(pg, &comparison, result, err);
	if (code == ERR_OK)
		code = expect_end(&comparison, err);
	result->differences += comparison.differences;
	return code;
}

/* ---- Waiting for the projector ---- */

/* How far the read model is, as the transaction sees the write model. */
struct level {
	bool has_log;
	bool has_events;
};

static err_code measure(struct pg *pg, struct mongo *mongo, const struct write_model *model,
			struct level *ret, struct err *err)
{
	struct log_position newest;
	struct read_model_state state;
	bool lacks_events = true;
	const struct maps maps = { .pg = pg, .mongo = mongo };

	err_code code = changes_newest(pg, &newest, err);
	if (code == ERR_OK)
		code = state_read(mongo, &state, err);
	if (code == ERR_OK)
		code = maps_lack_events(&maps, &lacks_events, err);
	if (code != ERR_OK)
		return code;
	ret->has_events = !lacks_events;
	ret->has_log = strcmp(state.ledger_id, model->ledger_id) == 0 &&
		       state.shape == DOCUMENTS_SHAPE && !state.is_rebuilding &&
		       log_position_compare(&state.position, &newest) >= 0;
	return ERR_OK;
}

/*
 * Leaves a transaction open. What is still missing of events after EVENTS_WAIT_MS is a difference
 * to tell, not something to wait for.
 */
static err_code wait_level(struct pg *pg, struct mongo *mongo, int64_t wait_ms, struct err *err)
{
	const int64_t start_ms = clock_monotonic_ms();

	for (;;) {
		struct write_model model;
		struct level level = { 0 };
		err_code code = write_model_begin(pg, &model, err);
		if (code == ERR_OK)
			code = measure(pg, mongo, &model, &level, err);
		const int64_t waited_ms = clock_monotonic_ms() - start_ms;
		const bool is_late = waited_ms >= wait_ms;
		if (code == ERR_OK && level.has_log &&
		    (level.has_events || is_late || waited_ms >= EVENTS_WAIT_MS))
			return ERR_OK;
		pg_rollback(pg);
		if (code != ERR_OK)
			return code;
		if (is_late)
			return err_set(
				err, ERR_UNAVAILABLE,
				"the projector has not folded in all of the log after %" PRId64
				" ms",
				wait_ms);
		clock_sleep_ms(WAIT_STEP_MS);
	}
}

err_code verify_run(struct pg *pg, struct mongo *mongo, int64_t wait_ms, FILE *out,
		    struct verify_result *ret, struct err *err)
{
	struct verify_result result = { 0 };

	err_code code = wait_level(pg, mongo, wait_ms, err);
	if (code != ERR_OK)
		return code;
	code = compare_collection(pg, mongo, DOCUMENTS_EVENTS, expect_events, out, &result, err);
	if (code == ERR_OK)
		code = compare_collection(pg, mongo, DOCUMENTS_SEAT_MAPS, expect_maps, out, &result,
					  err);
	if (code == ERR_OK)
		code = compare_collection(pg, mongo, DOCUMENTS_BOOKINGS, expect_bookings, out,
					  &result, err);
	pg_rollback(pg);
	if (code != ERR_OK)
		return code;

	(void)fprintf(out,
		      "verify: %" PRId64 " events, %" PRId64 " seats, %" PRId64
		      " bookings compared, %" PRId64 " differences\n",
		      result.events, result.seats, result.bookings, result.differences);
	*ret = result;
	return ERR_OK;
}
