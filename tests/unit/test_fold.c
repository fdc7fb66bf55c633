/* The fold: versions decide, whatever the order of the rows and however often they come. */
#include "fold.h"
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 6

/* A seat in short: position, status, version. */
struct seat_case {
	int32_t position;
	enum seat_status status;
	int64_t version;
};

struct row_case {
	const char *booking_id;  /* NULL ends the rows */
	int64_t booking_version; /* negative: it was refused */
	const char *event_id;
	struct seat_case seats[3]; /* up to the first with version 0 */
};

struct fold_case {
	const char *name;
	struct row_case rows[ROWS_MAX];
	/* "event/block[index=status@version:booking,..] ..; booking@version[versions,..] ..": a
	 * star marks the version that decided the status, ! a version missing between. */
	const char *expected;
};

static const struct fold_case CASES[] = {
	{ "nothing", { { 0 } }, ";" },
	{ "one seat",
	  { { "b1", 1, "e", { { 7, SEAT_BOOKED, 1 } } } },
	  "e/0[7=booked@1:b1]; b1@1[1*]" },
	{ "a rejection changes no seat", { { "b1", 1, "e", { { 0 } } } }, "; b1@1[1*]" },
	{ "of two changes of a seat the newer counts",
	  { { "b1", 1, "e", { { 7, SEAT_HELD, 1 } } },
	    { "b1", 2, "e", { { 7, SEAT_BOOKED, 2 } } } },
	  "e/0[7=booked@2:b1]; b1@2[1,2*]" },
	{ "also when it comes first",
	  { { "b1", 2, "e", { { 7, SEAT_BOOKED, 2 } } },
	    { "b1", 1, "e", { { 7, SEAT_HELD, 1 } } } },
	  "e/0[7=booked@2:b1]; b1@2[1,2*]" },
	{ "a row that comes twice counts once",
	  { { "b1", 1, "e", { { 7, SEAT_BOOKED, 1 } } },
	    { "b1", 1, "e", { { 7, SEAT_BOOKED, 1 } } } },
	  "e/0[7=booked@1:b1]; b1@1[1*]" },
	{ "a seat let go has no owner",
	  { { "b1", 1, "e", { { 7, SEAT_BOOKED, 1 } } },
	    { "b1", 2, "e", { { 7, SEAT_AVAILABLE, 2 } } } },
	  "e/0[7=available@2:-]; b1@2[1,2*]" },
	{ "a seat taken again has the new owner, whatever the order",
	  { { "b2", 1, "e", { { 7, SEAT_BOOKED, 3 } } },
	    { "b1", 2, "e", { { 7, SEAT_AVAILABLE, 2 } } },
	    { "b1", 1, "e", { { 7, SEAT_BOOKED, 1 } } } },
	  "e/0[7=booked@3:b2]; b1@2[1,2*] b2@1[1*]" },
	{ "a blocked seat has no owner",
	  { { "b1", 1, "e", { { 7, SEAT_BLOCKED, 4 } } } },
	  "e/0[7=blocked@4:-]; b1@1[1*]" },
	{ "the ends of blocks",
	  { { "b1", 1, "e", { { 1000, SEAT_BOOKED, 1 }, { 999, SEAT_BOOKED, 1 } } },
	    { "b2", 1, "e", { { 1999, SEAT_BOOKED, 1 }, { 2000, SEAT_BOOKED, 1 } } } },
	  "e/0[999=booked@1:b1] e/1[0=booked@1:b1,999=booked@1:b2] e/2[0=booked@1:b2];"
	  " b1@1[1*] b2@1[1*]" },
	{ "events that begin alike stay apart",
	  { { "b1", 1, "e-2", { { 0, SEAT_BOOKED, 1 } } },
	    { "b2", 1, "e", { { 0, SEAT_BOOKED, 2 } } },
	    { "b3", 1, "e2", { { 0, SEAT_BOOKED, 3 } } } },
	  "e/0[0=booked@2:b2] e-2/0[0=booked@1:b1] e2/0[0=booked@3:b3];"
	  " b1@1[1*] b2@1[1*] b3@1[1*]" },
	{ "the last position there can be",
	  { { "b1", 1, "e", { { 9999999, SEAT_HELD, 9223372036854775807 } } } },
	  "e/9999[999=held@9223372036854775807:b1]; b1@1[1*]" },
	{ "all decisions about a booking, the newest as its state",
	  { { "b1", 2, "e", { { 7, SEAT_HELD, 1 } } },
	    { "b1", 4, "e", { { 7, SEAT_AVAILABLE, 3 } } },
	    { "b1", 3, "e", { { 7, SEAT_BOOKED, 2 } } } },
	  "e/0[7=available@3:-]; b1@4[2,3,4*]" },
	{ "what was refused decides nothing",
	  { { "b1", 1, "e", { { 7, SEAT_HELD, 1 } } },
	    { "b1", 2, "e", { { 7, SEAT_BOOKED, 2 } } },
	    { "b1", -3, "e", { { 0 } } },
	    { "b1", -4, "e", { { 0 } } } },
	  "e/0[7=booked@2:b1]; b1@4[1,2*,3,4]" },
	{ "only what was refused",
	  { { "b1", -3, "e", { { 0 } } }, { "b1", -4, "e", { { 0 } } } },
	  "; b1@4[3,4]" },
	{ "what came of a booking first, also when refused",
	  { { "b1", -1, NULL, { { 0 } } }, { "b1", -2, NULL, { { 0 } } } },
	  "; b1@2[1*,2]" },
	{ "a version that is missing",
	  { { "b1", 1, "e", { { 7, SEAT_HELD, 1 } } },
	    { "b1", 3, "e", { { 7, SEAT_AVAILABLE, 3 } } },
	    { "b2", 5, "e", { { 0 } } } },
	  "e/0[7=available@3:-]; b1@3[1,3*]! b2@5[5*]" },
	{ "a hold that ran out and the next of its seat",
	  { { "b1", 1, "e", { { 7, SEAT_HELD, 1 }, { 8, SEAT_HELD, 1 } } },
	    { "b1", 2, "e", { { 7, SEAT_AVAILABLE, 2 }, { 8, SEAT_AVAILABLE, 2 } } },
	    { "b2", 1, "e", { { 8, SEAT_HELD, 3 } } } },
	  "e/0[7=available@2:-,8=held@3:b2]; b1@2[1,2*] b2@1[1*]" },
};

