#include "told.h"

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

static void take(void *ctx, const rd_kafka_message_t *message)
{
	(void)ctx;
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
	told_count = 0;
	kafka_topic_read(kafka_topic_client(RD_KAFKA_CONSUMER), topic, partitions, READ_MS, take,
			 NULL);
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
