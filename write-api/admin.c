#include "admin.h"

#include "refuse.h"
#include "strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 18
#define LIMIT_BYTES_MAX   8
#define LINK_BYTES_MAX    512

struct pg *admin_take_pg(struct write_api *api, const struct http_request *request,
			 struct http_response *response)
{
	struct err err = { 0 };

	struct pg *pg = pg_pool_take(api->pg_pool, &err);
	if (!pg)
		admin_refuse_failed(api, request, response, false, &err);
	return pg;
}

void admin_refuse_failed(struct write_api *api, const struct http_request *request,
			 struct http_response *response, bool unknown, const struct err *err)
{
	refuse_failed(api, response, err,
		      unknown || http_is_second_attempt(request)
			      ? "It is not known whether this was done. It can be asked again; "
				"with the same Idempotency-Key it has no second effect."
			      : "This cannot be done at the moment, and nothing was done; try "
				"again.");
}

void admin_refuse_no_event(struct write_api *api, struct http_response *response)
{
	refuse_not_found(api, response, "There is no event with this id.");
}

bool admin_event_id(struct write_api *api, const struct http_request *request,
		    struct http_response *response, char ret[static IDENT_BYTES_MAX])
{
	const char *text = request->params[0];
	const size_t len = strlen(text);

	if (!ident_is_valid(text, len)) {
		admin_refuse_no_event(api, response);
		return false;
	}
	memcpy(ret, text, len + 1);
	return true;
}

bool admin_number_parse(const char *text, int64_t *ret)
{
	const size_t len = strspn(text, "0123456789");
	int64_t number = 0;

	if (len == 0 || len > NUMBER_DIGITS_MAX || text[len] != '\0')
		return false;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (text[i] - '0');
	*ret = number;
	return true;
}

/* --- parameters --- */

void admin_params_complain(struct admin_params *params, const char *name, const char *detail)
{
	if (!params->is_bad)
		http_problem(params->response, 400, "invalid-parameter",
			     "The request has parameters that cannot be used.");
	params->is_bad = true;
	http_problem_field(params->response, name, detail);
}

bool admin_params_text(struct admin_params *params, const char *name, char *buf, size_t size)
{
	bool unread = false;

	if (!http_query(params->request, name, buf, size, &unread) || unread)
		buf[0] = '\0';
	if (unread)
		admin_params_complain(params, name, "cannot be read, or was sent twice");
	return !unread;
}

void admin_params_limit(struct admin_params *params, int64_t most, int64_t *ret)
{
	char text[LIMIT_BYTES_MAX], detail[64];
	int64_t limit = 0;

	if (!admin_params_text(params, "limit", text, sizeof(text)) || text[0] == '\0')
		return;
	if (admin_number_parse(text, &limit) && limit >= 1 && limit <= most) {
		*ret = limit;
		return;
	}
	(void)snprintf(detail, sizeof(detail), "must be a whole number from 1 to %" PRId64, most);
	admin_params_complain(params, "limit", detail);
}

bool admin_params_cursor(struct admin_params *params, int64_t *ret_a, int64_t *ret_b)
{
	char text[ADMIN_CURSOR_BYTES_MAX];
	int64_t a, b;

	if (!admin_params_text(params, "cursor", text, sizeof(text)) || text[0] == '\0')
		return false;

	char *dot = strchr(text, '.');
	if (dot)
		*dot = '\0';
	if (!dot || !admin_number_parse(text, &a) || !admin_number_parse(dot + 1, &b)) {
		admin_params_complain(params, "cursor",
				      "must be taken unchanged from the Link header of the page "
				      "before");
		return false;
	}
	*ret_a = a;
	*ret_b = b;
	return true;
}

void admin_link_next(struct http_response *response, const char *path, const char *query,
		     int64_t limit, int64_t a, int64_t b)
{
	char link[LINK_BYTES_MAX];

	(void)snprintf(link, sizeof(link),
		       "<%s?%slimit=%" PRId64 "&cursor=%" PRId64 ".%" PRId64 ">; rel=\"next\"",
		       path, query, limit, a, b);
	http_response_header(response, "Link", link);
}
