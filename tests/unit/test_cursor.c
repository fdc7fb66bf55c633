#include "cursor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LIST "events"

static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
static const struct booking_id_key OTHER_KEY = { .bytes = { 1, 2, 4 } };

static struct cursor at(int64_t time_ms, const char *id)
{
	struct cursor cursor = { .time_ms = time_ms };

	cr_assert_lt(strlen(id), sizeof(cursor.id));
	memcpy(cursor.id, id, strlen(id) + 1);
	return cursor;
}

static void expect_refused(const struct booking_id_key *key, const char *text)
{
	struct cursor cursor = at(7, "untouched");

	cr_expect_eq(cursor_parse(key, LIST, text, &cursor, NULL), ERR_INVALID, "accepted '%s'",
		     text);
	cr_expect_eq(cursor.time_ms, 7);
	cr_expect_str_eq(cursor.id, "untouched");
}

Test(cursor, comes_back_as_it_was)
{
	char longest[IDENT_BYTES_MAX];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';

	const struct cursor cursors[] = {
		at(0, "a"),
		at(1813260600000, "concert123"),
		at(-1, "sports_event456"),
		at(INT64_MAX, longest),
		at(INT64_MIN, "..."),
	};

	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		char text[CURSOR_BYTES_MAX];
		struct cursor back = { 0 };

		cursor_format(&KEY, LIST, &cursors[i], text);
		cr_assert_eq(cursor_parse(&KEY, LIST, text, &back, NULL), ERR_OK, "refused '%s'",
			     text);
		cr_expect_eq(back.time_ms, cursors[i].time_ms);
		cr_expect_str_eq(back.id, cursors[i].id);
	}
}

Test(cursor, needs_no_encoding_in_a_url)
{
	char text[CURSOR_BYTES_MAX];
	const struct cursor cursor = at(-1, "????");

	cursor_format(&KEY, LIST, &cursor, text);
	cr_expect_eq(
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
		strlen(text), "%s", text);
}

Test(cursor, refuses_any_changed_character)
{
	char text[CURSOR_BYTES_MAX];
	const struct cursor cursor = at(1813260600000, "concert123");

	cursor_format(&KEY, LIST, &cursor, text);
	for (size_t i = 0; i < strlen(text); i++) {
		char changed[CURSOR_BYTES_MAX];

		memcpy(changed, text, sizeof(changed));
		changed[i] = text[i] == 'A' ? 'B' : 'A';
		expect_refused(&KEY, changed);
	}
}

Test(cursor, refuses_what_was_cut_or_made_longer)
{
	char text[CURSOR_BYTES_MAX], longer[CURSOR_BYTES_MAX + 4];
	const struct cursor cursor = at(1813260600000, "concert123");

	cursor_format(&KEY, LIST, &cursor, text);
	(void)snprintf(longer, sizeof(longer), "%sAAAA", text);
	expect_refused(&KEY, longer);
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		expect_refused(&KEY, text);
	}
}

Test(cursor, refuses_another_key_and_what_is_no_cursor)
{
	static const char *const bad[] = {
		"", "x", "====", "not base64!", "AAAAAAAAAAAAAAAAAAAAAAAA", "\xff\xff"
	};
	char text[CURSOR_BYTES_MAX], huge[4096];
	const struct cursor cursor = at(5, "a");

	cursor_format(&KEY, LIST, &cursor, text);
	expect_refused(&OTHER_KEY, text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(&KEY, bad[i]);

	memset(huge, 'A', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	expect_refused(&KEY, huge);
}

Test(cursor, is_good_for_its_own_list_only)
{
	static const char *const others[] = { "", "event", "events:", "bookings:u1", "eventsA" };
	char text[CURSOR_BYTES_MAX], longest[CURSOR_LIST_BYTES_MAX];
	const struct cursor cursor = at(1813260600000, "concert123");
	struct cursor back = at(7, "untouched");

	cursor_format(&KEY, LIST, &cursor, text);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect_eq(cursor_parse(&KEY, others[i], text, &back, NULL), ERR_INVALID,
			     "taken for '%s'", others[i]);
	cr_expect_str_eq(back.id, "untouched");

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cursor_format(&KEY, longest, &cursor, text);
	cr_expect_eq(cursor_parse(&KEY, longest, text, &back, NULL), ERR_OK);
	cr_expect_str_eq(back.id, "concert123");
	longest[0] = 'y';
	cr_expect_eq(cursor_parse(&KEY, longest, text, &back, NULL), ERR_INVALID);
}
