#include "command_id.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1767225600000)

static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
static const struct booking_id_key OTHER_KEY = { .bytes = { 1, 2, 4 } };
static const struct booking_id BOOKING = { "01bc8edb-e484-84f4-a687-74f5048b5e97" };
static const struct booking_id OTHER_BOOKING = { "01bc8edb-e484-84f4-a687-74f5048b5e98" };

static void open_sodium(void)
{
	struct err err;
	cr_assert_eq(booking_id_init(&err), ERR_OK);
}

TestSuite(command_id, .init = open_sodium);

static void expect_well_formed(const struct command_id *id)
{
	struct command_id read = { "" };
	struct err err = { .text = "" };

	cr_expect_eq(strlen(id->text), COMMAND_ID_BYTES_MAX - 1);
	cr_assert_eq(command_id_parse(id->text, strlen(id->text), &read, &err), ERR_OK, "'%s': %s",
		     id->text, err.text);
	cr_expect_str_eq(read.text, id->text);
}

/* No two of them are the same. */
static void expect_distinct(const struct command_id *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		expect_well_formed(&ids[i]);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(ids[i].text, ids[k].text, "%zu and %zu", i, k);
	}
}

/* Written down: ids that are in the log must be made again by later versions. These are computed by
 * Python's hashlib: blake2b(b"command key\0" ..., key=..., digest_size=16). */
Test(command_id, stays_what_the_protocol_says)
{
	cr_expect_str_eq(command_id_derive(&KEY, &BOOKING, "u1", "k-1").text,
			 "cc5ebd7c-2eaf-8fb2-b430-fa0974c1b768");
	cr_expect_str_eq(command_id_make_retryable(&KEY, &BOOKING, MS, "req-1").text,
			 "08d4fb2c-9fd5-863f-8ee3-6b46186f4fee");
	cr_expect_str_eq(command_id_of_key(&KEY, "u1", "k-1").text,
			 "af23c61f-4fb2-8088-b8d1-cbe3f3a3e816");
}

Test(command_id, follows_from_the_booking_the_user_and_the_key_alone)
{
	const struct command_id ids[] = {
		command_id_derive(&KEY, &BOOKING, "u1", "k-1"),
		command_id_derive(&KEY, &BOOKING, "u1", "k-2"),
		command_id_derive(&KEY, &BOOKING, "u2", "k-1"),
		command_id_derive(&KEY, &BOOKING, "", "k-1"),
		command_id_derive(&KEY, &BOOKING, "u1", "k-"),
		command_id_derive(&KEY, &OTHER_BOOKING, "u1", "k-1"),
		command_id_derive(&OTHER_KEY, &BOOKING, "u1", "k-1"),
		/* What stands for other things is never the same, whatever the words. */
		command_id_of_key(&KEY, BOOKING.text, "k-1"),
		command_id_make_retryable(&KEY, &BOOKING, 1, "k-1"),
	};

	expect_distinct(ids, COUNT(ids));
	cr_expect_str_eq(command_id_derive(&KEY, &BOOKING, "u1", "k-1").text, ids[0].text);
}

Test(command_id, is_the_same_for_a_repetition_by_the_gateway)
{
	const struct command_id ids[] = {
		command_id_make_retryable(&KEY, &BOOKING, MS, "req-1"),
		command_id_make_retryable(&KEY, &BOOKING, MS, "req-2"),
		command_id_make_retryable(&KEY, &BOOKING, MS + 1, "req-1"),
		command_id_make_retryable(&KEY, &BOOKING, -MS, "req-1"),
		command_id_make_retryable(&KEY, &OTHER_BOOKING, MS, "req-1"),
		command_id_make_retryable(&OTHER_KEY, &BOOKING, MS, "req-1"),
	};

	expect_distinct(ids, COUNT(ids));
	cr_expect_str_eq(command_id_make_retryable(&KEY, &BOOKING, MS, "req-1").text, ids[0].text);
}

Test(command_id, tells_one_users_key_from_anothers)
{
	const struct command_id ids[] = {
		command_id_of_key(&KEY, "u1", "k-1"),
		command_id_of_key(&KEY, "u1", "k-2"),
		command_id_of_key(&KEY, "u2", "k-1"),
		/* Where one part ends and the next begins makes a difference. */
		command_id_of_key(&KEY, "u1k", "-1"),
		command_id_of_key(&KEY, "u", "1k-1"),
		command_id_of_key(&OTHER_KEY, "u1", "k-1"),
	};

	expect_distinct(ids, COUNT(ids));
	cr_expect_str_eq(command_id_of_key(&KEY, "u1", "k-1").text, ids[0].text);
}

Test(command_id, is_new_each_time_without_a_name)
{
	struct command_id ids[100];

	for (size_t i = 0; i < COUNT(ids); i++)
		ids[i] = command_id_make();
	expect_distinct(ids, COUNT(ids));
}

Test(command_id, refuses_what_is_no_command_id)
{
	static const char *const bad[] = {
		"",
		"01bc8edb",
		"01bc8edb-e484-84f4-a687-74f5048b5e9",
		"01bc8edb-e484-84f4-a687-74f5048b5e977",
		"01BC8EDB-E484-84F4-A687-74F5048B5E97",
		"01bc8edbe48484f4a68774f5048b5e97",
		"01bc8edb-e484-44f4-a687-74f5048b5e97",
		"01bc8edb-e484-84f4-c687-74f5048b5e97",
		"01bc8edb-e484-84f4-0687-74f5048b5e97",
		"01bc8edb-e484-84f4-a687-74f5048b5e9g",
		"01bc8edb-e484-84f4-a687_74f5048b5e97",
		"01bc8edbe-484-84f4-a687-74f5048b5e97",
		"{01bc8edb-e484-84f4-a687-74f5048b5e9}",
		" 1bc8edb-e484-84f4-a687-74f5048b5e97",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct command_id id = { "untouched" };
		struct err err = { .text = "" };
		cr_expect_eq(command_id_parse(bad[i], strlen(bad[i]), &id, &err), ERR_INVALID,
			     "accepted '%s'", bad[i]);
		cr_expect_str_neq(err.text, "");
		cr_expect_str_eq(id.text, "untouched");
	}

	static const char nul[] = "01bc8edb-e484-84f4-a687-74f5048b5e9\0";
	struct command_id id = { "untouched" };
	cr_expect_eq(command_id_parse(nul, sizeof(nul) - 1, &id, NULL), ERR_INVALID);
}
