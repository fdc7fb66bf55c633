#include "starter.h"

#include "lane_log.h"
#include "log.h"
#include "start.h"

#include <assert.h>
#include <stdlib.h>

#define RETRY_MS          500
#define BEYOND_CONFIRM_MS 5000 /* before a log is believed to have begun anew */

struct standing {
	int64_t progress;
	int64_t beyond_since_ms; /* progress is past the log's end; 0: it is not */
};

struct starter {
	unsigned lane;
	struct source source;
	struct ledger ledger;
	const struct metrics_worker *metrics;
	int64_t retry_at_ms;
	struct standing standings[SOURCE_PARTITIONS_MAX];
};

struct starter *starter_new(unsigned lane, const struct source *source, const struct ledger *ledger,
			    const struct metrics_worker *metrics)
{
	struct starter *const starter = calloc(1, sizeof(*starter));
	assert(starter);
	starter->lane = lane;
	starter->source = *source;
	starter->ledger = *ledger;
	starter->metrics = metrics;

	return starter;
}

void starter_free(struct starter *starter)
{
	free(starter);
}

int64_t starter_progress(const struct starter *starter, int32_t partition)
{
	assert(partition >= 0 && partition < SOURCE_PARTITIONS_MAX);

	return starter->standings[partition].progress;
}

void starter_note_progress(struct starter *starter, int32_t partition, int64_t next_offset)
{
	assert(partition >= 0 && partition < SOURCE_PARTITIONS_MAX);

	starter->standings[partition].progress = next_offset;
}

static err_code set_back(struct starter *starter, const struct partition_name *name, int64_t to,
			 int64_t now_ms, struct err *err)
{
	struct standing *const standing = &starter->standings[name->partition];

	if (standing->beyond_since_ms == 0)
		standing->beyond_since_ms = now_ms;
	if (now_ms - standing->beyond_since_ms < BEYOND_CONFIRM_MS)
		return err_set(err, ERR_NOT_FOUND, "progress is past the end of partition %d",
			       (int)name->partition);

	const err_code code =
		starter->ledger.ops->rewind(starter->ledger.ctx, name, standing->progress, to, err);
	if (code != ERR_OK)
		return code;
	log_error("log_began_anew", LOG_STR("topic", name->topic),
		  LOG_INT("partition", name->partition), LOG_INT("progress", standing->progress),
		  LOG_INT("set_back_to", to));
	standing->progress = to;

	return ERR_OK;
}

static err_code begin_at(struct starter *starter, const struct partition_name *name, bool fresh,
			 int64_t now_ms, struct err *err)
{
	const struct source *const source = &starter->source;
	struct standing *const standing = &starter->standings[name->partition];
	int64_t low = 0;
	int64_t high = 0;

	err_code code = source->ops->bounds(source->ctx, name->partition, &low, &high, err);
	if (code != ERR_OK)
		return code;
	const struct start_choice choice = start_choose(standing->progress, fresh, low, high);
	if (choice.kind == START_REWOUND) {
		code = set_back(starter, name, choice.offset, now_ms, err);
		if (code != ERR_OK)
			return code;
	}
	if (choice.kind == START_AFTER_LOSS) {
		log_error("messages_lost", LOG_STR("topic", name->topic),
			  LOG_INT("partition", name->partition), LOG_INT("count", choice.lost));
		metric_add(starter->metrics->messages_lost, choice.lost);
	}
	standing->beyond_since_ms = 0;
	source->ops->start(source->ctx, name->partition, choice.offset);
	log_info("partition_started", LOG_INT("lane", starter->lane),
		 LOG_INT("partition", name->partition), LOG_INT("offset", choice.offset));

	return ERR_OK;
}

enum starter_view starter_turn(struct starter *starter, int64_t now_ms)
{
	const struct source *const source = &starter->source;
	const struct ledger *const ledger = &starter->ledger;
	enum starter_view ret = STARTER_SAW_NOTHING;
	struct partition_name name;
	size_t cursor = 0;

	if (now_ms < starter->retry_at_ms)
		return ret;
	while (source->ops->next_partition(source->ctx, false, &cursor, &name)) {
		struct err err = { 0 };
		bool fresh = false;
		assert(name.partition >= 0 && name.partition < SOURCE_PARTITIONS_MAX);

		err_code code = ledger->ops->progress(ledger->ctx, &name,
						      &starter->standings[name.partition].progress,
						      &fresh, &err);
		ret = code == ERR_OK ? STARTER_SAW_LEDGER : STARTER_MISSED_LEDGER;
		if (code == ERR_OK)
			code = begin_at(starter, &name, fresh, now_ms, &err);
		if (code == ERR_OK)
			continue;
		lane_log_failure(starter->lane, "partition_not_started", "start", &err);
		starter->retry_at_ms = now_ms + RETRY_MS;
		/* The others would wait for the same ledger in vain. */
		if (ret == STARTER_MISSED_LEDGER)
			break;
	}
	return ret;
}
