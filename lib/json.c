#include "json.h"

#include <assert.h>

/* Nesting counted as the grammar does, without a parser's stack: brackets outside strings. */
static bool is_too_deep(const char *bytes, size_t len)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		const char c = bytes[i];
		if (in_string && c == '\\')
			i++; /* Whatever follows does not end the string. */
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

/* Our words for jansson's codes: its own text quotes the input. */
static const char *what_went_wrong(enum json_error_code code)
{
	/* Only what the decoder can say; the rest are codes of the packing functions. */
	switch ((int)code) {
	case json_error_invalid_utf8:
		return "invalid UTF-8";
	case json_error_premature_end_of_input:
		return "the text ends too early";
	case json_error_end_of_input_expected:
		return "more text after the end";
	case json_error_duplicate_key:
		return "a member is named twice";
	case json_error_numeric_overflow:
		return "a number is too big";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a string holds a NUL";
	case json_error_stack_overflow:
		return "nested too deep";
	default:
		return "syntax error";
	}
}

err_code json_parse_object(const char *bytes, size_t len, json_t **ret, struct err *err)
{
	assert((bytes || len == 0) && ret);

	if (len == 0)
		return err_set(err, ERR_INVALID, "not JSON: there is no text");
	if (is_too_deep(bytes, len))
		return err_set(err, ERR_INVALID, "nested deeper than %d levels", JSON_DEPTH_MAX);

	json_error_t wrong;
	_cleanup_(json_decrefp) json_t *root =
		json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
	if (!root && json_error_code(&wrong) == json_error_out_of_memory)
		return err_set(err, ERR_UNAVAILABLE, "out of memory");
	if (!root)
		return err_set(err, ERR_INVALID, "not JSON: %s, at line %d, column %d",
			       what_went_wrong(json_error_code(&wrong)), wrong.line, wrong.column);
	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "not a JSON object");

	*ret = STEAL(root);
	return ERR_OK;
}
