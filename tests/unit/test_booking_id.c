/*
 * The literals of the vectors come from another implementation: Python's hashlib.blake2b with
 * digest_size=32 and FNV-1a written out, after lib/PROTOCOL.md.
 */
#include "booking_id.h"
#include "clock.h"
#include "table.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X16 "xxxxxxxxxxxxxxxx"

/* 00 01 02 .. 1f */
static struct booking_id_key key;

static void prepare(void)
{
	cr_assert_eq(booking_id_init(NULL), ERR_OK);
	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (unsigned char)i;
}

static err_code parse(const char *text, struct booking_id *ret, struct err *err)
{
	return booking_id_parse(text, strlen(text), ret, err);
}

TestSuite(booking_id, .init = prepare);

static const struct {
	const char *event_id;
	uint16_t slot;
	int32_t of_3, of_12, of_64;
} slots[] = {
	{ "concert123", 0x4f49, 2, 5, 9 },
	{ "sports_event456", 0x00b0, 2, 8, 48 },
	{ "arena", 0x3563, 2, 11, 35 },
	{ "e", 0x14ee, 0, 6, 46 },
	{ "0", 0x1881, 0, 9, 1 },
	{ "A-._z9", 0x1c91, 2, 5, 17 },
	{ X16 X16 X16 X16, 0xeee9, 0, 9, 41 },
};

Test(booking_id, hashes_events_to_slots)
{
	for (size_t i = 0; i < COUNT(slots); i++)
		cr_expect_eq(booking_id_event_slot(slots[i].event_id), slots[i].slot, "%s",
			     slots[i].event_id);
}

Test(booking_id, carries_its_events_slot_and_partition)
{
	for (size_t i = 0; i < COUNT(slots); i++) {
		const char *event_id = slots[i].event_id;
		const struct booking_id ids[] = {
			booking_id_make(&key, event_id, "u1", clock_wall_ms()),
			booking_id_make_retryable(&key, event_id, "u1", clock_wall_ms(),
						  "nonce"),
			booking_id_derive(&key, "u1", event_id, "key"),
		};
		for (size_t j = 0; j < COUNT(ids); j++) {
			cr_expect_eq(booking_id_slot(&ids[j]), slots[i].slot);
			cr_expect_eq(booking_id_partition(&ids[j], 1), 0);
			cr_expect_eq(booking_id_partition(&ids[j], 3), slots[i].of_3);
			cr_expect_eq(booking_id_partition(&ids[j], 12), slots[i].of_12);
			cr_expect_eq(booking_id_partition(&ids[j], 64), slots[i].of_64);
		}
	}
}

Test(booking_id, spreads_events_over_partitions)
{
	enum { EVENTS = 12000, PARTITIONS = 12 };
	unsigned counts[PARTITIONS] = { 0 };

	for (unsigned i = 0; i < EVENTS; i++) {
		char event_id[32];
		(void)snprintf(event_id, sizeof(event_id), "event-%u", i);
		counts[booking_id_event_slot(event_id) % PARTITIONS]++;
	}
	for (size_t i = 0; i < PARTITIONS; i++)
		cr_expect(counts[i] > 800 && counts[i] < 1200, "partition %zu has %u of %d", i,
			  counts[i], EVENTS);
}

/* Field by field, out of the text, against the table in lib/PROTOCOL.md. */
Test(booking_id, has_the_layout_of_the_protocol)
{
	const int64_t wall_ms = INT64_C(0x123456789abc);

	for (int i = 0; i < 1000; i++) {
		const struct booking_id id = booking_id_make(&key, "concert123", "u1", wall_ms);
		uint64_t high, low;
		unsigned a, b, c, d;
		uint64_t e;
		char hyphens[5] = "";
		cr_assert_eq(strlen(id.text), BOOKING_ID_BYTES_MAX - 1);
		cr_assert_eq(sscanf(id.text, "%8x%c%4x%c%4x%c%4x%c%12" SCNx64, &a, &hyphens[0], &b,
				    &hyphens[1], &c, &hyphens[2], &d, &hyphens[3], &e),
			     9);
		cr_assert_str_eq(hyphens, "----");
		high = (uint64_t)a << 32 | (uint64_t)b << 16 | c;
		low = (uint64_t)d << 48 | e;
		cr_assert_eq(high >> 16, (uint64_t)wall_ms);
		cr_assert_eq(high >> 12 & 0xf, 8);
		cr_assert_eq(high & 0xfff, 0x4f4);
		cr_assert_eq(low >> 62, 2);
		cr_assert_eq(low >> 58 & 0xf, 0x9);
		cr_assert(booking_id_was_issued(&key, &id));
	}
}

