#include "source_kafka.h"

#include "clock.h"
#include "consumer_leave.h"
#include "log.h"
#include "log_position.h"
#include "source_kafka_conf.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TOPIC_BYTES_MAX     250
#define BOUNDS_WAIT_MS      1000 /* for the watermarks of one partition              */
#define HOUSEKEEPING_MS     1000
#define PROBE_WAIT_MS       200 /* for a sign of life while all brokers are away        */
#define EVENTS_PER_POLL_MAX 100

struct partition {
	int32_t id;
	uint64_t assignment;
	rd_kafka_queue_t *queue;
	bool started;
	struct log_position position;
	int64_t settled, reported; /* durable below this; reported: -1 when nothing is new */
};

struct source_kafka {
	rd_kafka_t *rk;
	rd_kafka_queue_t *events; /* rebalances and errors */
	int wake_fd;
	char topic[TOPIC_BYTES_MAX];
	char *cluster_id; /* NULL until a broker told */
	struct partition *partitions;
	size_t partition_count;
	size_t turn;          /* which partition is next to take from            */
	uint64_t assignments; /* so far                                          */
	bool misplaced;       /* librdkafka is to fetch from elsewhere: reassign */
	bool abandoned;       /* librdkafka did not let go of it in time         */
	int64_t housekeeping_at_ms;
	atomic_bool up;
	atomic_llong lag;
	rd_kafka_message_t **raw; /* the batch that is out; and as messages */
	struct source_message *messages;
	size_t raw_count;
	size_t batch_max;
};

/* ---- Assignment ---- */

static void drop_partitions(struct source_kafka *source)
{
	for (size_t i = 0; i < source->partition_count; i++)
		rd_kafka_queue_destroy(source->partitions[i].queue);
	source->partition_count = 0;
	source->turn = 0;
	source->misplaced = false;
}

static void wake_on(const struct source_kafka *source, rd_kafka_queue_t *queue)
{
	const uint64_t one = 1;

	rd_kafka_queue_io_event_enable(queue, source->wake_fd, &one, sizeof(one));
}

static void add_partition(struct source_kafka *source, int32_t id)
{
	if (id >= SOURCE_PARTITIONS_MAX) {
		log_error("partition_beyond_bound", LOG_INT("partition", id),
			  LOG_INT("bound", SOURCE_PARTITIONS_MAX));
		return;
	}
	rd_kafka_queue_t *const queue = rd_kafka_queue_get_partition(source->rk, source->topic, id);
	assert(queue);
	rd_kafka_queue_forward(queue, NULL); /* Not into the consumer's common queue. */
	wake_on(source, queue);
	source->partitions[source->partition_count++] = (struct partition){
		.id = id,
		.assignment = ++source->assignments,
		.queue = queue,
		.position = log_position_at(0),
		.reported = -1,
	};
}

/*
 * Has librdkafka fetch each started partition from its position. A new assignment instead of a
 * seek, since it also starts partitions, and messages fetched before it are discarded as outdated.
 */
static void reassign(struct source_kafka *source)
{
	_cleanup_(rd_kafka_topic_partition_list_destroyp) rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)source->partition_count);

	for (size_t i = 0; i < source->partition_count; i++) {
		const struct partition *const partition = &source->partitions[i];
		if (partition->started)
			rd_kafka_topic_partition_list_add(list, source->topic, partition->id)
				->offset = partition->position.next;
	}
	const rd_kafka_resp_err_t failure = rd_kafka_assign(source->rk, list);
	source->misplaced = failure != RD_KAFKA_RESP_ERR_NO_ERROR; /* Then again next turn. */
	if (failure)
		log_warn("kafka_assign_failed", LOG_STR("text", rd_kafka_err2str(failure)));
}

static void report_offsets(struct source_kafka *source)
{
	_cleanup_(rd_kafka_topic_partition_list_destroyp) rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)source->partition_count + 1);

	for (size_t i = 0; i < source->partition_count; i++) {
		struct partition *const partition = &source->partitions[i];
		if (partition->reported < 0)
			continue;
		rd_kafka_topic_partition_list_add(list, source->topic, partition->id)->offset =
			partition->reported;
		partition->reported = -1;
	}
	if (list->cnt > 0)
		(void)rd_kafka_commit(source->rk, list, 1); /* Nobody but lag tools reads it. */
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t event,
		      rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct source_kafka *const source = opaque;

	if (event != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		log_info("partitions_revoked", LOG_INT("count", (int64_t)source->partition_count));
		report_offsets(source);
		drop_partitions(source);
		(void)rd_kafka_assign(rk, NULL); /* Fails only for a fatal, logged error. */
		return;
	}

	drop_partitions(source);
	free(source->partitions);
	source->partitions = calloc((size_t)list->cnt + 1, sizeof(source->partitions[0]));
	assert(source->partitions);
	for (int i = 0; i < list->cnt; i++)
		add_partition(source, list->elems[i].partition);
	log_info("partitions_assigned", LOG_INT("count", (int64_t)source->partition_count));
	reassign(source); /* None is started yet: an empty list, which completes the join. */
}

