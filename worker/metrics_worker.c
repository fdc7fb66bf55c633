#include "metrics_worker.h"

#include <string.h>

#define OUTCOME(verdict, status, reason, word)                                                     \
	{                                                                                          \
		verdict, reason, "status=\"" status "\",reason=\"" word "\""                       \
	}
#define REJECTED(reason, word)  OUTCOME(VERDICT_REJECTED, "rejected", reason, word)
#define REFUSED(reason, word)   OUTCOME(VERDICT_REFUSED, "refused", reason, word)
#define UNCHANGED(reason, word) OUTCOME(VERDICT_UNCHANGED, "unchanged", reason, word)

static void add_outcomes(struct metrics_worker *ret, struct metrics *metrics)
{
	static const struct {
		enum verdict verdict;
		enum reason reason;
		const char *labels;
	} outcomes[] = {
		OUTCOME(VERDICT_HELD, "held", REASON_NONE, ""),
		OUTCOME(VERDICT_CONFIRMED, "confirmed", REASON_NONE, ""),
		OUTCOME(VERDICT_EXTENDED, "extended", REASON_NONE, ""),
		OUTCOME(VERDICT_CANCELLED, "cancelled", REASON_NONE, ""),
		OUTCOME(VERDICT_DONE, "done", REASON_NONE, ""),
		REJECTED(REASON_IDEMPOTENCY_KEY_REUSED, "idempotency_key_reused"),
		REJECTED(REASON_EVENT_NOT_FOUND, "event_not_found"),
		REJECTED(REASON_EVENT_CANCELLED, "event_cancelled"),
		REJECTED(REASON_SALES_NOT_OPEN, "sales_not_open"),
		REJECTED(REASON_SALES_CLOSED, "sales_closed"),
		REJECTED(REASON_SEAT_LIMIT, "seat_limit"),
		REJECTED(REASON_HOLD_LIMIT, "hold_limit"),
		REJECTED(REASON_SEAT_NOT_FOUND, "seat_not_found"),
		REJECTED(REASON_SEAT_BLOCKED, "seat_blocked"),
		REJECTED(REASON_SEAT_NOT_BLOCKED, "seat_not_blocked"),
		REJECTED(REASON_SEAT_TAKEN, "seat_taken"),
		REJECTED(REASON_BOOKING_NOT_FOUND, "booking_not_found"),
		REFUSED(REASON_EVENT_NOT_FOUND, "event_not_found"),
		REFUSED(REASON_BOOKING_NOT_FOUND, "booking_not_found"),
		REFUSED(REASON_NOT_OWNER, "not_owner"),
		REFUSED(REASON_HOLD_EXPIRED, "hold_expired"),
		REFUSED(REASON_EXTENSION_LIMIT, "extension_limit"),
		REFUSED(REASON_EVENT_CANCELLED, "event_cancelled"),
		REFUSED(REASON_ALREADY_CONFIRMED, "already_confirmed"),
		REFUSED(REASON_BOOKING_REJECTED, "booking_rejected"),
		REFUSED(REASON_BOOKING_CANCELLED, "booking_cancelled"),
		REFUSED(REASON_NOT_A_BOOKING, "not_a_booking"),
		UNCHANGED(REASON_ALREADY_CONFIRMED, "already_confirmed"),
		UNCHANGED(REASON_ALREADY_CANCELLED, "already_cancelled"),
	};

	memset(ret->outcomes, 0, sizeof(ret->outcomes));
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		ret->outcomes[outcomes[i].verdict][outcomes[i].reason] =
			metrics_add_counter(metrics, "seatline_worker_outcomes_total",
					    outcomes[i].labels, "Commands decided, by outcome.");
	ret->expired = metrics_add_counter(metrics, "seatline_worker_expired_total", NULL,
					   "Holds that ran out and were ended.");
	ret->ended_with_event = metrics_add_counter(
		metrics, "seatline_worker_ended_with_event_total", NULL,
		"Bookings that were ended because their event was cancelled.");
}

static void add_phases(struct metrics_worker *ret, struct metrics *metrics)
{
	static const char *const labels[LANE_PHASE_COUNT] = {
		[LANE_TAKE] = "step=\"take\"",     [LANE_DECODE] = "step=\"decode\"",
		[LANE_LOCK] = "step=\"lock\"",     [LANE_LOAD] = "step=\"load\"",
		[LANE_DECIDE] = "step=\"decide\"", [LANE_COMMIT] = "step=\"commit\"",
		[LANE_UNLOCK] = "step=\"unlock\"",
	};

	for (int i = 0; i < LANE_PHASE_COUNT; i++)
		ret->phases[i] = metrics_add_histogram(
			metrics, "seatline_worker_step_seconds", labels[i],
			"Duration of each step of a batch.", METRIC_SECONDS, METRIC_SECONDS_COUNT);
}

static void add_locks(struct metrics_worker *ret, struct metrics *metrics)
{
	ret->lock_contention =
		metrics_add_counter(metrics, "seatline_worker_lock_contention_total", NULL,
				    "Attempts cut short by a seat that another partition has.");
	ret->lock_taken_over =
		metrics_add_counter(metrics, "seatline_worker_lock_taken_over_total", NULL,
				    "Locks taken over from a partition's last owner.");
	ret->lock_unavailable =
		metrics_add_counter(metrics, "seatline_worker_lock_unavailable_total", NULL,
				    "Batches that went on without locks.");
	ret->lock_given_up = metrics_add_counter(
		metrics, "seatline_worker_lock_wait_exceeded_total", NULL,
		"Batches that waited LOCK_WAIT_MS for a lock and went on without.");
}

void metrics_worker_init(struct metrics_worker *ret, struct metrics *metrics)
{
	add_outcomes(ret, metrics);
	add_phases(ret, metrics);
	add_locks(ret, metrics);
	ret->duplicates = metrics_add_counter(metrics, "seatline_worker_duplicates_total", NULL,
					      "Commands that came before and had no effect.");
	ret->contradictions =
		metrics_add_counter(metrics, "seatline_worker_contradictions_total", NULL,
				    "Commands whose booking id stands for something else.");
	ret->dead_letters = metrics_add_counter(metrics, "seatline_worker_dead_letters_total", NULL,
						"Messages that could not be decoded.");
	ret->batch_size = metrics_add_histogram(metrics, "seatline_worker_batch_messages", NULL,
						"Messages settled by one transaction.",
						METRIC_SIZES, METRIC_SIZES_COUNT);
	ret->fenced = metrics_add_counter(metrics, "seatline_worker_fenced_commits_total", NULL,
					  "Batches forgotten because the partition had moved on.");
	ret->in_doubt = metrics_add_counter(metrics, "seatline_worker_commits_in_doubt_total", NULL,
					    "Commits whose answer was lost, settled by reading.");
	ret->ledger_retries = metrics_add_counter(metrics, "seatline_worker_ledger_retries_total",
						  NULL, "Attempts at PostgreSQL that failed.");
	ret->dead_letter_retries =
		metrics_add_counter(metrics, "seatline_worker_dead_letter_retries_total", NULL,
				    "Attempts at the dead-letter topic that failed.");
	ret->messages_lost =
		metrics_add_counter(metrics, "seatline_worker_messages_lost_total", NULL,
				    "Messages the log dropped before they were read.");
	ret->lag = metrics_add_gauge(metrics, "seatline_worker_lag_messages", NULL,
				     "Messages that wait in this worker's partitions.");
}
