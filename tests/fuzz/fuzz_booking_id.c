/* What is accepted has the canonical form, reads back as itself and has a partition. */
#include "fuzz.h"

#include "booking_id.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct booking_id_key key = { .bytes = { 1, 2, 3 } };
	struct err err = { .text = "" };
	REQUIRE(booking_id_init(&err) == ERR_OK);

	struct booking_id id, again;
	if (booking_id_parse((const char *)data, size, &id, &err) != ERR_OK) {
		REQUIRE(err.code == ERR_INVALID && err.text[0] != '\0');
		return 0;
	}

	REQUIRE(strlen(id.text) == BOOKING_ID_BYTES_MAX - 1);
	REQUIRE(strspn(id.text, "0123456789abcdef-") == BOOKING_ID_BYTES_MAX - 1);
	REQUIRE(booking_id_parse(id.text, strlen(id.text), &again, NULL) == ERR_OK);
	REQUIRE(strcmp(id.text, again.text) == 0);
	for (int32_t count = 1; count < 100; count++) {
		const int32_t partition = booking_id_partition(&id, count);
		REQUIRE(partition >= 0 && partition < count);
	}
	(void)booking_id_was_issued(&key, &id); /* Only that it can be asked. */
	(void)booking_id_is_of(&key, &id, "u1");
	return 0;
}
