#include "command.h"

#include "clock.h"
#include "json.h"

#include <assert.h>
#include <string.h>

static const char *const type_names[COMMAND_TYPE_COUNT] = {
	[COMMAND_BOOK] = "book",
	[COMMAND_HOLD] = "hold",
	[COMMAND_CONFIRM] = "confirm",
	[COMMAND_EXTEND] = "extend",
	[COMMAND_CANCEL] = "cancel",
	[COMMAND_BLOCK] = "block",
	[COMMAND_UNBLOCK] = "unblock",
	[COMMAND_CANCEL_EVENT] = "cancel_event",
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

/* An IP address as inet_ntop writes it, or near enough: it is for people to read. */
static bool is_address(const char *text, size_t len)
{
	static const char characters[] = "0123456789abcdefABCDEF.:";

	for (size_t i = 0; i < len; i++) /* The text ends in no NUL. */
		if (!memchr(characters, text[i], sizeof(characters) - 1))
			return false;
	return len > 0 && len < COMMAND_ADDRESS_BYTES_MAX;
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
		if (command_names_seats(command->type))
			add_seats(out, command);
		add_member(out, "idempotencyKey", command->idempotency_key.text);
	} else {
		add_member(out, "commandId", command->id.text);
		add_member(out, "paymentReference", command->payment_reference);
	}
	add_member(out, "userId", command->user_id);
	add_member(out, "actor", command->actor);
	if (is_address(command->address, strlen(command->address)))
		add_member(out, "address", command->address);
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
	const char *text = NULL;
	size_t len = 0;
	const err_code code = get_text(object, "type", &text, &len, err);
	if (code != ERR_OK)
		return code;

	if (len == strlen(text) && command_type_parse(text, ret))
		return ERR_OK;
	return err_set(err, ERR_INVALID, "type is not one that is known");
}