/* The rows of a case, as the log would have them. */
struct rows {
	struct log_row rows[ROWS_MAX];
	struct log_seat seats[ROWS_MAX][3];
	size_t count;
};

static void make_rows(const struct row_case *rows, struct rows *ret)
{
	*ret = (struct rows){ 0 };
	for (size_t i = 0; i < ROWS_MAX && rows[i].booking_id; i++) {
		struct log_row *const row = &ret->rows[i];
		*row = (struct log_row){ .booking = { .booking_id = rows[i].booking_id,
						      .version = llabs(rows[i].booking_version),
						      .event_id = rows[i].event_id,
						      .user_id = "u" },
					 .is_done = rows[i].booking_version > 0,
					 .seats = ret->seats[i] };
		while (row->seat_count < 3 && rows[i].seats[row->seat_count].version > 0) {
			const struct seat_case *const seat = &rows[i].seats[row->seat_count];
			ret->seats[i][row->seat_count++] =
				(struct log_seat){ .seat_id = "S",
						   .position = seat->position,
						   .status = seat->status,
						   .version = seat->version };
		}
		ret->count++;
	}
}

static void tell_booking(const struct fold *fold, const struct booking_change *change, FILE *out)
{
	const struct booking_values *const newest = &change->newest->booking;

	(void)fprintf(out, " %s@%lld[", newest->booking_id, (long long)newest->version);
	for (size_t i = change->first; i < change->first + change->count; i++)
		(void)fprintf(out, "%s%lld%s", i > change->first ? "," : "",
			      (long long)fold->rows[i]->booking.version,
			      fold->rows[i] == change->decided ? "*" : "");
	(void)fprintf(out, "]%s", change->has_gap ? "!" : "");
}

