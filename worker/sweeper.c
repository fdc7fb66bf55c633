#include "sweeper.h"

#include "fault.h"
#include "lane_log.h"

#include <assert.h>
#include <stdlib.h>

struct sweeper {
	struct sweeper_config config;
	struct source source;
	struct ledger ledger;
	const struct starter *starter;
	struct state *state;
	struct journal *journal;
	const struct metrics_worker *metrics;
	int64_t look_at_ms;
	int32_t last; /* partition swept */
	size_t found_count;
	bool found[SOURCE_PARTITIONS_MAX]; /* by partition: has bookings to end */
	/* Of a look. */
	int32_t partitions[SOURCE_PARTITIONS_MAX];
	bool to_end[SOURCE_PARTITIONS_MAX];
};

struct sweeper *sweeper_new(const struct sweeper_config *config, const struct source *source,
			    const struct ledger *ledger, const struct starter *starter,
			    struct state *state, struct journal *journal,
			    const struct metrics_worker *metrics)
{
	assert(config->every_ms >= 0 && config->bookings_max > 0);

	struct sweeper *const sweeper = calloc(1, sizeof(*sweeper));
	assert(sweeper);
	sweeper->config = *config;
	sweeper->source = *source;
	sweeper->ledger = *ledger;
	sweeper->starter = starter;
	sweeper->state = state;
	sweeper->journal = journal;
	sweeper->metrics = metrics;
	sweeper->last = -1;

	return sweeper;
}

void sweeper_free(struct sweeper *sweeper)
{
	free(sweeper);
}

bool sweeper_is_behind(const struct sweeper *sweeper)
{
	return sweeper->found_count > 0;
}

static bool is_look_due(const struct sweeper *sweeper, int64_t now_ms)
{
	return sweeper->config.every_ms > 0 && now_ms >= sweeper->look_at_ms;
}

bool sweeper_is_due(const struct sweeper *sweeper, int64_t now_ms)
{
	return sweeper_is_behind(sweeper) || is_look_due(sweeper, now_ms);
}

/* ---- Looking ---- */

static void note_found(struct sweeper *sweeper, int32_t partition, bool found)
{
	if (sweeper->found[partition] == found)
		return;
	sweeper->found[partition] = found;
	if (found)
		sweeper->found_count++;
	else
		sweeper->found_count--;
}

static err_code look(struct sweeper *sweeper, int64_t now_ms, struct err *err)
{
	const struct source *const source = &sweeper->source;
	const struct ledger *const ledger = &sweeper->ledger;
	struct partition_name name;
	size_t cursor = 0;
	size_t count = 0;

	while (source->ops->next_partition(source->ctx, true, &cursor, &name))
		sweeper->partitions[count++] = name.partition;
	if (count > 0) {
		const err_code code = ledger->ops->has_to_end(ledger->ctx, sweeper->partitions,
							      count, sweeper->to_end, err);
		if (code != ERR_OK)
			return code;
	}
	/* What was found in partitions that are gone is their next owner's. */
	for (int32_t i = 0; i < SOURCE_PARTITIONS_MAX && sweeper->found_count > 0; i++)
		note_found(sweeper, i, false);
	for (size_t i = 0; i < count; i++)
		note_found(sweeper, sweeper->partitions[i], sweeper->to_end[i]);
	sweeper->look_at_ms = now_ms + sweeper->config.every_ms;

	return ERR_OK;
}

/* ---- Sweeping ---- */

/* The found partitions in turn, so that none waits for one that never ends. False: there is none
 * that is still started. */
static bool next_found(const struct sweeper *sweeper, struct partition_name *ret)
{
	const struct source *const source = &sweeper->source;
	struct partition_name name;
	size_t cursor = 0;
	bool any = false;

	while (source->ops->next_partition(source->ctx, true, &cursor, &name)) {
		if (!sweeper->found[name.partition])
			continue;
		const bool is_later = name.partition > sweeper->last;
		const bool best_is_later = any && ret->partition > sweeper->last;
		if (!any || is_later > best_is_later ||
		    (is_later == best_is_later && name.partition < ret->partition))
			*ret = name;
		any = true;
	}
	return any;
}

/* ERR_OK with *ret_count = 0: there was nothing left to end. */
static err_code end_bookings(struct sweeper *sweeper, const struct partition_name *name,
			   size_t *ret_count, struct err *err)
{
	const struct ledger *const ledger = &sweeper->ledger;
	int64_t now_ms = 0;

	state_reset(sweeper->state);
	journal_reset(sweeper->journal);
	err_code code = ledger->ops->sweep(
		ledger->ctx, name, starter_progress(sweeper->starter, name->partition),
		sweeper->config.bookings_max, sweeper->state, &now_ms, err);
	if (code != ERR_OK)
		return code;
	FAULT_POINT("worker_after_sweep_load");

	*ret_count = journal_sweep(sweeper->journal, sweeper->state, now_ms);
	if (*ret_count == 0) {
		ledger->ops->rollback(ledger->ctx);
		return ERR_OK;
	}
	/* Should the answer be lost, the next look sees whether it was done. */
	code = ledger->ops->commit(ledger->ctx, name, sweeper->state, sweeper->journal, err);
	if (code != ERR_OK)
		return code;
	FAULT_POINT("worker_after_sweep_commit");

	return ERR_OK;
}

static err_code sweep(struct sweeper *sweeper, const struct partition_name *name, struct err *err)
{
	const struct source *const source = &sweeper->source;
	size_t count = 0;

	const err_code code = end_bookings(sweeper, name, &count, err);
	if (code == ERR_CONFLICT) {
		lane_log_fenced(sweeper->metrics, sweeper->config.lane, name->partition, err);
		note_found(sweeper, name->partition, false);
		source->ops->restart(source->ctx, name->partition);
		return ERR_OK;
	}
	if (code != ERR_OK)
		return code;
	lane_log_ended(sweeper->metrics, sweeper->journal);
	sweeper->last = name->partition;
	if (count < sweeper->config.bookings_max)
		note_found(sweeper, name->partition, false);

	return ERR_OK;
}

err_code sweeper_turn(struct sweeper *sweeper, int64_t now_ms, struct err *err)
{
	struct partition_name name;

	if (is_look_due(sweeper, now_ms)) {
		const err_code code = look(sweeper, now_ms, err);
		if (code != ERR_OK)
			return code;
	}
	if (!sweeper_is_behind(sweeper))
		return ERR_OK;
	if (next_found(sweeper, &name))
		return sweep(sweeper, &name, err);
	for (int32_t i = 0; i < SOURCE_PARTITIONS_MAX; i++)
		note_found(sweeper, i, false); /* All that were found are gone. */

	return ERR_OK;
}
