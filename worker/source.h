/*
 * source - where a lane takes messages from: the partitions it owns of an ordered log.
 *
 * Life of a partition: the log assigns it; it is then `unstarted` until the lane has found out
 * where to begin and calls start; from then on take yields its messages in order, without a gap
 * that the log cannot explain; restart makes it unstarted again (the lane re-reads where to begin);
 * the log may take it away in any poll.
 *
 * Shape    an interface: source_kafka in service, memory in tests and simulations.
 * Threads  one lane, one source, one thread.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_HEADERS_MAX    12
#define SOURCE_PARTITIONS_MAX 1024

/* What partition_progress calls a partition. The strings live as long as the source. */
struct partition_name {
	const char *cluster_id;
	const char *topic;
	int32_t partition; /* 0..SOURCE_PARTITIONS_MAX-1 */
};

struct source_header {
	const char *name;
	const void *value;
	size_t len;
};

struct source_message {
	int64_t offset;
	const void *key; /* NULL: none */
	size_t key_len;
	const void *value; /* NULL: none */
	size_t value_len;
	size_t header_count; /* further headers are not shown */
	struct source_header headers[SOURCE_HEADERS_MAX];
};

struct source_batch {
	struct partition_name name;
	uint64_t assignment; /* which time of owning that partition */
	size_t count;
	struct source_message *messages; /* until release */
};

struct source_ops {
	/* Serves membership; partitions come and go only in here. Each turn. */
	void (*poll)(void *ctx);
	/* Partitions that are started, or that wait for it, by cursor (first 0); false at the
	 * end. */
	bool (*next_partition)(void *ctx, bool started, size_t *cursor,
			       struct partition_name *ret);
	/* The first offset that is stored and the one after the last. ERR_UNAVAILABLE. */
	err_code (*bounds)(void *ctx, int32_t partition, int64_t *ret_low, int64_t *ret_high,
			   struct err *err);
	void (*start)(void *ctx, int32_t partition, int64_t offset);
	void (*restart)(void *ctx, int32_t partition);
	/* The next messages, 1 to max, of one partition; waits up to wait_ms for the first. False
	 * when there are none. One batch at a time: the caller releases it before the next take. */
	bool (*take)(void *ctx, size_t max, int64_t wait_ms, struct source_batch *ret);
	void (*release)(void *ctx, struct source_batch *batch);
	/* Whether the batch's partition is still owned as it was when the batch was taken. */
	bool (*owns)(void *ctx, const struct source_batch *batch);
	/* All below next_offset is settled; for lag tools only. */
	void (*report)(void *ctx, int32_t partition, int64_t next_offset);
};

struct source {
	const struct source_ops *ops;
	void *ctx;
};
