#include "topic.h"

#include "checker.h"
#include "scheduler.h"
#include "strbuf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX      24
#define BATCH_MAX        16
#define DELAY_US_MAX     400000
#define OVERLOOKED_POLLS 16 /* of a rebalance, at most */

struct view {
	bool is_owned, is_started;
	uint64_t assignment;
	int64_t position;
};

struct member {
	bool is_used, is_member;
	int64_t polled_us;
	int64_t generation; /* of the group, as it knows it */
	int overlooks;      /* so many polls before it notices another one */
	struct view views[WORLD_PARTITIONS_MAX];
	uint64_t assignments;
	struct source_message messages[BATCH_MAX];
};

static struct {
	struct topic_message messages[WORLD_PARTITIONS_MAX][TOPIC_MESSAGES_MAX];
	int64_t high[WORLD_PARTITIONS_MAX];
	struct member members[MEMBERS_MAX];
	struct member *owners[WORLD_PARTITIONS_MAX]; /* as the group has it */
	int64_t generation;
} topic;

void topic_begin(void)
{
	memset(topic.high, 0, sizeof(topic.high));
	memset(topic.owners, 0, sizeof(topic.owners));
	for (int i = 0; i < MEMBERS_MAX; i++) {
		assert(!topic.members[i].is_used);
		topic.members[i].is_member = false;
	}
	topic.generation = 0;
}

/* ---- The log ---- */

void topic_append(int partition, const struct command *command)
{
	static const char *const garbage[] = { "{", "{\"type\":\"book\"}", "42", "" };
	_cleanup_(strbuf_done) struct strbuf text;
	assert(topic.high[partition] < TOPIC_MESSAGES_MAX);

	struct topic_message *const message = &topic.messages[partition][topic.high[partition]++];
	const bool is_late = world.faults_on && one_in(10);
	*message = (struct topic_message){ .is_command = command != NULL };
	message->visible_us = scheduler_now_us() + (is_late ? below(DELAY_US_MAX) : 0);
	strbuf_init(&text, TOPIC_VALUE_BYTES_MAX - 1);
	if (command) {
		message->command = *command;
		command_encode(command, &text);
	} else {
		strbuf_add_text(&text, garbage[below(4)]);
		world_count(garbage);
	}
	assert(!text.overflow);
	memcpy(message->value, text.data, text.len + 1);
	trace("partition %d, offset %ld: %s", partition, (long)topic.high[partition] - 1,
	      message->value);
	world_count(messages);
	if (is_late)
		world_count(delayed);
}

int64_t topic_high(int partition)
{
	return topic.high[partition];
}

struct topic_message *topic_message(int partition, int64_t offset)
{
	assert(offset >= 0 && offset < topic.high[partition]);

	return &topic.messages[partition][offset];
}

/* ---- The group ---- */

static struct member *some_member(const struct member *other_than)
{
	const int from = (int)below(MEMBERS_MAX);

	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member *const member = &topic.members[(from + i) % MEMBERS_MAX];
		if (member->is_used && member->is_member && member != other_than)
			return member;
	}
	return NULL;
}

void topic_rebalance(void)
{
	topic.generation++;
	world_count(rebalances);
	for (int i = 0; i < world.partitions; i++) {
		const struct member *const first = i > 0 ? topic.owners[0] : NULL;
		topic.owners[i] = some_member(first);
		if (!topic.owners[i])
			topic.owners[i] = some_member(NULL);
	}
	trace("rebalance %ld", (long)topic.generation);
}

struct member *member_join(void)
{
	int i = 0;
	while (i < MEMBERS_MAX && (topic.members[i].is_used || topic.members[i].is_member))
		i++;
	assert(i < MEMBERS_MAX);

	struct member *const member = &topic.members[i];
	*member = (struct member){ .is_used = true, .generation = -1 };
	return member;
}

void member_leave(struct member *member, bool is_crash)
{
	member->is_used = false;
	/* The group misses one that crashed when its time is over: then its place is its own. */
	if (member->is_member && !is_crash)
		topic_rebalance();
}

static void evict(struct member *member)
{
	member->is_member = false;
	world_count(evicted);
	topic_rebalance();
}

void topic_watch_group(void)
{
	const int64_t since_us = scheduler_now_us() - world.session_ms * 1000;

	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member *const member = &topic.members[i];
		if (member->is_member && member->polled_us < since_us)
			evict(member);
	}
}

void topic_evict_some(void)
{
	struct member *const member = some_member(NULL);

	if (member)
		evict(member);
}

/* ---- A lane's source ---- */