static err_code get_booking_id(const json_t *object, struct booking_id *ret, struct err *err)
{
	const char *text = NULL;
	size_t len = 0;
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
	const char *text = NULL;
	size_t len = 0;
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
	const char *text = NULL;
	size_t len = 0;
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
	const char *text = NULL;
	size_t len = 0;
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
	const char *text = NULL;
	size_t len = 0;
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

static err_code get_address(const json_t *object, struct command *command, struct err *err)
{
	const char *text = NULL;
	size_t len = 0;
	const err_code code = get_text(object, "address", &text, &len, err);
	if (code != ERR_OK)
		return code;
	if (!is_address(text, len))
		return err_set(err, ERR_INVALID, "address is no IP address");

	memcpy(command->address, text, len + 1);
	return ERR_OK;
}

/* Who asked for it and from where, each where it is said. */
static err_code get_origin(const json_t *object, struct command *command, struct err *err)
{
	err_code code = ERR_OK;

	if (json_object_get(object, "actor"))
		code = get_ident(object, "actor", command->actor, err);
	if (code == ERR_OK && json_object_get(object, "address"))
		code = get_address(object, command, err);
	return code;
}

/* What a command has that makes a booking. */
static err_code get_making(const json_t *object, struct command *command, struct err *err)
{
	err_code code = get_ident(object, "eventId", command->event_id, err);
	if (code == ERR_OK && command_names_seats(command->type))
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

/* ---- As command_encode writes it ---- */

/* What is left to read. */
struct rest {
	const char *at, *end;
};

static bool skip(struct rest *rest, const char *text)
{
	const size_t len = strlen(text);

	if ((size_t)(rest->end - rest->at) < len || memcmp(rest->at, text, len) != 0)
		return false;
	rest->at += len;

	return true;
}

/* Up to the next quote, and past it. Whoever allows no backslash in it has the whole string. */
static bool read_string(struct rest *rest, const char **ret, size_t *ret_len)
{
	const char *const quote = memchr(rest->at, '"', (size_t)(rest->end - rest->at));
	if (!quote)
		return false;

	*ret = rest->at;
	*ret_len = (size_t)(quote - rest->at);
	rest->at = quote + 1;

	return true;
}

static bool read_ident(struct rest *rest, bool (*is_valid)(const char *, size_t),
		       char ret[static IDENT_BYTES_MAX])
{
	const char *text = NULL;
	size_t len = 0;

	if (!read_string(rest, &text, &len) || !is_valid(text, len))
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';

	return true;
}

static bool read_type(struct rest *rest, enum command_type *ret)
{
	if (skip(rest, "{\"type\":\"book\""))
		*ret = COMMAND_BOOK;
	else if (skip(rest, "{\"type\":\"hold\""))
		*ret = COMMAND_HOLD;
	else
		return false;
	return true;
}

static bool read_booking_id(struct rest *rest, struct booking_id *ret)
{
	const char *text = NULL;
	size_t len = 0;

	return skip(rest, ",\"bookingId\":\"") && read_string(rest, &text, &len) &&
	       booking_id_parse(text, len, ret, NULL) == ERR_OK;
}

static bool read_seats(struct rest *rest, struct command *command)
{
	if (!skip(rest, ",\"seatIds\":["))
		return false;
	do {
		char seat_id[IDENT_BYTES_MAX];
		if (command->seat_count == COMMAND_SEATS_MAX || !skip(rest, "\"") ||
		    !read_ident(rest, ident_is_valid_seat, seat_id) || has_seat(command, seat_id))
			return false;
		memcpy(command->seat_ids[command->seat_count++], seat_id, sizeof(seat_id));
	} while (skip(rest, ","));

	return skip(rest, "]");
}

static bool read_key(struct rest *rest, struct command_id *ret)
{
	const char *text = NULL;
	size_t len = 0;

	if (!skip(rest, ",\"idempotencyKey\":\""))
		return true;
	return read_string(rest, &text, &len) && command_id_parse(text, len, ret, NULL) == ERR_OK;
}

static bool read_actor(struct rest *rest, struct command *command)
{
	return !skip(rest, ",\"actor\":\"") ||
	       read_ident(rest, ident_is_valid, command->actor);
}

static bool read_address(struct rest *rest, struct command *command)
{
	const char *text = NULL;
	size_t len = 0;

	if (!skip(rest, ",\"address\":\""))
		return true;
	if (!read_string(rest, &text, &len) || !is_address(text, len))
		return false;
	memcpy(command->address, text, len);
	command->address[len] = '\0';

	return true;
}

static bool read_time(struct rest *rest, int64_t *ret)
{
	char copy[CLOCK_TEXT_BYTES_MAX];
	const char *text = NULL;
	size_t len = 0;

	if (!skip(rest, ",\"requestedAt\":\"") || !read_string(rest, &text, &len) ||
	    len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';

	return clock_parse(copy, ret, NULL) == ERR_OK;
}

/* A command that takes seats, in the words and the order of command_encode: nearly all are, and
 * reading them needs no tree. False for all else, also for what is wrong. */
static bool decode_usual(const char *bytes, size_t len, struct command *ret)
{
	struct rest rest = { .at = bytes, .end = bytes + len };
	struct command command = { .type = COMMAND_BOOK };

	if (!read_type(&rest, &command.type) || !read_booking_id(&rest, &command.booking_id) ||
	    !skip(&rest, ",\"eventId\":\"") ||
	    !read_ident(&rest, ident_is_valid, command.event_id) || !read_seats(&rest, &command) ||
	    !read_key(&rest, &command.idempotency_key) || !skip(&rest, ",\"userId\":\"") ||
	    !read_ident(&rest, ident_is_valid, command.user_id) ||
	    !read_actor(&rest, &command) || !read_address(&rest, &command) ||
	    !read_time(&rest, &command.requested_at_ms) || !skip(&rest, "}") ||
	    rest.at != rest.end)
		return false;
	*ret = command;

	return true;
}

/* ---- In any form ---- */

err_code command_decode(const char *bytes, size_t len, struct command *ret, struct err *err)
{
	assert((bytes || len == 0) && ret);

	if (len > COMMAND_BYTES_MAX)
		return err_set(err, ERR_INVALID, "longer than %d bytes", COMMAND_BYTES_MAX);
	if (len > 0 && decode_usual(bytes, len, ret))
		return ERR_OK;

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
		code = get_origin(object, &command, err);
	if (code == ERR_OK)
		code = get_time(object, &command.requested_at_ms, err);
	if (code == ERR_OK)
		*ret = command;
	return code;
}
