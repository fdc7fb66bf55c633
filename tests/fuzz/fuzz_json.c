/* What is accepted is an object no deeper than promised, and writing it out reads back the same. */
#include "fuzz.h"

#include "json.h"

#include <string.h>

static unsigned depth_of(json_t *value)
{
	unsigned deepest = 0;

	if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			const unsigned depth = depth_of(json_array_get(value, i));
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	if (json_is_object(value)) {
		const char *key;
		json_t *member;
		json_object_foreach(value, key, member)
		{
			const unsigned depth = depth_of(member);
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_decrefp) json_t *root = NULL;
	struct err err = { .text = "" };
	if (json_parse_object((const char *)data, size, &root, &err) != ERR_OK) {
		REQUIRE(!root && err.code == ERR_INVALID && err.text[0] != '\0');
		return 0;
	}

	REQUIRE(json_is_object(root) && depth_of(root) <= JSON_DEPTH_MAX);
	_cleanup_free_ char *text = json_dumps(root, JSON_COMPACT);
	REQUIRE(text);
	_cleanup_(json_decrefp) json_t *again = NULL;
	REQUIRE(json_parse_object(text, strlen(text), &again, NULL) == ERR_OK);
	REQUIRE(json_equal(root, again));
	return 0;
}
