/* A lane's consumer on a real broker: begins where it is told, keeps the order, shares and gives
 * back. */
#include "clock.h"
#include "log.h"
#include "services.h"
#include "source_kafka.h"
#include "worker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_KAFKA_BROKERS")

#define PATIENCE_MS 30000
#define PARTITIONS 4
#define BATCH_MAX 50

/* A member and what it has seen. */
struct member {
	struct source_kafka *kafka;
	struct source source;
	int64_t start_at[PARTITIONS]; /* where it starts a partition when it gets it */
	int64_t next[PARTITIONS];     /* one after the last taken                    */
	int taken;
	int batches;
	bool out_of_order;
};

static struct fixture_name topic;
static struct err err;

static void set_up(void)
{
	log_open("test_source", LOG_LEVEL_ERROR);
	topic = fixture_name("source");
}

TestSuite(source, .init = set_up);

static void join(struct member *member)
{
	const struct source_kafka_config config = {
		.brokers = fixture_brokers(),
		.client_id = "test_source",
		.topic = topic.text,
		.group = topic.text,
		.session_timeout_ms = 6000,
		.batch_max = BATCH_MAX,
	};

	*member = (struct member){ .kafka = NULL };
	cr_assert_eq(source_kafka_open(&config, &member->kafka, &err), ERR_OK, "%s", err.text);
	member->source = source_kafka_ops(member->kafka);
}

static void start_all(struct member *member)
{
	struct partition_name name;
	size_t cursor = 0;

	while (member->source.ops->next_partition(member->source.ctx, false, &cursor, &name)) {
		const int32_t id = name.partition;
		cr_assert(id >= 0 && id < PARTITIONS);
		cr_expect_str_eq(name.topic, topic.text);
		member->source.ops->start(member->source.ctx, id, member->start_at[id]);
		member->next[id] = member->start_at[id];
	}
}

/* One turn as a lane makes it. */
static void turn(struct member *member)
{
	const struct source *const source = &member->source;
	struct source_batch batch;

	source->ops->poll(source->ctx);
	start_all(member);
	if (!source->ops->take(source->ctx, BATCH_MAX, 100, &batch))
		return;
	const int32_t id = batch.name.partition;
	cr_assert(batch.count >= 1 && batch.count <= BATCH_MAX);
	for (size_t i = 0; i < batch.count; i++) {
		char value[16];
		(void)snprintf(value, sizeof(value), "%d", (int)batch.messages[i].offset);
		member->out_of_order |= batch.messages[i].offset != member->next[id];
		member->next[id] = batch.messages[i].offset + 1;
		cr_expect_eq(batch.messages[i].value_len, strlen(value));
		cr_expect_eq(memcmp(batch.messages[i].value, value, strlen(value)), 0);
	}
	member->taken += (int)batch.count;
	member->batches++;
	cr_expect(source->ops->owns(source->ctx, &batch));
	source->ops->report(source->ctx, id, member->next[id]);
	source->ops->release(source->ctx, &batch);
}

/* Until so many were taken by both. */
static bool turn_until(struct member *a, struct member *b, int taken)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	while (clock_monotonic_ms() < until_ms) {
		if (a->taken + (b ? b->taken : 0) >= taken)
			return true;
		turn(a);
		if (b)
			turn(b);
	}
	return false;
}

static int owned(const struct member *member)
{
	int ret = 0;

	for (int32_t id = 0; id < PARTITIONS; id++) {
		for (uint64_t assignment = 1; assignment < 100; assignment++) {
			const struct source_batch batch = { .name = { .partition = id },
				                            .assignment = assignment };
			ret += member->source.ops->owns(member->source.ctx, &batch);
		}
	}
	return ret;
}

static bool turn_until_owned(struct member *a, int of_a, struct member *b, int of_b)
{
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	while (clock_monotonic_ms() < until_ms) {
		if (owned(a) == of_a && (!b || owned(b) == of_b))
			return true;
		turn(a);
		if (b)
			turn(b);
	}
	return false;
}

Test(source, takes_every_message_in_order_from_where_it_is_told)
{
	struct member member;
	fixture_topic(topic.text, 2);
	fixture_produce(topic.text, 0, 0, 300);
	fixture_produce(topic.text, 1, 0, 100);
	join(&member);
	member.start_at[0] = 120;

	cr_assert(turn_until(&member, NULL, 280));
	for (int i = 0; i < 5; i++)
		turn(&member);

	cr_expect_eq(member.taken, 280);
	cr_expect_eq(member.next[0], 300);
	cr_expect_eq(member.next[1], 100);
	cr_expect_not(member.out_of_order);
	cr_expect(source_kafka_is_up(member.kafka));
	source_kafka_close(member.kafka);
}

Test(source, hands_a_single_message_over_at_once)
{
	struct member member;
	fixture_topic(topic.text, 1);
	fixture_produce(topic.text, 0, 0, 1);
	join(&member);
	cr_assert(turn_until(&member, NULL, 1));

	for (int i = 1; i <= 5; i++) {
		fixture_produce(topic.text, 0, i, 1);
		const int64_t from_ms = clock_monotonic_ms();
		cr_assert(turn_until(&member, NULL, i + 1));
		cr_expect_lt(clock_monotonic_ms() - from_ms, 500, "no batch is waited for");
	}
	source_kafka_close(member.kafka);
}

