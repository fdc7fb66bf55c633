#include "random.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#define DRAWS 1000 /* many stores */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void *draw(void *ctx)
{
	unsigned char(*draws)[16] = ctx;

	for (size_t i = 0; i < DRAWS; i++)
		random_bytes(draws[i], sizeof(draws[i]));
	return NULL;
}

Test(random, gives_no_bytes_twice_whoever_asks)
{
	static unsigned char draws[2 * DRAWS][16];
	pthread_t other;

	cr_assert_eq(pthread_create(&other, NULL, draw, draws), 0);
	(void)draw(draws + DRAWS);
	cr_assert_eq(pthread_join(other, NULL), 0);

	qsort(draws, 2 * (size_t)DRAWS, sizeof(draws[0]), compare);
	for (size_t i = 1; i < 2 * (size_t)DRAWS; i++)
		cr_expect_neq(memcmp(draws[i - 1], draws[i], sizeof(draws[i])), 0);
}

Test(random, fills_what_it_is_asked_for_and_no_more)
{
	unsigned char bytes[RANDOM_STORE_BYTES + 1];
	size_t changed = 0;

	for (int i = 0; i < 3; i++) {
		memset(bytes, 0, sizeof(bytes));
		random_bytes(bytes, RANDOM_STORE_BYTES);
		for (size_t k = 0; k < RANDOM_STORE_BYTES; k++)
			changed += bytes[k] != 0;
		cr_expect_eq(bytes[RANDOM_STORE_BYTES], 0);
	}
	cr_expect_gt(changed, RANDOM_STORE_BYTES);
}
