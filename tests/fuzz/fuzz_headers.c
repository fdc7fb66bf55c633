/*
 * Headers and pieces of a path as clients and the gateway send them: the same text is tried as each
 * of them. Where a header's grammar is small, a second reading of it, by regular expressions, must
 * agree.
 */
#include "fuzz.h"

#include "accept_encoding.h"
#include "accepted.h"
#include "attr.h"
#include "gateway_request.h"
#include "http_internal.h"

#include <jansson.h>
#include <regex.h>
#include <string.h>

#define ETAG            "\"3-17-0123456789abcdef\""
#define NOW_MS          1790000000000
#define VALUE_BYTES_MAX (1u << 20)

/* Compiled on first use, and kept. */
struct pattern {
	const char *text;
	regex_t regex;
	bool is_ready;
};

static bool matches(struct pattern *pattern, const char *text, regmatch_t *ret, size_t count)
{
	if (!pattern->is_ready)
		REQUIRE(regcomp(&pattern->regex, pattern->text, REG_EXTENDED | REG_ICASE) == 0);
	pattern->is_ready = true;
	const int status = regexec(&pattern->regex, text, count, ret, 0);
	REQUIRE(status == 0 || status == REG_NOMATCH);
	return status == 0;
}

/* RFC 7240: the first preference "wait" counts. */
static void check_prefer(const char *text)
{
	enum { SECONDS = 2, GROUPS = 4 };
	static struct pattern wait = {
		.text = "(^|,)[ \t,]*wait[ \t]*=[ \t]*([0-9]+)[ \t]*([,;]|$)",
	};
	regmatch_t found[GROUPS];
	const int seconds = accepted_wait_s_of(text);

	REQUIRE(seconds >= 0 && seconds <= ACCEPTED_WAIT_S_MAX);
	if (!matches(&wait, text, found, GROUPS)) {
		REQUIRE(seconds == 0);
		return;
	}
	const char *digits = text + found[SECONDS].rm_so;
	while (*digits == '0')
		digits++;
	const size_t len = (size_t)(text + found[SECONDS].rm_eo - digits);
	const int said = len > 2 ? ACCEPTED_WAIT_S_MAX : (int)strtol(digits, NULL, 10);
	REQUIRE(len == 0 ? seconds == 0
			 : seconds == (said < ACCEPTED_WAIT_S_MAX ? said : ACCEPTED_WAIT_S_MAX));
}

static bool matches_between(const char *before, const char *text, const char *after)
{
	_cleanup_(strbuf_done) struct strbuf value;

	strbuf_init(&value, VALUE_BYTES_MAX);
	strbuf_addf(&value, "%s%s%s", before, text, after);
	REQUIRE(!value.overflow);
	return http_etag_matches(value.data, ETAG);
}

/* What the text names does not depend on where else our tag stands. */
static void check_if_none_match(const char *text)
{
	const bool known = http_etag_matches(text, ETAG);
	const bool is_star = strcmp(text + strspn(text, " \t"), "*") == 0;

	REQUIRE(!known || is_star || strstr(text, ETAG));
	REQUIRE(!is_star || known);
	REQUIRE(matches_between(" \t", text, "") == known);
	REQUIRE(matches_between(ETAG ", ", text, ""));
	REQUIRE(matches_between("", text, ", " ETAG));
	REQUIRE(matches_between("", text, ",W/" ETAG));
}

static bool gzip_with(const char *text, const char *after)
{
	_cleanup_(strbuf_done) struct strbuf value;

	strbuf_init(&value, VALUE_BYTES_MAX);
	strbuf_addf(&value, "%s%s", text, after);
	REQUIRE(!value.overflow);
	return accept_encoding_gzip(value.data);
}

/* Only a list of codings asks for anything, and its last word about one counts. */
static void check_accept_encoding(const char *text)
{
#define MEMBER                                                                                     \
	"[-!#$%&'*+.^_`|~0-9a-z]+([ \t]*;[ \t]*q=(0(\\.[0-9]{0,3})?|1("                            \
	"\\.0{0,3})?))?[ \t]*"
	static struct pattern list = { .text = "^[ \t,]*(" MEMBER "(,[ \t,]*" MEMBER ")*)?"
					       "(,[ \t,]*)?$" };
#undef MEMBER
	const bool is_list = matches(&list, text, NULL, 0);

	REQUIRE(is_list || !accept_encoding_gzip(text));
	REQUIRE(!gzip_with(text, ", x-gzip;q=0"));
	REQUIRE(gzip_with(text, ", identity;q=0.7, gzip;q=0.7") == is_list);
	REQUIRE(!gzip_with(text, ", identity;q=0.7, gzip;q=0.699"));
}

