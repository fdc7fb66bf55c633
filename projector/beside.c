#include "beside.h"

void beside_begin(struct beside *beside, void *(*run)(void *ctx), void *ctx)
{
	beside->is_begun = pthread_create(&beside->thread, NULL, run, ctx) == 0;
	if (!beside->is_begun)
		(void)run(ctx);
}

void beside_end(struct beside *beside)
{
	if (!beside->is_begun)
		return;
	(void)pthread_join(beside->thread, NULL); /* Fails only for one that is none. */
	beside->is_begun = false;
}