static void tell(const struct fold *fold, FILE *out)
{
	for (size_t i = 0; i < fold->block_count; i++) {
		const struct block_change *const block = &fold->blocks[i];
		(void)fprintf(out, "%s%s/%d[", i ? " " : "", block->event_id, block->block);
		for (size_t k = block->first; k < block->first + block->count; k++) {
			const struct seat_change *const seat = &fold->seats[k];
			cr_expect_eq(seat->user_id == NULL, seat->booking_id == NULL);
			(void)fprintf(out, "%s%d=%s@%lld:%s", k > block->first ? "," : "",
				      seat->index, seat_status_name(seat->status),
				      (long long)seat->version,
				      seat->booking_id ? seat->booking_id : "-");
		}
		(void)fprintf(out, "]");
	}
	(void)fprintf(out, ";");
	for (size_t i = 0; i < fold->booking_count; i++)
		tell_booking(fold, &fold->bookings[i], out);
}

static void expect_fold(const char *name, const struct log_row *rows, size_t count,
			const char *expected)
{
	char told[512] = "";
	struct fold fold;
	FILE *const out = fmemopen(told, sizeof(told), "w");
	cr_assert_not_null(out);

	fold_batch(rows, count, &fold);
	tell(&fold, out);
	(void)fclose(out); /* In memory. */
	cr_expect_str_eq(told, expected, "%s: %s, not %s", name, told, expected);
	fold_done(&fold);
}

Test(fold, keeps_the_newest_of_each_seat_and_booking)
{
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct rows rows;
		make_rows(CASES[i].rows, &rows);
		expect_fold(CASES[i].name, rows.rows, rows.count, CASES[i].expected);
	}
}

Test(fold, does_not_depend_on_the_order_of_the_rows)
{
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct rows rows;
		struct log_row turned[ROWS_MAX];
		make_rows(CASES[i].rows, &rows);

		for (size_t shift = 1; shift < rows.count; shift++) {
			for (size_t k = 0; k < rows.count; k++)
				turned[k] = rows.rows[(k + shift) % rows.count];
			expect_fold(CASES[i].name, turned, rows.count, CASES[i].expected);
		}
		for (size_t k = 0; k < rows.count; k++)
			turned[k] = rows.rows[rows.count - 1 - k];
		expect_fold(CASES[i].name, turned, rows.count, CASES[i].expected);
	}
}

Test(fold, groups_blocks_by_event)
{
	struct rows rows;
	struct fold fold;
	make_rows(
		(const struct row_case[ROWS_MAX]){
			{ "b1", 1, "x", { { 0, SEAT_BOOKED, 1 }, { 5000, SEAT_BOOKED, 1 } } },
			{ "b2", 1, "y", { { 1, SEAT_BOOKED, 1 } } },
			{ "b3", 1, "nowhere", { { 0 } } } },
		&rows);

	fold_batch(rows.rows, rows.count, &fold);
	cr_assert_eq(fold.event_count, 2);
	cr_expect_str_eq(fold.events[0].event_id, "x");
	cr_expect_eq(fold.events[0].first, 0);
	cr_expect_eq(fold.events[0].count, 2);
	cr_expect_str_eq(fold.events[1].event_id, "y");
	cr_expect_eq(fold.events[1].first, 2);
	cr_expect_eq(fold.events[1].count, 1);
	fold_done(&fold);
}

Test(fold, knows_the_names_of_states)
{
	static const char *const bad[] = { "", "Booked", "booked ", "avail", "blocked2" };

	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		cr_expect_eq(seat_status_parse(seat_status_name(i)), i);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(seat_status_parse(bad[i]), SEAT_STATUS_COUNT, "accepted '%s'", bad[i]);
}
