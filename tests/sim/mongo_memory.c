#include "mongo_memory.h"

#include "actors.h"
#include "bson_match.h"
#include "bulk.h"
#include "checker.h"
#include "documents.h"
#include "durable.h"
#include "mongo_journal.h"
#include "scheduler.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COLLECTIONS    4
#define DOCUMENTS_MAX  320
#define OPERATIONS_MAX 320

static const char *const names[COLLECTIONS] = { DOCUMENTS_EVENTS, DOCUMENTS_SEAT_MAPS,
						DOCUMENTS_BOOKINGS, DOCUMENTS_STATE };

struct _mongoc_collection_t {
	const char *name;
	struct _mongoc_collection_t *of; /* NULL: itself; else for hasty writes to it */
	bson_t *documents[DOCUMENTS_MAX];
	int count;
};

struct _mongoc_cursor_t {
	bson_t *found[DOCUMENTS_MAX];
	int count, next;
	bool has_failed;
};

struct _mongoc_find_and_modify_opts_t {
	bson_t *update;
};

enum kind { KIND_INSERT, KIND_UPDATE, KIND_REPLACE, KIND_DELETE };

struct operation {
	enum kind kind;
	bool is_upsert;
	bson_t *filter, *doc;
};

struct _mongoc_bulk_operation_t {
	struct operation items[OPERATIONS_MAX];
	int count;
};

struct mongo {
	int nothing;
};

static struct _mongoc_collection_t collections[COLLECTIONS];
static struct _mongoc_collection_t hasty[COLLECTIONS]; /* the same, for hasty writes */
static int64_t life;
static struct mongo mongo;

static struct _mongoc_collection_t *collection_of(const char *name)
{
	for (int i = 0; i < COLLECTIONS; i++)
		if (strcmp(names[i], name) == 0)
			return &collections[i];
	assert(!"no such collection");
	return NULL;
}

static struct _mongoc_collection_t *hasty_of(const char *name)
{
	return &hasty[collection_of(name) - collections];
}

static struct _mongoc_collection_t *documents_of(struct _mongoc_collection_t *collection)
{
	return collection->of ? collection->of : collection;
}

void mongo_memory_begin(void)
{
	life = 1;
	mongo_journal_begin();
	for (int i = 0; i < COLLECTIONS; i++) {
		collections[i] = (struct _mongoc_collection_t){ .name = names[i] };
		hasty[i] = (struct _mongoc_collection_t){ .name = names[i], .of = &collections[i] };
	}
}

void mongo_memory_end(void)
{
	mongo_journal_end();
	for (int i = 0; i < COLLECTIONS; i++)
		for (int k = 0; k < collections[i].count; k++)
			bson_destroy(collections[i].documents[k]);
}

int mongo_memory_count(const char *name)
{
	return collection_of(name)->count;
}

const bson_t *mongo_memory_at(const char *name, int i)
{
	return collection_of(name)->documents[i];
}

const bson_t *mongo_memory_find(const char *name, const char *id)
{
	const struct _mongoc_collection_t *const collection = collection_of(name);

	for (int i = 0; i < collection->count; i++) {
		const char *const found = bson_text(collection->documents[i], "_id");
		if (found && strcmp(found, id) == 0)
			return collection->documents[i];
	}
	return NULL;
}

/* ---- One write ---- */

/* Nobody who guards his writes may set a document back. */
static void check_goes_on(const char *name, const bson_t *filter, const bson_t *from,
			  const bson_t *to)
{
	const char *const id = bson_text(from, "_id");

	if (!bson_has_field(filter, "version"))
		return;
	if (bson_number(to, "version") < bson_number(from, "version"))
		violate("%s %s goes back from version %ld to %ld", name, id,
			(long)bson_number(from, "version"), (long)bson_number(to, "version"));
	for (int i = 0; i < WORLD_SEATS && strcmp(name, DOCUMENTS_SEAT_MAPS) == 0; i++) {
		char path[] = "seats.0.version";
		path[6] = (char)('0' + i);
		if (bson_number(to, path) < bson_number(from, path))
			violate("seat %d of %s goes back from version %ld to %ld", i, id,
				(long)bson_number(from, path), (long)bson_number(to, path));
	}
}

static void put(struct _mongoc_collection_t *collection, int i, const bson_t *filter, bson_t *doc)
{
	mongo_journal_note(collection->name, bson_text(doc, "_id"),
			   i < collection->count ? collection->documents[i] : NULL);
	if (i < collection->count) {
		check_goes_on(collection->name, filter, collection->documents[i], doc);
		bson_destroy(collection->documents[i]);
	} else {
		assert(i < DOCUMENTS_MAX);
		collection->count++;
	}
	collection->documents[i] = doc;
}

