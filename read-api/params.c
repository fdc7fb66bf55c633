#include "params.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define LIMIT_BYTES_MAX 4 /* "100" and its NUL */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void params_complain(struct params *params, const char *name, const char *detail)
{
	if (!params->bad)
		http_problem(params->response, 400, "invalid-parameter",
			     "The request has parameters that cannot be used.");
	params->bad = true;
	http_problem_field(params->response, name, detail);
}

bool params_text(const struct params *params, const char *name, char *buf, size_t size)
{
	bool unread = false;

	if (!http_query(params->request, name, buf, size, &unread) || unread)
		buf[0] = '\0';
	return !unread;
}

void params_id(struct params *params, const char *const *names, char buf[static IDENT_BYTES_MAX])
{
	buf[0] = '\0';
	for (const char *const *name = names; *name; name++) {
		char id[IDENT_BYTES_MAX];

		if (!params_text(params, *name, id, sizeof(id)) ||
		    (id[0] && !ident_is_valid(id, strlen(id)))) {
			params_complain(params, *name,
					"must be 1 to 64 of letters, digits, '-', '_' and '.', "
					"once");
		} else if (id[0] && buf[0] && strcmp(id, buf) != 0) {
			params_complain(params, *name,
					"says something else than another parameter for the same");
		} else if (id[0]) {
			memcpy(buf, id, sizeof(id));
		}
	}
}

static bool parse_limit(const char *text, int64_t *ret)
{
	int64_t limit = 0;

	for (const char *c = text; *c; c++) {
		if (!is_digit(*c))
			return false;
		limit = limit * 10 + (*c - '0');
	}
	if (limit < 1 || limit > PARAMS_LIMIT_MAX)
		return false;

	*ret = limit;
	return true;
}

void params_limit(struct params *params, int64_t *ret)
{
	char text[LIMIT_BYTES_MAX];

	if (!params_text(params, "limit", text, sizeof(text)) ||
	    (text[0] && !parse_limit(text, ret)))
		params_complain(params, "limit", "must be a whole number from 1 to 100, once");
}

bool params_cursor(struct params *params, const struct booking_id_key *key, const char *list,
		   struct cursor *ret)
{
	char text[CURSOR_BYTES_MAX];
	const bool read = params_text(params, "cursor", text, sizeof(text));

	if (read && !text[0])
		return false;
	if (!read || cursor_parse(key, list, text, ret, NULL) != ERR_OK)
		params_complain(params, "cursor",
				"must be taken unchanged from the Link header of the page before");

	return true;
}

void params_write(struct strbuf *out, const char *name, const char *value)
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

void params_write_next(struct strbuf *out, int64_t limit, const struct booking_id_key *key,
		       const char *list, const struct cursor *last)
{
	char cursor[CURSOR_BYTES_MAX];

	assert(limit >= 1 && limit <= PARAMS_LIMIT_MAX);
	cursor_format(key, list, last, cursor);
	strbuf_addf(out, "limit=%" PRId64 "&cursor=%s>; rel=\"next\"", limit, cursor);
}
