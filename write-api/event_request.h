/*
 * event_request - a new event, or a change of one, as an administrator asks for it. Pure.
 *
 * Grammar  a JSON object. Each member has one meaning and several names, because clients of other
 *          systems have other words; the table is in the .c file. A member sent under two of its
 *          names must say the same under both. null, for a limit and for the sales window: there
 *          is none. Members without a meaning are ignored.
 *          A new event has a name, a date and seats: "sections" (event_plan), or "totalSeats",
 *          which numbers them.
 *          A change has any of the rules, and "prices": [{"section","priceMinor"}, ...].
 * Owns     its plan and prices; init/done pair, {0} is an empty one.
 * Errors   as booking_request.
 * Source   API.md, "Accounts, roles, administration" and "Other dialects".
 */
#pragma once

#include "attr.h"
#include "booking_request.h"
#include "err.h"
#include "event_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_CURRENCY_BYTES_MAX 4
#define EVENT_PRICES_MAX         EVENT_SECTIONS_MAX
#define EVENT_LIMIT_MAX          100000 /* seats of one user */

/* What an event has beside its seats, and what may be changed. */
enum event_rule {
	EVENT_NAME,
	EVENT_KIND,
	EVENT_DATE,
	EVENT_VENUE,
	EVENT_HOLD_TTL_MS,
	EVENT_HOLD_EXTENSIONS_MAX,
	EVENT_SEATS_PER_USER_MAX,
	EVENT_HOLDS_PER_USER_MAX,
	EVENT_SALES_OPEN_AT,
	EVENT_SALES_CLOSE_AT,
	EVENT_RULE_COUNT,
};

struct event_value {
	bool is_given;
	bool is_null;
	char text[EVENT_WORDS_BYTES_MAX]; /* a number in decimal, a time as clock.h writes it */
};

struct event_price {
	char section[EVENT_WORDS_BYTES_MAX];
	int64_t price_minor;
};

struct event_request {
	struct event_value rules[EVENT_RULE_COUNT];
	/* A new event's: */
	char event_id[IDENT_BYTES_MAX]; /* "": to be chosen */
	char currency[EVENT_CURRENCY_BYTES_MAX];
	struct event_plan plan;
	/* A change's: */
	size_t price_count;
	struct event_price *prices;
};

void event_request_done(struct event_request *request);

/* Rules that were not given have their defaults, but for EVENT_HOLDS_PER_USER_MAX. */
err_code event_request_parse_new(const char *body, size_t len, struct event_request *ret,
				 struct booking_faults *ret_faults, struct err *err) _must_check_;
err_code event_request_parse_change(const char *body, size_t len, struct event_request *ret,
				    struct booking_faults *ret_faults,
				    struct err *err) _must_check_;

/* A rule's column in PostgreSQL, and the first of its names in a request. */
const char *event_rule_column(enum event_rule rule);
const char *event_rule_name(enum event_rule rule);

/* Opens before it closes; either NULL: that end is open. Times as clock.h writes them. */
bool event_window_is_valid(const char *open_at, const char *close_at);
#define EVENT_WINDOW_FAULT "must be later than salesOpenAt"
