#include "state.h"

#include "documents.h"
#include "durable.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STATE_ID         "booking_log"
#define NUMBER_BYTES_MAX 24

DEFINE_CLEANUP(mongoc_find_and_modify_opts_t *, mongoc_find_and_modify_opts_destroy)

static const char *text_of(const bson_t *doc, const char *name)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, name) || !BSON_ITER_HOLDS_UTF8(&iter))
		return "";
	return bson_iter_utf8(&iter, NULL);
}

static void read_document(const bson_t *doc, struct read_model_state *ret)
{
	bson_iter_t iter;

	*ret = (struct read_model_state){
		.position = { strtoull(text_of(doc, "xid"), NULL, 10),
			      strtoll(text_of(doc, "seq"), NULL, 10) },
		.is_rebuilding =
			bson_iter_init_find(&iter, doc, "rebuilding") && bson_iter_as_bool(&iter),
		.shape = bson_iter_init_find(&iter, doc, "shape") ? bson_iter_as_int64(&iter) : 0,
		.term = bson_iter_init_find(&iter, doc, "term") ? bson_iter_as_int64(&iter) : 0,
	};
	(void)snprintf(ret->ledger_id, sizeof(ret->ledger_id), "%s", text_of(doc, "ledger_id"));
}

err_code state_read(struct mongo *mongo, struct read_model_state *ret, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *states =
		mongo_collection(&client, DOCUMENTS_STATE);
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(STATE_ID));
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(states, filter, NULL, NULL);

	const bson_t *doc = NULL;
	bson_error_t error;
	struct read_model_state state = { 0 };
	if (mongoc_cursor_next(cursor, &doc))
		read_document(doc, &state);
	else if (mongoc_cursor_error(cursor, &error))
		return mongo_err(&error, "read the projector's state", err);
	*ret = state;
	return ERR_OK;
}

static err_code read_begun(const bson_t *reply, struct read_model_state *ret, struct err *err)
{
	bson_iter_t iter;
	const uint8_t *data = NULL;
	uint32_t len = 0;
	bson_t doc;

	if (!bson_iter_init_find(&iter, reply, "value") || !BSON_ITER_HOLDS_DOCUMENT(&iter))
		return err_set(err, ERR_INTERNAL, "findAndModify answered no state");
	bson_iter_document(&iter, &len, &data);
	if (!bson_init_static(&doc, data, len))
		return err_set(err, ERR_INTERNAL, "findAndModify answered a broken state");
	read_document(&doc, ret);
	return ERR_OK;
}

err_code state_begin_term(struct mongo *mongo, struct read_model_state *ret, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *states =
		durable_collection(&client, DOCUMENTS_STATE);
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(STATE_ID));
	_cleanup_(bson_destroyp) bson_t *update = BCON_NEW("$inc", "{", "term", BCON_INT64(1), "}");
	_cleanup_(mongoc_find_and_modify_opts_destroyp) mongoc_find_and_modify_opts_t *opts =
		mongoc_find_and_modify_opts_new();
	(void)mongoc_find_and_modify_opts_set_update(opts, update);
	(void)mongoc_find_and_modify_opts_set_flags(
		opts, MONGOC_FIND_AND_MODIFY_UPSERT | MONGOC_FIND_AND_MODIFY_RETURN_NEW);

	bson_t reply;
	bson_error_t error;
	const bool is_done =
		mongoc_collection_find_and_modify_with_opts(states, filter, opts, &reply, &error);
	const err_code code = is_done ? read_begun(&reply, ret, err)
				      : mongo_err(&error, "begin a projector's term", err);
	bson_destroy(&reply);
	return code;
}

bson_t *state_guard(int64_t term)
{
	return BCON_NEW("_id", BCON_UTF8(STATE_ID), "term", BCON_INT64(term));
}

/* By durable_collection() or hasty_collection(). */
typedef mongoc_collection_t *collection_of(const struct mongo_client *client, const char *name);

static err_code set(struct mongo *mongo, collection_of *states_of, int64_t term,
		    const bson_t *fields, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *states =
		states_of(&client, DOCUMENTS_STATE);
	_cleanup_(bson_destroyp) bson_t *filter = state_guard(term);
	_cleanup_(bson_destroyp) bson_t *update = BCON_NEW("$set", BCON_DOCUMENT(fields));
	bson_t reply;
	bson_error_t error;
	bson_iter_t iter;

	const bool is_done =
		mongoc_collection_update_one(states, filter, update, NULL, &reply, &error);
	const bool is_matched = is_done && bson_iter_init_find(&iter, &reply, "matchedCount") &&
				bson_iter_as_int64(&iter) == 1;
	bson_destroy(&reply);
	if (!is_done)
		return mongo_err(&error, "write the projector's state", err);
	if (!is_matched)
		return err_set(err, ERR_CONFLICT, "another projector's term has begun");
	return ERR_OK;
}

err_code state_begin_rebuild(struct mongo *mongo, int64_t term, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *fields = BCON_NEW("rebuilding", BCON_BOOL(true));

	return set(mongo, durable_collection, term, fields, err);
}

static bson_t *position_fields(const struct log_position *position)
{
	char xid[NUMBER_BYTES_MAX];
	char seq[NUMBER_BYTES_MAX];
	(void)snprintf(xid, sizeof(xid), "%" PRIu64, position->xid);
	(void)snprintf(seq, sizeof(seq), "%" PRId64, position->seq);

	return BCON_NEW("xid", BCON_UTF8(xid), "seq", BCON_UTF8(seq));
}

err_code state_end_rebuild(struct mongo *mongo, int64_t term, const char *ledger_id,
			   const struct log_position *position, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *fields = position_fields(position);
	BSON_APPEND_UTF8(fields, "ledger_id", ledger_id);
	BSON_APPEND_INT32(fields, "shape", DOCUMENTS_SHAPE);
	BSON_APPEND_BOOL(fields, "rebuilding", false);

	return set(mongo, durable_collection, term, fields, err);
}

err_code state_move(struct mongo *mongo, int64_t term, const struct log_position *position,
		    struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *fields = position_fields(position);

	return set(mongo, hasty_collection, term, fields, err);
}

err_code state_settle(struct mongo *mongo, int64_t term, const struct log_position *position,
		      struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *fields = position_fields(position);

	return set(mongo, durable_collection, term, fields, err);
}
