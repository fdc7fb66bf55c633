#include "outbox.h"

#include "changes.h"
#include "clock.h"
#include "cloud_event.h"
#include "fault.h"
#include "leader.h"
#include "log.h"
#include "projector_metrics.h"
#include "projector_sql.h"
#include "write_model.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_NAME       "projector-outbox"
#define STANDBY_MS        1000
#define CHECK_MS          1000
#define BACKOFF_FIRST_MS  50
#define BACKOFF_LAST_MS   2000
#define WAIT_SLICE_MS     50 /* how soon a stop is noticed */
#define GIVE_WAY_SLICE_MS 10
#define KAFKA_ANSWER_MS   1000 /* for the partitions, and for the cluster id */
#define LINGER_MS         0    /* a batch is complete when it is sent */
#define ACK_GRACE_MS      2000 /* librdkafka looks once a second for messages to give up */
#define QUEUE_BATCHES     4    /* of those given up, some may still be under way */
#define TOPIC_BYTES_MAX   250
#define SINK_BYTES_MAX    (KAFKA_CLUSTER_ID_BYTES_MAX + TOPIC_BYTES_MAX)
#define SOURCE_BYTES_MAX  (LEDGER_ID_BYTES_MAX + 16)
#define NUMBER_BYTES_MAX  24 /* any 64-bit integer and its NUL */

struct outbox {
	const struct projector_config *config;
	struct pg *pg;
	struct kafka_producer *producer;
	struct outbox_metrics metrics;

	atomic_bool is_stopping;
	atomic_bool is_active;

	bool (*is_behind)(void *ctx); /* NULL: gives way to nobody */
	void *is_behind_ctx;

	char sink[SINK_BYTES_MAX];     /* key of outbox_progress */
	char source[SOURCE_BYTES_MAX]; /* ce_source              */
	struct log_position position;
	int64_t next_check_ms;
	int64_t backoff_ms;

	/* Of a batch, config->events_batch_max long. */
	struct cloud_event *events;
	struct kafka_message *messages;
	struct place *places;
	size_t *waves;
};

/* A row of a batch, to be sorted by its booking. */
struct place {
	const char *booking_id;
	size_t row;
};

static err_code open_producer(struct outbox *outbox, struct err *err)
{
	const struct projector_config *const config = outbox->config;
	const struct kafka_producer_config kafka = {
		.brokers = config->kafka_brokers,
		.client_id = CLIENT_NAME,
		.topic = config->events_topic,
		.security = &config->kafka_security,
		.linger_ms = LINGER_MS,
		.message_timeout_ms = config->kafka_message_timeout_ms,
		.ack_wait_ms = config->kafka_message_timeout_ms + ACK_GRACE_MS,
		.queue_messages_max = config->events_batch_max * QUEUE_BATCHES,
	};

	return kafka_producer_open(&kafka, &outbox->producer, err);
}

err_code outbox_open(const struct projector_config *config, struct metrics *metrics,
		     struct outbox **ret, struct err *err)
{
	const struct pg_config pg = projector_pg_config(config, CLIENT_NAME);
	const size_t batch_max = (size_t)config->events_batch_max;

	struct outbox *const outbox = calloc(1, sizeof(*outbox));
	assert(outbox);
	outbox->config = config;
	outbox->pg = pg_new(&pg);
	outbox_metrics_init(&outbox->metrics, metrics);
	outbox->events = calloc(batch_max, sizeof(*outbox->events));
	outbox->messages = calloc(batch_max, sizeof(*outbox->messages));
	outbox->places = calloc(batch_max, sizeof(*outbox->places));
	outbox->waves = calloc(batch_max, sizeof(*outbox->waves));
	assert(outbox->events && outbox->messages && outbox->places && outbox->waves);
	for (size_t i = 0; i < batch_max; i++)
		cloud_event_init(&outbox->events[i]);

	const err_code code = open_producer(outbox, err);
	if (code != ERR_OK) {
		outbox_close(outbox);
		return code;
	}
	*ret = outbox;
	return ERR_OK;
}

