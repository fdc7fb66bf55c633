#include "lane.h"

#include "batch.h"
#include "clock.h"
#include "decide.h"
#include "fault.h"
#include "journal.h"
#include "lane_log.h"
#include "log.h"
#include "starter.h"
#include "sweeper.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LANE_WAIT_MS     100 /* for the first message of a batch    */
#define RETRY_SLICE_MS   50  /* between looks at the group, in a pause */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   1000
#define LOCK_RETRY_MS    20   /* between tries at a foreign lock     */
#define LEDGER_CHECK_MS  2000 /* while there is nothing to do        */

struct lane {
	struct lane_config config;
	struct lane_ports ports;
	const struct metrics_worker *metrics;
	struct starter *starter;
	struct sweeper *sweeper;
	struct state *state;
	struct journal *journal;
	size_t seats_locked; /* of the state's seats, the first, which the batch wants */
	enum seat_lock_result *lock_results;
	struct dead_letter *letters;
	struct batch batch;
	int64_t now_ms;        /* the ledger's, of the open transaction          */
	size_t in_doubt;       /* messages whose commit may have happened        */
	size_t at_once_max;    /* messages of the batch that one commit settles  */
	int64_t retry_at_ms;   /* no attempt before this time                    */
	int64_t backoff_ms;    /* next pause after a failure                     */
	int64_t lock_since_ms; /* first time a foreign lock was in the way, or 0 */
	int64_t check_at_ms;   /* no look at the idle ledger before              */
	bool locks_were_up;
	atomic_bool ledger_up;
	atomic_llong turned_at_ms;
};

struct lane *lane_new(const struct lane_config *config, const struct lane_ports *ports,
		      const struct metrics_worker *metrics)
{
	assert(config && ports && metrics);
	assert(config->batch_max >= 1 && config->batch_max <= LANE_BATCH_MAX);

	struct lane *const lane = calloc(1, sizeof(*lane));
	assert(lane);
	lane->config = *config;
	lane->ports = *ports;
	lane->metrics = metrics;
	lane->starter = starter_new(config->number, &ports->source, &ports->ledger, metrics);
	lane->state = state_new(config->batch_max);
	lane->journal = journal_new(config->batch_max);
	const struct sweeper_config sweeping = { .lane = config->number,
						 .every_ms = config->sweep_ms,
						 .bookings_max = config->batch_max };
	lane->sweeper = sweeper_new(&sweeping, &ports->source, &ports->ledger, lane->starter,
				    lane->state, lane->journal, metrics);
	lane->lock_results =
		calloc(config->batch_max * COMMAND_SEATS_MAX, sizeof(lane->lock_results[0]));
	lane->letters = calloc(config->batch_max, sizeof(lane->letters[0]));
	assert(lane->lock_results && lane->letters);
	batch_init(&lane->batch, config->batch_max);
	lane->backoff_ms = BACKOFF_FIRST_MS;
	lane->at_once_max = config->batch_max;
	lane->locks_were_up = true;

	return lane;
}

static void forget_batch(struct lane *lane)
{
	struct batch *const batch = &lane->batch;

	if (batch->source.count > 0)
		lane->ports.source.ops->release(lane->ports.source.ctx, &batch->source);
	batch->source.count = 0;
	batch->first = 0;
	lane->at_once_max = lane->config.batch_max;
	lane->in_doubt = 0;
	lane->retry_at_ms = 0;
	lane->lock_since_ms = 0;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;

	forget_batch(lane);
	sweeper_free(lane->sweeper);
	starter_free(lane->starter);
	journal_free(lane->journal);
	state_free(lane->state);
	free(lane->lock_results);
	free(lane->letters);
	batch_done(&lane->batch);
	free(lane);
}

bool lane_is_busy(const struct lane *lane)
{
	return batch_count(&lane->batch) > 0;
}

bool lane_is_ledger_up(const struct lane *lane)
{
	return atomic_load(&lane->ledger_up);
}

int64_t lane_turned_at_ms(const struct lane *lane)
{
	return atomic_load(&lane->turned_at_ms);
}

