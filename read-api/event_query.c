#include "event_query.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

#define FROM_BYTES_MAX 36 /* "2026-03-01T19:30:00.123456789+02:00" and its NUL */
#define DATE_LEN       10 /* "2026-03-01"          */
#define SECONDS_LEN    19 /* "2026-03-01T19:30:00" */
#define MINUTE_MS      60000

/* What RFC 3339 can say: 0000-01-01 to 9999-12-31. As a bound the first, before any event, lets
 * every date pass, and only dates. */
#define DATE_MS_MIN (-62167219200000)
#define DATE_MS_MAX 253402300799999

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "+02:00" in ms. A '+' that the client did not encode arrives as a blank. */
static bool parse_offset(const char *text, int64_t *ret_ms)
{
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		*ret_ms = 0;
		return true;
	}
	if (strlen(text) != 6 || !strchr("+- ", text[0]) || !is_digit(text[1]) ||
	    !is_digit(text[2]) || text[3] != ':' || !is_digit(text[4]) || !is_digit(text[5]))
		return false;

	const int hours = (text[1] - '0') * 10 + text[2] - '0';
	const int minutes = (text[4] - '0') * 10 + text[5] - '0';

	if (hours > 23 || minutes > 59)
		return false;

	*ret_ms = (int64_t)(hours * 60 + minutes) * MINUTE_MS * (text[0] == '-' ? -1 : 1);
	return true;
}

/* RFC 3339 with any offset and fraction, or a date: brought to the one form that clock reads. */
static bool parse_from(const char *text, int64_t *ret_ms)
{
	char utc[CLOCK_TEXT_BYTES_MAX], fraction[] = "000";
	int64_t offset_ms = 0, ms = 0;
	const size_t len = strlen(text);
	const char *rest = text + SECONDS_LEN;

	if (len == DATE_LEN) {
		(void)snprintf(utc, sizeof(utc), "%.10sT00:00:00.000Z", text);
		return clock_parse(utc, ret_ms, NULL) == ERR_OK;
	}
	if (len <= SECONDS_LEN || (text[DATE_LEN] != 'T' && text[DATE_LEN] != 't'))
		return false;
	if (*rest == '.') {
		const size_t digits = strspn(++rest, "0123456789");

		if (digits == 0)
			return false;
		memcpy(fraction, rest, digits < 3 ? digits : 3);
		rest += digits;
	}
	if (!parse_offset(rest, &offset_ms))
		return false;
	(void)snprintf(utc, sizeof(utc), "%.10sT%.8s.%sZ", text, text + DATE_LEN + 1, fraction);
	if (clock_parse(utc, &ms, NULL) != ERR_OK)
		return false;

	/* An offset may lead out of the years that the link to the next page can say. */
	ms -= offset_ms;
	if (ms < DATE_MS_MIN || ms > DATE_MS_MAX)
		return false;

	*ret_ms = ms;
	return true;
}

static bool is_kind(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static bool is_search_text(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;

	return bson_utf8_validate(text, strlen(text), false);
}

bool event_query_parse(const struct http_request *request, const struct booking_id_key *key,
		       struct event_query *ret, struct http_response *response)
{
	struct params params = { .request = request, .response = response };
	struct event_query query = { .limit = PARAMS_LIMIT_MAX };
	char from[FROM_BYTES_MAX];

	if (!params_text(&params, "kind", query.kind, sizeof(query.kind)) || !is_kind(query.kind))
		params_complain(&params, "kind", "must be 1 to 32 of a-z, 0-9, '-' and '_', once");

	const bool from_read = params_text(&params, "from", from, sizeof(from));

	query.has_from = from[0] != '\0';
	if (!from_read || (query.has_from && !parse_from(from, &query.from_ms)))
		params_complain(&params, "from",
				"must be a date such as 2026-03-01, or a time such as "
				"2026-03-01T19:30:00Z, once");

	if (!params_text(&params, "q", query.text, sizeof(query.text)) ||
	    !is_search_text(query.text))
		params_complain(&params, "q", "must be 1 to 100 bytes of printable UTF-8, once");
	params_limit(&params, &query.limit);
	query.has_after = params_cursor(&params, key, EVENT_QUERY_LIST, &query.after);

	if (!params.bad)
		*ret = query;
	return !params.bad;
}

/* The text as a regular expression that matches just the text. */
static void write_literal(const char *text, struct strbuf *out)
{
	for (const char *c = text; *c; c++) {
		const bool word = (unsigned char)*c >= 0x80 || is_digit(*c) ||
				  (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

		/* PCRE: a backslash before a character that is no word character is that character.
		 */
		if (!word)
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, *c);
	}
}

static void filter_after(bson_t *filter, const struct cursor *after)
{
	_cleanup_(bson_destroyp) bson_t *either =
		BCON_NEW("$or", "[", "{", "date", "{", "$gt", BCON_DATE_TIME(after->time_ms), "}",
			 "}", "{", "date", BCON_DATE_TIME(after->time_ms), "_id", "{", "$gt",
			 BCON_UTF8(after->id), "}", "}", "]");

	bson_concat(filter, either);
}

bson_t *event_query_filter(const struct event_query *query)
{
	bson_t *filter =
		BCON_NEW("date", "{", "$gte",
			 BCON_DATE_TIME(query->has_from ? query->from_ms : DATE_MS_MIN), "}");

	if (query->kind[0])
		BSON_APPEND_UTF8(filter, "kind", query->kind);
	if (query->text[0]) {
		_cleanup_(strbuf_done) struct strbuf pattern;

		strbuf_init(&pattern, (size_t)2 * EVENT_QUERY_TEXT_BYTES_MAX);
		write_literal(query->text, &pattern);
		BSON_APPEND_REGEX(filter, "name", pattern.data, "i");
	}
	if (query->has_after)
		filter_after(filter, &query->after);

	return filter;
}

void event_query_write_next(const struct event_query *query, const struct booking_id_key *key,
			    const struct cursor *last, struct strbuf *out)
{
	char from[CLOCK_TEXT_BYTES_MAX];

	strbuf_add_text(out, "</api/events?");
	if (query->kind[0])
		params_write(out, "kind", query->kind);
	if (query->has_from) {
		clock_format(query->from_ms, from);
		params_write(out, "from", from);
	}
	if (query->text[0])
		params_write(out, "q", query->text);
	params_write_next(out, query->limit, key, EVENT_QUERY_LIST, last);
}
