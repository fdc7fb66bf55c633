#include "follow.h"

#include "change.h"
#include "clock.h"
#include "log.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BATCH_CHANGES_MAX 1000
#define PAUSE_MS          100 /* before a broken stream is opened anew */
#define KILL_MS_MAX       500
#define TOLD_NEVER        INT64_MIN

struct follow {
	struct mongo *mongo;
	struct follow_listener listener;
	pthread_t thread;
	atomic_bool stopping;
	_Atomic int64_t told_us; /* all before was told; TOLD_NEVER: nothing is */
	int64_t left_cursor_id;  /* of a stream that broke: the server may still have it; or 0 */
	struct metric *changes;
	struct metric *opened;
	struct metric *up;
};

/* One stream, while it lasts. */
struct stream {
	struct mongo_client client;
	mongoc_client_session_t *session;
	bson_t with_session; /* options of each command */
	int64_t cursor_id;
};

/* --- commands --- */

/* What is not asked for is not sent: a block's update may be large. */
static bson_t *open_command(void)
{
	/* clang-format off */
	return BCON_NEW(
		"aggregate", BCON_INT32(1),
		"pipeline", "[",
			"{", "$changeStream", "{", "}", "}",
			"{", "$match", "{", "$or", "[",
				"{", "ns.coll", "{", "$in", "[",
					CHANGE_EVENTS, CHANGE_SEAT_MAPS, "]", "}", "}",
				"{", "operationType", "{", "$in", "[",
					"drop", "rename", "dropDatabase", "invalidate",
				"]", "}", "}",
			"]", "}", "}",
			"{", "$project", "{",
				"operationType", BCON_INT32(1),
				"ns.coll", BCON_INT32(1),
				"documentKey._id", BCON_INT32(1),
				"updateDescription.updatedFields", "{", "$cond", "[",
					"{", "$eq", "[", "$ns.coll", CHANGE_EVENTS, "]", "}",
					"$updateDescription.updatedFields",
					"$$REMOVE", "]", "}",
				"updateDescription.removedFields", BCON_INT32(1), "}", "}",
		"]",
		"cursor", "{", "batchSize", BCON_INT32(BATCH_CHANGES_MAX), "}");
	/* clang-format on */
}

static bson_t *more_command(int64_t cursor_id)
{
	return BCON_NEW("getMore", BCON_INT64(cursor_id), "collection", "$cmd.aggregate",
			"batchSize", BCON_INT32(BATCH_CHANGES_MAX), "maxTimeMS",
			BCON_INT64(FOLLOW_AWAIT_MS));
}

static err_code run_command(struct stream *stream, const bson_t *command, bson_t *ret_reply,
			    struct err *err)
{
	/* Any collection will do: the command is the database's. */
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *events =
		mongo_collection(&stream->client, CHANGE_EVENTS);
	bson_error_t error;

	if (mongoc_collection_command_with_opts(events, command, NULL, &stream->with_session,
						ret_reply, &error))
		return ERR_OK;
	bson_destroy(ret_reply);
	return mongo_err(&error, "follow changes", err);
}

static err_code open_session(struct stream *stream, struct err *err)
{
	bson_error_t error;

	stream->session = mongoc_client_start_session(stream->client.client, NULL, &error);
	if (!stream->session ||
	    !mongoc_client_session_append(stream->session, &stream->with_session, &error))
		return mongo_err(&error, "follow changes", err);
	return ERR_OK;
}

/* Until it is told so, the server keeps a cursor that nobody reads for ten minutes. */
static void kill_cursor(struct stream *stream, int64_t *cursor_id)
{
	_cleanup_(bson_destroyp) bson_t *command =
		BCON_NEW("killCursors", "$cmd.aggregate", "cursors", "[", BCON_INT64(*cursor_id),
			 "]", "maxTimeMS", BCON_INT64(KILL_MS_MAX));
	bson_t reply;
	struct err err = { 0 };

	if (*cursor_id == 0)
		return;
	/* Nobody needs it to succeed: the server forgets it by itself later. */
	if (run_command(stream, command, &reply, &err) == ERR_OK)
		bson_destroy(&reply);
	else
		log_debug("cursor_left", LOG_STR("error", err.text));
	*cursor_id = 0;
}

static void stream_done(struct stream *stream)
{
	if (stream->session)
		mongoc_client_session_destroy(stream->session);
	bson_destroy(&stream->with_session);
	mongo_client_done(&stream->client);
}

/* --- telling --- */

static void tell(const struct follow *follow, const struct change *change)
{
	const struct follow_listener *const listener = &follow->listener;

	switch (change->kind) {
	case CHANGE_OF_BLOCK:
		listener->on_block(listener->ctx, change->event_id, change->block);
		break;
	case CHANGE_OF_EVENT:
		listener->on_event(listener->ctx, change->event_id);
		break;
	case CHANGE_OF_COUNTS:
		break;
	case CHANGE_OF_ALL:
		listener->on_doubt(listener->ctx);
		break;
	}
}