static int find_match(const struct _mongoc_collection_t *collection, const bson_t *filter)
{
	int i = 0;

	while (i < collection->count && !bson_match(filter, collection->documents[i]))
		i++;
	return i;
}

static void take_out(struct _mongoc_collection_t *collection, int i)
{
	bson_destroy(collection->documents[i]);
	collection->documents[i] = collection->documents[--collection->count];
}

static void delete_all(struct _mongoc_collection_t *collection, const bson_t *filter,
		       struct bulk_result *ret)
{
	for (int i = find_match(collection, filter); i < collection->count;
	     i = find_match(collection, filter)) {
		mongo_journal_note(collection->name, bson_text(collection->documents[i], "_id"),
				   collection->documents[i]);
		take_out(collection, i);
		ret->deleted++;
	}
}

static void write_one(struct _mongoc_collection_t *collection, const struct operation *operation,
		      struct bulk_result *ret)
{
	const char *const id = bson_text(
		operation->kind == KIND_INSERT ? operation->doc : operation->filter, "_id");
	if (operation->kind == KIND_DELETE) {
		delete_all(collection, operation->filter, ret);
		return;
	}
	const int i = operation->kind == KIND_INSERT ? collection->count
						     : find_match(collection, operation->filter);
	if (i < collection->count) {
		ret->matched++;
		put(collection, i, operation->filter,
		    operation->kind == KIND_UPDATE
			    ? bson_apply(collection->documents[i], operation->doc)
			    : bson_copy(operation->doc));
		return;
	}
	if (operation->kind != KIND_INSERT && !operation->is_upsert)
		return;
	if (mongo_memory_find(collection->name, id)) {
		ret->duplicates++;
		return;
	}
	put(collection, i, NULL, bson_copy(operation->doc));
	ret->inserted++;
}

/* ---- A crash ---- */

static int index_of(const struct _mongoc_collection_t *collection, const char *id)
{
	int i = 0;

	while (i < collection->count && strcmp(bson_text(collection->documents[i], "_id"), id) != 0)
		i++;
	return i;
}

static void undo_last(void)
{
	const struct undo undo = mongo_journal_pop();
	struct _mongoc_collection_t *const collection = collection_of(undo.collection);
	const int i = index_of(collection, undo.id);

	if (i < collection->count)
		take_out(collection, i);
	if (undo.before)
		collection->documents[collection->count++] = undo.before;
}

void mongo_memory_crash(bool all)
{
	const int lost = mongo_journal_lose(all);

	trace("MongoDB crashes, and loses %d writes", lost);
	for (int i = 0; i < lost; i++)
		undo_last();
	if (lost > 0) {
		world_count(mongo_lost);
		documents_lost();
	}
	life++;
}

/* ---- projector/bulk.h ---- */

void bulk_open(struct bulk *bulk, struct mongo *server, const char *collection)
{
	(void)server;
	*bulk = (struct bulk){ .collection = collection_of(collection) };
	bulk->operations = calloc(1, sizeof(*bulk->operations));
	assert(bulk->operations);
}

void bulk_open_hasty(struct bulk *bulk, struct mongo *server, const char *collection)
{
	bulk_open(bulk, server, collection);
	bulk->collection = hasty_of(collection);
}

void bulk_done(struct bulk *bulk)
{
	if (!bulk->operations)
		return;
	for (int i = 0; i < bulk->operations->count; i++) {
		bson_destroy(bulk->operations->items[i].filter);
		bson_destroy(bulk->operations->items[i].doc);
	}
	free(bulk->operations);
	*bulk = (struct bulk){ 0 };
}

static err_code add(struct bulk *bulk, enum kind kind, const bson_t *filter, const bson_t *doc,
		    bool is_upsert)
{
	assert(bulk->operations->count < OPERATIONS_MAX);
	bulk->operations->items[bulk->operations->count++] =
		(struct operation){ .kind = kind,
				    .is_upsert = is_upsert,
				    .filter = filter ? bson_copy(filter) : NULL,
				    .doc = doc ? bson_copy(doc) : NULL };
	bulk->count++;
	return ERR_OK;
}

err_code bulk_insert(struct bulk *bulk, const bson_t *doc, struct err *err)
{
	(void)err;
	return add(bulk, KIND_INSERT, NULL, doc, false);
}

err_code bulk_update(struct bulk *bulk, const bson_t *filter, const bson_t *update, bool is_upsert,
		     struct err *err)
{
	(void)err;
	return add(bulk, KIND_UPDATE, filter, update, is_upsert);
}

err_code bulk_replace(struct bulk *bulk, const bson_t *filter, const bson_t *doc, bool is_upsert,
		      struct err *err)
{
	(void)err;
	return add(bulk, KIND_REPLACE, filter, doc, is_upsert);
}

