/*
 * idempotency - notices that an idempotency key comes back with another request.
 *
 * The ids of bookings and commands alone make one key one effect; this is what lets a caller who
 * reuses a key by mistake hear of it (422) instead of getting an older answer. So it may fail:
 * without Redis the answer is IDEMPOTENCY_UNKNOWN, and the command goes on.
 * Shape    Redis string seatline:idempotency:<hash of whose key and key> = hash of the command. It
 *          is the key of the user that the command names, or of nobody; that of a command on a
 *          booking belongs to the booking as well.
 * Owns     a few connections; a caller waits at most timeout_ms for a free one.
 * Threads  idempotency_remember from any thread.
 */
#pragma once

#include "command.h"
#include "metrics.h"
#include "redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum idempotency_answer {
	IDEMPOTENCY_NEW,
	IDEMPOTENCY_REPEATED,
	IDEMPOTENCY_CONFLICT,
	IDEMPOTENCY_UNKNOWN,
	IDEMPOTENCY_ANSWER_COUNT,
};

struct idempotency;

/* Does not connect. Adds seatline_idempotency_total{answer}. */
struct idempotency *idempotency_new(const struct redis_config *redis, int64_t ttl_s,
                                    struct metrics *metrics);
void idempotency_free(struct idempotency *idempotency);

/* Remembers the command behind its key, or compares it with what is remembered. */
enum idempotency_answer idempotency_remember(struct idempotency *idempotency,
                                             const struct command *command, const char *key);

/* The same of a request that is several commands: whose key it is, and in texts what was asked. */
enum idempotency_answer idempotency_remember_texts(struct idempotency *idempotency,
                                                   const char *user_id, const char *key,
                                                   const char *const *texts, size_t count);

/* What the last question said; true before the first. */
bool idempotency_is_up(const struct idempotency *idempotency);
