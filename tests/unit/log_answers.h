/*
 * log_answers - what a command must come to, by what a log_reader has read so far: each reason by
 * itself, the first that applies is told.
 */
#pragma once

#include "log_reader.h"

/* What the command must come to, by what was read so far. */
struct answer {
	bool is_done;
	bool is_rejected;
	enum reason reason;
	unsigned lost;
};

struct answer log_answer_to(const struct log_reader *reader, const struct command *command,
			    int64_t now_ms);

/* How many seats of the event a user has; or holds. */
int log_live_seats(const struct log_reader *reader, int event, int user, bool held_only,
		   int64_t now_ms);
bool log_is_cancelled(const struct log_reader *reader, int event, int64_t now_ms);
/* As bits. */
unsigned log_seats_of(const struct command *command);
