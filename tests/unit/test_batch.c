/* What of a message is a command, and what is not and why. */
#include "batch.h"

#include <criterion/criterion.h>
#include <string.h>

static const char good[] =
	"{\"type\":\"book\",\"bookingId\":\"00000000-0000-8000-8000-000000000001\","
	"\"eventId\":\"e\",\"seatIds\":[\"A1\"],\"userId\":\"u\","
	"\"requestedAt\":\"2026-03-01T19:30:00.000Z\"}";

static struct source_message message(const char *value)
{
	return (struct source_message){ .offset = 5,
					.value = value,
					.value_len = value ? strlen(value) : 0 };
}

static void add_header(struct source_message *to, const char *name, const char *value)
{
	to->headers[to->header_count++] =
		(struct source_header){ .name = name, .value = value, .len = strlen(value) };
}

Test(batch, decodes_a_command_with_and_without_the_known_version)
{
	struct source_message plain = message(good);
	struct source_message versioned = message(good);
	static struct batch_item item;
	add_header(&versioned, "schema-version", "1");
	add_header(&versioned, "x-request-id", "r-1");

	batch_decode_item(&plain, &item);
	cr_expect(item.is_command, "%s", item.reason);
	cr_expect_str_eq(item.request_id, "");

	batch_decode_item(&versioned, &item);
	cr_expect(item.is_command, "%s", item.reason);
	cr_expect_str_eq(item.request_id, "r-1");
	cr_expect_str_eq(item.command.seat_ids[0], "A1");
	cr_expect_not(item.lettered);
}

Test(batch, sets_aside_with_a_reason_what_is_no_command)
{
	static const struct {
		const char *value;
		const char *version;
		const char *reason;
	} cases[] = {
		{ NULL, NULL, "no value" },
		{ "", NULL, "" },
		{ "not json", NULL, "" },
		{ "{}", NULL, "type" },
		{ "[]", NULL, "" },
		{ good, "2", "schema-version" },
		{ good, "", "schema-version" },
		{ good, "11", "schema-version" },
		{ "{\"type\":\"fly\"}", "1", "type" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct source_message bad = message(cases[i].value);
		static struct batch_item item;
		if (cases[i].version)
			add_header(&bad, "schema-version", cases[i].version);

		batch_decode_item(&bad, &item);
		cr_expect_not(item.is_command, "case %zu", i);
		cr_expect_neq(item.reason[0], '\0', "case %zu has no reason", i);
		cr_expect_not_null(strstr(item.reason, cases[i].reason), "case %zu: %s", i,
				   item.reason);
	}
}

Test(batch, drops_a_request_id_that_is_none)
{
	struct source_message odd = message(good);
	static struct batch_item item;
	add_header(&odd, "x-request-id", "with space");

	batch_decode_item(&odd, &item);
	cr_expect(item.is_command);
	cr_expect_str_eq(item.request_id, "");
}

Test(batch, knows_what_is_left_after_a_prefix)
{
	struct source_message messages[3];
	struct batch batch;
	for (int i = 0; i < 3; i++) {
		messages[i] = message(good);
		messages[i].offset = 10 + 2 * i;
	}
	batch_init(&batch, 3);
	batch.source = (struct source_batch){ .count = 3, .messages = messages };
	batch_decode(&batch);

	cr_expect_eq(batch_count(&batch), 3);
	cr_expect_eq(batch_next_offset(&batch, 2), 13);
	batch_drop_first(&batch, 2);
	cr_expect_eq(batch_count(&batch), 1);
	cr_expect_eq(batch_items(&batch)[0].message->offset, 14);
	cr_expect_eq(batch_next_offset(&batch, 1), 15);
	batch_done(&batch);
}
