/*
 * publish - tells the live channel: a POST to <url>/<event id> for each message.
 *
 * The channel never holds the projection up: each POST has PUBLISH_TRIES_MAX short tries, a batch
 * has PUBLISH_BATCH_MS_MAX, and after a failure nothing is tried for PUBLISH_PAUSE_MS. What was
 * not delivered is dropped and counted; the version in the next message shows subscribers the gap.
 * An event that then stays quiet is owed a message without seats, which says what version is
 * current: up to PUBLISH_OWED_MAX such events are remembered, as long as the process lives.
 * Threads  one.
 */
#pragma once

#include "err.h"
#include "store.h"

#define PUBLISH_TRIES_MAX 2
#define PUBLISH_BATCH_MS_MAX 2000
#define PUBLISH_PAUSE_MS 1000
#define PUBLISH_OWED_MAX 8192

struct publish;

struct publish_counts {
	int64_t published;
	int64_t failed; /* dropped */
};

#define PUBLISH_OFF "off" /* as url: no live channel, and nothing is counted */

/* Initialises libcurl. */
err_code publish_open(const char *url, int64_t timeout_ms, struct publish **ret,
                      struct err *err) _must_check_;
void publish_close(struct publish *publish);

/* Subscribers of the event may have missed that its map is at `sums` now. */
void publish_owe(struct publish *publish, const char *event_id, const struct map_sums *sums);
/* Tells what is owed; goes on to the next event for ms_max, and only while it is delivered. */
void publish_owed(struct publish *publish, int64_t ms_max, struct publish_counts *ret);

void publish_batch(struct publish *publish, const struct fold *fold,
                   const struct store_result *result, struct publish_counts *ret);
