#include "accepted.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_S      "1"
#define LOCATION_BYTES_MAX (sizeof("/api/bookings/") + HTTP_BOOKING_ID_BYTES_MAX)
/* Existing clients compare the first text. */
#define BOOKING_MESSAGE "Booking request received and is being processed."
#define COMMAND_MESSAGE "Request received and is being processed."

/* The grammar of ids leaves nothing to escape, neither in JSON nor in a path. */
void accepted_answer(struct http_response *response, const char *booking_id,
		     const char *command_id, const char *event_id)
{
	char location[LOCATION_BYTES_MAX];

	response->status = 202;
	(void)snprintf(location, sizeof(location), "/api/bookings/%s", booking_id);
	http_response_header(response, "Location", location);
	http_response_header(response, "Retry-After", RETRY_AFTER_S);
	struct strbuf *body = &response->body;
	strbuf_add_texts(body, "{\"message\":\"", command_id ? COMMAND_MESSAGE : BOOKING_MESSAGE,
			 "\",\"bookingId\":\"", booking_id, "\",", NULL);
	if (command_id)
		strbuf_add_texts(body, "\"commandId\":\"", command_id, "\",", NULL);
	strbuf_add_texts(body, "\"status\":\"pending\",\"links\":{\"self\":\"", location, "\"",
			 NULL);
	if (event_id)
		strbuf_add_texts(body, ",\"event\":\"/api/events/", event_id, "\"", NULL);
	strbuf_add_text(body, "}}");
}

/* "wait=N", with space around the sign as RFC 7240 has it; -1: another preference. */
static int read_wait(const char *text, size_t len)
{
	static const char NAME[] = "wait";
	size_t at = sizeof(NAME) - 1;
	int seconds = 0;

	if (len < at || strncasecmp(text, NAME, at) != 0)
		return -1;
	at += strspn(text + at, " \t");
	if (at >= len || text[at] != '=')
		return -1;
	at++;
	at += strspn(text + at, " \t");
	if (at >= len || text[at] < '0' || text[at] > '9')
		return -1;
	for (; at < len && text[at] >= '0' && text[at] <= '9'; at++)
		if (seconds <= ACCEPTED_WAIT_S_MAX)
			seconds = 10 * seconds + (text[at] - '0');
	at += strspn(text + at, " \t");
	if (at < len)
		return -1;
	return seconds < ACCEPTED_WAIT_S_MAX ? seconds : ACCEPTED_WAIT_S_MAX;
}

int accepted_wait_s_of(const char *prefer)
{
	while (prefer && *prefer) {
		prefer += strspn(prefer, " \t,");
		const size_t len = strcspn(prefer, ",;");
		const int seconds = read_wait(prefer, len);
		if (seconds >= 0)
			return seconds;
		prefer += strcspn(prefer, ",");
	}
	return 0;
}

int accepted_wait_s(const struct http_request *request)
{
	return accepted_wait_s_of(http_header(request, "Prefer"));
}