void outbox_close(struct outbox *outbox)
{
	if (!outbox)
		return;
	kafka_producer_close(outbox->producer, 0); /* What is under way will be sent again. */
	pg_free(outbox->pg);                       /* Its session ends, and with it the lock. */
	for (int64_t i = 0; i < outbox->config->events_batch_max; i++)
		cloud_event_done(&outbox->events[i]);
	free(outbox->events);
	free(outbox->messages);
	free(outbox->places);
	free(outbox->waves);
	free(outbox);
}

void outbox_give_way_to(struct outbox *outbox, bool (*is_behind)(void *ctx), void *ctx)
{
	outbox->is_behind = is_behind;
	outbox->is_behind_ctx = ctx;
}

void outbox_stop(struct outbox *outbox)
{
	atomic_store(&outbox->is_stopping, true);
}

static bool should_stop(const struct outbox *outbox)
{
	return atomic_load(&outbox->is_stopping);
}

bool outbox_is_active(const struct outbox *outbox)
{
	return atomic_load(&outbox->is_active);
}

/* ---- The position ---- */

static err_code read_position(struct outbox *outbox, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const char *const params[] = { outbox->sink };

	const err_code code =
		pg_query(outbox->pg, "outbox_progress", SQL_OUTBOX_PROGRESS, params, 1, &res, err);
	if (code != ERR_OK)
		return code;
	outbox->position = (struct log_position){ 0 };
	if (PQntuples(res) > 0)
		outbox->position = (struct log_position){ strtoull(PQgetvalue(res, 0, 0), NULL, 10),
							  pg_int_at(res, 0, 1) };
	return ERR_OK;
}

static err_code move_position(struct outbox *outbox, const struct log_position *to, struct err *err)
{
	char xid[NUMBER_BYTES_MAX];
	char seq[NUMBER_BYTES_MAX];
	(void)snprintf(xid, sizeof(xid), "%" PRIu64, to->xid);
	(void)snprintf(seq, sizeof(seq), "%" PRId64, to->seq);
	const char *const params[] = { outbox->sink, xid, seq };

	const err_code code =
		pg_query(outbox->pg, "outbox_move", SQL_OUTBOX_MOVE, params, 3, NULL, err);
	if (code == ERR_OK)
		outbox->position = *to;
	return code;
}

/* ---- Leading ---- */

static void set_active(struct outbox *outbox, bool is_active)
{
	if (atomic_exchange(&outbox->is_active, is_active) == is_active)
		return;
	metric_set(outbox->metrics.active, is_active);
	if (is_active) {
		log_info("outbox_active", LOG_STR("sink", outbox->sink));
		return;
	}
	/* How far behind the next one is, it will say itself. */
	metric_set(outbox->metrics.lag_rows, 0);
	metric_set(outbox->metrics.lag_seconds, 0);
	log_info("outbox_standby");
}

static err_code name_sink(struct outbox *outbox, char ret[static SINK_BYTES_MAX], struct err *err)
{
	char cluster_id[KAFKA_CLUSTER_ID_BYTES_MAX];

	const err_code code =
		kafka_producer_cluster_id(outbox->producer, KAFKA_ANSWER_MS, cluster_id, err);
	if (code == ERR_OK)
		(void)snprintf(ret, SINK_BYTES_MAX, "%s/%.*s", cluster_id, TOPIC_BYTES_MAX - 1,
			       outbox->config->events_topic);
	return code;
}

static err_code activate(struct outbox *outbox, struct err *err)
{
	struct write_model model;
	int32_t partitions = 0;

	outbox->next_check_ms = 0;
	err_code code = changes_listen(outbox->pg, err);
	if (code == ERR_OK)
		code = write_model_read(outbox->pg, &model, err);
	if (code == ERR_OK) /* Is the topic there? */
		code = kafka_producer_partitions(outbox->producer, KAFKA_ANSWER_MS, &partitions,
						 err);
	if (code == ERR_OK)
		code = name_sink(outbox, outbox->sink, err);
	if (code == ERR_OK)
		code = read_position(outbox, err);
	if (code != ERR_OK)
		return code;

	(void)snprintf(outbox->source, sizeof(outbox->source), "/seatline/%s", model.ledger_id);
	set_active(outbox, true);
	return ERR_OK;
}

