/*
 * answer_cache - answers that are made once and given to all who ask, until what they show changes.
 *
 * Somebody else (follow) says what has changed, and whether it would know. While it would, an
 * answer is given without asking MongoDB for as long as nothing of it changed; while it would not,
 * each is made or checked anew. One request makes an answer, the others wait for that and share
 * it. An event that changes all the time is not rendered for each request: an answer is given until
 * ANSWER_PAUSE times as long has passed since its making began as that took, or pause_us_max.
 * Shape    bounded by bytes_max, all counted; what was asked for longest ago goes first. What is
 *          in use stays until it no longer is.
 * Owns     a cache owns its answers together with whoever was given one.
 * Threads  any, but for open and close.
 * Errors   those of the maker, also for who waited for it; ERR_UNAVAILABLE nobody had made it
 *          within ANSWER_WAIT_MS_MAX. A failure is not kept.
 */
#pragma once

#include "answer.h"
#include "attr.h"
#include "changes.h"
#include "err.h"
#include "metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_WAIT_MS_MAX 5000
#define ANSWER_PAUSE       10 /* so that making one answer takes a tenth of a processor at most */

struct answer_cache;

/* What a cache keeps, for its metrics. */
enum answer_kind { ANSWER_MAPS, ANSWER_LISTS, ANSWER_KIND_COUNT };

struct answer_cache_config {
	enum answer_kind kind;
	size_t bytes_max;
	int64_t pause_us_max;
	/* Every change up to a moment ago was told. NULL: none is told, ever. */
	bool (*is_told)(void *ctx);
	void *ctx;
};

/* How an answer is made, by whoever asks first. */
struct answer_maker {
	/*
	 * before: the answer as it was, or NULL, also when all of it may have changed.
	 * changes: what may have changed since, or NULL when that is not known.
	 * May answer with `before` itself, as one more owner.
	 */
	err_code (*make)(void *ctx, struct answer *before, const struct changes *changes,
			 struct answer **ret, struct err *err);
	void *ctx;
};

struct answer_cache *answer_cache_open(const struct answer_cache_config *config,
				       struct metrics *metrics);
/* Nobody asks any more. Ignores NULL. */
void answer_cache_close(struct answer_cache *cache);

/* ANSWER_CURRENT: made or checked from now on, whatever was told. */
enum answer_age { ANSWER_AS_TOLD, ANSWER_CURRENT };

/* *ret is the caller's to release. key names the answer, and how it is made. */
err_code answer_cache_get(struct answer_cache *cache, const char *key, enum answer_age age,
			  const struct answer_maker *maker, struct answer **ret,
			  struct err *err) _must_check_;

/* The answer that was given for that key takes more memory since: it is counted again. */
void answer_cache_recount(struct answer_cache *cache, const char *key);

/* This changed of the answer of that key, if there is one. */
void answer_cache_change(struct answer_cache *cache, const char *key,
			 const struct changes *changes);
/* All answers may have changed in all. */
void answer_cache_change_all(struct answer_cache *cache);
