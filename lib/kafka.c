#include "kafka.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS              100
#define PROBE_EVERY_MS       1000
#define PROBE_WAIT_MS        500
#define QUIET_MS             2000 /* without a report nothing is known of the broker */
#define PURGE_WAIT_MS        1000
#define TOPIC_BYTES_MAX      250 /* Kafka's limit is 249 */
#define LOG_WINDOW_MS        10000
#define LOG_LINES_PER_WINDOW 5
#define LOG_LEVEL_NOISE      6 /* syslog: informational and debug */

/* ---- Client configuration and log ---- */

/* librdkafka repeats itself for each broker and each attempt: an outage must not flood the log. */
static bool may_log(int64_t *ret_dropped)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int64_t window_ms;
	static int64_t lines;

	(void)pthread_mutex_lock(&lock); /* Cannot fail: a static, error-free mutex. */
	const int64_t now_ms = clock_monotonic_ms();
	*ret_dropped = 0;
	if (window_ms == 0 || now_ms - window_ms >= LOG_WINDOW_MS) {
		if (lines > LOG_LINES_PER_WINDOW)
			*ret_dropped = lines - LOG_LINES_PER_WINDOW;
		window_ms = now_ms;
		lines = 0;
	}
	const bool ret = ++lines <= LOG_LINES_PER_WINDOW;
	(void)pthread_mutex_unlock(&lock);

	return ret;
}

static void write_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	int64_t dropped = 0;
	if (level >= LOG_LEVEL_NOISE) {
		log_debug("kafka_client", LOG_STR("facility", facility), LOG_STR("text", text));
		return;
	}
	if (!may_log(&dropped))
		return;
	/* A broker that is away is handled, by retrying: nothing here is an error of ours. */
	log_warn("kafka_client", LOG_STR("client", rk ? rd_kafka_name(rk) : NULL),
		 LOG_STR("facility", facility), LOG_STR("text", text),
		 LOG_INT("lines_dropped_before", dropped));
}

err_code kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char text[128];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		return err_set(err, ERR_INVALID, "kafka setting %s: %s", name, text);

	return ERR_OK;
}

