#include "projector.h"

#include "bookings.h"
#include "changes.h"
#include "clock.h"
#include "fault.h"
#include "leader.h"
#include "log.h"
#include "maps.h"
#include "projector_metrics.h"
#include "publish.h"
#include "state.h"
#include "store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STANDBY_MS       1000
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS  2000
#define WAIT_SLICE_MS    50 /* how soon a stop is noticed */
#define TAKE_OVER_MS     10000
/* How long a turn, or the command --rebuild at its end, tells events what they are owed. */
#define OWED_MS_MAX        200
#define OWED_AT_END_MS_MAX 5000
#define MONGO_CLIENTS      3 /* nested at most two deep, and one for new bookings */
/* Full batches one after the other that come to so many rows are a backlog, however small each. */
#define BACKLOG_ROWS_MIN 1000

/* Times to wait after a notification that came before its row could be read. */
static const int64_t WAKE_RETRY_MS[] = { 1, 2, 5, 10, 20 };
#define WAKE_RETRIES (sizeof(WAKE_RETRY_MS) / sizeof(WAKE_RETRY_MS[0]))

struct projector {
	const struct projector_config *config;
	struct pg *pg;
	struct mongo *mongo;
	struct store *store;
	struct publish *publish;
	struct projector_metrics metrics;

	atomic_bool is_stopping;
	atomic_bool is_active;
	atomic_bool is_behind;
	atomic_bool has_postgresql;
	atomic_bool has_mongodb;

	int64_t term;
	struct log_position position;
	bool is_settled;                         /* position, on MongoDB's disk */
	int64_t backlog_rows;                    /* of full batches one after the other */
	char fingerprint[FINGERPRINT_BYTES_MAX]; /* of the events that MongoDB has */
	int64_t next_check_ms;
	size_t wake_retry; /* into WAKE_RETRY_MS; WAKE_RETRIES: none */
	int64_t backoff_ms;
};

err_code projector_open(const struct projector_config *config, struct metrics *metrics,
			struct projector **ret, struct err *err)
{
	const char *const name = PROJECTOR_PROGRAM.name;
	const struct mongo_config mongo = projector_mongo_config(config, name, MONGO_CLIENTS);
	const struct pg_config pg = projector_pg_config(config, name);

	struct projector *const projector = calloc(1, sizeof(*projector));
	assert(projector);
	projector->config = config;
	projector->wake_retry = WAKE_RETRIES;
	projector_metrics_init(&projector->metrics, metrics);

	err_code code = mongo_open(&mongo, &projector->mongo, err);
	if (code == ERR_OK)
		code = publish_open(config->live_url, config->live_timeout_ms, &projector->publish,
				    err);
	if (code != ERR_OK) {
		projector_close(projector);
		return code;
	}
	projector->pg = pg_new(&pg);
	projector->store = store_new(projector->mongo);
	*ret = projector;
	return ERR_OK;
}

void projector_close(struct projector *projector)
{
	if (!projector)
		return;
	store_free(projector->store);
	publish_close(projector->publish);
	pg_free(projector->pg); /* Its session ends, and with it the lock. */
	mongo_close(projector->mongo);
	free(projector);
}

void projector_stop(struct projector *projector)
{
	atomic_store(&projector->is_stopping, true);
}

bool projector_is_active(const struct projector *projector)
{
	return atomic_load(&projector->is_active);
}

bool projector_is_behind(const struct projector *projector)
{
	return atomic_load(&projector->is_behind);
}

bool projector_has_postgresql(const struct projector *projector)
{
	return atomic_load(&projector->has_postgresql);
}

bool projector_has_mongodb(const struct projector *projector)
{
	return atomic_load(&projector->has_mongodb);
}

static bool should_stop(void *ctx)
{
	const struct projector *const projector = ctx;
	return atomic_load(&projector->is_stopping);
}

/* Passes a result of MongoDB's on, and notes whether the server was there. */
static err_code mongo_said(struct projector *projector, err_code code)
{
	if (code == ERR_OK || code == ERR_UNAVAILABLE)
		atomic_store(&projector->has_mongodb, code == ERR_OK);
	return code;
}