static void learn(struct member *member)
{
	member->generation = topic.generation;
	for (int i = 0; i < world.partitions; i++) {
		const bool is_owned =
			topic.owners[i] == member || (world.is_crowded && world.faults_on);
		member->views[i] = (struct view){ .is_owned = is_owned };
		if (is_owned)
			member->views[i].assignment = ++member->assignments;
	}
	trace("learns of rebalance %ld", (long)member->generation);
}

static void poll_group(void *ctx)
{
	struct member *const member = ctx;

	scheduler_yield();
	if (scheduler_is_dying())
		return;
	member->polled_us = scheduler_now_us();
	if (!member->is_member) {
		member->is_member = true;
		topic_rebalance();
	}
	if (member->generation == topic.generation)
		return;
	if (member->overlooks == 0 && world.faults_on && one_in(3)) {
		member->overlooks = 1 + (int)below(OVERLOOKED_POLLS);
		world_count(late_notices);
	}
	if (member->overlooks > 0 && --member->overlooks > 0)
		return;
	learn(member);
}

static struct partition_name name_of(int partition)
{
	return (struct partition_name){ "cluster", "topic", partition };
}

static bool next_partition(void *ctx, bool started, size_t *cursor, struct partition_name *ret)
{
	const struct member *const member = ctx;

	for (; *cursor < (size_t)world.partitions; (*cursor)++) {
		const struct view *const view = &member->views[*cursor];
		if (!view->is_owned || view->is_started != started || scheduler_is_dying())
			continue;
		*ret = name_of((int)(*cursor)++);
		return true;
	}
	return false;
}

static err_code bounds(void *ctx, int32_t partition, int64_t *ret_low, int64_t *ret_high,
		       struct err *err)
{
	(void)ctx;

	scheduler_yield();
	if (scheduler_is_dying() || fails(100))
		return err_set(err, ERR_UNAVAILABLE, "no broker");
	*ret_low = 0;
	*ret_high = topic.high[partition];
	return ERR_OK;
}

static void start(void *ctx, int32_t partition, int64_t offset)
{
	struct member *const member = ctx;

	member->views[partition].is_started = true;
	member->views[partition].position = offset;
	trace("starts partition %d at %ld", (int)partition, (long)offset);
}

static void restart(void *ctx, int32_t partition)
{
	struct member *const member = ctx;

	member->views[partition].is_started = false;
}

static bool is_there(const struct view *view, int partition)
{
	return view->is_owned && view->is_started && view->position < topic.high[partition] &&
	       topic.messages[partition][view->position].visible_us <= scheduler_now_us();
}

static bool is_any_there(void *ctx)
{
	const struct member *const member = ctx;

	for (int i = 0; i < world.partitions; i++)
		if (is_there(&member->views[i], i))
			return true;
	return false;
}

static bool take(void *ctx, size_t max, int64_t wait_ms, struct source_batch *ret)
{
	struct member *const member = ctx;
	const int from = (int)below(world.partitions);
	const size_t most = 1 + (size_t)below((int64_t)max);
	size_t count = 0;
	assert(max <= BATCH_MAX);

	(void)scheduler_wait(is_any_there, member, scheduler_now_us() + wait_ms * 1000);
	if (scheduler_is_dying())
		return false;
	int partition = from;
	if (!is_there(&member->views[partition], partition))
		partition = (from + 1) % world.partitions;
	struct view *const view = &member->views[partition];
	for (; count < most && is_there(view, partition); view->position++) {
		const char *const value = topic.messages[partition][view->position].value;
		member->messages[count++] = (struct source_message){ .offset = view->position,
								     .value = value,
								     .value_len = strlen(value) };
	}
	if (count == 0)
		return false;
	trace("takes %zu messages of partition %d from %ld", count, partition,
	      (long)member->messages[0].offset);
	*ret = (struct source_batch){ .name = name_of(partition),
				      .assignment = view->assignment,
				      .count = count,
				      .messages = member->messages };
	return true;
}

static void release(void *ctx, struct source_batch *batch)
{
	(void)ctx;
	batch->count = 0;
}

static bool owns(void *ctx, const struct source_batch *batch)
{
	const struct member *const member = ctx;
	const struct view *const view = &member->views[batch->name.partition];

	return view->is_owned && view->assignment == batch->assignment;
}

static void report(void *ctx, int32_t partition, int64_t next_offset)
{
	(void)ctx;
	if (!scheduler_is_dying())
		checker_reported(partition, next_offset);
	scheduler_yield();
}

struct source member_source(struct member *member)
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

	return (struct source){ .ops = &ops, .ctx = member };
}
