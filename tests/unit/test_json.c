#include "json.h"
#include "table.h"

#include <criterion/criterion.h>
#include <string.h>

static err_code parse(const char *bytes, size_t len, struct err *err)
{
	_cleanup_(json_decrefp) json_t *root = NULL;
	const err_code code = json_parse_object(bytes, len, &root, err);

	cr_assert_eq(code == ERR_OK, root != NULL);
	return code;
}

Test(json, accepts_objects)
{
	static const char *const good[] = {
		"{}",
		" \t\r\n{ } \n",
		"{\"a\":1,\"b\":-2.5e3,\"c\":null,\"d\":true,\"e\":false,\"f\":\"\"}",
		"{\"a\":[1,2,{\"b\":[]}],\"c\":{\"a\":1}}",
		"{\"\":0}",
		"{\"caf\xc3\xa9\":\"\xf0\x9f\x8e\xab\"}",
		"{\"a\":\"\\u00e9\\ud83c\\udfab\\n\\\\\\\"\"}",
		"{\"a\":9223372036854775807}",
		/* Eight levels, and brackets in strings that are none. */
		"{\"a\":[[[[[[[1]]]]]]]}",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
		"{\"a\":\"[[[[[[[[[[{{{{{{{{\\\"[[[[[[[[[\"}",
		"{\"a\":[],\"b\":[],\"c\":[],\"d\":[],\"e\":[],\"f\":[],\"g\":[],\"h\":[],\"i\":[]"
		"}",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		struct err err = { .text = "" };
		cr_expect_eq(parse(good[i], strlen(good[i]), &err), ERR_OK, "'%s': %s", good[i],
			     err.text);
	}
}

#define CASE(text, why)                                                                            \
	{                                                                                          \
		text, sizeof(text) - 1, why                                                        \
	}
static const struct {
	const char *bytes;
	size_t len;
	const char *why;
} bad[] = {
	CASE("", "no text"),
	CASE(" ", "too early"),
	CASE("x", "syntax"),
	CASE("{", "too early"),
	CASE("}", "syntax"),
	CASE("{]", "syntax"),
	CASE("{\"a\"", "too early"),
	CASE("{\"a\":", "too early"),
	CASE("{\"a\":1", "too early"),
	CASE("{\"a\":\"b", "too early"),
	CASE("{\"a\":\"b\\", "syntax"),
	CASE("{\"a\":1,}", "syntax"),
	CASE("{\"a\" 1}", "syntax"),
	CASE("{a:1}", "syntax"),
	CASE("{'a':1}", "syntax"),
	CASE("{\"a\":01}", "syntax"),
	CASE("{\"a\":.5}", "syntax"),
	CASE("{\"a\":+1}", "syntax"),
	CASE("{\"a\":NaN}", "syntax"),
	CASE("{\"a\":Infinity}", "syntax"),
	CASE("{\"a\":True}", "syntax"),
	CASE("{\"a\":1} /* */", "after the end"),
	CASE("{\"a\":1}x", "after the end"),
	CASE("{}{}", "after the end"),
	CASE("{}\0", "after the end"),
	CASE("[]", "object"),
	CASE("[{\"a\":1}]", "object"),
	CASE("1", "object"),
	CASE("\"a\"", "object"),
	CASE("null", "object"),
	CASE("{\"a\":1,\"a\":1}", "twice"),
	CASE("{\"a\":1,\"\\u0061\":2}", "twice"),
	CASE("{\"b\":{\"a\":1,\"a\":2}}", "twice"),
	CASE("{\"a\":\"x\\u0000y\"}", "NUL"),
	CASE("{\"a\\u0000\":1}", "NUL"),
	CASE("{\"a\":\"x\0y\"}", "syntax"),
	CASE("\0", "too early"),
	CASE("{\"a\":\"\n\"}", "syntax"),
	CASE("{\"a\":\"\\x\"}", "syntax"),
	CASE("{\"a\":\"\\u12\"}", "syntax"),
	CASE("{\"a\":\"\\ud800\"}", "syntax"),
	CASE("{\"a\":\"\\udc00\\ud800\"}", "syntax"),
	CASE("{\"a\":\"\xff\"}", "UTF-8"),
	CASE("{\"a\":\"\xc0\xaf\"}", "UTF-8"),
	CASE("{\"a\":\"\xed\xa0\x80\"}", "UTF-8"),
	CASE("\xef\xbb\xbf{}", "syntax"),
	CASE("{\"a\":9223372036854775808}", "too big"),
	CASE("{\"a\":1e999}", "too big"),
	CASE("{\"a\":[[[[[[[[1]]]]]]]]}", "deeper"),
	CASE("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", "deeper"),
	CASE("[[[[[[[[[", "deeper"),
	CASE("{\"\\\"\":[[[[[[[[", "deeper"),
};
#undef CASE

Test(json, refuses_all_else_and_says_why)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = { .text = "" };
		cr_expect_eq(parse(bad[i].bytes, bad[i].len, &err), ERR_INVALID, "accepted '%s'",
			     bad[i].bytes);
		cr_expect(strstr(err.text, bad[i].why), "'%s': '%s' does not say '%s'",
			  bad[i].bytes, err.text, bad[i].why);
	}
}

Test(json, refuses_a_million_brackets_without_a_stack)
{
	const size_t len = 1000000;
	_cleanup_free_ char *bytes = malloc(len);
	cr_assert(bytes);
	memset(bytes, '[', len);

	cr_expect_eq(parse(bytes, len, NULL), ERR_INVALID);
}

Test(json, says_where_but_never_quotes_the_input)
{
	static const char *const secrets[] = {
		"{\"a\":1,\n \"password\": hunter2}",
		"{\"hunter2\":1,\"hunter2\":1}",
		"{\"a\":\"hunter2",
		"{\"a\":1} hunter2",
	};

	for (size_t i = 0; i < COUNT(secrets); i++) {
		struct err err = { .text = "" };
		cr_expect_eq(parse(secrets[i], strlen(secrets[i]), &err), ERR_INVALID);
		cr_expect_not(strstr(err.text, "hunter2"), "%s", err.text);
		cr_expect_not(strstr(err.text, "hunter"), "%s", err.text);
	}

	struct err err = { .text = "" };
	cr_expect_eq(parse(secrets[0], strlen(secrets[0]), &err), ERR_INVALID);
	cr_expect_str_eq(err.text, "not JSON: syntax error, at line 2, column 19");
}

Test(json, leaves_the_result_untouched_when_it_refuses)
{
	json_t *const before = json_true();
	json_t *root = before;
	cr_assert_eq(json_parse_object("[1]", 3, &root, NULL), ERR_INVALID);
	cr_expect_eq(root, before);
}

Test(json, gives_the_members)
{
	static const char text[] = "{\"userId\":\"u1\",\"seatId\":7}";
	_cleanup_(json_decrefp) json_t *root = NULL;
	cr_assert_eq(json_parse_object(text, sizeof(text) - 1, &root, NULL), ERR_OK);
	cr_expect_str_eq(json_string_value(json_object_get(root, "userId")), "u1");
	cr_expect_eq(json_integer_value(json_object_get(root, "seatId")), 7);
}