/* ---- Clock ---- */

static int64_t system_now_us(void *ctx)
{
	(void)ctx;
	return clock_monotonic_us();
}

static void system_wait_ms(void *ctx, int64_t ms)
{
	(void)ctx;
	clock_sleep_ms(ms);
}

struct lane_clock lane_clock_system(void)
{
	static const struct lane_clock_ops ops = { .now_us = system_now_us,
						   .wait_ms = system_wait_ms };

	return (struct lane_clock){ .ops = &ops };
}

static int64_t now_us(const struct lane *lane)
{
	return lane->ports.clock.ops->now_us(lane->ports.clock.ctx);
}

static int64_t now_ms(const struct lane *lane)
{
	return now_us(lane) / 1000;
}

static void observe(const struct lane *lane, enum lane_phase phase, int64_t since_us)
{
	metric_observe(lane->metrics->phases[phase], (double)(now_us(lane) - since_us) / 1e6);
}

/* ---- Failure ---- */

static void note_ledger(struct lane *lane, bool up)
{
	if (atomic_exchange(&lane->ledger_up, up) == up)
		return;
	if (up)
		log_info("ledger_up", LOG_INT("lane", lane->config.number));
	else
		log_warn("ledger_down", LOG_INT("lane", lane->config.number));
}

static void back_off(struct lane *lane)
{
	lane->retry_at_ms = now_ms(lane) + lane->backoff_ms;
	lane->backoff_ms =
		2 * lane->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : 2 * lane->backoff_ms;
}

static void ledger_failed(struct lane *lane, const char *doing, const struct err *err)
{
	note_ledger(lane, false);
	metric_add(lane->metrics->ledger_retries, 1);
	lane_log_failure(lane->config.number, "ledger_failed", doing, err);
	back_off(lane);
}

/* ---- Taking ---- */

static bool take(struct lane *lane)
{
	const struct source *const source = &lane->ports.source;
	struct batch *const batch = &lane->batch;

	const int64_t take_us = now_us(lane);
	const bool may_sweep =
		sweeper_is_behind(lane->sweeper) && now_ms(lane) >= lane->retry_at_ms;
	const int64_t wait_ms = may_sweep ? 0 : LANE_WAIT_MS;
	if (!source->ops->take(source->ctx, lane->config.batch_max, wait_ms, &batch->source))
		return false;
	observe(lane, LANE_TAKE, take_us);
	FAULT_POINT("worker_after_take");

	const int64_t decode_us = now_us(lane);
	batch_decode(batch);
	observe(lane, LANE_DECODE, decode_us);
	FAULT_POINT("worker_after_decode");

	return true;
}

/* Readiness, and a first booking after a quiet time that does not meet a dead connection. */
static void check_ledger(struct lane *lane)
{
	struct err err = { 0 };

	if (now_ms(lane) < lane->check_at_ms)
		return;
	note_ledger(lane, lane->ports.ledger.ops->check(lane->ports.ledger.ctx, &err) == ERR_OK);
	lane->check_at_ms = now_ms(lane) + LEDGER_CHECK_MS;
}

/* ---- Dead letters ---- */

/*
 * Before the transaction, so that none waits for Kafka with rows locked; before the offset moves,
 * so that a crash may write a letter twice but never loses one.
 */
static bool send_letters(struct lane *lane)
{
	struct batch *const batch = &lane->batch;
	struct batch_item *const items = batch_items(batch);
	struct err err = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < batch_count(batch); i++)
		if (!items[i].is_command && !items[i].lettered)
			lane->letters[count++] = (struct dead_letter){ .message = items[i].message,
								       .reason = items[i].reason };
	if (count == 0)
		return true;
	if (lane->ports.letters.ops->send(lane->ports.letters.ctx, &batch->source.name,
					  lane->letters, count, &err) != ERR_OK) {
		metric_add(lane->metrics->dead_letter_retries, 1);
		lane_log_failure(lane->config.number, "dead_letters_failed", "send", &err);
		back_off(lane);
		return false;
	}
	for (size_t i = 0; i < batch_count(batch); i++) {
		if (items[i].is_command || items[i].lettered)
			continue;
		items[i].lettered = true;
		lane_log_letter(&batch->source.name, &items[i]);
	}
	metric_add(lane->metrics->dead_letters, (int64_t)count);

	return true;
}

