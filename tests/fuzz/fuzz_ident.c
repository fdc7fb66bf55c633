/*
 * Ids never need escaping: in a path, a JSON string, a Redis key or an array literal of PostgreSQL.
 * What one grammar accepts, the wider ones accept too.
 */
#include "fuzz.h"

#include "clock.h"
#include "ident.h"

#include <string.h>

static void check_time(const char *bytes, size_t size)
{
	char text[64];
	if (size >= sizeof(text))
		return;
	memcpy(text, bytes, size);
	text[size] = '\0';

	int64_t wall_ms, again_ms;
	char written[CLOCK_TEXT_BYTES_MAX];
	if (clock_parse(text, &wall_ms, NULL) != ERR_OK)
		return;
	clock_format(wall_ms, written);
	REQUIRE(clock_parse(written, &again_ms, NULL) == ERR_OK && wall_ms == again_ms);
	REQUIRE(strncmp(text, written, strlen("2026-03-01T19:30:00")) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const bool id = ident_is_valid(text, size), seat = ident_is_valid_seat(text, size);
	const bool key = ident_is_valid_key(text, size);
	const bool request_id = ident_is_valid_request_id(text, size);
	const bool traceparent = ident_is_valid_traceparent(text, size);

	REQUIRE(!id || seat);
	REQUIRE(!seat || (key && request_id && size < IDENT_BYTES_MAX));
	REQUIRE(!traceparent || (id && size < TRACEPARENT_BYTES_MAX));
	REQUIRE(!request_id || (key && size < REQUEST_ID_BYTES_MAX));
	REQUIRE(!key || (size > 0 && size < IDEMPOTENCY_KEY_BYTES_MAX));
	for (size_t i = 0; i < size; i++)
		REQUIRE(!seat || (text[i] > ' ' && !strchr("/\\\"'{},%?#|", text[i])));
	check_time(text, size);
	return 0;
}