static err_code open_session(struct outbox *outbox, struct err *err)
{
	if (pg_is_open(outbox->pg))
		return ERR_OK;

	set_active(outbox, false);
	err_code code = pg_ensure(outbox->pg, err);
	if (code == ERR_OK)
		code = leader_prepare(outbox->pg, err);
	return code;
}

/* ---- Beside the log ---- */

static err_code check(struct outbox *outbox, struct err *err)
{
	const int64_t now_ms = clock_monotonic_ms();
	struct changes_lag lag;
	char sink[SINK_BYTES_MAX];

	if (now_ms < outbox->next_check_ms)
		return ERR_OK;
	/* The lag first: it is what grows while Kafka is away. */
	err_code code = changes_lag(outbox->pg, &outbox->position, &lag, err);
	if (code != ERR_OK)
		return code;
	metric_set(outbox->metrics.lag_rows, lag.rows);
	metric_set(outbox->metrics.lag_seconds, lag.oldest_ms / 1000);

	code = name_sink(outbox, sink, err);
	if (code != ERR_OK)
		return code;
	if (strcmp(sink, outbox->sink) != 0) {
		log_warn("outbox_sink_changed", LOG_STR("from", outbox->sink), LOG_STR("to", sink));
		memcpy(outbox->sink, sink, sizeof(sink));
		code = read_position(outbox, err);
	}
	if (code == ERR_OK)
		outbox->next_check_ms = now_ms + CHECK_MS;
	return code;
}

/* ---- A batch ---- */

/* By booking; of one booking in the order of the log. */
static int compare_places(const void *left, const void *right)
{
	const struct place *const a = left;
	const struct place *const b = right;

	const int order = strcmp(a->booking_id, b->booking_id);
	return order ? order : (a->row > b->row) - (a->row < b->row);
}

/* A row goes one wave after the row before it of its booking. Answers how many waves there are. */
static size_t assign_waves(const struct log_batch *batch, struct place *places, size_t *waves)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++)
		places[i] = (struct place){ batch->rows[i].booking.booking_id, i };
	qsort(places, batch->count, sizeof(*places), compare_places);
	for (size_t i = 0; i < batch->count; i++) {
		const bool is_first =
			i == 0 || strcmp(places[i - 1].booking_id, places[i].booking_id) != 0;
		const size_t wave = is_first ? 0 : waves[places[i - 1].row] + 1;
		waves[places[i].row] = wave;
		if (wave >= count)
			count = wave + 1;
	}
	return count;
}

static err_code send_wave(struct outbox *outbox, const struct log_batch *batch, size_t wave,
			  struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++)
		if (outbox->waves[i] == wave)
			outbox->messages[count++] = cloud_event_message(&outbox->events[i]);

	const err_code code =
		kafka_producer_send_all(outbox->producer, outbox->messages, count, err);
	if (code == ERR_OK)
		metric_add(outbox->metrics.published, (int64_t)count);
	/* A broker that takes no message of this size has to be told to: none is left out. */
	return code == ERR_INVALID ? ERR_UNAVAILABLE : code;
}

static err_code send_batch(struct outbox *outbox, const struct log_batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const err_code code =
			cloud_event_make(&outbox->events[i], &batch->rows[i], outbox->source, err);
		if (code != ERR_OK)
			return code;
	}

	const size_t waves = assign_waves(batch, outbox->places, outbox->waves);
	for (size_t i = 0; i < waves; i++) {
		if (should_stop(outbox))
			return err_set(err, ERR_UNAVAILABLE, "stopping");
		const err_code code = send_wave(outbox, batch, i, err);
		if (code != ERR_OK)
			return code;
		FAULT_POINT("projector_outbox_after_wave");
	}
	return ERR_OK;
}

