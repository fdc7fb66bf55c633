#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HELP_NAME_WIDTH       26
#define SECRET_FILE_BYTES_MAX 4096

static const char *type_name(enum config_type type)
{
	switch (type) {
	case CONFIG_TEXT:
		return "text";
	case CONFIG_INT:
		return "integer";
	case CONFIG_BOOL:
		return "boolean";
	}
	assert(false);
	return "";
}

static bool is_secret(const struct config_key *key)
{
	return key->flags & CONFIG_SECRET;
}

static bool parse_int(const char *text, int64_t *ret)
{
	/* strtoll also takes blanks and '+' in front, which are more likely a slip than meant. */
	const char *digits = *text == '-' ? text + 1 : text;
	if (*digits < '0' || *digits > '9')
		return false;

	char *end;
	errno = 0;
	const long long number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret = number;
	return true;
}

static bool parse_bool(const char *text, bool *ret)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*ret = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*ret = false;
	else
		return false;
	return true;
}

/* Writes the field; false when the text is of another type or does not fit at all. */
static bool store(const struct config_key *key, const char *text, void *ret)
{
	char *field = (char *)ret + key->offset;

	switch (key->type) {
	case CONFIG_TEXT: {
		const size_t len = strlen(text);
		if (len >= CONFIG_TEXT_BYTES_MAX)
			return false;
		memcpy(field, text, len + 1);
		return true;
	}
	case CONFIG_INT:
		return parse_int(text, (int64_t *)(void *)field);
	case CONFIG_BOOL:
		return parse_bool(text, (bool *)(void *)field);
	}
	assert(false);
	return false;
}

/* What key accepts, as words for the reader. */
static void print_range(const struct config_key *key, FILE *out)
{
	switch (key->type) {
	case CONFIG_TEXT:
		if (key->min == key->max)
			(void)fprintf(out, "%" PRId64 " characters", key->min);
		else
			(void)fprintf(out, "%" PRId64 " to %" PRId64 " characters", key->min,
				      key->max);
		return;
	case CONFIG_INT:
		(void)fprintf(out, "%" PRId64 " to %" PRId64, key->min, key->max);
		return;
	case CONFIG_BOOL:
		(void)fputs("true or false", out);
		return;
	}
	assert(false);
}

static bool is_within(const struct config_key *key, const char *text)
{
	int64_t number;

	switch (key->type) {
	case CONFIG_TEXT:
		number = (int64_t)strlen(text);
		break;
	case CONFIG_INT:
		if (!parse_int(text, &number))
			return false;
		break;
	case CONFIG_BOOL:
	default:
		return true; /* Its type says all. */
	}
	return number >= key->min && number <= key->max;
}

/* One line, whatever the value holds, and never a secret. */
static void complain(const struct config_program *program, const struct config_key *key,
		     const char *value, FILE *out)
{
	(void)fprintf(out, "%s: %s", program->name, key->name);
	if (!is_secret(key)) {
		(void)fputs("='", out);
		for (const char *c = value; *c; c++)
			(void)fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
		(void)fputc('\'', out);
	}
	(void)fprintf(out, " is not %s", key->type == CONFIG_INT ? "an integer from " : "");
	print_range(key, out);
	(void)fprintf(out, ": %s\n", key->help);
}

static bool parse_key(const struct config_program *program, const struct config_key *key,
		      const char *(*lookup)(const char *name), void *ret, FILE *out)
{
	assert(key->type != CONFIG_TEXT || key->max < CONFIG_TEXT_BYTES_MAX);

	const char *value = lookup(key->name);
	if (value && *value != '\0') {
		if (is_within(key, value) && store(key, value, ret))
			return true;
		complain(program, key, value, out);
		return false;
	}
	if (key->flags & CONFIG_REQUIRED) {
		(void)fprintf(out, "%s: %s is required: %s\n", program->name, key->name, key->help);
		return false;
	}
	assert(key->fallback);
	const bool stored = store(key, key->fallback, ret);
	assert(stored);
	return stored;
}

/* What counts: the environment's, or the fallback. "" where something is required and missing. */
static const char *value_of(const struct config_key *key, const char *(*lookup)(const char *name))
{
	const char *const value = lookup(key->name);

	if (value && *value != '\0')
		return value;
	return key->fallback ? key->fallback : "";
}

static bool is_production(const struct config_program *program,
			  const char *(*lookup)(const char *name))
{
	for (size_t i = 0; i < program->count; i++) {
		const struct config_key *const key = &program->keys[i];
		bool is_on = false;
		if (key->type == CONFIG_BOOL && strcmp(key->name, "PRODUCTION") == 0)
			return parse_bool(value_of(key, lookup), &is_on) && is_on;
	}
	return false;
}

