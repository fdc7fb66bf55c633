#include "own_map.h"

#include "ident.h"

#include <stdio.h>
#include <string.h>

static const char MEMBER[] = "\"user_id\":\"";

#define MEMBER_LEN (sizeof(MEMBER) - 1)

bool own_map_may_have(const char *bytes, size_t len, const char *user_id)
{
	char text[IDENT_BYTES_MAX + 2];
	const int text_len = snprintf(text, sizeof(text), "\"%s\"", user_id);

	return user_id[0] && memmem(bytes, len, text, (size_t)text_len);
}

/* The quote that ends the text at `from`; end when there is none. */
static const char *text_end(const char *from, const char *end)
{
	while (from < end && *from != '"')
		from += *from == '\\' && end - from > 1 ? 2 : 1;
	return from;
}

void own_map_write(const char *bytes, size_t len, const char *user_id, struct strbuf *out)
{
	const char *const end = bytes + len;
	const size_t user_len = strlen(user_id);
	const char *at = bytes;

	while (at < end) {
		const char *const member = memmem(at, (size_t)(end - at), MEMBER, MEMBER_LEN);

		if (!member)
			break;

		const char *const text = member + MEMBER_LEN;
		const char *const close = text_end(text, end);
		const bool is_own = (size_t)(close - text) == user_len && user_len > 0 &&
				    memcmp(text, user_id, user_len) == 0;
		const char *const next = close < end ? close + 1 : end;

		if (is_own) {
			strbuf_add(out, at, (size_t)(next - at));
		} else {
			strbuf_add(out, at, (size_t)(text - 1 - at));
			strbuf_add_text(out, "null");
		}
		at = next;
	}
	strbuf_add(out, at, (size_t)(end - at));
}
