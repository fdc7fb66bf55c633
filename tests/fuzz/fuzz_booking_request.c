/*
 * The first byte chooses the form ('0' the first), the rest is the body. What is accepted is a
 * command that can be written and read back; what is refused says why, within its bounds.
 */
#include "fuzz.h"

#include "booking_request.h"

#include <string.h>

static const struct booking_id BOOKING = { "01bc8edb-e484-84f4-a687-74f5048b5e97" };
static const struct command_id ID = { "5a0b8edb-e484-84f4-a687-74f5048b5e97" };

static void check_faults(const struct booking_faults *faults)
{
	REQUIRE(faults->count >= 1 && faults->count <= BOOKING_FAULTS_MAX);
	for (size_t i = 0; i < faults->count; i++) {
		const struct booking_fault *fault = &faults->items[i];
		REQUIRE(fault->field[0] != '\0' && fault->detail[0] != '\0');
		/* Neither was cut, and neither repeats what the client sent. */
		REQUIRE(strlen(fault->field) < BOOKING_FIELD_BYTES_MAX - 1);
		REQUIRE(strlen(fault->detail) < BOOKING_FAULT_BYTES_MAX - 1);
	}
}

static void check_form(enum booking_form form, enum command_type type)
{
	switch (form) {
	case BOOKING_FORM_ONE_SEAT:
		REQUIRE(type == COMMAND_BOOK);
		return;
	case BOOKING_FORM_SEATS:
		REQUIRE(command_takes_seats(type));
		return;
	case BOOKING_FORM_CONFIRM:
		REQUIRE(type == COMMAND_CONFIRM);
		return;
	case BOOKING_FORM_EXTEND:
		REQUIRE(type == COMMAND_EXTEND);
		return;
	case BOOKING_FORM_CANCEL:
		REQUIRE(type == COMMAND_CANCEL);
		return;
	case BOOKING_FORM_CANCEL_EVENT:
		REQUIRE(type == COMMAND_CANCEL_EVENT);
		return;
	case BOOKING_FORM_COUNT:
	default:
		REQUIRE(!"a form that exists");
	}
}

/* What write-api accepts, the worker can read. */
static void check_command(struct command *command)
{
	_cleanup_(strbuf_done) struct strbuf written, again;
	struct command read;

	command->booking_id = BOOKING;
	if (command->type == COMMAND_CANCEL_EVENT)
		(void)snprintf(command->event_id, sizeof(command->event_id), "e1");
	if (!command_makes_booking(command->type))
		command->id = ID;
	strbuf_init(&written, COMMAND_BYTES_MAX);
	strbuf_init(&again, COMMAND_BYTES_MAX);
	command_encode(command, &written);
	REQUIRE(!written.overflow);
	REQUIRE(command_decode(written.data, written.len, &read, NULL) == ERR_OK);
	command_encode(&read, &again);
	REQUIRE(written.len == again.len && memcmp(written.data, again.data, again.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct booking_faults faults = { 0 };
	struct err err = { .text = "" };
	struct command command;

	if (size == 0)
		return 0;
	const enum booking_form form =
		(enum booking_form)((unsigned)(data[0] - '0') % BOOKING_FORM_COUNT);
	switch ((int)booking_request_parse(form, "", (const char *)data + 1, size - 1, &command,
					   &faults, &err)) {
	case ERR_OK:
		check_form(form, command.type);
		check_command(&command);
		return 0;
	case ERR_CONFLICT:
		check_faults(&faults);
		return 0;
	default:
		REQUIRE(err.code == ERR_INVALID && err.text[0] != '\0');
		return 0;
	}
}
