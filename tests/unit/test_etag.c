#include "etag.h"

#include <criterion/criterion.h>
#include <string.h>

struct pair {
	int64_t block, version;
};

static struct etag make(const char *ledger_id, int64_t event_version, const struct pair *pairs,
			size_t count)
{
	struct etag_mark mark;
	int64_t version = 0;

	etag_mark_init(&mark, ledger_id);
	for (size_t i = 0; i < count; i++) {
		etag_mark_add(&mark, pairs[i].block, pairs[i].version);
		version += pairs[i].version;
	}

	return etag_of_versions(event_version, version, &mark);
}

Test(etag, names_the_versions_and_is_quoted)
{
	const struct pair pairs[] = { { 0, 5 }, { 1, 7 } };
	const struct etag etag = make("ledger", 3, pairs, 2);
	const size_t len = strlen(etag.text);

	cr_assert_eq(strncmp(etag.text, "\"3-12-", 6), 0, "%s", etag.text);
	cr_expect_eq(len, 6 + 16 + 1, "%s", etag.text);
	cr_expect_eq(etag.text[len - 1], '"');
	cr_expect_eq(strspn(etag.text + 6, "0123456789abcdef"), 16);
}

Test(etag, is_the_same_for_the_same_versions)
{
	const struct pair pairs[] = { { 0, 5 }, { 1, 7 } };

	cr_expect_str_eq(make("ledger", 3, pairs, 2).text, make("ledger", 3, pairs, 2).text);
}

Test(etag, differs_for_blocks_that_add_up_to_the_same_sum)
{
	const struct pair read[][2] = {
		{ { 0, 5 }, { 1, 7 } },  { { 0, 7 }, { 1, 5 } }, { { 0, 6 }, { 1, 6 } },
		{ { 0, 12 }, { 1, 0 } }, { { 0, 5 }, { 2, 7 } },
	};
	const size_t count = sizeof(read) / sizeof(read[0]);

	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			cr_expect_str_neq(make("", 1, read[i], 2).text,
					  make("", 1, read[j], 2).text, "%zu and %zu", i, j);
}

Test(etag, differs_when_only_the_events_own_data_changed)
{
	const struct pair pair = { 0, 5 };

	cr_expect_str_neq(make("", 1, &pair, 1).text, make("", 2, &pair, 1).text);
}

Test(etag, differs_for_another_write_model)
{
	const struct pair pair = { 0, 5 };

	cr_expect_str_neq(make("a", 1, &pair, 1).text, make("b", 1, &pair, 1).text);
	cr_expect_str_neq(make("a", 1, &pair, 1).text, make("", 1, &pair, 1).text);
}

Test(etag, fits_the_largest_versions)
{
	const struct pair pair = { INT64_MAX, INT64_MIN };
	const struct etag etag = make("", INT64_MIN, &pair, 1);

	cr_expect_eq(etag.text[strlen(etag.text) - 1], '"', "cut: %s", etag.text);
}

Test(etag, of_bytes_depends_on_the_bytes_and_the_link)
{
	const struct etag etag = etag_of_bytes("[1]", 3, "");

	cr_expect_eq(strlen(etag.text), 18);
	cr_expect_str_eq(etag.text, etag_of_bytes("[1]", 3, "").text);
	cr_expect_str_neq(etag.text, etag_of_bytes("[2]", 3, "").text);
	cr_expect_str_neq(etag.text, etag_of_bytes("[1]", 3, "</x>").text);
	cr_expect_str_neq(etag_of_bytes("ab", 2, "").text, etag_of_bytes("b", 1, "a").text);
}

Test(etag, has_variants_that_are_not_each_other)
{
	char ann[ETAG_VARIANT_BYTES_MAX], bob[ETAG_VARIANT_BYTES_MAX];

	etag_user_variant("u-ann", ann);
	etag_user_variant("u-bob", bob);
	cr_expect_eq(strlen(ann), 16);
	cr_expect_str_neq(ann, bob);
	cr_expect_str_eq(etag_variant("\"1-2-ab\"", "public").text, "\"1-2-ab-public\"");
	cr_expect_str_eq(etag_variant(etag_variant("\"1\"", "a").text, "gz").text, "\"1-a-gz\"");
}

Test(etag, has_room_for_the_longest_numbers_and_two_variants)
{
	const struct pair pair = { 0, INT64_MIN };
	char ann[ETAG_VARIANT_BYTES_MAX];

	etag_user_variant("u-ann", ann);

	const struct etag own = etag_variant(make("", INT64_MIN, &pair, 1).text, ann);
	const struct etag zipped = etag_variant(own.text, "gz");

	cr_expect(strstr(own.text, ann));
	cr_expect_str_eq(zipped.text + strlen(zipped.text) - 4, "-gz\"");
}