Test(booking_id, makes_every_fresh_id_another)
{
	enum { IDS = 2000 };
	static struct booking_id ids[IDS];

	for (size_t i = 0; i < IDS; i++) {
		ids[i] = booking_id_make(&key, "concert123", "u1", 0);
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(ids[i].text, ids[j].text);
	}
}

Test(booking_id, varies_all_26_random_bits)
{
	uint64_t ones = 0, zeros = 0;

	for (int i = 0; i < 200; i++) {
		const struct booking_id id = booking_id_make(&key, "concert123", "u1", 0);
		char low_hex[17];
		(void)snprintf(low_hex, sizeof(low_hex), "%.4s%.12s", id.text + 19, id.text + 24);
		const uint64_t random =
			strtoull(low_hex, NULL, 16) >> 32 & ((UINT64_C(1) << 26) - 1);
		ones |= random;
		zeros |= ~random;
	}
	cr_expect_eq(ones, (UINT64_C(1) << 26) - 1);
	cr_expect_eq(zeros & ((UINT64_C(1) << 26) - 1), (UINT64_C(1) << 26) - 1);
}

static uint64_t fill_of(const struct booking_id *id)
{
	char hex[17];

	(void)snprintf(hex, sizeof(hex), "%.4s%.12s", id->text + 19, id->text + 24);
	return strtoull(hex, NULL, 16) >> 16 & ((UINT64_C(1) << 42) - 1);
}

/* Also when one ms and one nonce name them all. */
Test(booking_id, varies_42_bits_where_nobody_is_the_owner)
{
	const uint64_t all = (UINT64_C(1) << 42) - 1;
	uint64_t ones = 0, zeros = 0;

	for (int i = 0; i < 200; i++) {
		char nonce[16];
		(void)snprintf(nonce, sizeof(nonce), "%d", i / 2);
		const struct booking_id id =
			i % 2 == 0 ? booking_id_make(&key, "concert123", NULL, 0)
				   : booking_id_make_retryable(&key, "concert123", NULL, 0, nonce);
		cr_expect(booking_id_was_issued(&key, &id));
		ones |= fill_of(&id);
		zeros |= ~fill_of(&id);
	}
	cr_expect_eq(ones, all);
	cr_expect_eq(zeros & all, all);

	const struct booking_id first = booking_id_make_retryable(&key, "e", NULL, 7, "n");
	cr_expect_str_eq(first.text, booking_id_make_retryable(&key, "e", NULL, 7, "n").text);
}

Test(booking_id, derives_as_the_protocol_says)
{
	cr_expect_str_eq(booking_id_derive(&key, "u1", "concert123", "key-1").text,
			 "01bc8edb-e484-84f4-a687-74f52621ab45");
	cr_expect_str_eq(
		booking_id_derive(&key, "2000", "arena", "8e03978e-40d5-43e8-bc93-6894a57f9324")
			.text,
		"4fa65db2-c2d6-8356-8c8d-2adddfde7f79");
	cr_expect_str_eq(booking_id_make_retryable(&key, "concert123", "u1", 1772393400000,
						   "7f000001a1b2c3d4")
				 .text,
			 "019caae1-06c0-84f4-a6d1-d1bba7629831");
	cr_expect_str_eq(booking_id_make_retryable(&key, "arena", "2000", 0, "x").text,
			 "00000000-0000-8356-8f52-c57948c40c71");
}

