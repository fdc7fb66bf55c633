#include "booking_request.h"

#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 6 /* and a NULL */

/* --- what members there are --- */

struct grammar {
	bool (*is_valid)(const char *text, size_t len);
	size_t bytes_max; /* of a text and its NUL */
	const char *characters;
	const char *choice; /* for one of a few words: what to say whatever else it is */
};

static bool is_mode(const char *text, size_t len)
{
	enum command_type type;

	return len == strlen(text) && command_type_parse(text, &type) &&
	       command_takes_seats(type);
}

static const struct grammar ID = {
	.is_valid = ident_is_valid,
	.bytes_max = IDENT_BYTES_MAX,
	.characters = "may have only letters, digits, '-', '_' and '.'",
};
static const struct grammar SEAT_ID = {
	.is_valid = ident_is_valid_seat,
	.bytes_max = IDENT_BYTES_MAX,
	.characters = "may have only letters, digits, '-', '_', '.' and ':'",
};
static const struct grammar REFERENCE = {
	.is_valid = ident_is_valid_key,
	.bytes_max = PAYMENT_REFERENCE_BYTES_MAX,
	.characters = "may have only printable ASCII characters without spaces",
};
static const struct grammar MODE = {
	.is_valid = is_mode,
	.bytes_max = IDENT_BYTES_MAX,
	.choice = "must be \"hold\" or \"book\"",
};

enum member {
	MEMBER_USER,
	MEMBER_EVENT,
	MEMBER_SEAT,
	MEMBER_SEATS,
	MEMBER_MODE,
	MEMBER_PAYMENT_REFERENCE,
};

/* The first name is the one that is missed when there is none. */
static const struct {
	const char *names[NAMES_MAX + 1];
	const struct grammar *grammar;
	bool is_list;
} MEMBERS[] = {
	[MEMBER_USER] = { { "userId", "user_id" }, &ID, false },
	[MEMBER_EVENT] = { { "eventId", "event_id", "showId", "show_id" }, &ID, false },
	[MEMBER_SEAT] = { { "seatId", "seat_id", "seatNumber", "seat_number" }, &SEAT_ID, false },
	[MEMBER_SEATS] = { { "seatIds", "seat_ids", "seats", "seatNumbers", "seat_numbers" },
			   &SEAT_ID,
			   true },
	[MEMBER_MODE] = { { "mode" }, &MODE, false },
	[MEMBER_PAYMENT_REFERENCE] = { { "paymentReference", "payment_reference" },
				       &REFERENCE,
				       false },
};

/* What a member says: one text, or a list of them. */
struct value {
	size_t count;
	char texts[COMMAND_SEATS_MAX][PAYMENT_REFERENCE_BYTES_MAX];
};

/* --- faults --- */

void booking_faults_add(struct booking_faults *faults, const char *field, const char *detail)
{
	if (faults->count == BOOKING_FAULTS_MAX)
		return;

	struct booking_fault *fault = &faults->items[faults->count++];
	(void)snprintf(fault->field, sizeof(fault->field), "%s", field);
	(void)snprintf(fault->detail, sizeof(fault->detail), "%s", detail);
}

void booking_faults_add_type(struct booking_faults *faults, const char *field, const char *wanted,
			     const json_t *json)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a number with a fraction",
		[JSON_TRUE] = "a boolean",
		[JSON_FALSE] = "a boolean",
		[JSON_NULL] = "null",
	};
	char detail[BOOKING_FAULT_BYTES_MAX];

	(void)snprintf(detail, sizeof(detail), "must be %s, not %s", wanted,
		       kinds[json_typeof(json)]);
	booking_faults_add(faults, field, detail);
}

static void add_text_fault(struct booking_faults *faults, const char *field,
			   const struct grammar *grammar, const char *text, size_t len)
{
	char too_long[BOOKING_FAULT_BYTES_MAX];
	const char *detail = grammar->characters;

	(void)snprintf(too_long, sizeof(too_long), "may have at most %zu characters",
		       grammar->bytes_max - 1);
	if (grammar->choice)
		detail = grammar->choice;
	else if (len == 0)
		detail = "must not be empty";
	else if (len >= grammar->bytes_max)
		detail = too_long;
	else if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		detail = "must not be '.' or '..'";
	booking_faults_add(faults, field, detail);
}

/* --- reading a value --- */

