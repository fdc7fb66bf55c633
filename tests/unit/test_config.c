#include "config.h"
#include "table.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
	char host[CONFIG_TEXT_BYTES_MAX];
	int64_t port;
	int64_t delta;
	bool fast;
	char password[CONFIG_TEXT_BYTES_MAX];
	char key[CONFIG_TEXT_BYTES_MAX];
	char auth_mode[CONFIG_TEXT_BYTES_MAX];
	char keys_file[CONFIG_TEXT_BYTES_MAX];
	struct config_common common;
};

/* clang-format off */
static const struct config_key keys[] = {
	{ "T_HOST", CONFIG_TEXT, CONFIG_PLAIN, offsetof(struct values, host), "localhost", 2, 12,
	  "where it listens" },
	{ "T_PORT", CONFIG_INT, CONFIG_PLAIN, offsetof(struct values, port), "8080", 1, 65535,
	  "port it listens on" },
	{ "T_DELTA", CONFIG_INT, CONFIG_PLAIN, offsetof(struct values, delta), "-5", -10, 10,
	  "an offset in seats" },
	{ "T_FAST", CONFIG_BOOL, CONFIG_PLAIN, offsetof(struct values, fast), "false", 0, 0,
	  "whether to hurry" },
	{ "T_PASSWORD", CONFIG_TEXT, CONFIG_SECRET, offsetof(struct values, password), "", 8, 100,
	  "the password" },
	{ "T_KEY", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED, offsetof(struct values, key), NULL,
	  4, 4, "the key, hexadecimal" },
	CONFIG_KEYS_COMMON(struct values, common, "9081", "15000"),
};
static const struct config_key server_keys[] = {
	{ "AUTH_MODE", CONFIG_TEXT, CONFIG_PLAIN, offsetof(struct values, auth_mode), "open", 3, 4,
	  "jwt or open" },
	{ "T_PASSWORD", CONFIG_TEXT, CONFIG_SECRET, offsetof(struct values, password), "", 0, 100,
	  "the password" },
	{ "T_KEYS_FILE", CONFIG_TEXT, CONFIG_SECRET_FILE, offsetof(struct values, keys_file), "", 0,
	  100, "file of keys" },
	CONFIG_KEYS_COMMON(struct values, common, "9081", "15000"),
};
/* clang-format on */
static const struct config_program program = { "tester", "tries a configuration", keys,
					       COUNT(keys) };
static const struct config_program server = { "server", "has to know who asks", server_keys,
					      COUNT(server_keys) };

/* The environment of one test: NAME, value, NAME, value, .. NULL. */
static const char *const *pairs;

static const char *look_up(const char *name)
{
	for (const char *const *pair = pairs; *pair; pair += 2)
		if (strcmp(pair[0], name) == 0)
			return pair[1];
	return NULL;
}

static int parse_as(const struct config_program *which, const char *const *environment,
		    struct values *ret, char **complaints)
{
	size_t len;
	FILE *out = open_memstream(complaints, &len);
	cr_assert(out);
	pairs = environment;
	const int bad = config_parse(which, look_up, ret, out);
	cr_assert_eq(fclose(out), 0);
	return bad;
}

static int parse(const char *const *environment, struct values *ret, char **complaints)
{
	return parse_as(&program, environment, ret, complaints);
}