/* ---- Locking ---- */

static void want(struct lane *lane, size_t count)
{
	const struct batch_item *const items = batch_items(&lane->batch);

	state_reset(lane->state);
	journal_reset(lane->journal);
	for (size_t i = 0; i < count; i++)
		if (items[i].is_command)
			state_want(lane->state, &items[i].command);
	lane->seats_locked = lane->state->seat_index.count;
}

static void unlock(struct lane *lane)
{
	const struct seat_lock *const locks = &lane->ports.locks;

	if (lane->seats_locked > 0)
		locks->ops->unlock(locks->ctx, &lane->batch.source.name, lane->state->seats,
				   lane->seats_locked);
	lane->seats_locked = 0;
}

static void note_locks(struct lane *lane, bool up, const struct err *err)
{
	if (!up)
		metric_add(lane->metrics->lock_unavailable, 1);
	if (lane->locks_were_up == up)
		return;
	lane->locks_were_up = up;
	if (up)
		log_info("locks_up", LOG_INT("lane", lane->config.number));
	else
		log_warn("locks_down", LOG_INT("lane", lane->config.number),
			 LOG_STR("text", err->text));
}

/* How many messages stand before the first that names a seat another partition has locked. */
static size_t free_prefix(const struct lane *lane, size_t count)
{
	const struct batch_item *const items = batch_items(&lane->batch);

	for (size_t i = 0; i < count; i++) {
		const struct command *const command = &items[i].command;
		for (unsigned k = 0; items[i].is_command && k < command->seat_count; k++) {
			const struct seat *const seat =
				state_seat(lane->state, command->event_id, command->seat_ids[k]);
			if (lane->lock_results[seat - lane->state->seats] == SEAT_LOCK_FOREIGN)
				return i;
		}
	}
	return count;
}

static void count_taken_over(const struct lane *lane)
{
	int64_t count = 0;

	for (size_t i = 0; i < lane->seats_locked; i++)
		count += lane->lock_results[i] == SEAT_LOCK_TAKEN_OVER;
	metric_add(lane->metrics->lock_taken_over, count);
}

/*
 * Locks the seats of the unsettled messages, and answers how many of them may go on: all, or those
 * before the first that has to wait for another partition, so that the order is kept. The state
 * then wants what those name.
 */
static size_t lock(struct lane *lane)
{
	const struct seat_lock *const locks = &lane->ports.locks;
	const size_t left = batch_count(&lane->batch);
	const size_t count = left < lane->at_once_max ? left : lane->at_once_max;
	struct err err = { 0 };

	want(lane, count);
	if (lane->seats_locked == 0)
		return count;
	const bool up = locks->ops->lock(locks->ctx, &lane->batch.source.name, lane->state->seats,
					 lane->seats_locked, lane->lock_results, &err) == ERR_OK;
	note_locks(lane, up, &err);
	if (!up)
		return count;
	count_taken_over(lane);

	const size_t prefix = free_prefix(lane, count);
	if (prefix == count) {
		lane->lock_since_ms = 0;
		return count;
	}
	metric_add(lane->metrics->lock_contention, 1);
	if (prefix > 0) {
		/* The later seats are locked again when their turn comes. */
		unlock(lane);
		want(lane, prefix);
		(void)locks->ops->lock(locks->ctx, &lane->batch.source.name, lane->state->seats,
				       lane->seats_locked, lane->lock_results, &err);
		return prefix;
	}
	if (lane->lock_since_ms == 0)
		lane->lock_since_ms = now_ms(lane);
	if (now_ms(lane) - lane->lock_since_ms >= lane->config.lock_wait_ms) {
		metric_add(lane->metrics->lock_given_up, 1);
		return count;
	}
	/* Nobody waits for a lock with locks in hand. */
	unlock(lane);
	lane->retry_at_ms = now_ms(lane) + LOCK_RETRY_MS;

	return 0;
}

