#include "http_internal.h"

#include <criterion/criterion.h>
#include <string.h>

static void handle(void *ctx, const struct http_request *request, struct http_response *response)
{
	(void)ctx;
	(void)request;
	(void)response;
}

static err_code check(enum http_access access, http_authenticate *authenticate)
{
	const struct http_config config = { .host = "127.0.0.1", .authenticate = authenticate };
	const struct http_route routes[] = {
		{ "GET", "/open", handle, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/it", handle, HTTP_PLAIN, access },
	};

	return http_access_check(&config, routes, 2, NULL);
}

Test(http_access, refuses_a_table_that_does_not_say_who_may_call)
{
	/* What is left out of a row is 0. */
	cr_expect_eq(check(HTTP_ACCESS_NONE, http_authenticate_nobody), ERR_INTERNAL);
	cr_expect_eq(check(HTTP_ACCESS_NONE, NULL), ERR_INTERNAL);
	cr_expect_eq(check(HTTP_ACCESS_PUBLIC, NULL), ERR_OK);
	cr_expect_eq(check(HTTP_ACCESS_USER, http_authenticate_nobody), ERR_OK);
}

Test(http_access, refuses_routes_that_nobody_could_call)
{
	cr_expect_eq(check(HTTP_ACCESS_USER, NULL), ERR_INTERNAL);
	cr_expect_eq(check(HTTP_ACCESS_ADMIN, NULL), ERR_INTERNAL);
}

Test(http_access, lets_everybody_do_everything_in_open_mode)
{
	const struct http_request request = { 0 };
	struct http_caller caller = { .user_id = "left over", .until_s = 7 };

	cr_expect(http_authenticate_nobody(NULL, &request, &caller));
	cr_expect_eq(caller.role, HTTP_ROLE_ADMIN);
	cr_expect(caller.is_open);
	cr_expect_str_eq(caller.user_id, "");
	cr_expect_eq(caller.until_s, 0);
}

Test(http_access, believes_the_nearest_about_the_address)
{
	static const struct {
		const char *forwarded, *address;
	} cases[] = {
		{ NULL, "127.0.0.1" },
		{ "203.0.113.9", "203.0.113.9" },
		{ "2001:db8::1", "2001:db8::1" },
		/* A client may send one; what the gateway adds comes last. */
		{ "10.9.8.7, 203.0.113.9", "203.0.113.9" },
		{ "203.0.113.9, <script>", "127.0.0.1" },
		{ "203.0.113.9,", "127.0.0.1" },
		{ "203.0.113.9:80", "127.0.0.1" },
		{ "unknown", "127.0.0.1" },
		{ "", "127.0.0.1" },
		{ "0000000000000000000000000000000000000000000000000000", "127.0.0.1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char address[HTTP_ADDRESS_BYTES_MAX];
		http_access_address(cases[i].forwarded, "127.0.0.1", address);
		cr_expect_str_eq(address, cases[i].address, "'%s' made it '%s'",
				 cases[i].forwarded ? cases[i].forwarded : "none", address);
	}
}

Test(http_access, prints_its_routes)
{
	const struct http_route route = { "GET", "/it/{id}", handle, HTTP_JSON, HTTP_ACCESS_ADMIN };
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	cr_assert(out);
	http_routes_print("http", &route, 1, out);
	(void)fclose(out);
	cr_expect_str_eq(text, "{\"server\":\"http\",\"method\":\"GET\",\"path\":\"/it/{id}\","
			       "\"access\":\"admin\"}\n");
}
