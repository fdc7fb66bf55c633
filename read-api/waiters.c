#include "waiters.h"

#include "booking_json.h"
#include "booking_outcome.h"
#include "find.h"
#include "log.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define ERROR_PAUSE_MS 100 /* while MongoDB does not answer */

/* One who waits; it lies on the stack of its thread. */
struct waiter {
	struct waiter *before, *next;
	const char *booking_id;
	const char *command_id;
	pthread_cond_t outcome_came;
	bson_t *booking; /* NULL until then */
};

struct waiters {
	struct waiters_config config;
	struct metric *waiting;
	struct metric *ends[WAITERS_END_COUNT];
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows, and all waiters */
	pthread_cond_t wake;   /* the thread: someone waits, or stop    */
	struct waiter *first;
	int64_t count;
	bool stopping;
};

/* --- times and conditions --- */

static struct timespec after_ms(int64_t ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* Cannot fail with this clock. */
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;

	return until;
}

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	/* None of these can fail on Linux with valid arguments. */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &attr);
	(void)pthread_condattr_destroy(&attr);
}

/* --- the thread --- */

/* Everything that is waited for, in one list; the same booking may stand in it twice. */
static bson_t *make_filter(const struct waiters *waiters)
{
	bson_t *filter = bson_new();
	bson_t in, ids;
	uint32_t i = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (const struct waiter *waiter = waiters->first; waiter; waiter = waiter->next) {
		char buf[16];
		const char *key = NULL;

		(void)bson_uint32_to_string(i++, &key, buf, sizeof(buf));
		BSON_APPEND_UTF8(&ids, key, waiter->booking_id);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);

	return filter;
}

static void hand_out(struct waiters *waiters, const bson_t *booking)
{
	(void)pthread_mutex_lock(&waiters->mutex);
	for (struct waiter *waiter = waiters->first; waiter; waiter = waiter->next) {
		if (waiter->booking || !booking_says(booking, "_id", waiter->booking_id) ||
		    !booking_outcome_is_known(booking, waiter->command_id))
			continue;
		waiter->booking = bson_copy(booking);
		(void)pthread_cond_signal(&waiter->outcome_came);
	}
	(void)pthread_mutex_unlock(&waiters->mutex);
}

static err_code look(struct waiters *waiters, const bson_t *filter, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	/* All in one batch: a second one would be a second round trip. */
	_cleanup_(bson_destroyp) bson_t *options =
		BCON_NEW("batchSize", BCON_INT64(waiters->config.waiters_max + 1), "maxTimeMS",
			 BCON_INT64(FIND_MS_MAX));
	const bson_t *booking = NULL;

	mongo_client_take(waiters->config.mongo, &client);

	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *bookings =
		mongo_collection(&client, "bookings");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(bookings, filter, options, NULL);

	while (mongoc_cursor_next(cursor, &booking))
		hand_out(waiters, booking);

	return find_error(cursor, "look for outcomes", err);
}

/* True when MongoDB was asked and answered. */
static bool look_once(struct waiters *waiters, const bson_t *filter)
{
	struct err err = { 0 };

	if (!watch_is_up(waiters->config.watch))
		return false;
	if (look(waiters, filter, &err) == ERR_OK)
		return true;

	metric_add(waiters->config.mongo_errors, 1);
	watch_suspect(waiters->config.watch);
	log_warn("wait_unavailable", LOG_STR("error", err.text));
	return false;
}

/* With the mutex held. */
static void pause_ms(struct waiters *waiters, int64_t ms)
{
	const struct timespec until = after_ms(ms);

	while (!waiters->stopping)
		if (pthread_cond_timedwait(&waiters->wake, &waiters->mutex, &until) != 0)
			break;
}

static void *run(void *ctx)
{
	struct waiters *waiters = (struct waiters *)ctx;

	(void)pthread_mutex_lock(&waiters->mutex);
	while (!waiters->stopping) {
		if (!waiters->first) {
			(void)pthread_cond_wait(&waiters->wake, &waiters->mutex);
			continue;
		}

		_cleanup_(bson_destroyp) bson_t *filter = make_filter(waiters);

		(void)pthread_mutex_unlock(&waiters->mutex);

		const bool answered = look_once(waiters, filter);

		(void)pthread_mutex_lock(&waiters->mutex);
		pause_ms(waiters, answered ? waiters->config.poll_ms : ERROR_PAUSE_MS);
	}
	(void)pthread_mutex_unlock(&waiters->mutex);

	return NULL;
}

/* --- the waiter --- */

