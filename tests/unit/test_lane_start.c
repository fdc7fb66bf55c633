/* Where to begin, for each way in which progress and the log can disagree. */
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
		const struct start_choice choice = start_choose(
			cases[i].progress, cases[i].fresh, cases[i].low, cases[i].high);

		cr_expect_eq(choice.kind, cases[i].kind, "case %zu", i);
		cr_expect_eq(choice.offset, cases[i].offset, "case %zu", i);
		cr_expect_eq(choice.lost, cases[i].lost, "case %zu", i);
	}
}
