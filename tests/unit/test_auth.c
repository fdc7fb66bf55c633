#include "auth.h"

#include "log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct auth_config config_of(const char *mode, const char *keys)
{
	struct auth_config config = { .issuer = "seatline", .audience = "seatline", .ttl_s = 60 };

	(void)snprintf(config.mode, sizeof(config.mode), "%s", mode);
	(void)snprintf(config.keys, sizeof(config.keys), "%s", keys);
	return config;
}

static err_code try(const struct auth_config *config, const char *host)
{
	_cleanup_(auth_freep) struct auth *auth = NULL;

	return auth_new(config, host, &auth, NULL);
}

static void quiet(void)
{
	log_open("test_auth", LOG_LEVEL_ERROR);
}

TestSuite(auth, .init = quiet);

Test(auth, in_open_mode_is_open_where_only_this_machine_comes)
{
	static const char *const near[] = { "127.0.0.1", "127.8.9.10", "::1", "[::1]" };
	static const char *const far[] = { "0.0.0.0", "10.0.0.1", "::", "[::]", "128.0.0.1",
					   "127.0.0.1.example", "localhost", "" };
	struct auth_config config = config_of("open", "");

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		cr_expect_eq(try(&config, near[i]), ERR_OK, "refused %s", near[i]);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		cr_expect_eq(try(&config, far[i]), ERR_INVALID, "opened on %s", far[i]);
	config.open_anywhere = true;
	cr_expect_eq(try(&config, "0.0.0.0"), ERR_OK);
}

Test(auth, in_jwt_mode_needs_a_key_and_serves_anywhere)
{
	const struct auth_config none = config_of("jwt", "");
	const struct auth_config one = config_of("jwt", "k1:" KEY_1);
	const struct auth_config bad = config_of("jwt", "k1:" KEY_1 "0");
	const struct auth_config other = config_of("oidc", "k1:" KEY_1);

	cr_expect_eq(try(&none, "127.0.0.1"), ERR_INVALID);
	cr_expect_eq(try(&bad, "127.0.0.1"), ERR_INVALID);
	cr_expect_eq(try(&other, "127.0.0.1"), ERR_INVALID);
	cr_expect_eq(try(&one, "0.0.0.0"), ERR_OK);
}

Test(auth, issues_tokens_where_there_is_a_key)
{
	const struct auth_config none = config_of("open", "");
	const struct auth_config one = config_of("open", "k1:" KEY_1);
	_cleanup_(auth_freep) struct auth *without = NULL, *with = NULL;
	struct auth_token token;

	cr_assert_eq(auth_new(&none, "127.0.0.1", &without, NULL), ERR_OK);
	cr_assert_eq(auth_new(&one, "127.0.0.1", &with, NULL), ERR_OK);
	cr_expect_not(auth_can_issue(without));
	cr_assert(auth_can_issue(with));
	cr_expect(auth_is_open(with));
	auth_issue(with, "u-1", HTTP_ROLE_ADMIN, 1000, &token);
	cr_expect_eq(token.until_s, 1060);

	struct jwt_keys keys = { .issuer = "seatline", .audience = "seatline" };
	struct jwt_claims claims;
	cr_assert_eq(jwt_keys_add(&keys, one.keys, NULL), ERR_OK);
	cr_assert_eq(jwt_decode(&keys, token.text, strlen(token.text), 1001, &claims, NULL),
		     ERR_OK);
	cr_expect_str_eq(claims.user_id, "u-1");
	cr_expect(claims.is_admin);
}

Test(auth, reads_keys_from_a_file_instead)
{
	char path[] = "/tmp/test_auth_XXXXXX";
	struct auth_config config = config_of("jwt", "");
	const int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "k1:" KEY_1 "\n", strlen("k1:" KEY_1 "\n")),
		     (ssize_t)strlen("k1:" KEY_1 "\n"));
	(void)close(fd);
	(void)snprintf(config.keys_file, sizeof(config.keys_file), "%s", path);
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_OK);
	(void)snprintf(config.keys, sizeof(config.keys), "k2:" KEY_1);
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID, "took both");
	config.keys[0] = '\0';
	cr_assert_eq(truncate(path, 20), 0);
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID, "took half a key");
	cr_assert_eq(truncate(path, 8192), 0);
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID, "took NULs");
	(void)unlink(path);
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID, "took a file that is not there");
}

Test(auth, refuses_names_that_a_token_could_not_hold)
{
	struct auth_config config = config_of("jwt", "k1:" KEY_1);

	(void)snprintf(config.issuer, sizeof(config.issuer), "two words");
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID);
	(void)snprintf(config.issuer, sizeof(config.issuer), "%s", "seatline");
	memset(config.audience, 'a', 200);
	config.audience[200] = '\0';
	cr_expect_eq(try(&config, "127.0.0.1"), ERR_INVALID);
}

Test(auth, makes_the_longest_names_into_a_token)
{
	struct auth_config config = config_of("jwt", "k1:" KEY_1);
	_cleanup_(auth_freep) struct auth *auth = NULL;
	struct auth_token token;
	char user[IDENT_BYTES_MAX];

	memset(config.issuer, '"', 128);
	memset(config.audience, '\\', 128);
	config.issuer[128] = config.audience[128] = '\0';
	memset(user, 'u', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	cr_assert_eq(auth_new(&config, "127.0.0.1", &auth, NULL), ERR_OK);
	auth_issue(auth, user, HTTP_ROLE_USER, INT64_C(1) << 40, &token);
	cr_expect_lt(strlen(token.text), JWT_BYTES_MAX - 1);
}