static err_code set_all(rd_kafka_conf_t *conf, const char *const (*settings)[2], size_t count,
			struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const err_code code = kafka_conf_set(conf, settings[i][0], settings[i][1], err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

err_code kafka_conf_new(const char *brokers, const char *client_id, rd_kafka_conf_t **ret,
			struct err *err)
{
	assert(brokers && client_id && ret);

	const char *const settings[][2] = {
		{ "bootstrap.servers", brokers },
		{ "client.id", client_id },
		{ "reconnect.backoff.ms", "50" },
		{ "reconnect.backoff.max.ms", "1000" },
		{ "socket.connection.setup.timeout.ms", "3000" },
		/* A broker that froze is found out by this, not by the default minute. */
		{ "socket.timeout.ms", "10000" },
		{ "socket.keepalive.enable", "true" },
		{ "socket.nagle.disable", "true" },
		{ "allow.auto.create.topics", "false" },
	};
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = rd_kafka_conf_new();

	const err_code code = set_all(conf, settings, sizeof(settings) / sizeof(settings[0]), err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_log_cb(conf, write_log);
	*ret = STEAL(conf);

	return ERR_OK;
}

/* ---- Delivery: what one call to send waits for ---- */

/*
 * Shared by the waiting sender and the reports still to come, which may arrive after the sender has
 * given up: the last one to let go frees it. A semaphore and no lock: one thread settles the
 * deliveries of all senders, and each one that it woke would stop at a lock it still held.
 */
struct delivery {
	sem_t settled;            /* posted once, by the last report */
	atomic_size_t pending;    /* reports to come                 */
	atomic_size_t references; /* pending, and the sender's       */
	atomic_int failure;       /* rd_kafka_resp_err_t             */
	atomic_bool maybe_stored; /* of a failed one                 */
};

static struct delivery *delivery_new(size_t count)
{
	struct delivery *const delivery = calloc(1, sizeof(*delivery));
	assert(delivery);

	const int failed = sem_init(&delivery->settled, 0, 0);
	assert(!failed);
	(void)failed; /* Only the assertion reads it. */
	atomic_init(&delivery->pending, count);
	atomic_init(&delivery->references, count + 1);

	return delivery;
}

static void delivery_release(struct delivery *delivery)
{
	if (atomic_fetch_sub(&delivery->references, 1) > 1)
		return;
	(void)sem_destroy(&delivery->settled); /* No one is left to wait. */
	free(delivery);
}

static void delivery_settle(struct delivery *delivery, rd_kafka_resp_err_t failure,
			    bool maybe_stored)
{
	if (failure) {
		atomic_store(&delivery->failure, (int)failure);
		if (maybe_stored)
			atomic_store(&delivery->maybe_stored, true);
	}
	if (atomic_fetch_sub(&delivery->pending, 1) == 1)
		(void)sem_post(&delivery->settled); /* Once: cannot overflow. */
	delivery_release(delivery);
}

/* ---- The producer ---- */

struct kafka_producer {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	char topic_name[TOPIC_BYTES_MAX];
	int64_t ack_wait_ms;
	pthread_t poller;
	bool polling;
	atomic_bool stopping;
	atomic_bool up;
	atomic_int_fast64_t reported_ms; /* when the last report came, by the monotonic clock */
	atomic_int partitions;           /* 0 until a broker told; kept from then on */
	pthread_mutex_t probe;           /* held by the one sender that tries while Kafka is away */
	pthread_mutex_t asking;          /* held while the partitions are asked for */
};

static void note_state(struct kafka_producer *producer, bool up)
{
	if (atomic_exchange(&producer->up, up) == up)
		return;
	if (up)
		log_info("kafka_producer_up", LOG_STR("topic", producer->topic_name));
	else
		log_warn("kafka_producer_down", LOG_STR("topic", producer->topic_name));
}

/* The message's own fault: the broker is well. */
static bool is_message_fault(rd_kafka_resp_err_t failure)
{
	return failure == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       failure == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
	       failure == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

static void report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *const producer = opaque;
	const bool stored = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	const bool maybe =
		!stored && rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
	(void)rk;

	/* Close purges what nobody waits for any more: that says nothing about the broker. */
	if (!atomic_load(&producer->stopping))
		note_state(producer, stored || is_message_fault(message->err));
	atomic_store(&producer->reported_ms, clock_monotonic_ms());
	delivery_settle(message->_private, message->err, maybe);
}

static err_code ask_partitions(struct kafka_producer *producer, int64_t wait_ms, struct err *err)
{
	const struct rd_kafka_metadata *metadata = NULL;
	const rd_kafka_resp_err_t failure =
		rd_kafka_metadata(producer->rk, 0, producer->topic, &metadata, (int)wait_ms);
	if (failure)
		return err_set(err, ERR_UNAVAILABLE, "kafka metadata: %s",
			       rd_kafka_err2str(failure));

	const bool known = metadata->topic_cnt == 1 && metadata->topics[0].err == 0;
	const int count = known ? metadata->topics[0].partition_cnt : 0;
	rd_kafka_metadata_destroy(metadata);
	if (count <= 0)
		return err_set(err, ERR_UNAVAILABLE, "kafka topic %s does not exist (yet)",
			       producer->topic_name);

	/* Only the first answer counts: a booking's partition must never change. */
	int none = 0;
	(void)atomic_compare_exchange_strong(&producer->partitions, &none, count);

	return ERR_OK;
}

static bool needs_probe(const struct kafka_producer *producer, int64_t now_ms)
{
	return !atomic_load(&producer->up) || atomic_load(&producer->partitions) == 0 ||
	       now_ms - atomic_load(&producer->reported_ms) > QUIET_MS;
}

/*
 * Serves the delivery reports. While Kafka is away, has not yet told the partitions, or no report
 * has come for a while, it also asks now and then by itself: without that, a program would call
 * itself ready until the first request fails; and one taken out of service for not being ready
 * would get no request, so no report, and never be ready again.
 */
static void *poll_reports(void *ctx)
{
	struct kafka_producer *const producer = ctx;
	int64_t probe_at_ms = 0;

	while (!atomic_load(&producer->stopping)) {
		(void)rd_kafka_poll(producer->rk,
				    POLL_MS); /* The number of events does not matter. */
		const int64_t now_ms = clock_monotonic_ms();
		if (now_ms < probe_at_ms || !needs_probe(producer, now_ms))
			continue;
		if (ask_partitions(producer, PROBE_WAIT_MS, NULL) == ERR_OK)
			note_state(producer, true);
		else
			note_state(producer, false);
		probe_at_ms = clock_monotonic_ms() + PROBE_EVERY_MS;
	}
	return NULL;
}

static err_code producer_conf(const struct kafka_producer_config *config, rd_kafka_conf_t **ret,
			      struct err *err)
{
	char linger[24];
	char timeout[24];
	char queue[24];
	(void)snprintf(linger, sizeof(linger), "%lld", (long long)config->linger_ms);
	(void)snprintf(timeout, sizeof(timeout), "%lld", (long long)config->message_timeout_ms);
	(void)snprintf(queue, sizeof(queue), "%lld", (long long)config->queue_messages_max);
	const char *const settings[][2] = {
		{ "acks", "all" },
		/* It can enter a fatal state for good; the worker deduplicates by booking id. */
		{ "enable.idempotence", "false" },
		{ "linger.ms", linger },
		{ "message.timeout.ms", timeout },
		{ "request.timeout.ms", timeout },
		{ "retry.backoff.ms", "50" },
		{ "queue.buffering.max.messages", queue },
	};
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;

	err_code code = kafka_conf_new(config->brokers, config->client_id, &conf, err);
	if (code == ERR_OK)
		code = kafka_security_apply(config->security, conf, err);
	if (code != ERR_OK)
		return code;
	code = set_all(conf, settings, sizeof(settings) / sizeof(settings[0]), err);
	if (code != ERR_OK)
		return code;
	char in_flight[24];
	(void)snprintf(in_flight, sizeof(in_flight), "%lld", (long long)config->in_flight_max);
	if (config->in_flight_max > 0)
		code = kafka_conf_set(conf, "max.in.flight", in_flight, err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_dr_msg_cb(conf, report);
	*ret = STEAL(conf);

	return ERR_OK;
}

static void producer_free(struct kafka_producer *producer)
{
	if (producer->topic)
		rd_kafka_topic_destroy(producer->topic);
	if (producer->rk)
		rd_kafka_destroy(producer->rk);
	(void)pthread_mutex_destroy(&producer->probe); /* Not held: senders are gone. */
	(void)pthread_mutex_destroy(&producer->asking);
	free(producer);
}
DEFINE_CLEANUP(struct kafka_producer *, producer_free)

err_code kafka_producer_open(const struct kafka_producer_config *config,
			     struct kafka_producer **ret, struct err *err)
{
	assert(config && config->topic && config->ack_wait_ms > config->message_timeout_ms && ret);

	if (strlen(config->topic) >= TOPIC_BYTES_MAX)
		return err_set(err, ERR_INVALID, "kafka topic name is too long");

	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;
	const err_code code = producer_conf(config, &conf, err);
	if (code != ERR_OK)
		return code;

	_cleanup_(producer_freep) struct kafka_producer *producer = calloc(1, sizeof(*producer));
	assert(producer);
	(void)snprintf(producer->topic_name, sizeof(producer->topic_name), "%s", config->topic);
	producer->ack_wait_ms = config->ack_wait_ms;
	atomic_store(&producer->up, true);
	int failed = pthread_mutex_init(&producer->probe, NULL);
	failed |= pthread_mutex_init(&producer->asking, NULL);
	assert(!failed);

	char text[128];
	rd_kafka_conf_set_opaque(conf, producer);
	producer->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!producer->rk)
		return err_set(err, ERR_INTERNAL, "kafka producer: %s", text);
	conf = NULL; /* rd_kafka_new took it. */
	producer->topic = rd_kafka_topic_new(producer->rk, config->topic, NULL);
	if (!producer->topic)
		return err_set(err, ERR_INTERNAL, "kafka topic %s: %s", config->topic,
			       rd_kafka_err2str(rd_kafka_last_error()));
	if (pthread_create(&producer->poller, NULL, poll_reports, producer) != 0)
		return err_set(err, ERR_INTERNAL, "kafka producer: no thread");
	producer->polling = true;
	*ret = STEAL(producer);

	return ERR_OK;
}

static void wake_poller(const struct kafka_producer *producer)
{
	rd_kafka_queue_t *const queue = rd_kafka_queue_get_main(producer->rk);

	rd_kafka_queue_yield(queue);
	rd_kafka_queue_destroy(queue);
}

void kafka_producer_close(struct kafka_producer *producer, int64_t flush_ms)
{
	if (!producer)
		return;

	(void)rd_kafka_flush(producer->rk, (int)flush_ms); /* What is left is purged below. */
	atomic_store(&producer->stopping, true);
	wake_poller(producer);
	if (producer->polling)
		(void)pthread_join(producer->poller, NULL); /* Ours, joinable: cannot fail. */

	/* Each message still owes its report, which frees its delivery. */
	(void)rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	(void)rd_kafka_flush(producer->rk, PURGE_WAIT_MS);
	producer_free(producer);
}

bool kafka_producer_is_up(const struct kafka_producer *producer)
{
	return atomic_load(&producer->up);
}

static struct timespec deadline(int64_t wait_ms)
{
	const int64_t at_ms = clock_monotonic_ms() + wait_ms;

	return (struct timespec){ .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
}

err_code kafka_producer_partitions(struct kafka_producer *producer, int64_t wait_ms, int32_t *ret,
				   struct err *err)
{
	int count = atomic_load(&producer->partitions);
	if (count == 0) {
		const int64_t until_ms = clock_monotonic_ms() + wait_ms;
		const struct timespec until = deadline(wait_ms);
		if (pthread_mutex_clocklock(&producer->asking, CLOCK_MONOTONIC, &until) != 0)
			return err_set(err, ERR_UNAVAILABLE, "kafka has not told the partitions");
		count = atomic_load(&producer->partitions);
		const int64_t left_ms = until_ms - clock_monotonic_ms();
		err_code code = ERR_OK;
		if (count == 0)
			code = ask_partitions(producer, left_ms > 0 ? left_ms : 1, err);
		(void)pthread_mutex_unlock(&producer->asking); /* Cannot fail: we hold it. */
		if (code != ERR_OK)
			return code;
		count = atomic_load(&producer->partitions);
	}
	*ret = count;

	return ERR_OK;
}

err_code kafka_producer_cluster_id(struct kafka_producer *producer, int64_t wait_ms,
				   char ret[static KAFKA_CLUSTER_ID_BYTES_MAX], struct err *err)
{
	char *const id = rd_kafka_clusterid(producer->rk, (int)wait_ms);
	if (!id)
		return err_set(err, ERR_UNAVAILABLE, "kafka has not told its cluster id");

	const bool fits = strlen(id) < KAFKA_CLUSTER_ID_BYTES_MAX;
	if (fits)
		memcpy(ret, id, strlen(id) + 1);
	rd_kafka_mem_free(producer->rk, id);
	return fits ? ERR_OK : err_set(err, ERR_INTERNAL, "kafka's cluster id is too long");
}

/*
 * Made by us, because librdkafka 2.0.2 frees headers twice that rd_kafka_produceva made itself when
 * it then refuses the message: its topic was deleted, or has no such partition.
 */
static rd_kafka_headers_t *copy_headers(const struct kafka_message *message)
{
	rd_kafka_headers_t *const ret = rd_kafka_headers_new(KAFKA_HEADERS_MAX);

	for (size_t i = 0; i < KAFKA_HEADERS_MAX && message->headers[i].name; i++) {
		const struct kafka_header *const header = &message->headers[i];
		if (!header->value)
			continue;
		const size_t len = header->len ? header->len : strlen(header->value);
		/* Fails only for headers that a message has taken. */
		(void)rd_kafka_header_add(ret, header->name, -1, header->value, (ssize_t)len);
	}
	return ret;
}

/* Queues one message; its report will settle the delivery. */
static rd_kafka_resp_err_t enqueue(struct kafka_producer *producer,
				   const struct kafka_message *message, struct delivery *delivery)
{
	union {
		const void *in;
		void *out; /* librdkafka copies, but takes a pointer to mutable */
	} key = { .in = message->key }, value = { .in = message->value };
	rd_kafka_headers_t *const headers = copy_headers(message);
	const rd_kafka_vu_t vus[] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->topic },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition },
		{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
		{ .vtype = RD_KAFKA_VTYPE_KEY,
		  .u.mem = { .ptr = key.out, .size = message->key_len } },
		{ .vtype = RD_KAFKA_VTYPE_VALUE,
		  .u.mem = { .ptr = value.out, .size = message->value_len } },
		{ .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
		{ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = delivery },
	};

	rd_kafka_error_t *const error =
		rd_kafka_produceva(producer->rk, vus, sizeof(vus) / sizeof(vus[0]));
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_headers_destroy(headers); /* The message took them only on success. */
	const rd_kafka_resp_err_t failure = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);

	return failure;
}

/* Waits for the reports; false when they did not all come in time. */
static bool wait_settled(struct delivery *delivery, int64_t wait_ms)
{
	const struct timespec until = deadline(wait_ms);

	while (sem_clockwait(&delivery->settled, CLOCK_MONOTONIC, &until) != 0)
		if (errno != EINTR)
			return false;
	return true;
}

static err_code outcome(struct kafka_producer *producer, struct delivery *delivery,
			rd_kafka_resp_err_t queueing, bool *ret_maybe_stored, struct err *err)
{
	const bool settled = wait_settled(delivery, producer->ack_wait_ms);
	const int reported = atomic_load(&delivery->failure);
	const rd_kafka_resp_err_t failure = reported ? (rd_kafka_resp_err_t)reported : queueing;

	*ret_maybe_stored = !settled || atomic_load(&delivery->maybe_stored);
	delivery_release(delivery);
	if (!settled) {
		note_state(producer, false);
		return err_set(err, ERR_UNAVAILABLE, "kafka did not acknowledge in time");
	}
	if (is_message_fault(failure))
		return err_set(err, ERR_INVALID, "kafka: %s", rd_kafka_err2str(failure));
	if (failure)
		return err_set(err, ERR_UNAVAILABLE, "kafka: %s", rd_kafka_err2str(failure));

	return ERR_OK;
}

static err_code send_counted(struct kafka_producer *producer, const struct kafka_message *messages,
			     size_t count, bool *ret_maybe_stored, struct err *err)
{
	struct delivery *const delivery = delivery_new(count);
	rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR_NO_ERROR;
	size_t queued = 0;

	while (queued < count && !failure) {
		failure = enqueue(producer, &messages[queued], delivery);
		if (!failure)
			queued++;
	}
	for (size_t i = queued; i < count; i++)
		delivery_settle(delivery, failure, false);

	return outcome(producer, delivery, failure, ret_maybe_stored, err);
}

static err_code send_if_up(struct kafka_producer *producer, const struct kafka_message *messages,
			   size_t count, bool *ret_maybe_stored, struct err *err)
{
	*ret_maybe_stored = false;
	const bool probing = !atomic_load(&producer->up);
	if (probing && pthread_mutex_trylock(&producer->probe) != 0)
		return err_set(err, ERR_UNAVAILABLE, "kafka is away");

	const err_code code = send_counted(producer, messages, count, ret_maybe_stored, err);
	if (probing)
		(void)pthread_mutex_unlock(&producer->probe); /* Cannot fail: we hold it. */

	return code;
}

err_code kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message,
			     bool *ret_maybe_stored, struct err *err)
{
	assert(producer && message && ret_maybe_stored);

	return send_if_up(producer, message, 1, ret_maybe_stored, err);
}

err_code kafka_producer_send_all(struct kafka_producer *producer,
				 const struct kafka_message *messages, size_t count,
				 struct err *err)
{
	assert(producer && (messages || count == 0));

	bool maybe_stored = false;
	if (count == 0)
		return ERR_OK;

	return send_if_up(producer, messages, count, &maybe_stored, err);
}
