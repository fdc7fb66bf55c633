/*
 * rate_limit - how often each user may ask for something: one bucket for each class and user, kept
 * by Redis for all programs together.
 *
 * A bucket holds `quota` and is filled again evenly over `window_s`: who has not asked for a while
 * may ask `quota` times at once, and then goes on at the even pace. What is refused takes nothing.
 * A limit guards against too much, not against too little: while Redis is away, slow, full or
 * another's, each process counts in a bounded table of its own, and nobody is refused because of
 * that alone.
 *
 * Shape    Redis string seatline:rate:{<class>:<who>} = when the bucket is full again, in
 *          microseconds of Redis' clock; it expires then.
 * Owns     a few connections; a caller waits at most timeout_ms for a free one, and as long for
 *          the answer. RATE_LOCAL_BUCKETS_MAX buckets of its own.
 * Threads  rate_limit_take, _give_back, _say and _pass from any.
 * Source   draft-ietf-httpapi-ratelimit-headers; RFC 6585, section 4.
 */
#pragma once

#include "http.h"
#include "metrics.h"
#include "redis.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_WHO_BYTES_MAX     301 /* an e-mail's 254, a space, an address and the NUL */
#define RATE_NAME_BYTES_MAX    17
#define RATE_QUOTA_MAX         1000000
#define RATE_LOCAL_BUCKETS_MAX 4096

struct rate_policy {
	const char *name;  /* a literal of a-z, the class */
	int64_t quota;     /* 0: no limit, at most RATE_QUOTA_MAX */
	int64_t window_s;
};

struct rate_answer {
	bool is_limited; /* there is a limit; else the rest says "go on" */
	bool is_allowed;
	int64_t remaining; /* that could be had at once */
	int64_t reset_s;   /* until all of the quota is there again; when refused, until one is */
};

struct rate_limit;

/* Does not connect. Adds seatline_rate_limit_total{answer} and seatline_rate_limit_local_total. */
struct rate_limit *rate_limit_new(const struct redis_config *redis, struct metrics *metrics);
/* Ignores NULL. */
void rate_limit_free(struct rate_limit *limit);

/* Takes one. who is the user's id, or what else is limited, without NULs. */
struct rate_answer rate_limit_take(struct rate_limit *limit, const struct rate_policy *policy,
                                   const char *who);
/* One that was taken is there again: for what counts only when it fails. */
void rate_limit_give_back(struct rate_limit *limit, const struct rate_policy *policy,
                          const char *who);
/*
 * What the answer to a request says of it: RateLimit-Policy and RateLimit. False: it is not
 * allowed, and response is a 429 with Retry-After.
 */
bool rate_limit_say(const struct rate_policy *policy, const struct rate_answer *answer,
                    struct http_response *response);

/* Both. */
bool rate_limit_pass(struct rate_limit *limit, const struct rate_policy *policy, const char *who,
                     struct http_response *response);

/* Redis kept the bucket of the last answer; true before the first. */
bool rate_limit_is_up(const struct rate_limit *limit);
