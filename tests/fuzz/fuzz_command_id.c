/*
 * What is accepted is in canonical form already and reads back as itself; what is made of any text
 * is such an id, the same each time, and another one for another purpose.
 */
#include "fuzz.h"

#include "command_id.h"

#include <string.h>

#define TEXT_BYTES_MAX 256

static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
static const struct booking_id BOOKING = { "01bc8edb-e484-84f4-a687-74f5048b5e97" };

static void check_made(const struct command_id *id, const struct command_id *again)
{
	struct command_id read;

	REQUIRE(strcmp(id->text, again->text) == 0);
	REQUIRE(command_id_parse(id->text, strlen(id->text), &read, NULL) == ERR_OK);
	REQUIRE(strcmp(id->text, read.text) == 0);
}

static void check_parts(const char *text)
{
	const struct command_id derived = command_id_derive(&KEY, &BOOKING, text, text);
	const struct command_id derived_again = command_id_derive(&KEY, &BOOKING, text, text);
	const struct command_id retryable = command_id_make_retryable(&KEY, &BOOKING, 1, text);
	const struct command_id retryable_again =
		command_id_make_retryable(&KEY, &BOOKING, 1, text);
	const struct command_id of_key = command_id_of_key(&KEY, text, text);
	const struct command_id of_key_again = command_id_of_key(&KEY, text, text);

	check_made(&derived, &derived_again);
	check_made(&retryable, &retryable_again);
	check_made(&of_key, &of_key_again);
	REQUIRE(strcmp(derived.text, retryable.text) != 0);
	REQUIRE(strcmp(derived.text, of_key.text) != 0);
	/* Where one part ends and the next begins counts. */
	if (text[0] != '\0') {
		const struct command_id moved = command_id_derive(&KEY, &BOOKING, "", text);
		REQUIRE(strcmp(derived.text, moved.text) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_BYTES_MAX];
	struct err err = { .text = "" };
	struct command_id id = { "untouched" };

	REQUIRE(booking_id_init(&err) == ERR_OK);
	if (size < sizeof(text)) {
		memcpy(text, data, size);
		text[size] = '\0';
		check_parts(text);
	}
	if (command_id_parse((const char *)data, size, &id, &err) != ERR_OK) {
		REQUIRE(err.code == ERR_INVALID && err.text[0] != '\0');
		REQUIRE(strcmp(id.text, "untouched") == 0);
		return 0;
	}
	REQUIRE(size == COMMAND_ID_BYTES_MAX - 1 && memcmp(id.text, data, size) == 0);
	REQUIRE(strlen(id.text) == size);
	return 0;
}
