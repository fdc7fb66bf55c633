/*
 * log_position - which message of a partition may be taken next. Pure.
 *
 * A message below the position was taken already: fetched before a change of position, it is
 * skipped. A message above it means a gap, believed only when fetching again from the position that
 * is due shows it again: then the log has nothing there (retention, compaction, a control record).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct log_position {
	int64_t next;   /* the offset that is due                                 */
	int64_t gap_at; /* a gap was seen when this was due, and fetched again; -1 */
};

enum log_step {
	LOG_TAKE,
	LOG_TAKE_AFTER_GAP,
	LOG_SKIP,
	LOG_FETCH_AGAIN, /* from `next` */
};

static inline struct log_position log_position_at(int64_t offset)
{
	return (struct log_position){ .next = offset, .gap_at = -1 };
}

static inline enum log_step log_position_step(struct log_position *position, int64_t offset)
{
	if (offset < position->next)
		return LOG_SKIP;
	if (offset > position->next && position->gap_at != position->next) {
		position->gap_at = position->next;
		return LOG_FETCH_AGAIN;
	}

	const bool gap = offset > position->next;
	*position = log_position_at(offset + 1);

	return gap ? LOG_TAKE_AFTER_GAP : LOG_TAKE;
}
