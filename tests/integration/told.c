#include "told.h"

#include "clock.h"
#include "kafka_topic.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOKINGS_MAX 64
#define READ_MS      20000

struct told told[TOLD_MAX];
size_t told_count;

static void header(const rd_kafka_message_t *message, const char *name, char *buf, size_t size)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t len = 0;

	cr_assert_eq(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
	cr_assert_eq(rd_kafka_header_get_last(headers, name, &value, &len),
		     RD_KAFKA_RESP_ERR_NO_ERROR, "no header %s", name);
	(void)snprintf(buf, size, "%.*s", (int)len, (const char *)value);
}

static void take(const rd_kafka_message_t *message)
{
	cr_assert_lt(told_count, TOLD_MAX);
	struct told *const ret = &told[told_count++];
	char key[40];

	header(message, "ce_id", ret->id, sizeof(ret->id));
	header(message, "ce_type", ret->type, sizeof(ret->type));
	(void)snprintf(key, sizeof(key), "%.*s", (int)message->key_len, (const char *)message->key);
	cr_assert_eq(strncmp(ret->id, key, strlen(key)), 0, "%s under key %s", ret->id, key);
	ret->booking = (int)strtol(strrchr(key, '-') + 1, NULL, 10);
	ret->version = (int)strtol(strchr(ret->id, '/') + 1, NULL, 10);
	ret->value_len = message->len;
}

void told_read(const char *topic, int partitions)
{
	rd_kafka_t *const consumer = kafka_topic_client(RD_KAFKA_CONSUMER);
	rd_kafka_topic_partition_list_t *const all = rd_kafka_topic_partition_list_new(partitions);
	const int64_t deadline_ms = clock_monotonic_ms() + READ_MS;
	int open = partitions;

	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset = 0;
	cr_assert_eq(rd_kafka_assign(consumer, all), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(all);
	told_count = 0;
	while (open > 0) {
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the topic cannot be read");
		rd_kafka_message_t *const message = rd_kafka_consumer_poll(consumer, 100);
		if (!message)
			continue;
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open--;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take(message);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_destroy(consumer);
}

void told_expect_in_order(int bookings, int versions)
{
	static int seen[BOOKINGS_MAX];

	cr_assert_lt(bookings, BOOKINGS_MAX);
	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < told_count; i++) {
		cr_assert_lt(told[i].booking, BOOKINGS_MAX);
		int *const last = &seen[told[i].booking];
		if (told[i].version <= *last)
			continue;
		cr_expect_eq(told[i].version, *last + 1, "%s came after version %d", told[i].id,
			     *last);
		*last = told[i].version;
	}
	for (int i = 1; i <= bookings; i++)
		cr_expect_eq(seen[i], versions, "booking %d: told up to %d of %d", i, seen[i],
			     versions);
}