Test(source, begins_again_where_it_is_told_after_a_restart)
{
	struct member member;
	fixture_topic(topic.text, 1);
	fixture_produce(topic.text, 0, 0, 200);
	join(&member);
	cr_assert(turn_until(&member, NULL, 200));

	member.start_at[0] = 50;
	member.source.ops->restart(member.source.ctx, 0);
	cr_assert(turn_until(&member, NULL, 350));
	turn(&member);

	cr_expect_eq(member.taken, 350);
	cr_expect_eq(member.next[0], 200);
	cr_expect_not(member.out_of_order);
	source_kafka_close(member.kafka);
}

Test(source, takes_nothing_of_a_partition_that_is_not_started)
{
	struct member member;
	struct source_batch batch;
	fixture_topic(topic.text, 1);
	fixture_produce(topic.text, 0, 0, 10);
	join(&member);

	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (owned(&member) == 0 && clock_monotonic_ms() < until_ms) {
		member.source.ops->poll(member.source.ctx);
		clock_sleep_ms(20);
	}
	cr_assert_eq(owned(&member), 1);
	for (int i = 0; i < 10; i++) {
		member.source.ops->poll(member.source.ctx);
		cr_expect_not(member.source.ops->take(member.source.ctx, BATCH_MAX, 100, &batch));
	}
	cr_assert(turn_until(&member, NULL, 10));
	source_kafka_close(member.kafka);
}

Test(source, goes_on_behind_an_offset_that_holds_no_message)
{
	struct member member;
	fixture_topic(topic.text, 1);
	fixture_produce_transaction(topic.text, 0, 0, 10);
	fixture_produce(topic.text, 0, 11, 10);
	join(&member);

	cr_assert(turn_until(&member, NULL, 20));

	cr_expect_eq(member.taken, 20, "none twice");
	cr_expect_eq(member.next[0], 21);
	source_kafka_close(member.kafka);
}

Test(source, knows_the_bounds_of_its_log)
{
	struct member member;
	int64_t low = -1;
	int64_t high = -1;
	fixture_topic(topic.text, 1);
	fixture_produce(topic.text, 0, 0, 30);
	fixture_drop_before(topic.text, 0, 12);
	join(&member);

	cr_assert_eq(member.source.ops->bounds(member.source.ctx, 0, &low, &high, &err), ERR_OK,
		     "%s", err.text);
	cr_expect_eq(low, 12);
	cr_expect_eq(high, 30);
	source_kafka_close(member.kafka);
}

Test(source, asks_again_where_to_begin_when_its_offset_is_outside_the_log)
{
	struct member member;
	fixture_topic(topic.text, 1);
	fixture_produce(topic.text, 0, 0, 30);
	fixture_drop_before(topic.text, 0, 12);
	join(&member);
	cr_assert(turn_until_owned(&member, 1, NULL, 0));

	/* It was started at 0, which is gone; the broker says so, and the lane is asked once more.
	 */
	member.start_at[0] = 12;
	cr_assert(turn_until(&member, NULL, 18));

	cr_expect_eq(member.next[0], 30);
	cr_expect_not(member.out_of_order);
	source_kafka_close(member.kafka);
}

Test(source, shares_partitions_with_a_second_member_and_takes_them_back)
{
	struct member first;
	struct member second;
	fixture_topic(topic.text, PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++)
		fixture_produce(topic.text, i, 0, 20);
	join(&first);
	cr_assert(turn_until(&first, NULL, 20 * PARTITIONS));
	cr_expect_eq(owned(&first), PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++)
		first.start_at[i] = 20;

	join(&second);
	for (int i = 0; i < PARTITIONS; i++)
		second.start_at[i] = 20;
	cr_assert(turn_until_owned(&first, PARTITIONS / 2, &second, PARTITIONS / 2));
	for (int i = 0; i < PARTITIONS; i++)
		fixture_produce(topic.text, i, 20, 20);
	cr_assert(turn_until(&first, &second, 40 * PARTITIONS));
	cr_expect_eq(second.taken, 20 * PARTITIONS / 2);

	const int64_t from_ms = clock_monotonic_ms();
	source_kafka_close(second.kafka);
	cr_assert(turn_until_owned(&first, PARTITIONS, NULL, 0));
	cr_expect_lt(clock_monotonic_ms() - from_ms, 5500, "it left, and was not waited for");
	cr_expect_not(first.out_of_order);
	cr_expect_not(second.out_of_order);
	source_kafka_close(first.kafka);
}

Test(source, opens_and_closes_without_a_broker)
{
	const struct source_kafka_config config = {
		.brokers = "127.0.0.1:1",
		.client_id = "test_source",
		.topic = "any",
		.group = "any",
		.session_timeout_ms = 6000,
		.batch_max = BATCH_MAX,
	};
	struct source_kafka *kafka = NULL;
	struct source_batch batch;
	cr_assert_eq(source_kafka_open(&config, &kafka, &err), ERR_OK, "%s", err.text);
	const struct source source = source_kafka_ops(kafka);

	for (int i = 0; i < 3; i++) {
		source.ops->poll(source.ctx);
		cr_expect_not(source.ops->take(source.ctx, BATCH_MAX, 50, &batch));
	}
	cr_expect_not(source_kafka_is_up(kafka));
	const int64_t from_ms = clock_monotonic_ms();
	source_kafka_close(kafka);
	cr_expect_lt(clock_monotonic_ms() - from_ms, 3000);
}