/* ---- Deciding and committing ---- */

static void decide_all(struct lane *lane, size_t count)
{
	struct batch_item *const items = batch_items(&lane->batch);

	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_command)
			continue;
		items[i].outcome = decide(lane->state, &items[i].command, lane->now_ms);
		journal_apply(lane->journal, lane->state, &items[i].command, &items[i].outcome,
			      lane->now_ms);
	}
}

/* The fence shows another owner: what we hold is no longer ours to settle. */
static void lose_partition(struct lane *lane, const struct err *err)
{
	const struct source *const source = &lane->ports.source;
	const int32_t partition = lane->batch.source.name.partition;

	lane_log_fenced(lane->metrics, lane->config.number, partition, err);
	unlock(lane);
	forget_batch(lane);
	source->ops->restart(source->ctx, partition);
}

/* The first `count` messages are durable. */
static void finish(struct lane *lane, size_t count)
{
	const struct source *const source = &lane->ports.source;
	struct batch *const batch = &lane->batch;
	const int32_t partition = batch->source.name.partition;
	const int64_t next_offset = batch_next_offset(batch, count);
	FAULT_POINT("worker_after_commit");

	note_ledger(lane, true);
	lane->backoff_ms = BACKOFF_FIRST_MS;
	lane->in_doubt = 0;
	lane->lock_since_ms = 0;
	starter_note_progress(lane->starter, partition, next_offset);

	const int64_t unlock_us = now_us(lane);
	unlock(lane);
	observe(lane, LANE_UNLOCK, unlock_us);
	FAULT_POINT("worker_after_unlock");

	lane_log_ended(lane->metrics, lane->journal);
	lane_log_outcomes(lane->metrics, &batch->source.name, lane->state, batch_items(batch),
			  count);
	metric_observe(lane->metrics->batch_size, (double)count);
	source->ops->report(source->ctx, partition, next_offset);
	FAULT_POINT("worker_after_report");

	batch_drop_first(batch, count);
	if (batch_count(batch) == 0)
		forget_batch(lane);
}

/* The answer to a COMMIT was lost: partition_progress knows. True when the lane may try again. */
static bool settle_doubt(struct lane *lane)
{
	const struct ledger *const ledger = &lane->ports.ledger;
	const struct partition_name name = lane->batch.source.name;
	struct err err = { 0 };
	int64_t progress = 0;
	bool fresh = false;

	if (ledger->ops->progress(ledger->ctx, &name, &progress, &fresh, &err) != ERR_OK) {
		ledger_failed(lane, "settle a commit", &err);
		return false;
	}
	if (progress == batch_next_offset(&lane->batch, lane->in_doubt)) {
		log_info("commit_settled", LOG_INT("partition", name.partition),
			 LOG_BOOL("committed", true));
		finish(lane, lane->in_doubt);
		return false;
	}
	if (progress != starter_progress(lane->starter, name.partition)) {
		(void)err_set(&err, ERR_CONFLICT, "progress is at %lld", (long long)progress);
		lose_partition(lane, &err);
		return false;
	}
	/* Should that transaction still be running, the fence waits for it and then stops us. */
	log_info("commit_settled", LOG_INT("partition", name.partition),
		 LOG_BOOL("committed", false));
	lane->in_doubt = 0;

	return true;
}

static bool load(struct lane *lane, size_t count)
{
	const struct ledger *const ledger = &lane->ports.ledger;
	const struct partition_name *const name = &lane->batch.source.name;
	struct err err = { 0 };

	const int64_t load_us = now_us(lane);
	const err_code code = ledger->ops->begin(
		ledger->ctx, name, starter_progress(lane->starter, name->partition),
		batch_next_offset(&lane->batch, count), lane->state, &lane->now_ms, &err);
	observe(lane, LANE_LOAD, load_us);
	if (code == ERR_CONFLICT)
		lose_partition(lane, &err);
	else if (code != ERR_OK)
		ledger_failed(lane, "load", &err);
	else
		FAULT_POINT("worker_after_load");

	return code == ERR_OK;
}