Test(booking_id, derives_another_id_when_any_input_differs)
{
	struct booking_id_key other = key;
	other.bytes[31] ^= 1;

	const struct booking_id ids[] = {
		booking_id_derive(&key, "u1", "e1", "k1"),
		booking_id_derive(&key, "u2", "e1", "k1"),
		booking_id_derive(&key, "u1", "e2", "k1"),
		booking_id_derive(&key, "u1", "e1", "k2"),
		booking_id_derive(&other, "u1", "e1", "k1"),
		/* The same letters, divided elsewhere. */
		booking_id_derive(&key, "u1e", "1", "k1"),
		booking_id_derive(&key, "u", "1e1", "k1"),
		booking_id_derive(&key, "u1", "e1k", "1"),
		booking_id_derive(&key, "u1", "e", "1k1"),
		booking_id_make_retryable(&key, "e1", "u1", 1000, "n1"),
		booking_id_make_retryable(&key, "e2", "u1", 1000, "n1"),
		booking_id_make_retryable(&key, "e1", "u2", 1000, "n1"),
		booking_id_make_retryable(&key, "e1", "u1", 1001, "n1"),
		booking_id_make_retryable(&key, "e1", "u1", 1000, "n2"),
		booking_id_make_retryable(&other, "e1", "u1", 1000, "n1"),
		booking_id_make_retryable(&key, "e1", "u1", 100, "0n1"),
	};

	for (size_t i = 0; i < COUNT(ids); i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(ids[i].text, ids[j].text, "%zu and %zu", i, j);
	cr_expect_str_eq(ids[0].text, booking_id_derive(&key, "u1", "e1", "k1").text);
	cr_expect_str_eq(ids[9].text, booking_id_make_retryable(&key, "e1", "u1", 1000, "n1").text);
}

/* The 26 bits differ too, not only the milliseconds in front: a guess of the time gives nothing. */
Test(booking_id, hashes_the_time_into_a_retryable_id)
{
	const struct booking_id a = booking_id_make_retryable(&key, "e1", "u1", 1000, "n1");
	const struct booking_id b = booking_id_make_retryable(&key, "e1", "u1", 1001, "n1");
	const char *const hex[] = { a.text + 19, b.text + 19 };
	cr_expect(strncmp(hex[0], hex[1], 4) != 0 || strncmp(hex[0] + 5, hex[1] + 5, 4) != 0);
}

static struct booking_id make_any(int way, const char *user_id)
{
	if (way == 0)
		return booking_id_make(&key, "concert123", user_id, clock_wall_ms());
	if (way == 1)
		return booking_id_make_retryable(&key, "concert123", user_id, 1000, "n1");
	return booking_id_derive(&key, user_id, "concert123", "key-1");
}

Test(booking_id, knows_whose_it_is)
{
	static const char *const users[] = { "u1", "u2", "u", "U1", "u1x", "u-abc.def_9", "" };
	struct booking_id_key other = key;
	other.bytes[7] ^= 1;

	for (int way = 0; way < 3; way++) {
		for (size_t i = 0; i < COUNT(users); i++) {
			const struct booking_id id = make_any(way, users[i]);
			cr_expect(booking_id_was_issued(&key, &id));
			for (size_t j = 0; j < COUNT(users); j++)
				/* Chance decides about others where the id has random bits. */
				if (way > 0 || i == j)
					cr_expect_eq(booking_id_is_of(&key, &id, users[j]), i == j,
						     "%d: %s and %s", way, users[i], users[j]);
		}
	}
	const struct booking_id id = make_any(2, "u1");
	cr_expect_not(booking_id_is_of(&other, &id, "u1"));
}

Test(booking_id, is_nobody_elses_but_once_in_65536)
{
	enum { USERS = 65536 };
	unsigned found = 0;
	const struct booking_id id = make_any(1, "u1");

	for (unsigned i = 0; i < USERS; i++) {
		char user_id[32];
		(void)snprintf(user_id, sizeof(user_id), "stranger-%u", i);
		found += booking_id_is_of(&key, &id, user_id);
	}
	/* Always the same number, as all of it is derived. */
	cr_expect(found < 8, "%u of %d", found, USERS);
}

Test(booking_id, knows_what_was_issued)
{
	struct booking_id_key other = key;
	other.bytes[0] ^= 0x80;

	const struct booking_id id = booking_id_derive(&key, "u1", "concert123", "key-1");
	cr_expect(booking_id_was_issued(&key, &id));
	cr_expect_not(booking_id_was_issued(&other, &id));
}

Test(booking_id, refuses_every_single_flipped_bit)
{
	const struct booking_id id = booking_id_derive(&key, "u1", "concert123", "key-1");

	for (size_t i = 0; i < BOOKING_ID_BYTES_MAX - 1; i++) {
		if (id.text[i] == '-')
			continue;
		for (unsigned bit = 1; bit < 16; bit <<= 1) {
			static const char digits[] = "0123456789abcdef";
			struct booking_id flipped = id, parsed;
			flipped.text[i] = digits[(strchr(digits, id.text[i]) - digits) ^ bit];
			/* A flip in version or variant is no booking id at all. */
			if (parse(flipped.text, &parsed, NULL) != ERR_OK)
				cr_expect(i == 14 || i == 19, "refused %s", flipped.text);
			else
				cr_expect_not(booking_id_was_issued(&key, &parsed), "issued %s",
					      flipped.text);
		}
	}
}

Test(booking_id, reads_canonical_text_and_upper_case_as_lower)
{
	struct booking_id id;

	cr_assert_eq(parse("01bc8edb-e484-84f4-a687-74f52621ab45", &id, NULL), ERR_OK);
	cr_expect_str_eq(id.text, "01bc8edb-e484-84f4-a687-74f52621ab45");
	cr_assert_eq(parse("01BC8EDB-E484-84F4-A687-74F52621AB45", &id, NULL), ERR_OK);
	cr_expect_str_eq(id.text, "01bc8edb-e484-84f4-a687-74f52621ab45");
	cr_expect_eq(booking_id_slot(&id), 0x4f49);
	cr_expect(booking_id_was_issued(&key, &id));
	cr_assert_eq(
		booking_id_parse("01bc8edb-e484-84f4-a687-74f52621ab45/confirm", 36, &id, NULL),
		ERR_OK);
	cr_expect_str_eq(id.text, "01bc8edb-e484-84f4-a687-74f52621ab45");
}

Test(booking_id, refuses_other_texts_and_leaves_the_result_untouched)
{
	static const char *const bad[] = {
		"",
		"0",
		"01bc8edb-e484-84f4-a687-74f5048b5e9",
		"01bc8edb-e484-84f4-a687-74f5048b5e977",
		"01bc8edbe48484f4a68774f5048b5e97",
		"{01bc8edb-e484-84f4-a687-74f5048b5e97}",
		"{1bc8edb-e484-84f4-a687-74f5048b5e9}",
		"urn:uuid:01bc8edb-e484-84f4-a687-74f5048b5e97",
		"01bc8edb-e484-84f4-a687-74f5048b5e9g",
		"01bc8edb-e484-84f4-a687-74f5048b5e9 ",
		" 1bc8edb-e484-84f4-a687-74f5048b5e97",
		"01bc8edb_e484_84f4_a687_74f5048b5e97",
		"01bc8edb-e484-84f4-a68774-f5048b5e97",
		"01bc8ed-be484-84f4-a687-74f5048b5e97",
		"01bc8edb-e484-84f4-a687-74f5048b5e9\n",
		"01bc8edb-e484-84f4-a687-74f5048b5e\xc3\xa9",
		"01bc8edb-e484-04f4-a687-74f5048b5e97", /* version 0            */
		"01bc8edb-e484-44f4-a687-74f5048b5e97", /* version 4            */
		"01bc8edb-e484-74f4-a687-74f5048b5e97", /* version 7            */
		"01bc8edb-e484-94f4-a687-74f5048b5e97", /* version 9            */
		"01bc8edb-e484-84f4-7687-74f5048b5e97", /* variant 0 (NCS)      */
		"01bc8edb-e484-84f4-c687-74f5048b5e97", /* variant 110          */
		"01bc8edb-e484-84f4-f687-74f5048b5e97", /* variant 111          */
		"00000000-0000-0000-0000-000000000000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct booking_id id = { .text = "untouched" };
		struct err err = { .text = "" };
		cr_expect_eq(parse(bad[i], &id, &err), ERR_INVALID, "accepted '%s'", bad[i]);
		cr_expect_str_eq(id.text, "untouched");
		cr_expect_neq(err.text[0], '\0');
	}

	struct booking_id id;
	cr_expect_eq(booking_id_parse("01bc8edb-e484-84f4-a687-74f5048b5e9\0", 36, &id, NULL),
		     ERR_INVALID);
	cr_expect_eq(booking_id_parse(NULL, 0, &id, NULL), ERR_INVALID);
}

Test(booking_id, reads_a_key_of_64_hexadecimal_digits)
{
	struct booking_id_key read;
	cr_assert_eq(booking_id_key_parse(
			     "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F",
			     &read, NULL),
		     ERR_OK);
	cr_expect_eq(memcmp(read.bytes, key.bytes, sizeof(key.bytes)), 0);
}

Test(booking_id, refuses_other_keys_without_printing_them)
{
	static const char *const bad[] = {
		"",
		"deadbeef",
		"deadbeef05060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0",
		"deadbeef0405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0",
		"deadbeef0405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
		"deadbeef 405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"0xdeadbeef05060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct booking_id_key untouched = key;
		struct err err = { .text = "" };
		cr_expect_eq(booking_id_key_parse(bad[i], &untouched, &err), ERR_INVALID,
			     "accepted '%s'", bad[i]);
		cr_expect_eq(memcmp(&untouched, &key, sizeof(key)), 0);
		cr_expect_not(strstr(err.text, "beef"), "%s", err.text);
	}
}