/* ---- Leading ---- */

static void set_active(struct projector *projector, bool is_active)
{
	if (atomic_exchange(&projector->is_active, is_active) == is_active)
		return;
	metric_set(projector->metrics.active, is_active);
	if (is_active)
		log_info("projector_active", LOG_INT("term", projector->term));
	else
		log_info("projector_standby");
}

static void step_down(struct projector *projector)
{
	store_forget(projector->store);
	projector->fingerprint[0] = '\0';
	atomic_store(&projector->is_behind, false);
	set_active(projector, false);
}

/* What is written whole may be ahead of what subscribers were told. */
static void owe_event(void *ctx, const struct event_values *event)
{
	struct projector *const projector = ctx;

	if (event->sums.version > 0)
		publish_owe(projector->publish, event->event_id, &event->sums);
}

static void tell_owed(struct projector *projector, int64_t ms_max)
{
	struct publish_counts counts;

	publish_owed(projector->publish, ms_max, &counts);
	projector_metrics_published(&projector->metrics, &counts);
}

static struct maps maps_of(struct projector *projector)
{
	return (struct maps){ .pg = projector->pg,
			      .mongo = projector->mongo,
			      .on_event = owe_event,
			      .ctx = projector };
}

static err_code rebuild(struct projector *projector, struct rebuild_result *ret, struct err *err)
{
	const struct rebuild rebuild = { .pg = projector->pg,
					 .mongo = projector->mongo,
					 .term = projector->term,
					 .should_stop = should_stop,
					 .on_event = owe_event,
					 .ctx = projector };

	const err_code code = rebuild_run(&rebuild, ret, err);
	if (code == ERR_OK)
		metric_add(projector->metrics.rebuilds, 1);
	return code;
}

static err_code begin_term(struct projector *projector, struct read_model_state *ret,
			   struct err *err)
{
	err_code code = store_ensure_indexes(projector->mongo, err);
	if (code == ERR_OK)
		code = state_begin_term(projector->mongo, ret, err);
	if (mongo_said(projector, code) == ERR_OK)
		projector->term = ret->term;
	return code;
}

static err_code activate(struct projector *projector, struct err *err)
{
	struct read_model_state state;
	struct write_model model;

	store_forget(projector->store);
	projector->fingerprint[0] = '\0';
	projector->next_check_ms = 0;
	err_code code = changes_listen(projector->pg, err);
	if (code == ERR_OK)
		code = begin_term(projector, &state, err);
	if (code == ERR_OK)
		code = write_model_read(projector->pg, &model, err);
	if (code != ERR_OK)
		return code;

	projector->position = state.position;
	projector->is_settled = true;
	if (rebuild_is_needed(&state, &model)) {
		struct rebuild_result result;
		code = rebuild(projector, &result, err);
		if (code != ERR_OK)
			return code;
		projector->position = result.position;
	}
	set_active(projector, true);
	return ERR_OK;
}

static err_code open_session(struct projector *projector, struct err *err)
{
	if (pg_is_open(projector->pg))
		return ERR_OK;

	step_down(projector);
	err_code code = pg_ensure(projector->pg, err);
	if (code == ERR_OK)
		code = leader_prepare(projector->pg, err);
	return code;
}

static err_code stand_by(struct projector *projector, int64_t *ret_wait_ms, struct err *err)
{
	*ret_wait_ms = STANDBY_MS;
	return mongo_said(projector, mongo_ping(projector->mongo, err));
}

err_code projector_rebuild(struct projector *projector, struct rebuild_result *ret, struct err *err)
{
	struct read_model_state state;

	err_code code = open_session(projector, err);
	if (code == ERR_OK)
		code = leader_take_over(projector->pg, LEADER_READ_MODEL, TAKE_OVER_MS, err);
	if (code == ERR_OK)
		code = begin_term(projector, &state, err);
	if (code == ERR_OK)
		code = rebuild(projector, ret, err);
	if (code == ERR_OK)
		tell_owed(projector, OWED_AT_END_MS_MAX);
	pg_drop(projector->pg); /* Gives the lead back. */
	return code;
}