/* The ledger will not have what was decided, by a bug of ours: what stands before that goes on. */
static void narrow(struct lane *lane, size_t count)
{
	if (count > 1)
		lane->at_once_max = count / 2;
	else
		lane_log_stuck(&lane->batch.source.name, batch_items(&lane->batch));
}

static void decide_and_commit(struct lane *lane, size_t count)
{
	const struct ledger *const ledger = &lane->ports.ledger;
	struct err err = { 0 };

	const int64_t decide_us = now_us(lane);
	decide_all(lane, count);
	observe(lane, LANE_DECIDE, decide_us);
	FAULT_POINT("worker_after_decide");

	const int64_t commit_us = now_us(lane);
	const err_code code = ledger->ops->commit(ledger->ctx, &lane->batch.source.name,
						  lane->state, lane->journal, &err);
	observe(lane, LANE_COMMIT, commit_us);
	if (code == ERR_OK) {
		finish(lane, count);
		return;
	}
	lane->in_doubt = count;
	metric_add(lane->metrics->in_doubt, 1);
	ledger_failed(lane, "commit", &err);
	if (code == ERR_INTERNAL)
		narrow(lane, count);
}

static void attempt(struct lane *lane)
{
	if (lane->in_doubt > 0 && !settle_doubt(lane))
		return;
	if (!send_letters(lane))
		return;

	const int64_t lock_us = now_us(lane);
	const size_t count = lock(lane);
	observe(lane, LANE_LOCK, lock_us);
	if (count == 0)
		return;
	FAULT_POINT("worker_after_lock");

	if (load(lane, count))
		decide_and_commit(lane, count);
}

/* ---- The turn ---- */

static void start_partitions(struct lane *lane)
{
	const enum starter_view view = starter_turn(lane->starter, now_ms(lane));

	if (view != STARTER_SAW_NOTHING)
		note_ledger(lane, view == STARTER_SAW_LEDGER);
}

static void drop_if_revoked(struct lane *lane)
{
	const struct source *const source = &lane->ports.source;

	if (!lane_is_busy(lane) || source->ops->owns(source->ctx, &lane->batch.source))
		return;
	log_info("batch_left_to_next_owner", LOG_INT("lane", lane->config.number),
		 LOG_INT("partition", lane->batch.source.name.partition),
		 LOG_INT("messages", (int64_t)batch_count(&lane->batch)));
	forget_batch(lane);
}

/* Between batches, also when one follows the other: those who wait for a seat that was let go see
 * it. */
static void sweep(struct lane *lane)
{
	struct err err = { 0 };
	const int64_t at_ms = now_ms(lane);

	if (lane_is_busy(lane) || at_ms < lane->retry_at_ms ||
	    !sweeper_is_due(lane->sweeper, at_ms))
		return;
	if (sweeper_turn(lane->sweeper, at_ms, &err) != ERR_OK) {
		ledger_failed(lane, "sweep", &err);
		return;
	}
	lane->backoff_ms = BACKOFF_FIRST_MS;
}

void lane_turn(struct lane *lane)
{
	const struct source *const source = &lane->ports.source;

	atomic_store(&lane->turned_at_ms, now_ms(lane));
	source->ops->poll(source->ctx);
	drop_if_revoked(lane);
	start_partitions(lane);
	sweep(lane);
	if (lane->check_at_ms == 0)
		check_ledger(lane); /* Connects while the group is being joined. */
	if (!lane_is_busy(lane) && !take(lane)) {
		check_ledger(lane);
		return;
	}

	const int64_t pause_ms = lane->retry_at_ms - now_ms(lane);
	if (pause_ms > 0) {
		lane->ports.clock.ops->wait_ms(lane->ports.clock.ctx, pause_ms < RETRY_SLICE_MS
									      ? pause_ms
									      : RETRY_SLICE_MS);
		return;
	}
	attempt(lane);
}
