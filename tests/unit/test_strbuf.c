#include "strbuf.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

Test(strbuf, is_an_empty_text_at_first)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 100);

	cr_expect_str_eq(buf.data, "");
	cr_expect_eq(buf.len, 0);
	strbuf_reset(&buf);
	strbuf_add(&buf, "", 0);
	cr_expect_str_eq(buf.data, "");
	cr_expect_not(buf.overflow);
}

Test(strbuf, adds_all_kinds_in_order)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 1000);

	strbuf_add(&buf, "abc", 2);
	strbuf_add_text(&buf, "-text");
	strbuf_add_char(&buf, ';');
	strbuf_addf(&buf, "%s=%03d", "x", 7);
	strbuf_add_int(&buf, INT64_MIN);
	strbuf_add_int(&buf, INT64_MAX);

	cr_expect_str_eq(buf.data, "ab-text;x=007-92233720368547758089223372036854775807");
	cr_expect_eq(buf.len, strlen(buf.data));
	cr_expect_not(buf.overflow);
}

Test(strbuf, keeps_nul_bytes_and_ends_in_a_nul)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 10);

	strbuf_add(&buf, "a\0b", 3);
	cr_assert_eq(buf.len, 3);
	cr_expect_eq(memcmp(buf.data, "a\0b", 4), 0);
}

Test(strbuf, grows_to_its_limit_exactly)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 10000);

	for (int i = 0; i < 10000; i++)
		strbuf_add_char(&buf, 'a' + i % 26);
	cr_assert_eq(buf.len, 10000);
	cr_expect_not(buf.overflow);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(buf.data[i], 'a' + i % 26);
	cr_expect_leq(buf.capacity, 10001);

	strbuf_add_char(&buf, '!');
	cr_expect(buf.overflow);
	cr_expect_eq(buf.len, 10000);
	cr_expect_eq(buf.data[10000], '\0');
}

Test(strbuf, drops_what_does_not_fit_and_all_after_it)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 5);

	strbuf_add_text(&buf, "abc");
	strbuf_addf(&buf, "%s", "def");
	strbuf_add_char(&buf, 'g');
	cr_expect(buf.overflow);
	cr_expect_str_eq(buf.data, "abc");

	strbuf_reset(&buf);
	cr_expect_not(buf.overflow);
	cr_expect_str_eq(buf.data, "");
	strbuf_add_text(&buf, "abcde");
	cr_expect_not(buf.overflow);
	cr_expect_str_eq(buf.data, "abcde");
}

Test(strbuf, can_be_done_twice_or_never_begun)
{
	struct strbuf buf;
	strbuf_init(&buf, 5);
	strbuf_add_char(&buf, 'a');
	strbuf_done(&buf);
	strbuf_done(&buf);
	strbuf_done(NULL);
}

/* Well-formed and ill-formed sequences after Unicode 15, table 3-7. */
static const struct {
	const char *text, *json;
} strings[] = {
	{ "", "\"\"" },
	{ "plain A1", "\"plain A1\"" },
	{ "\"\\/", "\"\\\"\\\\/\"" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
	{ "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
	{ "\xe2\x82\xac", "\"\xe2\x82\xac\"" },
	{ "\xf0\x9f\x8e\xab", "\"\xf0\x9f\x8e\xab\"" },
	{ "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" },
	{ "\xef\xbf\xbd", "\"\xef\xbf\xbd\"" },
	{ "\x80", "\"\\ufffd\"" },
	{ "a\xff"
	  "b",
	  "\"a\\ufffdb\"" },
	{ "\xc3", "\"\\ufffd\"" },
	{ "\xc3x", "\"\\ufffdx\"" },
	{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },            /* overlong "/" */
	{ "\xc1\xbf", "\"\\ufffd\\ufffd\"" },            /* overlong      */
	{ "\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\"" }, /* overlong      */
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, /* a surrogate   */
	{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
	{ "\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* past U+10FFFF */
	{ "\xf0\x9f\x8e", "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "\xf8\x88\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
};

Test(strbuf, writes_json_strings)
{
	for (size_t i = 0; i < COUNT(strings); i++) {
		_cleanup_(strbuf_done) struct strbuf buf;
		strbuf_init(&buf, 100);
		strbuf_add_json(&buf, strings[i].text);
		cr_expect_str_eq(buf.data, strings[i].json);
	}
}

Test(strbuf, writes_null_for_no_text_and_escapes_a_nul)
{
	_cleanup_(strbuf_done) struct strbuf buf;
	strbuf_init(&buf, 100);

	strbuf_add_json(&buf, NULL);
	strbuf_add_json_len(&buf, "a\0b", 3);
	cr_expect_str_eq(buf.data, "null\"a\\u0000b\"");
}

Test(strbuf, writes_valid_json_for_any_two_bytes)
{
	for (unsigned i = 0; i < 0x10000; i++) {
		const char text[] = { (char)(i >> 8), (char)i };
		_cleanup_(strbuf_done) struct strbuf buf;
		strbuf_init(&buf, 100);
		strbuf_add_json_len(&buf, text, sizeof(text));

		json_t *root =
			json_loadb(buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		cr_assert(root, "%04x is no JSON: %s", i, buf.data);
		json_decref(root);
	}
}

Test(strbuf, cuts_json_strings_between_characters)
{
	static const char text[] = "a\"\xf0\x9f\x8e\xab\n\xff.";
	static const struct {
		size_t bytes_max;
		const char *json;
		bool whole;
	} cuts[] = {
		{ 2, "\"\"", false },
		{ 3, "\"a\"", false },
		{ 4, "\"a\"", false },
		{ 5, "\"a\\\"\"", false },
		{ 8, "\"a\\\"\"", false },
		{ 9, "\"a\\\"\xf0\x9f\x8e\xab\"", false },
		{ 11, "\"a\\\"\xf0\x9f\x8e\xab\\n\"", false },
		{ 16, "\"a\\\"\xf0\x9f\x8e\xab\\n\"", false },
		{ 17, "\"a\\\"\xf0\x9f\x8e\xab\\n\\ufffd\"", false },
		{ 18, "\"a\\\"\xf0\x9f\x8e\xab\\n\\ufffd.\"", true },
		{ 1000, "\"a\\\"\xf0\x9f\x8e\xab\\n\\ufffd.\"", true },
	};

	for (size_t i = 0; i < COUNT(cuts); i++) {
		_cleanup_(strbuf_done) struct strbuf buf;
		strbuf_init(&buf, 100);
		cr_expect_eq(strbuf_add_json_cut(&buf, text, sizeof(text) - 1, cuts[i].bytes_max),
			     cuts[i].whole, "at %zu", cuts[i].bytes_max);
		cr_expect_str_eq(buf.data, cuts[i].json);
	}
}