/* ---- Beside the log ---- */

static err_code check_events(struct projector *projector, struct err *err)
{
	char fingerprint[FINGERPRINT_BYTES_MAX];
	int64_t written = 0;

	err_code code = write_model_fingerprint(projector->pg, fingerprint, err);
	if (code != ERR_OK || strcmp(fingerprint, projector->fingerprint) == 0)
		return code;

	const struct maps maps = maps_of(projector);
	code = maps_write_new_events(&maps, &written, err);
	if (code != ERR_OK)
		return code;
	memcpy(projector->fingerprint, fingerprint, sizeof(fingerprint));
	if (written > 0) {
		store_forget(projector->store);
		log_info("events_written", LOG_INT("events", written));
	}
	return ERR_OK;
}

static err_code measure_lag(struct projector *projector, struct err *err)
{
	struct changes_lag lag;

	const err_code code = changes_lag(projector->pg, &projector->position, &lag, err);
	if (code != ERR_OK)
		return code;
	metric_set(projector->metrics.lag_rows, lag.rows);
	metric_set(projector->metrics.lag_seconds, lag.oldest_ms / 1000);
	return ERR_OK;
}

static err_code check(struct projector *projector, struct err *err)
{
	const int64_t now_ms = clock_monotonic_ms();
	if (now_ms < projector->next_check_ms)
		return ERR_OK;

	/* The lag first: it is what grows while MongoDB is away. */
	err_code code = measure_lag(projector, err);
	if (code == ERR_OK)
		code = mongo_said(projector, mongo_ping(projector->mongo, err));
	if (code == ERR_OK)
		code = check_events(projector, err);
	if (code == ERR_OK)
		projector->next_check_ms = now_ms + projector->config->events_check_ms;
	return code;
}

/* ---- A batch ---- */

static void end_step(struct projector *projector, enum projector_step step, int64_t *since_us)
{
	metric_observe_since(projector->metrics.steps[step], *since_us);
	*since_us = clock_monotonic_us();
}

/* The map of an event that was added since the last check, or whose layout grew. */
static err_code write_missing_map(struct projector *projector, struct store_result *result,
				  struct err *err)
{
	char event_id[IDENT_BYTES_MAX];
	memcpy(event_id, result->missing_event, sizeof(event_id));

	bool exists = false;
	const struct maps maps = maps_of(projector);
	const err_code code = maps_write_event(&maps, event_id, &exists, err);
	log_info("missing_map_written", LOG_STR("event_id", event_id), LOG_BOOL("exists", exists));
	return code;
}

static err_code write_blocks(struct projector *projector, const struct fold *fold,
			     struct store_result *result, struct err *err)
{
	/* Each event's map may be missing once; what is still missing then, PostgreSQL lacks too.
	 */
	for (size_t i = 0; i <= fold->event_count; i++) {
		result->skips_missing = i == fold->event_count;
		err_code code = store_write_blocks(projector->store, fold, result, err);
		if (code != ERR_NOT_FOUND)
			return mongo_said(projector, code);
		code = write_missing_map(projector, result, err);
		if (code != ERR_OK)
			return code;
	}
	return err_set(err, ERR_INTERNAL, "a seat is missing although missing ones are skipped");
}

static err_code end_bookings(struct projector *projector, struct bookings_writing *writing,
			     struct err *err)
{
	struct bookings_result result;

	const err_code code = bookings_end(projector->pg, writing, &result, err);
	if (mongo_said(projector, code) != ERR_OK)
		return code;
	projector_metrics_bookings(&projector->metrics, &result);
	return ERR_OK;
}

/*
 * Bookings only after the blocks: whoever reads a booking finds its seats in the map. They are
 * written while the events' documents wait for the disk.
 */