static err_code follow(struct outbox *outbox, int64_t *ret_wait_ms, struct err *err)
{
	_cleanup_(log_batch_done) struct log_batch batch = { 0 };

	err_code code = check(outbox, err);
	if (code == ERR_OK)
		code = changes_read(outbox->pg, &outbox->position, outbox->config->events_batch_max,
				    &batch, err);
	if (code != ERR_OK)
		return code;
	if (batch.count == 0) {
		*ret_wait_ms = outbox->config->poll_ms;
		return ERR_OK;
	}

	FAULT_POINT("projector_outbox_after_read");
	const int64_t since_us = clock_monotonic_us();
	code = send_batch(outbox, &batch, err);
	if (code != ERR_OK)
		return code;
	metric_observe_since(outbox->metrics.send_seconds, since_us);
	metric_observe(outbox->metrics.batch_rows, (double)batch.count);
	FAULT_POINT("projector_outbox_after_send");
	code = move_position(outbox, &batch.last, err);
	FAULT_POINT("projector_outbox_after_position");
	return code;
}

err_code outbox_turn(struct outbox *outbox, int64_t *ret_wait_ms, struct err *err)
{
	bool leads = outbox_is_active(outbox) && pg_is_open(outbox->pg);

	*ret_wait_ms = 0;
	err_code code = open_session(outbox, err);
	if (code == ERR_OK && !leads)
		code = leader_try(outbox->pg, LEADER_OUTBOX, &leads, err);
	if (code != ERR_OK)
		return code;
	if (!leads) {
		*ret_wait_ms = STANDBY_MS;
		return ERR_OK;
	}

	if (!outbox_is_active(outbox))
		code = activate(outbox, err);
	if (code == ERR_OK)
		code = follow(outbox, ret_wait_ms, err);
	if (code != ERR_OK)
		outbox->next_check_ms = 0;
	return code;
}

/* ---- Turning ---- */

static void wait(struct outbox *outbox, int64_t wait_ms)
{
	const int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	/* A notification ends the wait for rows, not the one for a server. */
	const bool listens = outbox_is_active(outbox) && outbox->backoff_ms == 0;

	for (int64_t left_ms = wait_ms; left_ms > 0 && !should_stop(outbox);
	     left_ms = deadline_ms - clock_monotonic_ms()) {
		const int64_t slice_ms = left_ms < WAIT_SLICE_MS ? left_ms : WAIT_SLICE_MS;
		if (!listens)
			clock_sleep_ms(slice_ms);
		else if (changes_wait(outbox->pg, slice_ms))
			return;
	}
}

/* Maps are what buyers look at; nobody who follows booking_events is at a seat's door. */
static void give_way(struct outbox *outbox)
{
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_GIVE_WAY_MS_MAX;

	while (outbox->is_behind && outbox->is_behind(outbox->is_behind_ctx) &&
	       !should_stop(outbox) && clock_monotonic_ms() < deadline_ms)
		clock_sleep_ms(GIVE_WAY_SLICE_MS);
}

static void note_failure(struct outbox *outbox, const struct err *err)
{
	metric_add(outbox->metrics.failures, 1);
	if (outbox->backoff_ms == 0) {
		log_warn("outbox_held_up", LOG_STR("error", err->text));
		outbox->backoff_ms = BACKOFF_FIRST_MS;
	} else {
		log_debug("outbox_held_up", LOG_STR("error", err->text));
		outbox->backoff_ms *= 2;
		if (outbox->backoff_ms > BACKOFF_LAST_MS)
			outbox->backoff_ms = BACKOFF_LAST_MS;
	}
}

static void note_success(struct outbox *outbox)
{
	if (outbox->backoff_ms == 0)
		return;
	outbox->backoff_ms = 0;
	log_info("outbox_goes_on");
}

err_code outbox_run(struct outbox *outbox, struct err *err)
{
	while (!should_stop(outbox)) {
		int64_t wait_ms = 0;
		give_way(outbox);
		const err_code code = outbox_turn(outbox, &wait_ms, err);
		if (code == ERR_OK) {
			note_success(outbox);
		} else if (should_stop(outbox)) {
			break;
		} else if (code == ERR_UNAVAILABLE) {
			note_failure(outbox, err);
			wait_ms = outbox->backoff_ms;
		} else {
			return code;
		}
		wait(outbox, wait_ms);
	}
	return ERR_OK;
}