err_code bulk_delete(struct bulk *bulk, const bson_t *filter, struct err *err)
{
	(void)err;
	return add(bulk, KIND_DELETE, filter, NULL, false);
}

/* The server is asked, and may be away, or break off at any time. */
static err_code reach(struct err *err)
{
	nemesis_strike(4 * world.strikes);
	scheduler_yield();
	if (!scheduler_is_dying() && mongo_journal_is_open() && fails(8 * world.mongo_faults))
		mongo_memory_crash(
			false); /* The client connects anew, and sends to the next one. */
	if (!scheduler_is_dying() && !world.mongo_down && !fails(world.mongo_faults))
		return ERR_OK;
	if (!scheduler_is_dying())
		world_count(mongo_failures);
	return err_set(err, ERR_UNAVAILABLE, "MongoDB is away");
}

/* The writes since `begun` are acknowledged, and are on disk if that was asked for. */
static err_code acknowledge(const struct _mongoc_collection_t *collection, int64_t begun,
			    struct err *err)
{
	const int64_t last = mongo_journal_last();
	const err_code code = reach(err);
	if (code != ERR_OK)
		return code;
	if (life != begun)
		return err_set(err, ERR_UNAVAILABLE, "MongoDB crashed");
	if (!collection->of)
		mongo_journal_flush(last);
	return ERR_OK;
}

static void count_stale(const struct bulk *bulk, const struct bulk_result *result)
{
	const int64_t missed = (int64_t)bulk->count - result->matched - result->inserted;

	if (missed <= 0 || bulk->operations->items[0].kind == KIND_DELETE)
		return;
	if (strcmp(bulk->collection->name, DOCUMENTS_SEAT_MAPS) == 0)
		world_facts[FACT_blocks_stale] += missed;
	if (strcmp(bulk->collection->name, DOCUMENTS_BOOKINGS) == 0)
		world_facts[FACT_bookings_stale] += missed;
}

err_code bulk_run(struct bulk *bulk, const char *doing, struct bulk_result *ret, struct err *err)
{
	int64_t begun = life;
	*ret = (struct bulk_result){ 0 };
	if (bulk->count == 0)
		return ERR_OK;

	for (int i = 0; i < bulk->operations->count; i++) {
		/* Each by itself; others come between. */
		if (i == 0 || one_in(4)) {
			const err_code code = reach(err);
			if (code != ERR_OK)
				return code;
			begun = i == 0 ? life : begun;
		}
		const struct operation *const item = &bulk->operations->items[i];
		write_one(documents_of(bulk->collection), item, ret);
		documents_written(bulk->collection->name, item->filter, item->doc);
	}
	trace("%s: %d written, %ld matched, %ld inserted", doing, bulk->operations->count,
	      (long)ret->matched, (long)ret->inserted);
	count_stale(bulk, ret);
	return acknowledge(bulk->collection, begun, err);
}

/* A transaction: nobody comes between, and a failure leaves nothing, or everything. */
err_code bulk_run_guarded(struct bulk *bulk, const char *collection, const bson_t *guard,
			  const char *doing, struct bulk_result *ret, struct err *err)
{
	struct _mongoc_collection_t *const guards = collection_of(collection);

	*ret = (struct bulk_result){ 0 };
	if (bulk->count == 0)
		return ERR_OK;
	const err_code code = reach(err);
	if (code != ERR_OK)
		return code;
	if (find_match(guards, guard) == guards->count) {
		world_count(rebuilds_stale);
		return err_set(err, ERR_CONFLICT, "another projector's term has begun");
	}
	for (int i = 0; i < bulk->operations->count; i++)
		write_one(bulk->collection, &bulk->operations->items[i], ret);
	trace("%s: %d written", doing, bulk->operations->count);
	return acknowledge(bulk->collection, life, err);
}

/* ---- lib/mongo.h and libmongoc ---- */

err_code mongo_open(const struct mongo_config *config, struct mongo **ret, struct err *err)
{
	(void)config;
	(void)err;
	*ret = &mongo;
	return ERR_OK;
}

void mongo_close(struct mongo *server)
{
	(void)server;
}

void mongo_client_take(struct mongo *server, struct mongo_client *ret)
{
	ret->mongo = server;
}

void mongo_client_done(struct mongo_client *client)
{
	client->mongo = NULL;
}

mongoc_collection_t *mongo_collection(const struct mongo_client *client, const char *name)
{
	(void)client;
	return collection_of(name);
}

mongoc_collection_t *durable_collection(const struct mongo_client *client, const char *name)
{
	return mongo_collection(client, name);
}

mongoc_collection_t *hasty_collection(const struct mongo_client *client, const char *name)
{
	(void)client;
	return hasty_of(name);
}