static err_code write_documents(struct projector *projector, const struct fold *fold,
				struct store_result *result, int64_t *since_us, struct err *err)
{
	_cleanup_(bookings_writing_done) struct bookings_writing bookings = { 0 };
	err_code code = write_blocks(projector, fold, result, err);
	if (code != ERR_OK)
		return code;
	FAULT_POINT("projector_after_blocks");
	end_step(projector, STEP_BLOCKS, since_us);

	bookings_begin(&bookings, projector->mongo, fold);
	code = mongo_said(projector, store_write_events(projector->store, fold, result, err));
	if (code != ERR_OK)
		return code;
	FAULT_POINT("projector_after_events");
	end_step(projector, STEP_EVENTS, since_us);
	return end_bookings(projector, &bookings, err);
}

static err_code write_batch(struct projector *projector, const struct fold *fold,
			    struct store_result *result, int64_t *since_us, struct err *err)
{
	const err_code code = write_documents(projector, fold, result, since_us, err);
	if (code != ERR_OK) {
		store_forget(projector->store);
		return code;
	}
	FAULT_POINT("projector_after_batch");
	*since_us = clock_monotonic_us();
	return ERR_OK;
}

static void tell_live(struct projector *projector, const struct fold *fold,
		      const struct store_result *result)
{
	struct publish_counts counts;

	publish_batch(projector->publish, fold, result, &counts);
	projector_metrics_published(&projector->metrics, &counts);
}

/*
 * Published before the position is written: after a crash in between, the batch is read again and
 * subscribers are told, if need be, to reload.
 */
static err_code apply(struct projector *projector, const struct log_batch *batch, int64_t *since_us,
		      struct err *err)
{
	_cleanup_(fold_done) struct fold fold;
	_cleanup_(store_result_done) struct store_result result;
	fold_batch(batch->rows, batch->count, &fold);
	store_result_init(&result, &fold);
	FAULT_POINT("projector_after_fold");
	end_step(projector, STEP_FOLD, since_us);

	err_code code = write_batch(projector, &fold, &result, since_us, err);
	if (code != ERR_OK)
		return code;
	projector_metrics_batch(&projector->metrics, batch, &result);
	if (result.blocks_skipped > 0)
		log_warn("seats_not_in_map", LOG_INT("blocks", result.blocks_skipped));
	tell_live(projector, &fold, &result);
	end_step(projector, STEP_PUBLISH, since_us);

	code = mongo_said(projector,
			  state_move(projector->mongo, projector->term, &batch->last, err));
	if (code != ERR_OK)
		return code;
	projector->position = batch->last;
	projector->is_settled = false;
	FAULT_POINT("projector_after_cursor");
	end_step(projector, STEP_POSITION, since_us);
	return ERR_OK;
}

/* Nothing moves the position again until there are rows, so a lost one would stay lost. Under load
 * the next one comes sooner than what is waited for. */
static err_code settle(struct projector *projector, struct err *err)
{
	if (projector->is_settled)
		return ERR_OK;
	const err_code code = mongo_said(projector, state_settle(projector->mongo, projector->term,
								 &projector->position, err));
	projector->is_settled = code == ERR_OK;
	return code;
}

static void note_backlog(struct projector *projector, size_t rows)
{
	const int64_t full = projector->config->batch_max;
	const int64_t min = full > BACKLOG_ROWS_MIN ? full : BACKLOG_ROWS_MIN;

	projector->backlog_rows = (int64_t)rows < full ? 0 : projector->backlog_rows + full;
	atomic_store(&projector->is_behind, projector->backlog_rows >= min);
}

static int64_t next_wait_ms(struct projector *projector)
{
	if (projector->wake_retry < WAKE_RETRIES &&
	    WAKE_RETRY_MS[projector->wake_retry] < projector->config->poll_ms)
		return WAKE_RETRY_MS[projector->wake_retry++];
	projector->wake_retry = WAKE_RETRIES;
	return projector->config->poll_ms;
}

