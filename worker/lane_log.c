#include "lane_log.h"

#include "log.h"

static void log_booking(const struct batch_item *item)
{
	const struct command *const command = &item->command;
	const char *const request_id = item->request_id[0] ? item->request_id : NULL;

	if (item->outcome.verdict == VERDICT_CONFIRMED)
		log_info("booking_confirmed", LOG_STR("booking_id", command->booking_id.text),
			 LOG_STR("request_id", request_id), LOG_STR("event_id", command->event_id),
			 LOG_INT("seats", command->seat_count));
	else if (item->outcome.verdict == VERDICT_REJECTED)
		log_info("booking_rejected", LOG_STR("booking_id", command->booking_id.text),
			 LOG_STR("request_id", request_id), LOG_STR("event_id", command->event_id),
			 LOG_INT("seats", command->seat_count),
			 LOG_STR("reason", rejection_name(item->outcome.reason)));
	else if (item->outcome.verdict == VERDICT_CONTRADICTION)
		log_warn("booking_contradicted", LOG_STR("booking_id", command->booking_id.text),
			 LOG_STR("request_id", request_id), LOG_STR("event_id", command->event_id));
}

static void count_booking(const struct metrics_worker *metrics, const struct outcome *outcome)
{
	switch (outcome->verdict) {
	case VERDICT_CONFIRMED:
		metric_add(metrics->confirmed, 1);
		break;
	case VERDICT_REJECTED:
		metric_add(metrics->rejected[outcome->reason], 1);
		break;
	case VERDICT_DUPLICATE:
		metric_add(metrics->duplicates, 1);
		break;
	case VERDICT_CONTRADICTION:
		metric_add(metrics->contradictions, 1);
		break;
	case VERDICT_COUNT:
		break;
	}
}

void lane_log_outcomes(const struct metrics_worker *metrics, const struct partition_name *name,
		       const struct batch_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_command)
			continue;
		log_booking(&items[i]);
		count_booking(metrics, &items[i].outcome);
	}
	log_debug("batch_settled", LOG_INT("partition", name->partition),
		  LOG_INT("messages", (int64_t)count),
		  LOG_INT("next_offset", items[count - 1].message->offset + 1));
}

void lane_log_letter(const struct partition_name *name, const struct batch_item *item)
{
	log_warn("dead_letter", LOG_INT("partition", name->partition),
		 LOG_INT("offset", item->message->offset), LOG_STR("reason", item->reason));
}

void lane_log_failure(unsigned lane, const char *event, const char *doing, const struct err *err)
{
	const enum log_level level = err->code == ERR_INTERNAL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;

	LOG_AT(level, event, LOG_INT("lane", lane), LOG_STR("doing", doing),
	       LOG_STR("code", err_name(err->code)), LOG_STR("text", err->text));
}
