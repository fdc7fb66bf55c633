#include "watch.h"

#include "document.h"
#include "find.h"
#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS_UP   1000
#define LOOK_MS_DOWN 250

struct watch {
	struct mongo *mongo;
	struct watch_listener listener; /* on_ledger may be NULL */
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wake;
	bool stopping;
	bool suspected;
	bool up;
	char ledger_id[WATCH_LEDGER_BYTES_MAX];
};

/* Reads the projector's state: an answer proves more than a ping, and names the write model. */
static err_code read_ledger(struct mongo *mongo, char ret[static WATCH_LEDGER_BYTES_MAX],
			    struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(bson_destroyp) bson_t *state = NULL;
	size_t len = 0;

	mongo_client_take(mongo, &client);

	const err_code code =
		find_one(&client, "projector_state", "booking_log", NULL, &state, err);
	const char *text = code == ERR_OK ? document_text(state, "ledger_id", &len) : "";

	if (code == ERR_OK || code == ERR_NOT_FOUND)
		(void)snprintf(ret, WATCH_LEDGER_BYTES_MAX, "%s", text ? text : "");

	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static void look(struct watch *watch)
{
	struct err err = { 0 };
	char ledger_id[WATCH_LEDGER_BYTES_MAX] = "";
	const bool up = read_ledger(watch->mongo, ledger_id, &err) == ERR_OK;

	(void)pthread_mutex_lock(&watch->mutex);

	const bool changed = up != watch->up;
	const bool other_ledger = up && strcmp(ledger_id, watch->ledger_id) != 0;

	watch->up = up;
	if (up)
		memcpy(watch->ledger_id, ledger_id, sizeof(ledger_id));
	(void)pthread_mutex_unlock(&watch->mutex);

	if (other_ledger && watch->listener.on_ledger)
		watch->listener.on_ledger(watch->listener.ctx);
	if (changed && up)
		log_info("mongodb_up");
	else if (changed)
		log_warn("mongodb_down", LOG_STR("error", err.text));
}

/* Waits until the next look is due, or is asked for. False: stop. */
static bool wait_turn(struct watch *watch)
{
	struct timespec until;

	(void)pthread_mutex_lock(&watch->mutex);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);

	const int64_t ms = watch->up ? LOOK_MS_UP : LOOK_MS_DOWN;

	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	/* While MongoDB is away each look is an answer to every suspicion there can be. */
	while (!watch->stopping && !(watch->suspected && watch->up))
		if (pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) != 0)
			break;
	watch->suspected = false;

	const bool go_on = !watch->stopping;

	(void)pthread_mutex_unlock(&watch->mutex);
	return go_on;
}

static void *run(void *ctx)
{
	struct watch *watch = (struct watch *)ctx;

	while (wait_turn(watch))
		look(watch);

	return NULL;
}

static void init_sync(struct watch *watch)
{
	pthread_condattr_t attr;

	/* None of these can fail on Linux with valid arguments. */
	(void)pthread_mutex_init(&watch->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&watch->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static void free_watch(struct watch *watch)
{
	(void)pthread_cond_destroy(&watch->wake);
	(void)pthread_mutex_destroy(&watch->mutex);
	free(watch);
}

err_code watch_open(struct mongo *mongo, const struct watch_listener *listener, struct watch **ret,
		    struct err *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_set(err, ERR_INTERNAL, "no memory");
	watch->mongo = mongo;
	if (listener)
		watch->listener = *listener;
	watch->up = true; /* so that a first look that fails is a change, and logged */
	init_sync(watch);
	look(watch);

	if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
		free_watch(watch);
		return err_set(err, ERR_INTERNAL, "no thread to watch MongoDB with");
	}

	*ret = watch;
	return ERR_OK;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;

	(void)pthread_mutex_lock(&watch->mutex);
	watch->stopping = true;
	(void)pthread_cond_signal(&watch->wake);
	(void)pthread_mutex_unlock(&watch->mutex);
	(void)pthread_join(watch->thread, NULL);
	free_watch(watch);
}

bool watch_is_up(void *ctx)
{
	struct watch *watch = (struct watch *)ctx;

	(void)pthread_mutex_lock(&watch->mutex);

	const bool up = watch->up;

	(void)pthread_mutex_unlock(&watch->mutex);
	return up;
}

void watch_suspect(struct watch *watch)
{
	(void)pthread_mutex_lock(&watch->mutex);
	watch->suspected = true;
	(void)pthread_cond_signal(&watch->wake);
	(void)pthread_mutex_unlock(&watch->mutex);
}

void watch_ledger(struct watch *watch, char buf[static WATCH_LEDGER_BYTES_MAX])
{
	(void)pthread_mutex_lock(&watch->mutex);
	memcpy(buf, watch->ledger_id, WATCH_LEDGER_BYTES_MAX);
	(void)pthread_mutex_unlock(&watch->mutex);
}