static err_code follow(struct projector *projector, int64_t *ret_wait_ms, struct err *err)
{
	_cleanup_(log_batch_done) struct log_batch batch = { 0 };
	tell_owed(projector, OWED_MS_MAX);

	err_code code = check(projector, err);
	if (code != ERR_OK)
		return code;
	int64_t since_us = clock_monotonic_us();
	code = changes_read(projector->pg, &projector->position, projector->config->batch_max,
			    &batch, err);
	if (code != ERR_OK)
		return code;
	note_backlog(projector, batch.count);
	if (batch.count == 0) {
		*ret_wait_ms = next_wait_ms(projector);
		return *ret_wait_ms < projector->config->poll_ms ? ERR_OK : settle(projector, err);
	}
	FAULT_POINT("projector_after_read");
	end_step(projector, STEP_READ, &since_us);
	*ret_wait_ms = 0;
	/* Who reads that an event was cancelled finds the event so. */
	if (log_batch_cancels_events(&batch))
		code = check_events(projector, err);
	return code != ERR_OK ? code : apply(projector, &batch, &since_us, err);
}

err_code projector_turn(struct projector *projector, int64_t *ret_wait_ms, struct err *err)
{
	bool leads = projector_is_active(projector) && pg_is_open(projector->pg);

	*ret_wait_ms = 0;
	err_code code = open_session(projector, err);
	if (code == ERR_OK && !leads)
		code = leader_try(projector->pg, LEADER_READ_MODEL, &leads, err);
	atomic_store(&projector->has_postgresql, code == ERR_OK);
	if (code != ERR_OK)
		return code;
	if (!leads)
		return stand_by(projector, ret_wait_ms, err);

	if (!projector_is_active(projector))
		code = activate(projector, err);
	if (code == ERR_OK)
		code = follow(projector, ret_wait_ms, err);
	if (code == ERR_CONFLICT) {
		/* Another term: someone took the lead while this session seemed to hold it. */
		pg_drop(projector->pg);
		step_down(projector);
		code = ERR_UNAVAILABLE;
	}
	atomic_store(&projector->has_postgresql, pg_is_open(projector->pg));
	return code;
}

/* ---- Turning ---- */

static void wait(struct projector *projector, int64_t wait_ms)
{
	const int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	const bool listens = projector_is_active(projector);

	for (int64_t left_ms = wait_ms; left_ms > 0 && !should_stop(projector);
	     left_ms = deadline_ms - clock_monotonic_ms()) {
		const int64_t slice_ms = left_ms < WAIT_SLICE_MS ? left_ms : WAIT_SLICE_MS;
		if (!listens) {
			clock_sleep_ms(slice_ms);
		} else if (changes_wait(projector->pg, slice_ms)) {
			projector->wake_retry = 0;
			return;
		}
	}
}

static void note_failure(struct projector *projector, const struct err *err)
{
	metric_add(projector->metrics.failures, 1);
	/* Nobody gives way to who waits for a server. */
	atomic_store(&projector->is_behind, false);
	if (projector->backoff_ms == 0) {
		log_warn("projector_held_up", LOG_STR("error", err->text));
		projector->backoff_ms = BACKOFF_FIRST_MS;
	} else {
		log_debug("projector_held_up", LOG_STR("error", err->text));
		projector->backoff_ms *= 2;
		if (projector->backoff_ms > BACKOFF_LAST_MS)
			projector->backoff_ms = BACKOFF_LAST_MS;
	}
}

static void note_success(struct projector *projector)
{
	if (projector->backoff_ms == 0)
		return;
	projector->backoff_ms = 0;
	log_info("projector_goes_on");
}

err_code projector_run(struct projector *projector, struct err *err)
{
	while (!should_stop(projector)) {
		int64_t wait_ms = 0;
		const err_code code = projector_turn(projector, &wait_ms, err);
		if (code == ERR_OK) {
			note_success(projector);
		} else if (code == ERR_UNAVAILABLE) {
			note_failure(projector, err);
			wait_ms = projector->backoff_ms;
		} else {
			return code;
		}
		wait(projector, wait_ms);
	}
	return ERR_OK;
}
