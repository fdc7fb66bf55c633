#include "command.h"

#include "clock.h"
#include "json.h"

#include <assert.h>
#include <string.h>

static const char *const type_names[COMMAND_TYPE_COUNT] = {
	[COMMAND_BOOK] = "book",       [COMMAND_HOLD] = "hold",     [COMMAND_CONFIRM] = "confirm",
	[COMMAND_EXTEND] = "extend",   [COMMAND_CANCEL] = "cancel",
};

const char *command_type_name(enum command_type type)
{
	return type < COMMAND_TYPE_COUNT ? type_names[type] : "unknown";
}

bool command_type_parse(const char *text, enum command_type *ret)
{
	for (size_t i = 0; i < COMMAND_TYPE_COUNT; i++) {
		if (strcmp(text, type_names[i]) == 0) {
			*ret = (enum command_type)i;
			return true;
		}
	}
	return false;
}

/* A member after another one; "" leaves it out. */
static void add_member(struct strbuf *out, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	strbuf_add_char(out, ',');
	strbuf_add_json(out, name);
	strbuf_add_char(out, ':');
	strbuf_add_json(out, text);
}

static void add_seats(struct strbuf *out, const struct command *command)
{
	assert(command->seat_count >= 1 && command->seat_count <= COMMAND_SEATS_MAX);

	strbuf_add_text(out, ",\"seatIds\":[");
	for (unsigned i = 0; i < command->seat_count; i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, command->seat_ids[i]);
	}
	strbuf_add_char(out, ']');
}

void command_encode(const struct command *command, struct strbuf *out)
{
	assert(command && out);
	assert(command->type < COMMAND_TYPE_COUNT);

	char requested_at[CLOCK_TEXT_BYTES_MAX];
	clock_format(command->requested_at_ms, requested_at);

	strbuf_add_text(out, "{\"type\":");
	strbuf_add_json(out, type_names[command->type]);
	add_member(out, "bookingId", command->booking_id.text);
	if (command_makes_booking(command->type)) {
		add_member(out, "eventId", command->event_id);
		add_seats(out, command);
		add_member(out, "idempotencyKey", command->idempotency_key.text);
	} else {
		add_member(out, "commandId", command->id.text);
		add_member(out, "paymentReference", command->payment_reference);
	}
	add_member(out, "userId", command->user_id);
	add_member(out, "requestedAt", requested_at);
	strbuf_add_char(out, '}');
}

/* The text of a member that must be a string. */
static err_code get_text(const json_t *object, const char *name, const char **ret, size_t *ret_len,
			 struct err *err)
{
	const json_t *member = json_object_get(object, name);
	if (!member)
		return err_set(err, ERR_INVALID, "%s is missing", name);
	if (!json_is_string(member))
		return err_set(err, ERR_INVALID, "%s is not a string", name);

	*ret = json_string_value(member);
	*ret_len = json_string_length(member);
	return ERR_OK;
}

static err_code get_type(const json_t *object, enum command_type *ret, struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, "type", &text, &len, err);
	if (code != ERR_OK)
		return code;

	if (len == strlen(text) && command_type_parse(text, ret))
		return ERR_OK;
	return err_set(err, ERR_INVALID, "type is not one that is known");
}

static err_code get_booking_id(const json_t *object, struct booking_id *ret, struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, "bookingId", &text, &len, err);
	if (code != ERR_OK)
		return code;

	struct err why;
	if (booking_id_parse(text, len, ret, &why) != ERR_OK)
		return err_set(err, ERR_INVALID, "bookingId: %s", why.text);
	return ERR_OK;
}

static err_code get_ident(const json_t *object, const char *name, char ret[static IDENT_BYTES_MAX],
			  struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, name, &text, &len, err);
	if (code != ERR_OK)
		return code;
	if (!ident_is_valid(text, len))
		return err_set(err, ERR_INVALID, "%s is not 1 to 64 of A-Z a-z 0-9 - _ .", name);

	memcpy(ret, text, len + 1);
	return ERR_OK;
}

static bool has_seat(const struct command *command, const char *seat_id)
{
	for (unsigned i = 0; i < command->seat_count; i++)
		if (strcmp(command->seat_ids[i], seat_id) == 0)
			return true;
	return false;
}