static void add(struct waiters *waiters, struct waiter *waiter)
{
	waiter->next = waiters->first;
	if (waiters->first)
		waiters->first->before = waiter;
	waiters->first = waiter;
	waiters->count++;
	metric_set(waiters->waiting, waiters->count);
	if (waiters->count == 1)
		(void)pthread_cond_signal(&waiters->wake);
}

static void remove_waiter(struct waiters *waiters, struct waiter *waiter)
{
	if (waiter->before)
		waiter->before->next = waiter->next;
	else
		waiters->first = waiter->next;
	if (waiter->next)
		waiter->next->before = waiter->before;
	waiters->count--;
	metric_set(waiters->waiting, waiters->count);
}

/* With the mutex held: from coming in to going out. */
static enum waiters_end wait_turn(struct waiters *waiters, struct waiter *waiter,
				  int64_t timeout_ms)
{
	const struct timespec until = after_ms(timeout_ms);
	int status = 0;

	if (waiters->stopping)
		return WAITERS_STOPPED;
	if (waiters->count >= waiters->config.waiters_max)
		return WAITERS_FULL;

	add(waiters, waiter);
	while (!waiter->booking && !waiters->stopping && status == 0)
		status = pthread_cond_timedwait(&waiter->outcome_came, &waiters->mutex, &until);
	remove_waiter(waiters, waiter);

	if (waiter->booking)
		return WAITERS_OUTCOME;
	return waiters->stopping ? WAITERS_STOPPED : WAITERS_TIMEOUT;
}

enum waiters_end waiters_wait(struct waiters *waiters, const struct booking_id *id,
			      const char *command_id, int64_t timeout_ms, bson_t **ret)
{
	assert(timeout_ms >= 0);

	struct waiter waiter = { .booking_id = id->text, .command_id = command_id };

	init_condition(&waiter.outcome_came);
	(void)pthread_mutex_lock(&waiters->mutex);

	const enum waiters_end end = wait_turn(waiters, &waiter, timeout_ms);

	(void)pthread_mutex_unlock(&waiters->mutex);
	(void)pthread_cond_destroy(&waiter.outcome_came);
	metric_add(waiters->ends[end], 1);
	if (end == WAITERS_OUTCOME)
		*ret = waiter.booking;

	return end;
}

/* --- open and close --- */

static void add_metrics(struct waiters *waiters, struct metrics *metrics)
{
	static const char *const LABELS[WAITERS_END_COUNT] = {
		[WAITERS_OUTCOME] = "end=\"outcome\"",
		[WAITERS_TIMEOUT] = "end=\"timeout\"",
		[WAITERS_FULL] = "end=\"full\"",
		[WAITERS_STOPPED] = "end=\"stopped\"",
	};

	waiters->waiting = metrics_add_gauge(metrics, "seatline_waiting", NULL,
					     "requests that wait for an outcome");
	for (size_t i = 0; i < WAITERS_END_COUNT; i++)
		waiters->ends[i] =
			metrics_add_counter(metrics, "seatline_waits_total", LABELS[i],
					    "requests that wanted to wait, by how that ended");
}

static void free_waiters(struct waiters *waiters)
{
	(void)pthread_cond_destroy(&waiters->wake);
	(void)pthread_mutex_destroy(&waiters->mutex);
	free(waiters);
}

err_code waiters_open(const struct waiters_config *config, struct metrics *metrics,
		      struct waiters **ret, struct err *err)
{
	assert(config->poll_ms > 0 && config->waiters_max >= 0);

	struct waiters *waiters = calloc(1, sizeof(*waiters));

	if (!waiters)
		return err_set(err, ERR_INTERNAL, "no memory");
	waiters->config = *config;
	add_metrics(waiters, metrics);
	(void)pthread_mutex_init(&waiters->mutex, NULL); /* Cannot fail on Linux. */
	init_condition(&waiters->wake);
	if (pthread_create(&waiters->thread, NULL, run, waiters) != 0) {
		free_waiters(waiters);
		return err_set(err, ERR_INTERNAL, "no thread to look for outcomes with");
	}

	*ret = waiters;
	return ERR_OK;
}

void waiters_stop(struct waiters *waiters)
{
	(void)pthread_mutex_lock(&waiters->mutex);
	waiters->stopping = true;
	(void)pthread_cond_signal(&waiters->wake);
	for (struct waiter *waiter = waiters->first; waiter; waiter = waiter->next)
		(void)pthread_cond_signal(&waiter->outcome_came);
	(void)pthread_mutex_unlock(&waiters->mutex);
}

void waiters_close(struct waiters *waiters)
{
	if (!waiters)
		return;

	waiters_stop(waiters);
	(void)pthread_join(waiters->thread, NULL);
	assert(waiters->count == 0);
	free_waiters(waiters);
}
