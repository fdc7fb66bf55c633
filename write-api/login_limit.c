#include "login_limit.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WINDOW_S      60
#define NETWORK_BYTES 8 /* a /64 is what one customer gets, who has all of its addresses */

struct login_limit login_limit_of(struct rate_limit *limit, int64_t per_min)
{
	const int64_t all = per_min * LOGIN_ADDRESSES_MAX;

	assert(per_min >= 0 && per_min <= RATE_QUOTA_MAX);
	return (struct login_limit){
		.limit = limit,
		.here = { .name = "auth", .quota = per_min, .window_s = WINDOW_S },
		.everywhere = { .name = "authall",
				.quota = all < RATE_QUOTA_MAX ? all : RATE_QUOTA_MAX,
				.window_s = WINDOW_S },
	};
}

/* What is no IPv6 address stays as it is. */
static void name_here(const char *email, const char *address, char ret[static RATE_WHO_BYTES_MAX])
{
	char network[HTTP_ADDRESS_BYTES_MAX];
	struct in6_addr bits;

	(void)snprintf(network, sizeof(network), "%s", address);
	if (inet_pton(AF_INET6, address, &bits) == 1 && !IN6_IS_ADDR_V4MAPPED(&bits)) {
		memset(bits.s6_addr + NETWORK_BYTES, 0, sizeof(bits.s6_addr) - NETWORK_BYTES);
		(void)inet_ntop(AF_INET6, &bits, network, sizeof(network)); /* It has room. */
	}
	/* No e-mail has a space. */
	const int len = snprintf(ret, RATE_WHO_BYTES_MAX, "%s %s", email, network);
	assert(len > 0 && len < RATE_WHO_BYTES_MAX);
	(void)len; /* Only the assertion reads it. */
}

bool login_limit_take(const struct login_limit *limit, const char *email, const char *address,
		      struct http_response *response)
{
	char who[RATE_WHO_BYTES_MAX];

	name_here(email, address, who);
	const struct rate_answer here = rate_limit_take(limit->limit, &limit->here, who);
	if (!here.is_allowed)
		return rate_limit_say(&limit->here, &here, response);

	const struct rate_answer all = rate_limit_take(limit->limit, &limit->everywhere, email);
	if (!all.is_allowed) {
		rate_limit_give_back(limit->limit, &limit->here, who);
		return rate_limit_say(&limit->everywhere, &all, response);
	}
	return rate_limit_say(&limit->here, &here, response);
}

void login_limit_give_back(const struct login_limit *limit, const char *email,
			   const char *address)
{
	char who[RATE_WHO_BYTES_MAX];

	name_here(email, address, who);
	rate_limit_give_back(limit->limit, &limit->here, who);
	rate_limit_give_back(limit->limit, &limit->everywhere, email);
}