static err_code get_seats(const json_t *object, struct command *command, struct err *err)
{
	const json_t *seats = json_object_get(object, "seatIds");
	if (!seats)
		return err_set(err, ERR_INVALID, "seatIds is missing");
	if (!json_is_array(seats))
		return err_set(err, ERR_INVALID, "seatIds is not an array");
	const size_t count = json_array_size(seats);
	if (count < 1 || count > COMMAND_SEATS_MAX)
		return err_set(err, ERR_INVALID, "seatIds has %zu seats, not 1 to %d", count,
			       COMMAND_SEATS_MAX);

	command->seat_count = 0;
	for (unsigned i = 0; i < count; i++) {
		const json_t *seat = json_array_get(seats, i);
		if (!json_is_string(seat))
			return err_set(err, ERR_INVALID, "seatIds[%u] is not a string", i);
		const char *text = json_string_value(seat);
		const size_t len = json_string_length(seat);
		if (!ident_is_valid_seat(text, len))
			return err_set(err, ERR_INVALID,
				       "seatIds[%u] is not 1 to 64 of A-Z a-z 0-9 - _ . :", i);
		if (has_seat(command, text))
			return err_set(err, ERR_INVALID, "seatIds[%u] names a seat a second time",
				       i);
		memcpy(command->seat_ids[i], text, len + 1);
		command->seat_count++;
	}
	return ERR_OK;
}

static err_code get_time(const json_t *object, int64_t *ret, struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, "requestedAt", &text, &len, err);
	if (code != ERR_OK)
		return code;

	struct err why;
	if (clock_parse(text, ret, &why) != ERR_OK)
		return err_set(err, ERR_INVALID, "requestedAt: %s", why.text);
	return ERR_OK;
}

static err_code get_command_id(const json_t *object, const char *name, struct command_id *ret,
			       struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, name, &text, &len, err);
	if (code != ERR_OK)
		return code;

	struct err why;
	if (command_id_parse(text, len, ret, &why) != ERR_OK)
		return err_set(err, ERR_INVALID, "%s: %s", name, why.text);
	return ERR_OK;
}

static err_code get_payment_reference(const json_t *object, struct command *command,
				      struct err *err)
{
	const char *text;
	size_t len;
	const err_code code = get_text(object, "paymentReference", &text, &len, err);
	if (code != ERR_OK)
		return code;
	if (!ident_is_valid_key(text, len))
		return err_set(err, ERR_INVALID,
			       "paymentReference is not 1 to %d printable ASCII characters",
			       PAYMENT_REFERENCE_BYTES_MAX - 1);

	memcpy(command->payment_reference, text, len + 1);
	return ERR_OK;
}

/* What a command has that makes a booking. */
static err_code get_making(const json_t *object, struct command *command, struct err *err)
{
	err_code code = get_ident(object, "eventId", command->event_id, err);
	if (code == ERR_OK)
		code = get_seats(object, command, err);
	if (code == ERR_OK)
		code = get_ident(object, "userId", command->user_id, err);
	if (code == ERR_OK && json_object_get(object, "idempotencyKey"))
		code = get_command_id(object, "idempotencyKey", &command->idempotency_key, err);
	return code;
}

/* What a command has that acts on one. */
static err_code get_acting(const json_t *object, struct command *command, struct err *err)
{
	err_code code = get_command_id(object, "commandId", &command->id, err);
	if (code == ERR_OK && json_object_get(object, "userId"))
		code = get_ident(object, "userId", command->user_id, err);
	if (code == ERR_OK && command->type == COMMAND_CONFIRM &&
	    json_object_get(object, "paymentReference"))
		code = get_payment_reference(object, command, err);
	return code;
}

err_code command_decode(const char *bytes, size_t len, struct command *ret, struct err *err)
{
	assert((bytes || len == 0) && ret);

	if (len > COMMAND_BYTES_MAX)
		return err_set(err, ERR_INVALID, "longer than %d bytes", COMMAND_BYTES_MAX);

	_cleanup_(json_decrefp) json_t *object = NULL;
	struct command command = { .type = COMMAND_BOOK };
	err_code code = json_parse_object(bytes, len, &object, err);
	if (code == ERR_OK)
		code = get_type(object, &command.type, err);
	if (code == ERR_OK)
		code = get_booking_id(object, &command.booking_id, err);
	if (code == ERR_OK)
		code = command_makes_booking(command.type) ? get_making(object, &command, err)
							   : get_acting(object, &command, err);
	if (code == ERR_OK)
		code = get_time(object, &command.requested_at_ms, err);
	if (code == ERR_OK)
		*ret = command;
	return code;
}
