#include "caller.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct http_caller NOBODY = { .role = HTTP_ROLE_NOBODY };
static const struct http_caller ANN = { .role = HTTP_ROLE_USER, .user_id = "u-ann" };
static const struct http_caller NAMELESS = { .role = HTTP_ROLE_USER };
static const struct http_caller ADMIN = { .role = HTTP_ROLE_ADMIN, .user_id = "u-admin" };
static const struct http_caller OPEN = { .role = HTTP_ROLE_ADMIN, .is_open = true };

static bool sees(const struct http_caller *caller, const char *user_id)
{
	return caller_sees_user(caller, user_id, strlen(user_id));
}

Test(caller, sees_themselves_and_an_admin_everybody)
{
	cr_expect(sees(&ANN, "u-ann"));
	cr_expect_not(sees(&ANN, "u-an"));
	cr_expect_not(sees(&ANN, "u-anna"));
	cr_expect_not(sees(&ANN, "u-bob"));
	cr_expect_not(sees(&ANN, ""));
	cr_expect(sees(&ADMIN, "u-ann") && sees(&ADMIN, ""));
	cr_expect(sees(&OPEN, "u-ann") && sees(&OPEN, ""));
}

Test(caller, without_a_name_sees_nobody)
{
	cr_expect_not(sees(&NOBODY, "u-ann"));
	cr_expect_not(sees(&NOBODY, ""));
	cr_expect_not(sees(&NAMELESS, ""));
}

Test(caller, is_shown_one_id_at_most_unless_they_see_all)
{
	cr_expect_str_eq(caller_only_user(&ANN), "u-ann");
	cr_expect_str_eq(caller_only_user(&NOBODY), "");
	cr_expect_null(caller_only_user(&ADMIN));
	cr_expect_null(caller_only_user(&OPEN));
}

Test(caller, is_known_by_a_token_alone)
{
	cr_expect(caller_is_known(&ANN) && caller_is_known(&ADMIN));
	cr_expect_not(caller_is_known(&NOBODY));
	cr_expect_not(caller_is_known(&OPEN));
}
