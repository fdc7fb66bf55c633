#include "dead_letter_reader.h"

#include "clock.h"
#include "kafka.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_MS 1000 /* the longest wait for one answer */

struct dead_letter_reader {
	struct dead_letter_config config;
	pthread_mutex_t lock;
};

/* A call's connection. */
struct reading {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	int64_t until_ms;
	int32_t partitions;
};

/* Where one partition begins and ends. */
struct range {
	int64_t low, high;
};

struct dead_letter_reader *dead_letter_reader_new(const struct dead_letter_config *config)
{
	struct dead_letter_reader *reader = calloc(1, sizeof(*reader));

	assert(reader);
	reader->config = *config;
	(void)pthread_mutex_init(&reader->lock, NULL); /* Cannot fail: nothing is allocated. */
	return reader;
}

void dead_letter_reader_free(struct dead_letter_reader *reader)
{
	if (!reader)
		return;
	(void)pthread_mutex_destroy(&reader->lock); /* Nobody holds it: cannot fail. */
	free(reader);
}

/* --- connecting --- */

static int wait_ms(const struct reading *reading)
{
	const int64_t left_ms = reading->until_ms - clock_monotonic_ms();

	return left_ms <= 0 ? 0 : left_ms < STEP_MS ? (int)left_ms : STEP_MS;
}

static void reading_done(struct reading *reading)
{
	if (reading->topic)
		rd_kafka_topic_destroy(reading->topic);
	if (reading->rk)
		rd_kafka_destroy(reading->rk);
}

static err_code make_conf(const struct dead_letter_config *config, rd_kafka_conf_t **ret,
			  struct err *err)
{
	static const char *const settings[][2] = {
		{ "enable.auto.commit", "false" },
		{ "enable.partition.eof", "true" },
		/* Of an offset that is no more, or not yet. */
		{ "auto.offset.reset", "error" },
		{ "queued.max.messages.kbytes", "2048" },
		{ "fetch.wait.max.ms", "100" },
	};
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;

	err_code code = kafka_conf_new(config->brokers, config->client_id, &conf, err);
	if (code == ERR_OK)
		code = kafka_security_apply(config->security, conf, err);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && code == ERR_OK; i++)
		code = kafka_conf_set(conf, settings[i][0], settings[i][1], err);
	if (code == ERR_OK)
		*ret = STEAL(conf);
	return code;
}

static err_code ask_partitions(struct reading *reading, struct err *err)
{
	const struct rd_kafka_metadata *metadata = NULL;
	const rd_kafka_resp_err_t failure =
		rd_kafka_metadata(reading->rk, 0, reading->topic, &metadata, wait_ms(reading));

	if (failure)
		return err_set(err, ERR_UNAVAILABLE, "kafka metadata: %s",
			       rd_kafka_err2str(failure));
	const bool is_known = metadata->topic_cnt == 1 && metadata->topics[0].err == 0;
	reading->partitions = is_known ? metadata->topics[0].partition_cnt : 0;
	rd_kafka_metadata_destroy(metadata);
	return is_known ? ERR_OK
			: err_set(err, ERR_UNAVAILABLE, "the dead-letter topic cannot be read");
}

static err_code open_reading(const struct dead_letter_config *config, struct reading *reading,
			     struct err *err)
{
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;
	char text[128];

	const err_code code = make_conf(config, &conf, err);
	if (code != ERR_OK)
		return code;
	reading->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!reading->rk)
		return err_set(err, ERR_INTERNAL, "kafka consumer: %s", text);
	conf = NULL; /* rd_kafka_new took it. */
	reading->topic = rd_kafka_topic_new(reading->rk, config->topic, NULL);
	if (!reading->topic)
		return err_set(err, ERR_INTERNAL, "kafka topic %s: %s", config->topic,
			       rd_kafka_err2str(rd_kafka_last_error()));
	return ask_partitions(reading, err);
}

/* --- reading --- */

static err_code ask_range(struct reading *reading, int32_t partition, struct range *ret,
			  struct err *err)
{
	const rd_kafka_resp_err_t failure = rd_kafka_query_watermark_offsets(
		reading->rk, rd_kafka_topic_name(reading->topic), partition, &ret->low, &ret->high,
		wait_ms(reading));

	if (failure)
		return err_set(err, ERR_UNAVAILABLE, "kafka offsets: %s",
			       rd_kafka_err2str(failure));
	return ERR_OK;
}

