/* What decodes can be written, and what was written decodes to the same command. */
#include "fuzz.h"

#include "command.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command command;
	struct err err = { .text = "" };
	if (command_decode((const char *)data, size, &command, &err) != ERR_OK) {
		REQUIRE(err.code == ERR_INVALID && err.text[0] != '\0');
		return 0;
	}

	_cleanup_(strbuf_done) struct strbuf written, again;
	strbuf_init(&written, COMMAND_BYTES_MAX);
	strbuf_init(&again, COMMAND_BYTES_MAX);
	command_encode(&command, &written);
	REQUIRE(!written.overflow);

	struct command read;
	REQUIRE(command_decode(written.data, written.len, &read, NULL) == ERR_OK);
	command_encode(&read, &again);
	REQUIRE(written.len == again.len && memcmp(written.data, again.data, again.len) == 0);
	REQUIRE(read.requested_at_ms == command.requested_at_ms);
	REQUIRE(read.seat_count == command.seat_count && read.type == command.type);
	return 0;
}