static struct partition *find(const struct source_kafka *source, int32_t id)
{
	for (size_t i = 0; i < source->partition_count; i++)
		if (source->partitions[i].id == id)
			return &source->partitions[i];

	return NULL;
}

/* ---- Membership and state of the brokers ---- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct source_kafka *const source = opaque;
	(void)rk;

	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__FATAL) {
		if (atomic_exchange(&source->up, false))
			log_warn("kafka_consumer_down", LOG_STR("text", reason));
		return;
	}
	log_debug("kafka_consumer_error", LOG_STR("text", reason));
}

static void note_up(struct source_kafka *source)
{
	if (!atomic_exchange(&source->up, true))
		log_info("kafka_consumer_up", LOG_STR("topic", source->topic));
}

static void measure_lag(struct source_kafka *source)
{
	int64_t lag = 0;

	for (size_t i = 0; i < source->partition_count; i++) {
		const struct partition *const partition = &source->partitions[i];
		int64_t low = 0, high = 0;
		if (rd_kafka_get_watermark_offsets(source->rk, source->topic, partition->id, &low,
						   &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		    partition->started && high > partition->settled)
			lag += high - partition->settled;
	}
	atomic_store(&source->lag, lag);
}

/* librdkafka tells when the last broker is lost, not when one is back. */
static void probe(struct source_kafka *source)
{
	const struct rd_kafka_metadata *metadata = NULL;

	if (rd_kafka_metadata(source->rk, 0, NULL, &metadata, PROBE_WAIT_MS) != 0)
		return;
	rd_kafka_metadata_destroy(metadata);
	note_up(source);
}

static void keep_house(struct source_kafka *source)
{
	const int64_t now_ms = clock_monotonic_ms();
	if (now_ms < source->housekeeping_at_ms)
		return;
	source->housekeeping_at_ms = now_ms + HOUSEKEEPING_MS;
	if (!atomic_load(&source->up))
		probe(source);
	report_offsets(source);
	measure_lag(source);
}

static void poll_group(void *ctx)
{
	struct source_kafka *const source = ctx;

	for (int i = 0; i < EVENTS_PER_POLL_MAX; i++) {
		rd_kafka_message_t *const message = rd_kafka_consumer_poll(source->rk, 0);
		if (!message)
			break;
		/* Messages come by the partitions' queues: here are only errors. */
		if (message->err)
			log_warn("kafka_consumer_event",
				 LOG_STR("text", rd_kafka_message_errstr(message)));
		rd_kafka_message_destroy(message);
	}
	keep_house(source);
}

/* ---- Starting ---- */

static bool next_partition(void *ctx, bool started, size_t *cursor, struct partition_name *ret)
{
	struct source_kafka *const source = ctx;

	if (!source->cluster_id)
		source->cluster_id = rd_kafka_clusterid(source->rk, 0);
	if (!source->cluster_id)
		return false;

	while (*cursor < source->partition_count) {
		const struct partition *const partition = &source->partitions[(*cursor)++];
		if (partition->started != started)
			continue;
		*ret = (struct partition_name){ .cluster_id = source->cluster_id,
						.topic = source->topic,
						.partition = partition->id };
		return true;
	}
	return false;
}

static err_code bounds(void *ctx, int32_t id, int64_t *ret_low, int64_t *ret_high, struct err *err)
{
	struct source_kafka *const source = ctx;
	int64_t low = 0, high = 0;

	const rd_kafka_resp_err_t failure = rd_kafka_query_watermark_offsets(
		source->rk, source->topic, id, &low, &high, BOUNDS_WAIT_MS);
	if (failure)
		return err_set(err, ERR_UNAVAILABLE, "watermarks of partition %d: %s", (int)id,
			       rd_kafka_err2str(failure));
	note_up(source);
	*ret_low = low;
	*ret_high = high;

	return ERR_OK;
}

static void start(void *ctx, int32_t id, int64_t offset)
{
	struct source_kafka *const source = ctx;
	struct partition *const partition = find(source, id);

	assert(partition && offset >= 0);
	partition->started = true;
	partition->settled = offset;
	partition->position = log_position_at(offset);
	source->misplaced = true;
}

