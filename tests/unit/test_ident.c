#include "ident.h"
#include "table.h"

#include <criterion/criterion.h>
#include <string.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static bool is_id(const char *text)
{
	return ident_is_valid(text, strlen(text));
}

static bool is_seat(const char *text)
{
	return ident_is_valid_seat(text, strlen(text));
}

Test(ident, accepts_user_and_event_ids)
{
	static const char *const good[] = {
		"a",  "0",  "-",   "_",         "concert123", "sports_event456", "a.b", "...",
		".a", "a.", "-.-", "A-Z_a.z09", X64
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_expect(is_id(good[i]), "refused '%s'", good[i]);
		cr_expect(is_seat(good[i]), "refused '%s' as a seat", good[i]);
	}
}

Test(ident, refuses_other_ids)
{
	static const char *const bad[] = { "",     ".",    "..",   "a b",  " a",  "a ",
					   "a/b",  "../x", "a\\b", "a\n",  "\ta", "a%2e",
					   "a?b",  "a#b",  "a+b",  "a=b",  "a@b", "caf\xc3\xa9",
					   "\xff", "a\"b", "a'b",  "{a}",  "a,b", "a;b",
					   "a$b",  "*",    "a|b",  X64 "x" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_not(is_id(bad[i]), "accepted '%s'", bad[i]);
		cr_expect_not(is_seat(bad[i]), "accepted '%s' as a seat", bad[i]);
	}
}

Test(ident, lets_only_seats_have_a_colon)
{
	cr_expect(is_seat("North:12:A1"));
	cr_expect(is_seat(":"));
	cr_expect_not(is_id("North:12:A1"));
	cr_expect_not(is_id(":"));
}

Test(ident, refuses_a_nul_inside)
{
	cr_expect_not(ident_is_valid("a\0b", 3));
	cr_expect_not(ident_is_valid("a", 2));
	cr_expect_not(ident_is_valid_seat("\0", 1));
	cr_expect_not(ident_is_valid_key("a\0b", 3));
	cr_expect_not(ident_is_valid_request_id("a\0b", 3));
}

Test(ident, reads_no_further_than_len)
{
	cr_expect(ident_is_valid("a/b", 1));
	cr_expect_not(ident_is_valid(NULL, 0));
}

/* Every byte alone, against the grammar written out. */
Test(ident, knows_every_byte)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (int i = 0; i < 256; i++) {
		const char c = (char)i;
		const bool alnum = c && strchr(letters, c);
		cr_expect_eq(ident_is_valid(&c, 1), alnum || c == '-' || c == '_', "byte %d", i);
		cr_expect_eq(ident_is_valid_seat(&c, 1), alnum || c == '-' || c == '_' || c == ':',
			     "byte %d as a seat", i);
		cr_expect_eq(ident_is_valid_key(&c, 1), i > 0x20 && i < 0x7f, "byte %d as a key",
			     i);
		cr_expect_eq(ident_is_valid_request_id(&c, 1), alnum || (c && strchr("-_.:/+=", c)),
			     "byte %d as a request id", i);
	}
}

Test(ident, bounds_keys_and_request_ids_at_128)
{
	cr_expect(ident_is_valid_key(X64 X64, 128));
	cr_expect_not(ident_is_valid_key(X64 X64 "x", 129));
	cr_expect_not(ident_is_valid_key("", 0));
	cr_expect(ident_is_valid_request_id(X64 X64, 128));
	cr_expect_not(ident_is_valid_request_id(X64 X64 "x", 129));
	cr_expect_not(ident_is_valid_request_id("", 0));
}

Test(ident, accepts_traceparents)
{
	static const char *const good[] = {
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000001-0000000000000001-00",
		"00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(ident_is_valid_traceparent(good[i], strlen(good[i])), "refused '%s'",
			  good[i]);
}

Test(ident, refuses_other_traceparents)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bx-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
		"00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7-01--",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(ident_is_valid_traceparent(bad[i], strlen(bad[i])), "accepted '%s'",
			      bad[i]);
}
