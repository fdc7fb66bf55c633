/*
 * params - the parameters of a list's URL: read one by one, all bad ones told at once, and written
 * into the link to the next page.
 *
 * Grammar  limit   1-100
 *          cursor  cursor.h
 *          An empty parameter counts as absent.
 * Shape    the response is a 400 that names each bad parameter once `bad` is set; else untouched.
 * Threads  any; no state.
 */
#pragma once

#include "cursor.h"
#include "http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAMS_LIMIT_MAX 100

struct params {
	const struct http_request *request;
	struct http_response *response;
	bool bad;
};

void params_complain(struct params *params, const char *name, const char *detail);

/* "" when absent. False: it was given twice, is too long for buf, or wrongly encoded. */
bool params_text(const struct params *params, const char *name, char *buf,
		 size_t size) _must_check_;

/*
 * The user or event id given under any of these names (a NULL ends them); "" when absent. The first
 * name is the one complained of.
 */
void params_id(struct params *params, const char *const *names, char buf[static IDENT_BYTES_MAX]);

/* *ret is left as it is when absent. */
void params_limit(struct params *params, int64_t *ret);

/* False when absent. */
bool params_cursor(struct params *params, const struct booking_id_key *key, const char *list,
		   struct cursor *ret);

/* Appends "name=value&", encoded. */
void params_write(struct strbuf *out, const char *name, const char *value);
/* Appends the end of a Link header's value: the limit, and where the page ended. */
void params_write_next(struct strbuf *out, int64_t limit, const struct booking_id_key *key,
		       const char *list, const struct cursor *last);