/* What is read can be said again, and means the same on the gateway's second attempt. */
static void check_gateway(const char *text)
{
	char again[64 + REQUEST_ID_BYTES_MAX];
	const char *id = NULL, *id_again = NULL;
	int64_t ms = 0, ms_again = 0;

	if (!gateway_request_parse(text, NOW_MS, &ms, &id)) {
		REQUIRE(!id && ms == 0);
		return;
	}
	REQUIRE(ms >= NOW_MS - GATEWAY_CLOCK_DIFF_MS_MAX);
	REQUIRE(ms <= NOW_MS + GATEWAY_CLOCK_DIFF_MS_MAX);
	REQUIRE(id > text && id < text + strlen(text) && id[-1] == '-');
	REQUIRE(ident_is_valid_request_id(id, strlen(id)));
	(void)snprintf(again, sizeof(again), "%lld-%s", (long long)ms, id);
	REQUIRE(gateway_request_parse(again, NOW_MS, &ms_again, &id_again));
	REQUIRE(ms == ms_again && strcmp(id, id_again) == 0);
}

static void check_content(const char *text)
{
	static struct pattern json = {
		.text = "^application/json[ \t]*(;[ \t]*charset=(utf-8|\"utf-8\")[ \t]*)?$",
	};
	static struct pattern digits = { .text = "^[0-9]{1,15}$" };
	size_t length = 0;

	REQUIRE(http_media_type_is(text, "application/json") == matches(&json, text, NULL, 0));
	const bool is_length = http_content_length_parse(text, &length);
	REQUIRE(is_length == matches(&digits, text, NULL, 0));
	if (is_length)
		REQUIRE(length == strtoull(text, NULL, 10));
}

/* The request id of an answer is neither escaped in JSON nor in a header. */
static void check_request_id(const char *text)
{
	struct http_response response = { .request_id = text };

	if (!ident_is_valid_request_id(text, strlen(text)))
		return;
	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, HTTP_RESPONSE_BYTES_MAX);
	http_problem(&response, 400, "bad-request", text);
	http_problem_member(&response, "member", "{}");
	http_problem_field(&response, text, text);
	http_problem_field(&response, text, text);
	http_response_header(&response, "X-Request-Id", text);

	_cleanup_(json_decrefp) json_t *json =
		json_loadb(response.body.data, response.body.len, JSON_REJECT_DUPLICATES, NULL);
	REQUIRE(json);
	const char *instance = json_string_value(json_object_get(json, "instance"));
	REQUIRE(instance && strcmp(instance + strlen("urn:seatline:request:"), text) == 0);
	REQUIRE(strpbrk(response.headers.data, "\r\n") ==
		response.headers.data + response.headers.len - 2);
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
}

/* A path that matches is what the parameters say, put in their places; none of them is a trick. */
static void check_path(const char *text)
{
	static const char pattern[] = "/api/{a}/{b}";
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX];
	size_t slashes = 0;

	if (!http_path_match(pattern, text, params))
		return;
	for (const char *c = text; *c; c++)
		slashes += *c == '/';
	REQUIRE(slashes == 3 && strncmp(text, "/api/", 5) == 0);
	for (size_t i = 0; i < HTTP_PARAMS_MAX; i++) {
		const size_t len = strlen(params[i]);
		REQUIRE(len > 0 && len < HTTP_PARAM_BYTES_MAX);
		REQUIRE(strcmp(params[i], ".") != 0 && strcmp(params[i], "..") != 0);
	}
}

/* Decoding what was encoded in full gives the text back. */
static void check_decoding(const char *text)
{
	const size_t len = strlen(text);
	_cleanup_free_ char *encoded = malloc(3 * len + 1);
	_cleanup_free_ char *decoded = malloc(len + 1);

	REQUIRE(encoded && decoded);
	for (size_t i = 0; i < len; i++)
		(void)snprintf(encoded + 3 * i, 4, i % 2 ? "%%%02x" : "%%%02X",
			       (unsigned char)text[i]);
	encoded[3 * len] = '\0';
	REQUIRE(http_percent_decode(encoded, 3 * len, false, decoded, len + 1));
	REQUIRE(strcmp(decoded, text) == 0);
	REQUIRE(len == 0 || !http_percent_decode(encoded, 3 * len, false, decoded, len));
	REQUIRE(len == 0 || !http_percent_decode(encoded, 3 * len - 1, true, decoded, len + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);

	REQUIRE(text);
	check_prefer(text);
	check_if_none_match(text);
	check_accept_encoding(text);
	check_gateway(text);
	check_content(text);
	check_request_id(text);
	check_path(text);
	check_decoding(text);
	return 0;
}
