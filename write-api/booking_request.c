#include "booking_request.h"

#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS_DIGITS_MAX     15
#define SECOND_DIGITS_MAX 12

static void add_fault(struct booking_faults *faults, const char *field, const char *detail)
{
	assert(faults->count < BOOKING_FAULTS_MAX);

	struct booking_fault *fault = &faults->items[faults->count++];
	fault->field = field;
	(void)snprintf(fault->detail, sizeof(fault->detail), "%s", detail);
}

static const char *type_fault(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "must be a string or an integer, not an object";
	case JSON_ARRAY:
		return "must be a string or an integer, not an array";
	case JSON_REAL:
		return "must be a string or an integer, not a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "must be a string or an integer, not a boolean";
	case JSON_NULL:
		return "must be a string or an integer, not null";
	case JSON_STRING:
	case JSON_INTEGER:
	default:
		return NULL;
	}
}

typedef bool is_valid_id(const char *text, size_t len);

static const char *text_fault(const char *text, size_t len, is_valid_id *is_valid)
{
	if (is_valid(text, len))
		return NULL;
	if (len == 0)
		return "must not be empty";
	if (len >= IDENT_BYTES_MAX)
		return "may have at most 64 characters";
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "must not be '.' or '..'";
	return is_valid == ident_is_valid_seat
		       ? "may have only letters, digits, '-', '_', '.' and ':'"
		       : "may have only letters, digits, '-', '_' and '.'";
}

static void read_id(const json_t *body, const char *field, is_valid_id *is_valid,
		    char ret[static IDENT_BYTES_MAX], struct booking_faults *faults)
{
	const json_t *value = json_object_get(body, field);
	if (!value) {
		add_fault(faults, field, "is required");
		return;
	}
	const char *fault = type_fault(value);
	if (fault) {
		add_fault(faults, field, fault);
		return;
	}
	if (json_is_integer(value)) {
		(void)snprintf(ret, IDENT_BYTES_MAX, "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
		return;
	}
	const char *text = json_string_value(value);
	fault = text_fault(text, json_string_length(value), is_valid);
	if (fault)
		add_fault(faults, field, fault);
	else
		(void)snprintf(ret, IDENT_BYTES_MAX, "%s", text);
}

err_code booking_request_parse(const char *body, size_t len, struct command *ret,
			       struct booking_faults *ret_faults, struct err *err)
{
	assert(body && ret && ret_faults);

	_cleanup_(json_decrefp) json_t *root = NULL;
	const err_code code = json_parse_object(body, len, &root, err);
	if (code != ERR_OK)
		return code;

	struct command command = { .type = COMMAND_BOOK, .seat_count = 1 };
	struct booking_faults faults = { 0 };
	read_id(root, "userId", ident_is_valid, command.user_id, &faults);
	read_id(root, "eventId", ident_is_valid, command.event_id, &faults);
	read_id(root, "seatId", ident_is_valid_seat, command.seat_ids[0], &faults);
	if (faults.count > 0) {
		*ret_faults = faults;
		return err_set(err, ERR_CONFLICT, "%zu members are wrong, first %s", faults.count,
			       faults.items[0].field);
	}
	*ret = command;
	return ERR_OK;
}

/* Reads text[0..len), len > 0, all digits. */
static int64_t read_number(const char *text, size_t len)
{
	int64_t number = 0;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

bool gateway_request_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
			   const char **ret_request_id)
{
	static const char digits[] = "0123456789";
	const size_t whole = strspn(text, digits);
	int64_t ms;

	if (whole == 0 || whole > MS_DIGITS_MAX)
		return false;
	if (text[whole] == '.') {
		if (whole > SECOND_DIGITS_MAX || strspn(text + whole + 1, digits) != 3)
			return false;
		ms = read_number(text, whole) * 1000 + read_number(text + whole + 1, 3);
		text += whole + 4;
	} else {
		ms = read_number(text, whole);
		text += whole;
	}
	if (*text != '-' || !ident_is_valid_request_id(text + 1, strlen(text + 1)))
		return false;
	if (ms < now_ms - GATEWAY_CLOCK_DIFF_MS_MAX || ms > now_ms + GATEWAY_CLOCK_DIFF_MS_MAX)
		return false;
	*ret_ms = ms;
	*ret_request_id = text + 1;
	return true;
}
