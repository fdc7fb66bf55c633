#include "lane_log.h"

#include "log.h"

static void log_command(const struct batch_item *item, const struct state *state)
{
	static const char *const events[VERDICT_COUNT] = {
		[VERDICT_REJECTED] = "booking_rejected",
		[VERDICT_HELD] = "booking_held",
		[VERDICT_CONFIRMED] = "booking_confirmed",
		[VERDICT_EXTENDED] = "booking_extended",
		[VERDICT_CANCELLED] = "booking_cancelled",
		[VERDICT_DONE] = "administered",
		[VERDICT_UNCHANGED] = "booking_unchanged",
		[VERDICT_REFUSED] = "booking_refused",
		[VERDICT_DUPLICATE] = NULL,
		[VERDICT_CONTRADICTION] = "booking_contradicted",
	};
	const struct command *const command = &item->command;
	const enum verdict verdict = item->outcome.verdict;
	const struct known_booking *const booking = state_booking(state, command->booking_id.text);
	/* A command that acts on a booking does not name the event; one that was not found has
	 * none. */
	const char *const event_id = command_makes_booking(command->type) ? command->event_id
				     : booking                            ? booking->event_id
									  : "";

	if (!events[verdict])
		return;
	LOG_AT(verdict == VERDICT_CONTRADICTION ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, events[verdict],
	       LOG_STR("booking_id", command->booking_id.text),
	       LOG_STR("request_id", item->request_id[0] ? item->request_id : NULL),
	       LOG_STR("event_id", event_id[0] ? event_id : NULL),
	       LOG_STR("command", command_type_name(command->type)),
	       LOG_STR("actor", command->actor[0] ? command->actor : NULL),
	       LOG_STR("reason", reason_name(item->outcome.reason)));
}

static void count_command(const struct metrics_worker *metrics, const struct outcome *outcome)
{
	struct metric *const metric = metrics->outcomes[outcome->verdict][outcome->reason];

	if (metric)
		metric_add(metric, 1);
	else if (outcome->verdict == VERDICT_DUPLICATE)
		metric_add(metrics->duplicates, 1);
	else if (outcome->verdict == VERDICT_CONTRADICTION)
		metric_add(metrics->contradictions, 1);
}

void lane_log_outcomes(const struct metrics_worker *metrics, const struct partition_name *name,
		       const struct state *state, const struct batch_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_command)
			continue;
		log_command(&items[i], state);
		count_command(metrics, &items[i].outcome);
	}
	log_debug("batch_settled", LOG_INT("partition", name->partition),
		  LOG_INT("messages", (int64_t)count),
		  LOG_INT("next_offset", items[count - 1].message->offset + 1));
}

void lane_log_ended(const struct metrics_worker *metrics, const struct journal *journal)
{
	int64_t expired = 0;
	int64_t cancelled = 0;

	for (size_t i = 0; i < journal->count; i++) {
		const struct transition *const transition = &journal->items[i];
		if (transition->command)
			continue;
		const bool is_expired = transition->status == BOOKING_EXPIRED;
		LOG_AT(LOG_LEVEL_INFO, is_expired ? "booking_expired" : "booking_cancelled",
		       LOG_STR("booking_id", transition->booking->booking_id),
		       LOG_STR("event_id", transition->booking->event_id),
		       LOG_STR("reason", reason_name(transition->reason)),
		       LOG_INT("seats", transition->change_count));
		expired += is_expired;
		cancelled += !is_expired;
	}
	metric_add(metrics->expired, expired);
	metric_add(metrics->ended_with_event, cancelled);
}

void lane_log_letter(const struct partition_name *name, const struct batch_item *item)
{
	log_warn("dead_letter", LOG_INT("partition", name->partition),
		 LOG_INT("offset", item->message->offset), LOG_STR("reason", item->reason));
}

void lane_log_fenced(const struct metrics_worker *metrics, unsigned lane, int32_t partition,
		     const struct err *err)
{
	metric_add(metrics->fenced, 1);
	log_warn("fenced", LOG_INT("lane", lane), LOG_INT("partition", partition),
		 LOG_STR("text", err->text));
}

void lane_log_stuck(const struct partition_name *name, const struct batch_item *item)
{
	log_error("partition_stuck", LOG_INT("partition", name->partition),
		  LOG_INT("offset", item->message->offset),
		  LOG_STR("booking_id", item->is_command ? item->command.booking_id.text : NULL));
}

void lane_log_failure(unsigned lane, const char *event, const char *doing, const struct err *err)
{
	const enum log_level level = err->code == ERR_INTERNAL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;

	LOG_AT(level, event, LOG_INT("lane", lane), LOG_STR("doing", doing),
	       LOG_STR("code", err_name(err->code)), LOG_STR("text", err->text));
}