static bool read_text(const json_t *json, const char *field, const struct grammar *grammar,
		      char ret[static PAYMENT_REFERENCE_BYTES_MAX], struct booking_faults *faults)
{
	char number[24];
	const char *text = number;
	size_t len = 0;

	if (json_is_integer(json)) {
		len = (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				       json_integer_value(json));
	} else if (json_is_string(json)) {
		text = json_string_value(json);
		len = json_string_length(json);
	} else {
		booking_faults_add_type(faults, field, "a string or an integer", json);
		return false;
	}
	if (!grammar->is_valid(text, len)) {
		add_text_fault(faults, field, grammar, text, len);
		return false;
	}
	assert(len < PAYMENT_REFERENCE_BYTES_MAX); /* The grammars are shorter. */
	memcpy(ret, text, len + 1);
	return true;
}

static bool has_text(const struct value *value, const char *text)
{
	for (size_t i = 0; i < value->count; i++)
		if (strcmp(value->texts[i], text) == 0)
			return true;
	return false;
}

static bool read_list(const json_t *json, const char *name, const struct grammar *grammar,
		      struct value *ret, struct booking_faults *faults)
{
	const size_t count = json_array_size(json);
	char field[BOOKING_FIELD_BYTES_MAX];
	bool good = true;

	if (!json_is_array(json)) {
		booking_faults_add_type(faults, name, "an array of 1 to 10 seats", json);
		return false;
	}
	if (count < 1 || count > COMMAND_SEATS_MAX) {
		booking_faults_add(faults, name, "must name 1 to 10 seats");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		char *text = ret->texts[ret->count];
		(void)snprintf(field, sizeof(field), "%s[%zu]", name, i);
		if (!read_text(json_array_get(json, i), field, grammar, text, faults)) {
			good = false;
		} else if (has_text(ret, text)) {
			booking_faults_add(faults, field, "names a seat a second time");
			good = false;
		} else {
			ret->count++;
		}
	}
	return good;
}

static bool read_value(enum member member, const json_t *json, const char *name, struct value *ret,
		       struct booking_faults *faults)
{
	ret->count = 0;
	if (MEMBERS[member].is_list)
		return read_list(json, name, MEMBERS[member].grammar, ret, faults);
	if (!read_text(json, name, MEMBERS[member].grammar, ret->texts[0], faults))
		return false;
	ret->count = 1;
	return true;
}

/* The order of seats means nothing; none is named twice. */
static bool is_same(const struct value *a, const struct value *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!has_text(b, a->texts[i]))
			return false;
	return a->count == b->count;
}

/* --- reading a member --- */

enum need { OPTIONAL, REQUIRED };

/* Under any of its names; body NULL: none. False: there is no value to use. */
static bool read_member(const json_t *body, enum member member, enum need need, struct value *ret,
			struct booking_faults *faults)
{
	const char *const *names = MEMBERS[member].names;
	const char *first = NULL;
	bool found = false;

	for (size_t i = 0; names[i]; i++) {
		const json_t *json = json_object_get(body, names[i]);
		struct value value;
		if (!json)
			continue;
		found = true;
		if (!read_value(member, json, names[i], &value, faults))
			continue;
		if (!first) {
			*ret = value;
			first = names[i];
		} else if (!is_same(ret, &value)) {
			char detail[BOOKING_FAULT_BYTES_MAX];
			(void)snprintf(detail, sizeof(detail),
				       "differs from %s, which means the same", first);
			booking_faults_add(faults, names[i], detail);
		}
	}
	if (!found && need == REQUIRED)
		booking_faults_add(faults, names[0], "is required");
	return first != NULL;
}

/* Leaves `ret` alone when there is no value to use. */
static void read_into(const json_t *body, enum member member, enum need need, char *ret,
		      struct booking_faults *faults)
{
	struct value value;

	if (read_member(body, member, need, &value, faults))
		memcpy(ret, value.texts[0], strlen(value.texts[0]) + 1);
}

/* --- reading a request --- */

static void read_one_seat(const json_t *body, const char *asker, struct command *command,
			  struct booking_faults *faults)
{
	command->type = COMMAND_BOOK;
	command->seat_count = 1;
	(void)snprintf(command->user_id, sizeof(command->user_id), "%s", asker);
	read_into(body, MEMBER_USER, asker[0] != '\0' ? OPTIONAL : REQUIRED, command->user_id,
		  faults);
	read_into(body, MEMBER_EVENT, REQUIRED, command->event_id, faults);
	read_into(body, MEMBER_SEAT, REQUIRED, command->seat_ids[0], faults);
}