static int count_lines(const char *text)
{
	int lines = 0;
	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

Test(config, falls_back_to_the_defaults)
{
	static const char *const environment[] = { "T_KEY", "abcd", NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_assert_eq(parse(environment, &values, &complaints), 0, "%s", complaints);
	cr_expect_str_eq(complaints, "");
	cr_expect_str_eq(values.host, "localhost");
	cr_expect_eq(values.port, 8080);
	cr_expect_eq(values.delta, -5);
	cr_expect_not(values.fast);
	cr_expect_str_eq(values.password, "");
	cr_expect_str_eq(values.key, "abcd");
	cr_expect_str_eq(values.common.log_level, "info");
	cr_expect_str_eq(values.common.ops_host, "127.0.0.1");
	cr_expect_eq(values.common.ops_port, 9081);
	cr_expect_eq(values.common.drain_ms, 15000);
}

Test(config, takes_what_the_environment_says)
{
	static const char *const environment[] = { "T_HOST",         "example.org", "T_PORT",
						   "65535",          "T_DELTA",     "-10",
						   "T_FAST",         "true",        "T_PASSWORD",
						   "hunter2hunter2", "T_KEY",       "0123",
						   "DRAIN_MS",       "0",           NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_assert_eq(parse(environment, &values, &complaints), 0, "%s", complaints);
	cr_expect_str_eq(values.host, "example.org");
	cr_expect_eq(values.port, 65535);
	cr_expect_eq(values.delta, -10);
	cr_expect(values.fast);
	cr_expect_str_eq(values.password, "hunter2hunter2");
	cr_expect_str_eq(values.key, "0123");
	cr_expect_eq(values.common.drain_ms, 0);
}

Test(config, counts_an_empty_variable_as_unset)
{
	static const char *const environment[] = { "T_PORT", "", "T_FAST", "", "T_KEY", "", NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_expect_eq(parse(environment, &values, &complaints), 1);
	cr_expect_eq(values.port, 8080);
	cr_expect_str_eq(complaints, "tester: T_KEY is required: the key, hexadecimal\n");
}

Test(config, accepts_the_edges_of_every_range)
{
	static const char *const good[][2] = {
		{ "T_HOST", "ab" },
		{ "T_HOST", "123456789012" },
		{ "T_PORT", "1" },
		{ "T_PORT", "00080" },
		{ "T_DELTA", "10" },
		{ "T_DELTA", "0" },
		{ "T_DELTA", "-0" },
		{ "T_FAST", "1" },
		{ "T_FAST", "0" },
		{ "T_FAST", "false" },
		{ "T_PASSWORD", "12345678" },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		const char *const environment[] = { "T_KEY", "abcd", good[i][0], good[i][1], NULL };
		struct values values;
		_cleanup_free_ char *complaints = NULL;
		cr_expect_eq(parse(environment, &values, &complaints), 0, "%s", complaints);
	}
}

Test(config, refuses_what_is_outside_and_says_which)
{
	static const char *const bad[][2] = {
		{ "T_HOST", "a" },
		{ "T_HOST", "1234567890123" },
		{ "T_PORT", "0" },
		{ "T_PORT", "65536" },
		{ "T_PORT", "-1" },
		{ "T_PORT", "80a" },
		{ "T_PORT", "a80" },
		{ "T_PORT", "8.0" },
		{ "T_PORT", "0x50" },
		{ "T_PORT", " 80" },
		{ "T_PORT", "80 " },
		{ "T_PORT", "+80" },
		{ "T_PORT", "--8" },
		{ "T_PORT", "-" },
		{ "T_PORT", "1e3" },
		{ "T_PORT", "9223372036854775808" },
		{ "T_PORT", "99999999999999999999999999" },
		{ "T_PORT", "-99999999999999999999999999" },
		{ "T_DELTA", "-11" },
		{ "T_DELTA", "11" },
		{ "T_FAST", "yes" },
		{ "T_FAST", "True" },
		{ "T_FAST", "on" },
		{ "T_FAST", "2" },
		{ "T_FAST", "01" },
		{ "OPS_PORT", "0" },
		{ "DRAIN_MS", "600001" },
		{ "LOG_LEVEL", "very-chatty" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *const environment[] = { "T_KEY", "abcd", bad[i][0], bad[i][1], NULL };
		struct values values;
		_cleanup_free_ char *complaints = NULL;
		cr_expect_eq(parse(environment, &values, &complaints), 1, "accepted %s=%s",
			     bad[i][0], bad[i][1]);
		cr_expect(strstr(complaints, bad[i][0]), "%s", complaints);
		cr_expect(strstr(complaints, bad[i][1]), "%s", complaints);
		cr_expect_eq(count_lines(complaints), 1);
	}
}

Test(config, refuses_a_text_longer_than_any_field)
{
	char longest[2 * CONFIG_TEXT_BYTES_MAX];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	const char *const environment[] = { "T_KEY", "abcd", "T_HOST", longest, NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;
	cr_expect_eq(parse(environment, &values, &complaints), 1);
}

Test(config, reports_all_bad_keys_at_once_one_line_each)
{
	static const char *const environment[] = { "T_HOST",     "x",     "T_PORT", "no",
						   "T_DELTA",    "99",    "T_FAST", "maybe",
						   "T_PASSWORD", "short", NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_expect_eq(parse(environment, &values, &complaints), 6);
	cr_expect_str_eq(
		complaints,
		"tester: T_HOST='x' is not 2 to 12 characters: where it listens\n"
		"tester: T_PORT='no' is not an integer from 1 to 65535: port it listens on\n"
		"tester: T_DELTA='99' is not an integer from -10 to 10: an offset in seats\n"
		"tester: T_FAST='maybe' is not true or false: whether to hurry\n"
		"tester: T_PASSWORD is not 8 to 100 characters: the password\n"
		"tester: T_KEY is required: the key, hexadecimal\n");
}

Test(config, keeps_a_complaint_on_one_line)
{
	static const char *const environment[] = { "T_KEY", "abcd", "T_PORT", "8\n0\r\x1b[31m",
						   NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_expect_eq(parse(environment, &values, &complaints), 1);
	cr_expect_eq(count_lines(complaints), 1);
	cr_expect(strstr(complaints, "T_PORT='8?0??[31m'"), "%s", complaints);
}

Test(config, never_prints_a_secret)
{
	static const char *const good[] = { "T_KEY", "s3kr", "T_PASSWORD", "hunter2hunter2", NULL };
	static const char *const bad[] = { "T_KEY", "s3kr3t", "T_PASSWORD", "hunter2", NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL, *printed = NULL;

	cr_expect_eq(parse(bad, &values, &complaints), 2);
	cr_expect_not(strstr(complaints, "s3kr3t"), "%s", complaints);
	cr_expect_not(strstr(complaints, "hunter"), "%s", complaints);
	freep(&complaints);
	complaints = NULL;

	cr_assert_eq(parse(good, &values, &complaints), 0, "%s", complaints);
	size_t len;
	FILE *out = open_memstream(&printed, &len);
	cr_assert(out);
	config_print_values(&program, &values, out);
	cr_assert_eq(fclose(out), 0);
	cr_expect_str_eq(printed, "T_HOST=localhost\nT_PORT=8080\nT_DELTA=-5\nT_FAST=false\n"
				  "T_PASSWORD=***\nT_KEY=***\nLOG_LEVEL=info\nOPS_HOST=127.0.0.1\n"
				  "OPS_PORT=9081\nDRAIN_MS=15000\nPRODUCTION=false\n");
}

#define DEMO_SECRET CONFIG_DEMO_MARK "0123456789abcdef"

Test(config, refuses_secrets_of_the_demo_in_production_and_does_not_tell_them)
{
	static const char *const bad[][2] = {
		{ "T_PASSWORD", DEMO_SECRET },
		{ "T_PASSWORD", "user=worker password=" DEMO_SECRET },
		{ "T_PASSWORD", "mongodb://reader:" DEMO_SECRET "@localhost/" },
	};
	static const char *const switches[] = { "true", "1" };

	for (size_t i = 0; i < COUNT(bad) * COUNT(switches); i++) {
		const char *const *const is = bad[i / COUNT(switches)];
		const char *const environment[] = { "T_KEY",      "abcd",
						    "PRODUCTION", switches[i % COUNT(switches)],
						    is[0],        is[1],
						    NULL };
		struct values values;
		_cleanup_free_ char *complaints = NULL;
		cr_expect_eq(parse(environment, &values, &complaints), 1, "accepted %s", is[1]);
		cr_expect_str_eq(complaints, "tester: T_PASSWORD is a secret of the demo: "
					     "PRODUCTION=true wants your own\n");
	}
}

Test(config, takes_the_demos_secrets_where_it_is_no_production)
{
	static const char *const switches[] = { "", "false", "0" };

	for (size_t i = 0; i < COUNT(switches); i++) {
		const char *const environment[] = { "T_KEY",     "abcd",       "T_PASSWORD",
						    DEMO_SECRET, "PRODUCTION", switches[i],
						    NULL };
		struct values values;
		_cleanup_free_ char *complaints = NULL;
		cr_expect_eq(parse(environment, &values, &complaints), 0, "%s", complaints);
		cr_expect_str_eq(values.password, DEMO_SECRET);
		cr_expect_not(values.common.production);
	}
}

Test(config, takes_secrets_of_the_operators_own_in_production)
{
	static const char *const environment[] = {
		"AUTH_MODE", "jwt", "T_PASSWORD", "hunter2hunter2", "PRODUCTION", "true", NULL
	};
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_expect_eq(parse_as(&server, environment, &values, &complaints), 0, "%s", complaints);
	cr_expect_str_eq(complaints, "");
	cr_expect(values.common.production);
}

static int parse_keys_file(const char *content, char **complaints)
{
	char path[] = "/tmp/test_config-XXXXXX";
	const int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	(void)close(fd);
	const char *const environment[] = { "AUTH_MODE",   "jwt", "PRODUCTION", "true",
					    "T_KEYS_FILE", path,  NULL };
	struct values values;

	const int bad = parse_as(&server, environment, &values, complaints);
	(void)unlink(path);
	return bad;
}

Test(config, looks_into_files_of_secrets_in_production)
{
	_cleanup_free_ char *own = NULL, *demo = NULL;

	cr_expect_eq(parse_keys_file("k2:0123456789abcdef\nk1:fedcba\n", &own), 0, "%s", own);
	cr_expect_eq(parse_keys_file("k2:0123456789abcdef\nk1:" DEMO_SECRET "\n", &demo), 1);
	cr_expect_str_eq(demo, "server: T_KEYS_FILE is a secret of the demo: PRODUCTION=true wants "
			       "your own\n");
}

Test(config, leaves_a_file_of_secrets_that_is_not_there_to_its_reader)
{
	static const char *const environment[] = { "AUTH_MODE",  "jwt",  "T_KEYS_FILE", "/nowhere",
						   "PRODUCTION", "true", NULL };
	struct values values;
	_cleanup_free_ char *complaints = NULL;

	cr_expect_eq(parse_as(&server, environment, &values, &complaints), 0, "%s", complaints);
}

Test(config, refuses_to_ask_nobody_who_they_are_in_production)
{
	static const char *const said[] = { "PRODUCTION", "true", "AUTH_MODE", "open", NULL };
	static const char *const unsaid[] = { "PRODUCTION", "true", NULL };
	static const char *const *const environments[] = { said, unsaid };

	for (size_t i = 0; i < COUNT(environments); i++) {
		struct values values;
		_cleanup_free_ char *complaints = NULL;
		cr_expect_eq(parse_as(&server, environments[i], &values, &complaints), 1);
		cr_expect_str_eq(complaints, "server: AUTH_MODE=open asks nobody who they are: "
					     "PRODUCTION=true wants jwt\n");
	}
}

static char *print(void (*printer)(const struct config_program *, FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	cr_assert(out);
	printer(&program, out);
	cr_assert_eq(fclose(out), 0);
	return text;
}

Test(config, helps_with_every_key)
{
	_cleanup_free_ char *help = print(config_print_help);

	cr_expect(strstr(help, "tester - tries a configuration\n"), "%s", help);
	cr_expect(strstr(help, "usage: tester [--help | --config-markdown]\n"), "%s", help);
	cr_expect(strstr(help, "integer; 1 to 65535; default: 8080\n"), "%s", help);
	cr_expect(strstr(help, "text; 4 characters; secret; required\n"), "%s", help);
	cr_expect(strstr(help, "text; 8 to 100 characters; secret; default: none\n"), "%s", help);
	cr_expect(strstr(help, "boolean; true or false; default: false\n"), "%s", help);
	for (size_t i = 0; i < COUNT(keys); i++) {
		cr_expect(strstr(help, keys[i].name), "no %s", keys[i].name);
		cr_expect(strstr(help, keys[i].help), "no help for %s", keys[i].name);
	}
}

Test(config, writes_a_section_of_the_documentation)
{
	_cleanup_free_ char *text = print(config_print_markdown);

	cr_expect_eq(strncmp(text, "## tester\n\ntries a configuration\n\n| variable |", 40), 0,
		     "%s", text);
	cr_expect(
		strstr(text, "| `T_PORT` | integer | 1 to 65535 | `8080` | port it listens on |\n"),
		"%s", text);
	cr_expect(strstr(text, "| `T_KEY` | text, secret | 4 characters | **required** | the key,"),
		  "%s", text);
	cr_expect(strstr(text, "| `T_PASSWORD` | text, secret | 8 to 100 characters | none |"),
		  "%s", text);
	/* Title, blank, summary, blank, two of the table's head, the rows, and a blank at the end.
	 */
	cr_expect_eq(count_lines(text), 6 + (int)COUNT(keys) + 1);
}

/* Standard output and error go nowhere: the answers are what is tried here. */
static void be_quiet(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_geq(dup2(fd, STDOUT_FILENO), 0);
	cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
	(void)close(fd);
}

Test(config, loads_from_the_real_environment, .init = be_quiet)
{
	char name[] = "tester", other[] = "--rebuild", help[] = "--help",
	     markdown[] = "--config-markdown";
	char *plain[] = { name, other, NULL }, *asks[] = { name, other, help, NULL },
	     *documents[] = { name, markdown, NULL };
	struct values values;

	cr_assert_eq(unsetenv("T_KEY"), 0);
	cr_expect_eq(config_load(&program, 2, plain, &values), CONFIG_EXIT_BAD);
	cr_expect_eq(config_load(&program, 3, asks, &values), 0);
	cr_expect_eq(config_load(&program, 2, documents, &values), 0);

	cr_assert_eq(setenv("T_KEY", "abcd", 1), 0);
	cr_assert_eq(setenv("T_PORT", "81", 1), 0);
	cr_expect_eq(config_load(&program, 2, plain, &values), CONFIG_GO_ON);
	cr_expect_eq(values.port, 81);
	cr_expect_str_eq(values.key, "abcd");

	cr_assert_eq(setenv("T_PORT", "eighty", 1), 0);
	cr_expect_eq(config_load(&program, 2, plain, &values), CONFIG_EXIT_BAD);
}
