#include "routes.h"

#include "account.h"
#include "act.h"
#include "audit.h"
#include "book.h"
#include "dead_letters.h"
#include "event.h"
#include "export.h"
#include "seat_block.h"

const struct http_route WRITE_API_ROUTES[] = {
	{ "POST", "/api/book", book_one_seat, HTTP_JSON, HTTP_ACCESS_USER },
	{ "POST", "/api/bookings", book_seats, HTTP_JSON, HTTP_ACCESS_USER },
	{ "PUT", "/api/bookings/{id}/confirm", act_confirm, HTTP_JSON_OPTIONAL, HTTP_ACCESS_USER },
	{ "PUT", "/api/bookings/{id}/extend", act_extend, HTTP_JSON_OPTIONAL, HTTP_ACCESS_USER },
	{ "PUT", "/api/bookings/{id}/cancel", act_cancel, HTTP_JSON_OPTIONAL, HTTP_ACCESS_USER },
	{ "DELETE", "/api/bookings/{id}", act_cancel, HTTP_JSON_OPTIONAL, HTTP_ACCESS_USER },
	{ "POST", "/api/auth/register", account_register, HTTP_JSON | HTTP_ASIDE,
	  HTTP_ACCESS_PUBLIC },
	{ "POST", "/api/auth/login", account_login, HTTP_JSON | HTTP_ASIDE, HTTP_ACCESS_PUBLIC },
	{ "GET", "/api/auth/me", account_me, HTTP_PLAIN, HTTP_ACCESS_USER },
	{ "POST", "/api/events", event_create, HTTP_JSON | HTTP_ASIDE, HTTP_ACCESS_ADMIN },
	{ "PATCH", "/api/events/{id}", event_change, HTTP_JSON | HTTP_MERGE_PATCH | HTTP_ASIDE,
	  HTTP_ACCESS_ADMIN },
	{ "POST", "/api/events/{id}/cancel", event_cancel, HTTP_JSON_OPTIONAL, HTTP_ACCESS_ADMIN },
	{ "PUT", "/api/events/{id}/seats/block", seat_block, HTTP_JSON, HTTP_ACCESS_ADMIN },
	{ "PUT", "/api/events/{id}/seats/unblock", seat_unblock, HTTP_JSON, HTTP_ACCESS_ADMIN },
	{ "GET", "/api/events/{id}/bookings.csv", export_bookings, HTTP_ASIDE, HTTP_ACCESS_ADMIN },
	{ "GET", "/api/admin/audit", audit_list, HTTP_ASIDE, HTTP_ACCESS_ADMIN },
	{ "GET", "/api/admin/dead-letters", dead_letters_list, HTTP_ASIDE, HTTP_ACCESS_ADMIN },
	{ "POST", "/api/admin/dead-letters/{partition}/{offset}/replay", dead_letters_replay,
	  HTTP_JSON_OPTIONAL | HTTP_ASIDE, HTTP_ACCESS_ADMIN },
};
const size_t WRITE_API_ROUTES_COUNT = sizeof(WRITE_API_ROUTES) / sizeof(WRITE_API_ROUTES[0]);

static void add_accepted(struct write_api *api, struct metrics *metrics)
{
	static const char *const labels[COMMAND_TYPE_COUNT] = {
		[COMMAND_BOOK] = "command=\"book\"",       [COMMAND_HOLD] = "command=\"hold\"",
		[COMMAND_CONFIRM] = "command=\"confirm\"", [COMMAND_EXTEND] = "command=\"extend\"",
		[COMMAND_CANCEL] = "command=\"cancel\"",   [COMMAND_BLOCK] = "command=\"block\"",
		[COMMAND_UNBLOCK] = "command=\"unblock\"",
		[COMMAND_CANCEL_EVENT] = "command=\"cancel_event\"",
	};

	for (size_t i = 0; i < COMMAND_TYPE_COUNT; i++)
		api->accepted[i] =
			metrics_add_counter(metrics, "seatline_accepted_total", labels[i],
					    "Commands answered 202: stored by Kafka.");
}

static void add_refused(struct write_api *api, struct metrics *metrics)
{
	static const char *const labels[REFUSAL_COUNT] = {
		[REFUSAL_MALFORMED] = "reason=\"malformed\"",
		[REFUSAL_INVALID] = "reason=\"invalid\"",
		[REFUSAL_FORBIDDEN] = "reason=\"forbidden\"",
		[REFUSAL_NOT_FOUND] = "reason=\"not_found\"",
		[REFUSAL_CONFLICT] = "reason=\"conflict\"",
		[REFUSAL_KEY_REUSED] = "reason=\"key_reused\"",
		[REFUSAL_UNAVAILABLE] = "reason=\"unavailable\"",
		[REFUSAL_INTERNAL] = "reason=\"internal\"",
	};

	for (size_t i = 0; i < REFUSAL_COUNT; i++)
		api->refused[i] = metrics_add_counter(metrics, "seatline_refused_total", labels[i],
						      "Requests refused, by reason.");
}

static void add_logins(struct write_api *api, struct metrics *metrics)
{
	static const char *const labels[LOGIN_COUNT] = {
		[LOGIN_ACCEPTED] = "answer=\"accepted\"",
		[LOGIN_REFUSED] = "answer=\"refused\"",
		[LOGIN_LIMITED] = "answer=\"limited\"",
		[LOGIN_UNAVAILABLE] = "answer=\"unavailable\"",
	};

	for (size_t i = 0; i < LOGIN_COUNT; i++)
		api->logins[i] = metrics_add_counter(metrics, "seatline_logins_total", labels[i],
						     "Attempts to log in, by answer.");
}

void write_api_add_metrics(struct write_api *api, struct metrics *metrics)
{
	add_accepted(api, metrics);
	add_refused(api, metrics);
	add_logins(api, metrics);
	api->publish_seconds = metrics_add_histogram(
		metrics, "seatline_publish_seconds", NULL,
		"Time from a command's hand-over to Kafka to its acknowledgement or failure.",
		METRIC_SECONDS, METRIC_SECONDS_COUNT);
}
