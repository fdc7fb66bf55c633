#include "dead_letter_kafka.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Kafka's default limit of a message is 1 MB; what we add must fit beside these. */
#define VALUE_BYTES_MAX   900000
#define KEY_BYTES_MAX     4096
#define HEADERS_BYTES_MAX 32768
/* What is left of a message that the broker refuses as too large, whatever its limit is. */
#define REMAINDER_BYTES_MAX 512
#define NUMBER_BYTES_MAX    24
#define OWN_HEADERS         5

_Static_assert(SOURCE_HEADERS_MAX >= KAFKA_HEADERS_MAX - OWN_HEADERS,
	       "own headers come first, the source's fill the rest");

struct letter {
	struct kafka_message message;
	char partition[NUMBER_BYTES_MAX];
	char offset[NUMBER_BYTES_MAX];
	char cut_from[NUMBER_BYTES_MAX];
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* As many of the source's headers as there is room for. */
static void add_source_headers(const struct source_message *from, size_t own,
			       struct kafka_message *to)
{
	size_t bytes = 0;

	for (size_t i = 0; i < from->header_count && own < KAFKA_HEADERS_MAX; i++) {
		const struct source_header *const header = &from->headers[i];
		bytes += header->len;
		if (bytes > HEADERS_BYTES_MAX)
			return;
		if (!header->value)
			continue;
		to->headers[own++] = (struct kafka_header){
			.name = header->name,
			.value = header->len > 0 ? header->value : "",
			.len = header->len,
		};
	}
}

static void write_letter(const struct partition_name *from, const struct dead_letter *letter,
			 size_t value_bytes_max, struct letter *ret)
{
	const struct source_message *const message = letter->message;
	const bool cut = message->value_len > value_bytes_max || message->key_len > KEY_BYTES_MAX;

	(void)snprintf(ret->partition, sizeof(ret->partition), "%" PRId32, from->partition);
	(void)snprintf(ret->offset, sizeof(ret->offset), "%" PRId64, message->offset);
	(void)snprintf(ret->cut_from, sizeof(ret->cut_from), "%zu", message->value_len);
	ret->message = (struct kafka_message){
		.partition = RD_KAFKA_PARTITION_UA,
		.key = message->key,
		.key_len = least(message->key_len, KEY_BYTES_MAX),
		.value = message->value,
		.value_len = least(message->value_len, value_bytes_max),
		.headers = {
			{ .name = "reason", .value = letter->reason },
			{ .name = "source-topic", .value = from->topic },
			{ .name = "source-partition", .value = ret->partition },
			{ .name = "source-offset", .value = ret->offset },
			{ .name = "cut-from-bytes", .value = cut ? ret->cut_from : NULL },
		},
	};
	if (value_bytes_max > REMAINDER_BYTES_MAX)
		add_source_headers(message, OWN_HEADERS, &ret->message);
}

static err_code send_cut_to(struct kafka_producer *producer, const struct partition_name *from,
			    const struct dead_letter *letters, size_t count, size_t value_bytes_max,
			    struct err *err)
{
	_cleanup_free_ struct letter *written = calloc(count, sizeof(*written));
	_cleanup_free_ struct kafka_message *messages = calloc(count, sizeof(*messages));
	assert(written && messages);

	for (size_t i = 0; i < count; i++) {
		write_letter(from, &letters[i], value_bytes_max, &written[i]);
		messages[i] = written[i].message;
	}
	return kafka_producer_send_all(producer, messages, count, err);
}

static err_code send_letters(void *ctx, const struct partition_name *from,
			     const struct dead_letter *letters, size_t count, struct err *err)
{
	struct kafka_producer *const producer = ctx;

	const err_code code = send_cut_to(producer, from, letters, count, VALUE_BYTES_MAX, err);
	if (code != ERR_INVALID)
		return code;

	/* One of them is too large for this broker; which, it does not say. */
	return send_cut_to(producer, from, letters, count, REMAINDER_BYTES_MAX, err);
}

struct dead_letter_box dead_letter_kafka(struct kafka_producer *producer)
{
	static const struct dead_letter_ops ops = { .send = send_letters };

	assert(producer);

	return (struct dead_letter_box){ .ops = &ops, .ctx = producer };
}