err_code durable_life(struct mongo *server, struct durable_life *ret, struct err *err)
{
	(void)server;
	*ret = (struct durable_life){ 0 };
	const err_code code = reach(err);
	memcpy(ret->process.bytes, &life, sizeof(life));
	return code;
}

err_code mongo_ping(struct mongo *server, struct err *err)
{
	(void)server;
	return reach(err);
}

err_code mongo_err(const bson_error_t *error, const char *doing, struct err *err)
{
	(void)error;
	return err_set(err, ERR_UNAVAILABLE, "%s: MongoDB is away", doing);
}

void mongoc_collection_destroy(mongoc_collection_t *collection)
{
	(void)collection;
}

bool mongoc_collection_command_simple(mongoc_collection_t *collection, const bson_t *command,
				      const mongoc_read_prefs_t *prefs, bson_t *reply,
				      bson_error_t *error)
{
	(void)collection;
	(void)command;
	(void)prefs;
	(void)reply;
	(void)error;
	return reach(NULL) == ERR_OK;
}

mongoc_cursor_t *mongoc_collection_find_with_opts(mongoc_collection_t *collection,
						  const bson_t *filter, const bson_t *opts,
						  const mongoc_read_prefs_t *prefs)
{
	mongoc_cursor_t *const ret = calloc(1, sizeof(*ret));
	(void)opts;
	(void)prefs;
	assert(ret);

	ret->has_failed = reach(NULL) != ERR_OK;
	for (int i = 0; i < collection->count && !ret->has_failed; i++)
		if (bson_match(filter, collection->documents[i]))
			ret->found[ret->count++] = bson_copy(collection->documents[i]);
	if (!ret->has_failed)
		ret->has_failed = reach(NULL) != ERR_OK;
	return ret;
}

bool mongoc_cursor_next(mongoc_cursor_t *cursor, const bson_t **doc)
{
	if (cursor->next == cursor->count)
		return false;
	*doc = cursor->found[cursor->next++];
	return true;
}

bool mongoc_cursor_error(mongoc_cursor_t *cursor, bson_error_t *error)
{
	(void)error;
	return cursor->has_failed;
}

void mongoc_cursor_destroy(mongoc_cursor_t *cursor)
{
	for (int i = 0; i < cursor->count; i++)
		bson_destroy(cursor->found[i]);
	free(cursor);
}

bool mongoc_collection_update_one(mongoc_collection_t *collection, const bson_t *filter,
				  const bson_t *update, const bson_t *opts, bson_t *reply,
				  bson_error_t *error)
{
	struct bulk_result result = { 0 };
	const struct operation operation = { .kind = KIND_UPDATE,
					     .filter = (bson_t *)(uintptr_t)filter,
					     .doc = (bson_t *)(uintptr_t)update };
	(void)opts;
	(void)error;

	bson_init(reply);
	if (reach(NULL) != ERR_OK)
		return false;
	const int64_t begun = life;
	write_one(documents_of(collection), &operation, &result);
	if (result.matched == 0)
		world_count(positions_stale);
	if (bson_has_field(update, "$set.rebuilding") && bson_number(update, "$set.rebuilding"))
		world_count(rebuilds);
	BSON_APPEND_INT64(reply, "matchedCount", result.matched);
	return acknowledge(collection, begun, NULL) == ERR_OK;
}

mongoc_find_and_modify_opts_t *mongoc_find_and_modify_opts_new(void)
{
	mongoc_find_and_modify_opts_t *const ret = calloc(1, sizeof(*ret));
	assert(ret);
	return ret;
}

bool mongoc_find_and_modify_opts_set_update(mongoc_find_and_modify_opts_t *opts,
					    const bson_t *update)
{
	opts->update = bson_copy(update);
	return true;
}

bool mongoc_find_and_modify_opts_set_flags(mongoc_find_and_modify_opts_t *opts,
					   const mongoc_find_and_modify_flags_t flags)
{
	(void)opts;
	(void)flags;
	return true;
}

void mongoc_find_and_modify_opts_destroy(mongoc_find_and_modify_opts_t *opts)
{
	bson_destroy(opts->update);
	free(opts);
}

/* Upserts, and answers the document as it then is. */
bool mongoc_collection_find_and_modify_with_opts(mongoc_collection_t *collection,
						 const bson_t *query,
						 const mongoc_find_and_modify_opts_t *opts,
						 bson_t *reply, bson_error_t *error)
{
	(void)error;

	bson_init(reply);
	if (reach(NULL) != ERR_OK)
		return false;
	const int i = find_match(collection, query);
	put(collection, i, query,
	    bson_apply(i < collection->count ? collection->documents[i] : query, opts->update));
	BSON_APPEND_DOCUMENT(reply, "value", collection->documents[i]);
	world_count(terms);
	return acknowledge(collection, life, NULL) == ERR_OK;
}
