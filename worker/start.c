#include "start.h"

struct start_choice start_choose(int64_t progress, bool fresh, int64_t low, int64_t high)
{
	if (progress > high)
		return (struct start_choice){ .kind = START_REWOUND, .offset = low };
	if (progress < low && !fresh)
		return (struct start_choice){ .kind = START_AFTER_LOSS,
					      .offset = low,
					      .lost = low - progress };

	return (struct start_choice){ .kind = START_AT, .offset = progress < low ? low : progress };
}
