/* Where to begin when progress and the log disagree, and which message comes next from then on. */
#include "log_position.h"
#include "start.h"

#include <criterion/criterion.h>

Test(lane_start, chooses_by_progress_and_what_the_log_still_holds)
{
	static const struct {
		int64_t progress;
		bool fresh;
		int64_t low, high;
		enum start_kind kind;
		int64_t offset, lost;
	} cases[] = {
		{ 0, true, 0, 0, START_AT, 0, 0 },
		{ 0, true, 0, 9, START_AT, 0, 0 },
		{ 0, true, 5, 9, START_AT, 5, 0 },
		{ 0, false, 5, 9, START_AFTER_LOSS, 5, 5 },
		{ 7, false, 5, 9, START_AT, 7, 0 },
		{ 5, false, 5, 9, START_AT, 5, 0 },
		{ 9, false, 5, 9, START_AT, 9, 0 },
		{ 4, false, 5, 9, START_AFTER_LOSS, 5, 1 },
		{ 10, false, 5, 9, START_REWOUND, 5, 0 },
		{ 1, false, 0, 0, START_REWOUND, 0, 0 },
		{ 9, false, 9, 9, START_AT, 9, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct start_choice choice = start_choose(cases[i].progress, cases[i].fresh,
								cases[i].low, cases[i].high);

		cr_expect_eq(choice.kind, cases[i].kind, "case %zu", i);
		cr_expect_eq(choice.offset, cases[i].offset, "case %zu", i);
		cr_expect_eq(choice.lost, cases[i].lost, "case %zu", i);
	}
}

Test(lane_start, takes_each_offset_once_and_believes_a_gap_at_its_second_sight)
{
	static const struct {
		int64_t offset;
		enum log_step step;
		int64_t next;
	} cases[] = {
		{ 5, LOG_TAKE, 6 },
		{ 6, LOG_TAKE, 7 },
		{ 5, LOG_SKIP, 7 },
		{ 6, LOG_SKIP, 7 },
		{ 9, LOG_FETCH_AGAIN, 7 },
		{ 3, LOG_SKIP, 7 },
		{ 7, LOG_TAKE, 8 }, /* It was only late. */
		{ 9, LOG_FETCH_AGAIN, 8 },
		{ 9, LOG_TAKE_AFTER_GAP, 10 },
		{ 10, LOG_TAKE, 11 },
		{ 12, LOG_FETCH_AGAIN, 11 }, /* The next gap is looked at again, too. */
		{ 11, LOG_TAKE, 12 },
	};
	struct log_position position = log_position_at(5);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(log_position_step(&position, cases[i].offset), cases[i].step,
			     "case %zu", i);
		cr_expect_eq(position.next, cases[i].next, "case %zu", i);
	}
}