/* A reply's changes, and where the stream goes on. */
static err_code tell_reply(struct follow *follow, struct stream *stream, const bson_t *reply,
			   struct err *err)
{
	bson_iter_t batch;
	bool lists = false;

	if (!change_open_batch(reply, &stream->cursor_id, &batch))
		return err_set(err, ERR_UNAVAILABLE, "a change stream without a batch");
	while (bson_iter_next(&batch)) {
		struct change change;

		change_read(&batch, &change);
		lists |= change.kind != CHANGE_OF_BLOCK;
		tell(follow, &change);
		metric_add(follow->changes, 1);
	}
	if (lists)
		follow->listener.on_list(follow->listener.ctx);
	if (stream->cursor_id == 0)
		return err_set(err, ERR_UNAVAILABLE, "the change stream has ended");
	return ERR_OK;
}

/*
 * The reply to a command sent at asked_us. The server had read its log up to then, so that nothing
 * before is left to tell; unless the batch is full, and more of it waits.
 */
static err_code step(struct follow *follow, struct stream *stream, const bson_t *command,
		     bool is_first, struct err *err)
{
	const int64_t asked_us = clock_monotonic_us();
	bson_t reply;
	err_code code = run_command(stream, command, &reply, err);

	if (code != ERR_OK)
		return code;
	/* What was read before the stream began is nobody's to correct. */
	if (is_first)
		follow->listener.on_doubt(follow->listener.ctx);
	code = tell_reply(follow, stream, &reply, err);
	if (code == ERR_OK && change_count(&reply) < BATCH_CHANGES_MAX)
		atomic_store(&follow->told_us, asked_us);
	bson_destroy(&reply);
	return code;
}

/* Until the stream breaks, or the program stops. */
static err_code follow_stream(struct follow *follow, struct err *err)
{
	_cleanup_(stream_done) struct stream stream = { .with_session = BSON_INITIALIZER };
	_cleanup_(bson_destroyp) bson_t *open = open_command();

	mongo_client_take(follow->mongo, &stream.client);

	err_code code = open_session(&stream, err);

	if (code == ERR_OK)
		code = step(follow, &stream, open, true, err);
	if (code == ERR_OK) {
		kill_cursor(&stream, &follow->left_cursor_id);
		log_info("following_changes");
		metric_add(follow->opened, 1);
		metric_set(follow->up, 1);
	}
	while (code == ERR_OK && !atomic_load(&follow->stopping)) {
		_cleanup_(bson_destroyp) bson_t *more = more_command(stream.cursor_id);

		code = step(follow, &stream, more, false, err);
	}
	/* A server that just failed to answer is told when it answers again. */
	if (code == ERR_OK)
		kill_cursor(&stream, &stream.cursor_id);
	else if (stream.cursor_id != 0)
		follow->left_cursor_id = stream.cursor_id;
	return code;
}

static void *run(void *ctx)
{
	struct follow *const follow = ctx;
	bool was_up = true; /* so that a first failure is logged */

	while (!atomic_load(&follow->stopping)) {
		struct err err = { 0 };
		const int64_t opened = metric_get(follow->opened);
		const err_code code = follow_stream(follow, &err);

		atomic_store(&follow->told_us, TOLD_NEVER);
		metric_set(follow->up, 0);
		was_up |= metric_get(follow->opened) != opened;
		if (code != ERR_OK && was_up)
			log_warn("not_following_changes", LOG_STR("error", err.text));
		was_up = false;
		if (!atomic_load(&follow->stopping))
			clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

/* --- the thread --- */

static void add_metrics(struct follow *follow, struct metrics *metrics)
{
	follow->changes = metrics_add_counter(metrics, "seatline_changes_total", NULL,
					      "changes that MongoDB told of");
	follow->opened = metrics_add_counter(metrics, "seatline_change_streams_total", NULL,
					     "change streams opened");
	follow->up = metrics_add_gauge(metrics, "seatline_change_stream_up", NULL,
				       "1 while changes are told, else 0");
}

err_code follow_open(struct mongo *mongo, const struct follow_listener *listener,
		     struct metrics *metrics, struct follow **ret, struct err *err)
{
	struct follow *const follow = calloc(1, sizeof(*follow));

	assert(follow);
	follow->mongo = mongo;
	follow->listener = *listener;
	atomic_init(&follow->told_us, TOLD_NEVER);
	add_metrics(follow, metrics);
	if (pthread_create(&follow->thread, NULL, run, follow) != 0) {
		free(follow);
		return err_set(err, ERR_INTERNAL, "no thread to follow MongoDB with");
	}

	*ret = follow;
	return ERR_OK;
}

void follow_close(struct follow *follow)
{
	if (!follow)
		return;

	atomic_store(&follow->stopping, true);
	(void)pthread_join(follow->thread, NULL);
	free(follow);
}

bool follow_is_told(void *ctx)
{
	const struct follow *const follow = ctx;
	const int64_t told_us = atomic_load_explicit(&follow->told_us, memory_order_acquire);

	return told_us != TOLD_NEVER && clock_monotonic_us() - told_us < FOLLOW_TOLD_MS_MAX * 1000;
}