static void restart(void *ctx, int32_t id)
{
	struct source_kafka *const source = ctx;
	struct partition *const partition = find(source, id);

	if (!partition)
		return;
	partition->started = false;
	source->misplaced = true; /* Do not go on fetching what will not be taken. */
}

/* ---- Taking ---- */

static void release_raw(struct source_kafka *source, size_t from)
{
	for (size_t i = from; i < source->raw_count; i++)
		rd_kafka_message_destroy(source->raw[i]);
	source->raw_count = from;
}

/* An error in place of a message: the fetcher of this partition has stopped, or will try again. */
static void on_partition_error(struct source_kafka *source, struct partition *partition,
			       const rd_kafka_message_t *message)
{
	log_warn("kafka_partition_error", LOG_INT("partition", partition->id),
		 LOG_STR("text", rd_kafka_message_errstr(message)));
	/* Our offset is outside the log: look again where to begin. */
	if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
	    message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
		restart(source, partition->id);
}

static void log_gap(const struct source_kafka *source, const struct partition *partition,
		    int64_t due, int64_t found)
{
	int64_t low = -1, high = -1;

	(void)rd_kafka_get_watermark_offsets(source->rk, source->topic, partition->id, &low, &high);
	log_warn("log_gap", LOG_INT("partition", partition->id), LOG_INT("due", due),
		 LOG_INT("found", found), LOG_INT("log_begins", low));
}

static bool is_next(struct source_kafka *source, struct partition *partition, int64_t offset)
{
	const int64_t due = partition->position.next;

	switch (log_position_step(&partition->position, offset)) {
	case LOG_TAKE:
		return true;
	case LOG_TAKE_AFTER_GAP:
		log_gap(source, partition, due, offset);
		return true;
	case LOG_FETCH_AGAIN:
		source->misplaced = true;
		return false;
	case LOG_SKIP:
		break;
	}
	return false;
}

/* Keeps the messages that are next, in order, at the front of raw. */
static void sift(struct source_kafka *source, struct partition *partition)
{
	size_t kept = 0, i = 0;

	for (; i < source->raw_count && partition->started && !source->misplaced; i++) {
		rd_kafka_message_t *const message = source->raw[i];
		if (message->err)
			on_partition_error(source, partition, message);
		else if (is_next(source, partition, message->offset)) {
			source->raw[i] = source->raw[kept];
			source->raw[kept++] = message;
		}
	}
	release_raw(source, kept);
}

