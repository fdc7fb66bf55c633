#include "event_query.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FROM_BYTES_MAX  36 /* "2026-03-01T19:30:00.123456789+02:00" and its NUL */
#define LIMIT_BYTES_MAX 4  /* "100" and its NUL */
#define DATE_LEN        10 /* "2026-03-01"          */
#define SECONDS_LEN     19 /* "2026-03-01T19:30:00" */
#define MINUTE_MS       60000

/* Before any event: as a bound it lets every date pass, and only dates. */
#define DATE_MS_MIN (-62167219200000)

/* One bad parameter, told in the answer. */
static void complain(struct http_response *response, bool *bad, const char *field,
		     const char *detail)
{
	if (!*bad)
		http_problem(response, 400, "invalid-parameter",
			     "The request has parameters that cannot be used.");
	*bad = true;
	http_problem_field(response, field, detail);
}

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

	*ret_ms = ms - offset_ms;
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

static bool parse_limit(const char *text, int64_t *ret)
{
	int64_t limit = 0;

	for (const char *c = text; *c; c++) {
		if (!is_digit(*c))
			return false;
		limit = limit * 10 + (*c - '0');
	}
	if (limit < 1 || limit > EVENT_QUERY_LIMIT_MAX)
		return false;

	*ret = limit;
	return true;
}

bool event_query_parse(const struct http_request *request, const struct booking_id_key *key,
		       struct event_query *ret, struct http_response *response)
{
	struct event_query query = { .limit = EVENT_QUERY_LIMIT_MAX };
	char from[FROM_BYTES_MAX] = "", limit[LIMIT_BYTES_MAX] = "", after[CURSOR_BYTES_MAX] = "";
	bool unread = false, bad = false;

	(void)http_query(request, "kind", query.kind, sizeof(query.kind), &unread);
	if (unread || !is_kind(query.kind))
		complain(response, &bad, "kind", "must be 1 to 32 of a-z, 0-9, '-' and '_', once");

	unread = false;
	(void)http_query(request, "from", from, sizeof(from), &unread);
	query.has_from = from[0] != '\0';
	if (unread || (query.has_from && !parse_from(from, &query.from_ms)))
		complain(response, &bad, "from",
			 "must be a date such as 2026-03-01, or a time such as "
			 "2026-03-01T19:30:00Z, once");

	unread = false;
	(void)http_query(request, "q", query.text, sizeof(query.text), &unread);
	if (unread || !is_search_text(query.text))
		complain(response, &bad, "q", "must be 1 to 100 bytes of printable UTF-8, once");

	unread = false;
	(void)http_query(request, "limit", limit, sizeof(limit), &unread);
	if (unread || (limit[0] && !parse_limit(limit, &query.limit)))
		complain(response, &bad, "limit", "must be a whole number from 1 to 100, once");

	unread = false;
	(void)http_query(request, "cursor", after, sizeof(after), &unread);
	query.has_after = after[0] != '\0';
	if (unread || (query.has_after && cursor_parse(key, after, &query.after, NULL) != ERR_OK))
		complain(response, &bad, "cursor",
			 "must be taken unchanged from the Link header of the page before");

	if (!bad)
		*ret = query;
	return !bad;
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
		BCON_NEW("$or", "[", "{", "date", "{", "$gt", BCON_DATE_TIME(after->date_ms), "}",
			 "}", "{", "date", BCON_DATE_TIME(after->date_ms), "_id", "{", "$gt",
			 BCON_UTF8(after->event_id), "}", "}", "]");

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

static void write_param(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, "%s=", name);
	for (const char *c = value; *c; c++) {
		if (is_digit(*c) || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		    strchr("-._~", *c))
			strbuf_add_char(out, *c);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)*c);
	}
	strbuf_add_char(out, '&');
}

void event_query_write_next(const struct event_query *query, const struct booking_id_key *key,
			    const struct cursor *last, struct strbuf *out)
{
	char cursor[CURSOR_BYTES_MAX], from[CLOCK_TEXT_BYTES_MAX];

	strbuf_add_text(out, "</api/events?");
	if (query->kind[0])
		write_param(out, "kind", query->kind);
	if (query->has_from) {
		clock_format(query->from_ms, from);
		write_param(out, "from", from);
	}
	if (query->text[0])
		write_param(out, "q", query->text);
	strbuf_addf(out, "limit=%" PRId64 "&", query->limit);
	cursor_format(key, last, cursor);
	strbuf_addf(out, "cursor=%s>; rel=\"next\"", cursor);
}
