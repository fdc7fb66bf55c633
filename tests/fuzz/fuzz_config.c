/*
 * One value for a key of every type: what is accepted lies within its bounds, what is refused is
 * said in one line per key.
 */
#include "fuzz.h"

#include "attr.h"
#include "config.h"

#include <string.h>

struct values {
	char text[CONFIG_TEXT_BYTES_MAX];
	char secret[CONFIG_TEXT_BYTES_MAX];
	int64_t small, any;
	bool flag;
};

/* clang-format off */
static const struct config_key keys[] = {
	{ "TEXT", CONFIG_TEXT, CONFIG_PLAIN, offsetof(struct values, text), "x", 2, 9,
	  "a text" },
	{ "SECRET", CONFIG_TEXT, CONFIG_SECRET | CONFIG_REQUIRED, offsetof(struct values, secret),
	  NULL, 1, CONFIG_TEXT_BYTES_MAX - 1, "a secret" },
	{ "SMALL", CONFIG_INT, CONFIG_PLAIN, offsetof(struct values, small), "1", 1, 65535,
	  "a port" },
	{ "ANY", CONFIG_INT, CONFIG_PLAIN, offsetof(struct values, any), "0", INT64_MIN, INT64_MAX,
	  "any number" },
	{ "FLAG", CONFIG_BOOL, CONFIG_PLAIN, offsetof(struct values, flag), "true", 0, 0,
	  "a flag" },
};
/* clang-format on */
static const struct config_program program = { "fuzz", "tries values", keys,
					       sizeof(keys) / sizeof(keys[0]) };

static const char *value;

static const char *look_up(const char *name)
{
	(void)name; /* The same for every key. */
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_free_ char *complaints = NULL;
	size_t len = 0;
	REQUIRE(text);
	FILE *out = open_memstream(&complaints, &len);
	REQUIRE(out);

	value = text;
	struct values values = { .small = -1 };
	const int bad = config_parse(&program, look_up, &values, out);
	REQUIRE(fclose(out) == 0);

	int lines = 0;
	for (size_t i = 0; i < len; i++)
		lines += complaints[i] == '\n';
	REQUIRE(lines == bad);
	REQUIRE(values.small == -1 || (values.small >= 1 && values.small <= 65535));
	REQUIRE(strlen(values.text) <= 9);
	REQUIRE(strlen(values.secret) < CONFIG_TEXT_BYTES_MAX);
	if (text[0] != '\0' && strlen(text) < CONFIG_TEXT_BYTES_MAX)
		REQUIRE(strcmp(values.secret, text) == 0);
	return 0;
}