static void show(const rd_kafka_message_t *raw, struct source_message *ret)
{
	*ret = (struct source_message){
		.offset = raw->offset,
		.key = raw->key,
		.key_len = raw->key_len,
		.value = raw->payload,
		.value_len = raw->len,
	};
	rd_kafka_headers_t *headers = NULL;
	if (rd_kafka_message_headers(raw, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;

	while (ret->header_count < SOURCE_HEADERS_MAX) {
		struct source_header *const header = &ret->headers[ret->header_count];
		if (rd_kafka_header_get_all(headers, ret->header_count, &header->name,
					    &header->value, &header->len) != 0)
			break;
		ret->header_count++;
	}
}

static bool take_from(struct source_kafka *source, struct partition *partition, size_t max,
		      struct source_batch *ret)
{
	if (!partition->started)
		return false;

	const ssize_t count = rd_kafka_consume_batch_queue(partition->queue, 0, source->raw, max);
	source->raw_count = count > 0 ? (size_t)count : 0;
	sift(source, partition);
	if (source->raw_count == 0)
		return false;

	for (size_t i = 0; i < source->raw_count; i++)
		show(source->raw[i], &source->messages[i]);
	*ret = (struct source_batch){
		.name = { .cluster_id = source->cluster_id,
			  .topic = source->topic,
			  .partition = partition->id },
		.assignment = partition->assignment,
		.count = source->raw_count,
		.messages = source->messages,
	};
	note_up(source);

	return true;
}

static bool take_in_turn(struct source_kafka *source, size_t max, struct source_batch *ret)
{
	for (size_t i = 0; i < source->partition_count && !source->misplaced; i++) {
		source->turn = (source->turn + 1) % source->partition_count;
		if (take_from(source, &source->partitions[source->turn], max, ret))
			return true;
	}
	return false;
}

static void wait_for_wake(const struct source_kafka *source, int64_t wait_ms)
{
	struct pollfd wake = { .fd = source->wake_fd, .events = POLLIN };
	uint64_t count = 0;

	if (poll(&wake, 1, (int)wait_ms) > 0 && read(source->wake_fd, &count, sizeof(count)) < 0 &&
	    errno != EAGAIN)
		log_warn("eventfd_read_failed", LOG_INT("errno", errno));
}

static bool take(void *ctx, size_t max, int64_t wait_ms, struct source_batch *ret)
{
	struct source_kafka *const source = ctx;
	assert(source->raw_count == 0 && max <= source->batch_max);

	if (source->misplaced)
		reassign(source);
	if (take_in_turn(source, max, ret))
		return true;
	if (source->misplaced)
		return false;
	wait_for_wake(source, wait_ms);

	return take_in_turn(source, max, ret);
}

static void release(void *ctx, struct source_batch *batch)
{
	release_raw(ctx, 0);
	batch->count = 0;
}

static bool owns(void *ctx, const struct source_batch *batch)
{
	const struct partition *const partition = find(ctx, batch->name.partition);

	return partition && partition->assignment == batch->assignment;
}

static void report(void *ctx, int32_t id, int64_t next_offset)
{
	struct partition *const partition = find(ctx, id);

	if (partition)
		partition->settled = partition->reported = next_offset;
}

struct source source_kafka_ops(struct source_kafka *source)
{
	static const struct source_ops ops = {
		.poll = poll_group,
		.next_partition = next_partition,
		.bounds = bounds,
		.start = start,
		.restart = restart,
		.take = take,
		.release = release,
		.owns = owns,
		.report = report,
	};

	return (struct source){ .ops = &ops, .ctx = source };
}

bool source_kafka_is_up(const struct source_kafka *source)
{
	return atomic_load(&source->up);
}

int64_t source_kafka_lag(const struct source_kafka *source)
{
	return atomic_load(&source->lag);
}

/* ---- Opening and closing ---- */

static err_code subscribe(struct source_kafka *source, struct err *err)
{
	_cleanup_(rd_kafka_topic_partition_list_destroyp) rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, source->topic, RD_KAFKA_PARTITION_UA);

	const rd_kafka_resp_err_t failure = rd_kafka_subscribe(source->rk, list);
	if (failure)
		return err_set(err, ERR_INTERNAL, "subscribe to %s: %s", source->topic,
			       rd_kafka_err2str(failure));

	return ERR_OK;
}

static err_code connect_source(struct source_kafka *source,
			       const struct source_kafka_config *config, struct err *err)
{
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;
	const err_code code = source_kafka_conf(config, &conf, err);
	if (code != ERR_OK)
		return code;

	char text[128];
	rd_kafka_conf_set_rebalance_cb(conf, rebalance);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, source);
	source->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!source->rk)
		return err_set(err, ERR_INVALID, "kafka consumer: %s", text);
	conf = NULL;                                  /* rd_kafka_new took it. */
	(void)rd_kafka_poll_set_consumer(source->rk); /* Cannot fail for a consumer with a group. */
	source->events = rd_kafka_queue_get_consumer(source->rk);
	wake_on(source, source->events);

	return subscribe(source, err);
}

err_code source_kafka_open(const struct source_kafka_config *config, struct source_kafka **ret,
			   struct err *err)
{
	assert(config && config->batch_max > 0 && ret);

	if (strlen(config->topic) >= TOPIC_BYTES_MAX)
		return err_set(err, ERR_INVALID, "kafka topic name is too long");

	struct source_kafka *const source = calloc(1, sizeof(*source));
	assert(source);
	(void)snprintf(source->topic, sizeof(source->topic), "%s", config->topic);
	source->batch_max = config->batch_max;
	source->raw = calloc(config->batch_max, sizeof(source->raw[0]));
	source->messages = calloc(config->batch_max, sizeof(source->messages[0]));
	assert(source->raw && source->messages);
	source->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(source->wake_fd >= 0);

	const err_code code = connect_source(source, config, err);
	if (code != ERR_OK) {
		source_kafka_close(source);
		return code;
	}
	*ret = source;

	return ERR_OK;
}

void source_kafka_wake(struct source_kafka *source)
{
	(void)eventfd_write(source->wake_fd, 1); /* Fails when it is awake already. */
}

void source_kafka_leave(struct source_kafka *source)
{
	if (!source->events)
		return;
	release_raw(source, 0);
	rd_kafka_queue_destroy(STEAL(source->events));   /* librdkafka wants it before the close. */
	source->abandoned = !consumer_leave(source->rk); /* Calls rebalance, too. */
	drop_partitions(source);
}

void source_kafka_close(struct source_kafka *source)
{
	if (!source)
		return;
	source_kafka_leave(source);
	if (source->abandoned)
		return; /* Until the process ends, which is soon. */
	if (source->cluster_id)
		rd_kafka_mem_free(source->rk, source->cluster_id);
	if (source->rk)
		rd_kafka_destroy(source->rk);
	(void)close(source->wake_fd); /* Nothing was written that could be lost. */
	free(source->partitions);
	free(source->raw);
	free(source->messages);
	free(source);
}