/* From *offset, which is moved, up to `end`; at most *most, which is counted down. */
static err_code consume(struct reading *reading, int32_t partition, int64_t end, int64_t *offset,
			int64_t *most, dead_letter_visit *visit, void *ctx, struct err *err)
{
	while (*offset < end && *most > 0) {
		rd_kafka_message_t *message =
			rd_kafka_consume(reading->topic, partition, wait_ms(reading));
		if (!message)
			return err_set(err, ERR_UNAVAILABLE, "kafka did not tell in time");

		const rd_kafka_resp_err_t failure = message->err;
		if (!failure) {
			visit(ctx, message);
			*offset = message->offset + 1;
			(*most)--;
		} else if (failure == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			*offset = end; /* What lay before it is compacted or a transaction's. */
		}
		rd_kafka_message_destroy(message);
		if (failure && failure != RD_KAFKA_RESP_ERR__PARTITION_EOF)
			return err_set(err, ERR_UNAVAILABLE, "kafka: %s",
				       rd_kafka_err2str(failure));
	}
	return ERR_OK;
}

static err_code read_partition(struct reading *reading, int32_t partition, int64_t end,
			       int64_t *offset, int64_t *most, dead_letter_visit *visit, void *ctx,
			       struct err *err)
{
	if (rd_kafka_consume_start(reading->topic, partition, *offset) != 0)
		return err_set(err, ERR_UNAVAILABLE, "kafka: %s",
			       rd_kafka_err2str(rd_kafka_last_error()));

	const err_code code =
		consume(reading, partition, end, offset, most, visit, ctx, err);
	(void)rd_kafka_consume_stop(reading->topic, partition); /* Fails only if not started. */
	return code;
}

static err_code read_from(struct reading *reading, struct dead_letter_place *place, int64_t most,
			  dead_letter_visit *visit, void *ctx, bool *ret_more, struct err *err)
{
	*ret_more = false;
	for (; place->partition < reading->partitions;
	     place->partition++, place->offset = 0) {
		const int32_t partition = (int32_t)place->partition;
		struct range range;
		err_code code = ask_range(reading, partition, &range, err);
		if (code != ERR_OK)
			return code;
		if (place->offset < range.low)
			place->offset = range.low;
		if (place->offset >= range.high)
			continue;
		if (most == 0) {
			*ret_more = true;
			return ERR_OK;
		}
		code = read_partition(reading, partition, range.high, &place->offset, &most, visit,
				      ctx, err);
		if (code != ERR_OK)
			return code;
		if (place->offset < range.high) {
			*ret_more = true;
			return ERR_OK;
		}
	}
	return ERR_OK;
}

static err_code read_at(struct reading *reading, struct dead_letter_place place,
			dead_letter_visit *visit, void *ctx, struct err *err)
{
	int64_t most = 1;
	struct range range;

	if (place.partition >= reading->partitions)
		return err_set(err, ERR_NOT_FOUND, "no such partition");
	const int32_t partition = (int32_t)place.partition;
	const err_code code = ask_range(reading, partition, &range, err);
	if (code != ERR_OK)
		return code;
	if (place.offset < range.low || place.offset >= range.high)
		return err_set(err, ERR_NOT_FOUND, "no such offset");
	return read_partition(reading, partition, place.offset + 1, &place.offset, &most, visit,
			      ctx, err);
}

/* --- one at a time --- */

static err_code enter(struct dead_letter_reader *reader, struct reading *reading, struct err *err)
{
	reading->until_ms = clock_monotonic_ms() + DEAD_LETTER_WAIT_MS;

	const struct timespec until = { .tv_sec = reading->until_ms / 1000,
					.tv_nsec = reading->until_ms % 1000 * 1000000 };
	if (pthread_mutex_clocklock(&reader->lock, CLOCK_MONOTONIC, &until) != 0)
		return err_set(err, ERR_UNAVAILABLE, "others read dead letters for too long");

	const err_code code = open_reading(&reader->config, reading, err);
	if (code != ERR_OK)
		(void)pthread_mutex_unlock(&reader->lock); /* Cannot fail: we hold it. */
	return code;
}

err_code dead_letter_read(struct dead_letter_reader *reader, struct dead_letter_place *place,
			  int64_t most, dead_letter_visit *visit, void *ctx, bool *ret_more,
			  struct err *err)
{
	_cleanup_(reading_done) struct reading reading = { 0 };

	err_code code = enter(reader, &reading, err);
	if (code != ERR_OK)
		return code;
	code = read_from(&reading, place, most, visit, ctx, ret_more, err);
	(void)pthread_mutex_unlock(&reader->lock); /* Cannot fail: we hold it. */
	return code;
}

err_code dead_letter_read_one(struct dead_letter_reader *reader, struct dead_letter_place place,
			      dead_letter_visit *visit, void *ctx, struct err *err)
{
	_cleanup_(reading_done) struct reading reading = { 0 };

	err_code code = enter(reader, &reading, err);
	if (code != ERR_OK)
		return code;
	code = read_at(&reading, place, visit, ctx, err);
	(void)pthread_mutex_unlock(&reader->lock); /* Cannot fail: we hold it. */
	return code;
}

bool dead_letter_header(const rd_kafka_message_t *message, const char *name, char *buf,
			size_t size)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t len = 0;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    !value || len >= size)
		return false;
	memcpy(buf, value, len);
	buf[len] = '\0';
	return true;
}
