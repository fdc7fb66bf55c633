/* Reading dead letters from a real Kafka, within bounds. */
#include "dead_letter_reader.h"
#include "kafka.h"
#include "kafka_topic.h"
#include "log.h"
#include "services.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_KAFKA_BROKERS")

#define PARTITIONS   2
#define SEEN_MAX     64
#define ACK_WAIT_MS  20000
#define BIG_BYTES    700000

static char topic[KAFKA_TOPIC_BYTES_MAX];
static struct dead_letter_reader *reader;
static struct kafka_producer *producer;
static struct err err;

static struct dead_letter_reader *reader_of(const char *brokers)
{
	const struct dead_letter_config config = { .brokers = brokers,
						   .client_id = "write-api",
						   .topic = topic };

	return dead_letter_reader_new(&config);
}

static void set_up(void)
{
	const char *brokers = getenv("TEST_KAFKA_BROKERS");
	const struct kafka_producer_config config = { .brokers = brokers,
						      .client_id = "test",
						      .topic = topic,
						      .message_timeout_ms = ACK_WAIT_MS / 2,
						      .ack_wait_ms = ACK_WAIT_MS,
						      .queue_messages_max = 1000 };

	log_open("test_dead_letter_reader", LOG_LEVEL_ERROR);
	kafka_topic_name("letters", topic);
	kafka_topic_create(topic, PARTITIONS);
	reader = reader_of(brokers);
	cr_assert_eq(kafka_producer_open(&config, &producer, &err), ERR_OK, "%s", err.text);
}

static void tear_down(void)
{
	kafka_producer_close(producer, 1000);
	dead_letter_reader_free(reader);
	kafka_topic_delete(topic);
}

TestSuite(dead_letter_reader, .init = set_up, .fini = tear_down);

static void put(int32_t partition, const char *value, size_t len)
{
	const struct kafka_message message = { .partition = partition,
					       .key = "k",
					       .key_len = 1,
					       .value = value,
					       .value_len = len,
					       .headers = { { "reason", "why", 0 } } };

	cr_assert_eq(kafka_producer_send_all(producer, &message, 1, &err), ERR_OK, "%s",
		     err.text);
}

static void put_numbers(int32_t partition, int count)
{
	char text[16];

	for (int i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "%d-%d", partition, i);
		put(partition, text, strlen(text));
	}
}

struct seen {
	char text[SEEN_MAX * 16];
	size_t count, bytes;
};

static void see(void *ctx, const rd_kafka_message_t *message)
{
	struct seen *seen = ctx;
	char reason[8];

	seen->count++;
	seen->bytes += message->len;
	if (message->len < 16 && seen->count <= SEEN_MAX) {
		const size_t at = strlen(seen->text);
		(void)snprintf(seen->text + at, sizeof(seen->text) - at, "%.*s ",
			       (int)message->len, (const char *)message->payload);
	}
	cr_expect(dead_letter_header(message, "reason", reason, sizeof(reason)));
	cr_expect_str_eq(reason, "why");
	cr_expect_not(dead_letter_header(message, "reason", reason, 3), "does not fit");
	cr_expect_not(dead_letter_header(message, "other", reason, sizeof(reason)));
}

/* Pages of `most` from the first, as "a b | c d |", a bar where a page ends and more is to come. */
static void expect_pages(int64_t most, const char *pages)
{
	struct dead_letter_place place = { 0 };
	struct seen seen = { .text = "" };
	bool more = true;

	while (more && seen.count < SEEN_MAX) {
		cr_assert_eq(dead_letter_read(reader, &place, most, see, &seen, &more, &err),
			     ERR_OK, "%s", err.text);
		if (more)
			(void)strncat(seen.text, "| ", 3);
	}
	cr_expect_str_eq(seen.text, pages, "%s", seen.text);
}

Test(dead_letter_reader, an_empty_topic_has_no_letters)
{
	expect_pages(10, "");
}

Test(dead_letter_reader, pages_leave_nothing_out_over_partitions)
{
	put_numbers(0, 3);
	put_numbers(1, 2);
	expect_pages(10, "0-0 0-1 0-2 1-0 1-1 ");
	expect_pages(5, "0-0 0-1 0-2 1-0 1-1 ");
	expect_pages(2, "0-0 0-1 | 0-2 1-0 | 1-1 ");
	expect_pages(3, "0-0 0-1 0-2 | 1-0 1-1 ");
	expect_pages(1, "0-0 | 0-1 | 0-2 | 1-0 | 1-1 ");
}

Test(dead_letter_reader, reads_letters_that_are_large)
{
	_cleanup_free_ char *big = calloc(1, BIG_BYTES);
	struct dead_letter_place place = { 0 };
	struct seen seen = { .text = "" };
	bool more = true;

	cr_assert(big);
	for (int i = 0; i < 6; i++)
		put(0, big, BIG_BYTES);
	cr_assert_eq(dead_letter_read(reader, &place, 10, see, &seen, &more, &err), ERR_OK, "%s",
		     err.text);
	cr_expect_eq(seen.count, 6);
	cr_expect_eq(seen.bytes, 6 * (size_t)BIG_BYTES);
	cr_expect_not(more);
}

Test(dead_letter_reader, finds_the_one_that_is_named_and_no_other)
{
	static const struct dead_letter_place none[] = { { 0, 3 }, { 0, 99 }, { 1, 0 }, { 2, 0 },
							 { INT64_C(1) << 32, 0 } };
	struct seen seen = { .text = "" };

	put_numbers(0, 3);
	cr_assert_eq(dead_letter_read_one(reader, (struct dead_letter_place){ 0, 1 }, see, &seen,
					  &err),
		     ERR_OK, "%s", err.text);
	cr_expect_str_eq(seen.text, "0-1 ");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_expect_eq(dead_letter_read_one(reader, none[i], see, &seen, &err), ERR_NOT_FOUND,
			     "found %" PRId64 "/%" PRId64, none[i].partition, none[i].offset);
	cr_expect_eq(seen.count, 1);
}

Test(dead_letter_reader, says_so_when_kafka_is_away)
{
	struct dead_letter_reader *nowhere = reader_of("127.0.0.1:1");
	struct dead_letter_place place = { 0 };
	struct seen seen = { .text = "" };
	bool more = false;

	cr_expect_eq(dead_letter_read(nowhere, &place, 10, see, &seen, &more, &err),
		     ERR_UNAVAILABLE);
	cr_expect_eq(dead_letter_read_one(nowhere, place, see, &seen, &err), ERR_UNAVAILABLE);
	cr_expect_eq(seen.count, 0);
	dead_letter_reader_free(nowhere);
}