/* A file that cannot be read is for its reader to complain of. */
static bool is_demo_file(const char *path)
{
	char text[SECRET_FILE_BYTES_MAX];
	FILE *const file = fopen(path, "re");

	if (!file)
		return false;
	const size_t len = fread(text, 1, sizeof(text), file);
	(void)fclose(file); /* Was only read. */
	const bool is_demo = memmem(text, len, CONFIG_DEMO_MARK, strlen(CONFIG_DEMO_MARK));
	explicit_bzero(text, sizeof(text));
	return is_demo;
}

static bool is_of_demo(const struct config_key *key, const char *value)
{
	return (is_secret(key) && strstr(value, CONFIG_DEMO_MARK)) ||
	       (key->flags & CONFIG_SECRET_FILE && is_demo_file(value));
}

static bool is_for_production(const struct config_program *program, const struct config_key *key,
			      const char *value, FILE *out)
{
	if (is_of_demo(key, value)) {
		(void)fprintf(out,
			      "%s: %s is a secret of the demo: PRODUCTION=true wants your own\n",
			      program->name, key->name);
		return false;
	}
	if (strcmp(key->name, "AUTH_MODE") == 0 && strcmp(value, "open") == 0) {
		(void)fprintf(out,
			      "%s: AUTH_MODE=open asks nobody who they are: PRODUCTION=true wants "
			      "jwt\n",
			      program->name);
		return false;
	}
	return true;
}

int config_parse(const struct config_program *program, const char *(*lookup)(const char *name),
		 void *ret, FILE *out)
{
	assert(program && lookup && ret && out);

	const bool in_production = is_production(program, lookup);
	int bad = 0;
	for (size_t i = 0; i < program->count; i++) {
		const struct config_key *const key = &program->keys[i];
		if (!parse_key(program, key, lookup, ret, out))
			bad++;
		else if (in_production &&
			 !is_for_production(program, key, value_of(key, lookup), out))
			bad++;
	}
	return bad;
}

void config_print_help(const struct config_program *program, FILE *out)
{
	(void)fprintf(
		out,
		"%s - %s\n\n"
		"usage: %s [--help | --config-markdown]\n\n"
		"Configuration comes from the environment; an empty variable counts as unset.\n",
		program->name, program->summary, program->name);
	for (size_t i = 0; i < program->count; i++) {
		const struct config_key *key = &program->keys[i];
		(void)fprintf(out, "\n  %-*s %s; ", HELP_NAME_WIDTH, key->name,
			      type_name(key->type));
		print_range(key, out);
		if (is_secret(key))
			(void)fputs("; secret", out);
		if (key->flags & CONFIG_REQUIRED)
			(void)fputs("; required", out);
		else if (is_secret(key) || key->fallback[0] == '\0')
			(void)fputs("; default: none", out);
		else
			(void)fprintf(out, "; default: %s", key->fallback);
		(void)fprintf(out, "\n  %-*s %s\n", HELP_NAME_WIDTH, "", key->help);
	}
}

void config_print_markdown(const struct config_program *program, FILE *out)
{
	(void)fprintf(out,
		      "## %s\n\n%s\n\n"
		      "| variable | type | allowed | default | meaning |\n"
		      "| --- | --- | --- | --- | --- |\n",
		      program->name, program->summary);
	for (size_t i = 0; i < program->count; i++) {
		const struct config_key *key = &program->keys[i];
		(void)fprintf(out, "| `%s` | %s%s | ", key->name, type_name(key->type),
			      is_secret(key) ? ", secret" : "");
		print_range(key, out);
		if (key->flags & CONFIG_REQUIRED)
			(void)fputs(" | **required**", out);
		else if (is_secret(key) || key->fallback[0] == '\0')
			(void)fputs(" | none", out);
		else
			(void)fprintf(out, " | `%s`", key->fallback);
		(void)fprintf(out, " | %s |\n", key->help);
	}
	(void)fputc('\n', out);
}

void config_print_values(const struct config_program *program, const void *values, FILE *out)
{
	for (size_t i = 0; i < program->count; i++) {
		const struct config_key *key = &program->keys[i];
		const char *field = (const char *)values + key->offset;

		(void)fprintf(out, "%s=", key->name);
		if (is_secret(key))
			(void)fputs("***", out);
		else if (key->type == CONFIG_TEXT)
			(void)fputs(field, out);
		else if (key->type == CONFIG_INT)
			(void)fprintf(out, "%" PRId64, *(const int64_t *)(const void *)field);
		else
			(void)fputs(*(const bool *)(const void *)field ? "true" : "false", out);
		(void)fputc('\n', out);
	}
}

static const char *environment(const char *name)
{
	return getenv(name);
}

int config_load(const struct config_program *program, int argc, char **argv, void *ret)
{
	assert(program && argv && ret);

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			config_print_help(program, stdout);
			return EXIT_SUCCESS;
		}
		if (strcmp(argv[i], "--config-markdown") == 0) {
			config_print_markdown(program, stdout);
			return EXIT_SUCCESS;
		}
	}
	return config_parse(program, environment, ret, stderr) == 0 ? CONFIG_GO_ON
								    : CONFIG_EXIT_BAD;
}
