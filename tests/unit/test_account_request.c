#include "account_request.h"

#include "account_store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static err_code parse(const char *body, struct account_request *ret, struct booking_faults *faults)
{
	return account_request_parse(body, strlen(body), ret, faults, NULL);
}

Test(account_request, reads_emails_in_lower_case)
{
	static const struct {
		const char *text, *email;
	} good[] = {
		{ "a@b.c", "a@b.c" },
		{ "Ann.Lee+x@Mail.Example.COM", "ann.lee+x@mail.example.com" },
		{ "o'neil@a-b.example", "o'neil@a-b.example" },
		{ LABEL_63 "a@" LABEL_63 ".example", LABEL_63 "a@" LABEL_63 ".example" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char email[EMAIL_BYTES_MAX];
		cr_assert(account_email_read(good[i].text, email), "refused %s", good[i].text);
		cr_expect_str_eq(email, good[i].email);
	}
}

Test(account_request, refuses_what_is_no_email)
{
	static const char *const bad[] = {
		"", "a", "@", "a@", "@b.c", "a@b", "a@@b.c", "a@b@c.d", "a b@c.d", "a@b c.d",
		".a@b.c", "a.@b.c", "a..b@c.d", "a@.b.c", "a@b..c", "a@b.c.", "a@-b.c", "a@b-.c",
		"a@b.-c", "a@b.c-", "a@b_c.d", "a\n@b.c", "a@b.c\n", "\"a\"@b.c", "a@[127.0.0.1]",
		"<a@b.c>", "a,b@c.d", "\xc3\xa4@b.c", "a@b.\xc3\xa4", "a\xd0\xb0@b.c",
		LABEL_63 "aa@b.c", "a@" LABEL_63 "a.c",
		"a@" LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63 ".c",
	};
	char email[EMAIL_BYTES_MAX] = "untouched";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(account_email_read(bad[i], email), "took '%s'", bad[i]);
	cr_expect_str_eq(email, "untouched");
}

Test(account_request, counts_characters_of_passwords)
{
	char text[4 * 257 + 1];

	cr_expect_not(account_password_is_valid(""));
	cr_expect_not(account_password_is_valid("123456789"));
	cr_expect(account_password_is_valid("1234567890"));
	cr_expect(account_password_is_valid("          "), "blanks are characters");
	cr_expect_not(account_password_is_valid("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), "5");
	for (int i = 0; i < 256; i++)
		memcpy(text + 4 * i, "\xf0\x9f\x8e\xab", 5);
	cr_expect(account_password_is_valid(text), "256 of four bytes");
	memcpy(text + 4 * 256, "a", 2);
	cr_expect_not(account_password_is_valid(text), "257");
}

Test(account_request, says_all_that_is_wrong)
{
	static const struct {
		const char *body;
		size_t faults;
		const char *field;
	} bad[] = {
		{ "{}", 2, "email" },
		{ "{\"email\":\"a@b.c\"}", 1, "password" },
		{ "{\"password\":\"0123456789\"}", 1, "email" },
		{ "{\"email\":1,\"password\":[\"0123456789\"]}", 2, "email" },
		{ "{\"email\":null,\"password\":\"0123456789\"}", 1, "email" },
		{ "{\"email\":\"x\",\"password\":\"short\"}", 2, "email" },
		{ "{\"email\":\"a@b.c\",\"password\":\"short\"}", 1, "password" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct account_request request;
		struct booking_faults faults;
		cr_assert_eq(parse(bad[i].body, &request, &faults), ERR_CONFLICT, "%s",
			     bad[i].body);
		cr_expect_eq(faults.count, bad[i].faults, "%s", bad[i].body);
		cr_expect_str_eq(faults.items[0].field, bad[i].field, "%s", bad[i].body);
	}
}

Test(account_request, takes_an_object_and_nothing_else)
{
	static const char *const bad[] = {
		"", "[]", "null", "{",
		"{\"email\":\"a@b.c\",\"email\":\"b@b.c\",\"password\":\"0123456789\"}",
		"{\"email\":\"a@b.c\",\"password\":\"012345678\\u0000\"}",
	};
	struct account_request request;
	struct booking_faults faults;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(parse(bad[i], &request, &faults), ERR_INVALID, "took %s", bad[i]);
	cr_assert_eq(parse("{\"email\":\"A@B.c\",\"password\":\"0123456789\",\"role\":\"admin\"}",
			   &request, &faults),
		     ERR_OK);
	cr_expect_str_eq(request.email, "a@b.c");
	cr_expect_str_eq(request.password, "0123456789");
}

Test(account_request, makes_ids_that_are_ids)
{
	char one[IDENT_BYTES_MAX], other[IDENT_BYTES_MAX];

	account_make_id(one);
	account_make_id(other);
	cr_expect_str_neq(one, other);
	cr_expect_eq(strlen(one), 22u);
	cr_expect(ident_is_valid(one, strlen(one)));
	cr_expect_eq(strspn(one + 2, "abcdefghijklmnopqrstuvwxyz234567"), 20u);
	cr_expect_eq(strncmp(one, "u-", 2), 0);
}
