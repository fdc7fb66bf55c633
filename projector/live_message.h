/*
 * live_message - what subscribers of an event are told about a batch.
 *
 * Pure. Moves of one event are cut into messages of at most LIVE_SEATS_MAX seats that follow on
 * from each other by version. When the moves are not all that happened (struct event_move), one
 * message without seats says only which version is current, so that whoever has another one
 * reloads.
 * Shape    JSON, lib/PROTOCOL.md "Live messages".
 */
#pragma once

#include "store.h"
#include "strbuf.h"

#define LIVE_SEATS_MAX 1000
#define LIVE_MESSAGE_BYTES_MAX (256u << 10)

/* The message that only says which version is current. */
void live_message_version(const char *event_id, const struct map_sums *sums, struct strbuf *out);

struct live_cursor {
	size_t next;          /* of fold.seats */
	struct map_sums sums; /* before the next message */
	bool is_begun;
	bool is_done;
};

/*
 * Writes the next message about event number `event` of the fold to *out (reset first). False:
 * there is none. Begin with a zeroed cursor.
 */
bool live_message_next(struct live_cursor *cursor, const struct fold *fold,
                       const struct store_result *result, size_t event, struct strbuf *out);
