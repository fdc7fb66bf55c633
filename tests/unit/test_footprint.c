#include "footprint.h"
#include "table.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_BYTES (64u << 10)

static const char *const WORDS[] = { "seat", "hold", "booking" };
static char changed[] = "before";
static _Thread_local int initial = 42;
static _Thread_local char large[LARGE_BYTES];

static long file_kb(void)
{
	char line[128];
	long ret = -1;
	FILE *const file = fopen("/proc/self/status", "re");

	cr_assert(file);
	while (ret < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "RssFile: %ld kB", &ret);
	(void)fclose(file);
	cr_assert_geq(ret, 0);
	return ret;
}

Test(footprint, drops_what_files_hold)
{
	const long before_kb = file_kb();

	footprint_shrink();
	cr_expect_lt(file_kb(), before_kb);
}

Test(footprint, keeps_what_the_process_has_written)
{
	char *const heap = strdup("on the heap");

	(void)memcpy(changed, "after", sizeof("after"));
	initial = 43;
	footprint_shrink();
	cr_expect_str_eq(heap, "on the heap");
	cr_expect_str_eq(changed, "after");
	cr_expect_eq(initial, 43);
	/* Pointers in constants are the loader's work. */
	cr_expect_str_eq(WORDS[2], "booking");
	free(heap);
}

/* Of the pages that are all of `large`. */
static size_t resident_pages(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t begin = ((uintptr_t)large + page - 1) / page * page;
	const uintptr_t end = ((uintptr_t)large + sizeof(large)) / page * page;
	unsigned char seen[LARGE_BYTES / 4096] = { 0 };
	size_t ret = 0;

	cr_assert_eq(mincore((void *)begin, end - begin, seen), 0);
	for (size_t i = 0; i < COUNT(seen); i++)
		ret += seen[i] & 1;
	return ret;
}

static void *start_thread(void *nothing)
{
	cr_expect_gt(resident_pages(), 0, "the loader leaves them alone: nothing to be won");
	footprint_shrink_thread();
	cr_expect_eq(resident_pages(), 0);
	cr_expect_eq(initial, 42);
	for (size_t i = 0; i < sizeof(large); i++)
		cr_assert_eq(large[i], 0);
	large[0] = large[LARGE_BYTES - 1] = 'x';
	cr_expect_eq(large[0], 'x');
	return nothing;
}

static void *use_thread(void *nothing)
{
	large[LARGE_BYTES / 2] = 'x';
	footprint_shrink_thread();
	cr_expect_eq(large[LARGE_BYTES / 2], 'x');
	return nothing;
}

static void run_thread(void *(*run)(void *nothing))
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(footprint, drops_a_new_threads_zeros)
{
	run_thread(start_thread);
}

Test(footprint, keeps_what_a_thread_has_written)
{
	run_thread(use_thread);
}