static void read_seats(const json_t *body, const char *asker, struct command *command,
		       struct booking_faults *faults)
{
	char mode[PAYMENT_REFERENCE_BYTES_MAX];
	struct value seats;

	(void)snprintf(command->user_id, sizeof(command->user_id), "%s",
		       asker[0] != '\0' ? asker : BOOKING_REQUEST_NOBODY);
	read_into(body, MEMBER_USER, OPTIONAL, command->user_id, faults);
	read_into(body, MEMBER_EVENT, REQUIRED, command->event_id, faults);
	if (read_member(body, MEMBER_SEATS, REQUIRED, &seats, faults)) {
		command->seat_count = (unsigned)seats.count;
		for (size_t i = 0; i < seats.count; i++)
			memcpy(command->seat_ids[i], seats.texts[i], strlen(seats.texts[i]) + 1);
	}
	(void)snprintf(mode, sizeof(mode), "%s", command_type_name(COMMAND_HOLD));
	read_into(body, MEMBER_MODE, OPTIONAL, mode, faults);
	const bool is_known = command_type_parse(mode, &command->type);
	assert(is_known);
	(void)is_known; /* Only the assertion reads it. */
}

static void read_action(const json_t *body, enum command_type type, struct command *command,
			struct booking_faults *faults)
{
	command->type = type;
	read_into(body, MEMBER_USER, OPTIONAL, command->user_id, faults);
	if (type == COMMAND_CONFIRM)
		read_into(body, MEMBER_PAYMENT_REFERENCE, OPTIONAL, command->payment_reference,
			  faults);
}

static void read_event_end(const json_t *body, const char *asker, struct command *command,
			   struct booking_faults *faults)
{
	command->type = COMMAND_CANCEL_EVENT;
	(void)snprintf(command->user_id, sizeof(command->user_id), "%s",
		       asker[0] != '\0' ? asker : BOOKING_REQUEST_NOBODY);
	read_into(body, MEMBER_USER, OPTIONAL, command->user_id, faults);
}

static void read_form(enum booking_form form, const json_t *body, const char *asker,
		      struct command *command, struct booking_faults *faults)
{
	switch (form) {
	case BOOKING_FORM_ONE_SEAT:
		read_one_seat(body, asker, command, faults);
		return;
	case BOOKING_FORM_SEATS:
		read_seats(body, asker, command, faults);
		return;
	case BOOKING_FORM_CANCEL_EVENT:
		read_event_end(body, asker, command, faults);
		return;
	case BOOKING_FORM_CONFIRM:
		read_action(body, COMMAND_CONFIRM, command, faults);
		return;
	case BOOKING_FORM_EXTEND:
		read_action(body, COMMAND_EXTEND, command, faults);
		return;
	case BOOKING_FORM_CANCEL:
		read_action(body, COMMAND_CANCEL, command, faults);
		return;
	case BOOKING_FORM_COUNT:
	default:
		assert(!"a form that exists");
	}
}

static bool has_body(enum booking_form form, size_t len)
{
	return len > 0 || form == BOOKING_FORM_ONE_SEAT || form == BOOKING_FORM_SEATS;
}

bool booking_request_read_user(const json_t *body, char ret[static IDENT_BYTES_MAX],
			       struct booking_faults *faults)
{
	const size_t before = faults->count;

	read_into(body, MEMBER_USER, OPTIONAL, ret, faults);
	return faults->count == before;
}

bool booking_request_read_seat(const json_t *json, const char *field,
			       char ret[static IDENT_BYTES_MAX], struct booking_faults *faults)
{
	char text[PAYMENT_REFERENCE_BYTES_MAX];

	if (!read_text(json, field, &SEAT_ID, text, faults))
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

err_code booking_request_parse(enum booking_form form, const char *asker, const char *body,
			       size_t len, struct command *ret, struct booking_faults *ret_faults,
			       struct err *err)
{
	assert(asker && body && ret && ret_faults);

	_cleanup_(json_decrefp) json_t *root = NULL;
	const err_code code =
		has_body(form, len) ? json_parse_object(body, len, &root, err) : ERR_OK;
	if (code != ERR_OK)
		return code;

	struct command command = { .type = COMMAND_BOOK };
	struct booking_faults faults = { 0 };
	read_form(form, root, asker, &command, &faults);
	if (faults.count > 0) {
		*ret_faults = faults;
		return err_set(err, ERR_CONFLICT, "%zu members are wrong, first %s", faults.count,
			       faults.items[0].field);
	}
	*ret = command;
	return ERR_OK;
}
