/*
 * login_limit - how often somebody may try to log in: per e-mail and client address, and, much more
 * often, per e-mail from all addresses together.
 *
 * Only failures count: an attempt takes one of each before the password is looked at, so that
 * many at once are no more than the limit, and gives both back unless the password was wrong. Who
 * guesses from one address keeps nobody at another one out. Whether there is an account makes no
 * difference.
 * Guesses from LOGIN_ADDRESSES_MAX addresses keep everybody out while they last: else who has many
 * addresses could guess without a bound.
 *
 * Threads  any.
 */
#pragma once

#include "http.h"
#include "rate_limit.h"

#include <stdbool.h>
#include <stdint.h>

#define LOGIN_ADDRESSES_MAX 20 /* that may fail at once, as often as each may */

struct login_limit {
	struct rate_limit *limit;
	struct rate_policy here;       /* per e-mail and address */
	struct rate_policy everywhere; /* per e-mail */
};

/* per_min: failures with one e-mail from one address; 0: any. */
struct login_limit login_limit_of(struct rate_limit *limit, int64_t per_min);

/* One attempt. False: the response is a 429, nothing was taken, and nothing is to be given back. */
bool login_limit_take(const struct login_limit *limit, const char *email, const char *address,
                      struct http_response *response);
/* It was no failure. */
void login_limit_give_back(const struct login_limit *limit, const char *email,
                           const char *address);
