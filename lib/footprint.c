#include "footprint.h"

#include "stop.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void drop(uintptr_t begin, uintptr_t end)
{
	/* Advice: where it is refused, the pages stay. */
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static uintptr_t page_bytes(void)
{
	return (uintptr_t)sysconf(_SC_PAGESIZE);
}

static uintptr_t round_down(uintptr_t address, uintptr_t unit)
{
	return address / unit * unit;
}

static uintptr_t round_up(uintptr_t address, uintptr_t unit)
{
	return round_down(address + unit - 1, unit);
}

/* Segments that cannot be written hold what is in the file, so that dropping loses nothing. What
 * the loader has relocated is in the others. */
static int drop_segments(struct dl_phdr_info *object, size_t size, void *page)
{
	const uintptr_t *const unit = page;
	(void)size;

	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *const segment = &object->dlpi_phdr[i];
		const uintptr_t begin = object->dlpi_addr + segment->p_vaddr;
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			drop(round_down(begin, *unit), round_up(begin + segment->p_memsz, *unit));
	}
	return 0;
}

void footprint_shrink(void)
{
	uintptr_t page = page_bytes();

	(void)malloc_trim(0); /* Tells whether there was something to give back. */
	(void)dl_iterate_phdr(drop_segments, &page);
}

static bool is_zero(uintptr_t begin, uintptr_t end)
{
	const unsigned char *const bytes = (const unsigned char *)begin;

	return begin < end && bytes[0] == 0 && memcmp(bytes, bytes + 1, end - begin - 1) == 0;
}

/* A sanitizer's library has variables of the thread's in use already. */
static int drop_zeros(struct dl_phdr_info *object, size_t size, void *page)
{
	const uintptr_t *const unit = page;
	const uintptr_t data = (uintptr_t)object->dlpi_tls_data;
	(void)size;

	for (size_t i = 0; data != 0 && i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *const segment = &object->dlpi_phdr[i];
		const uintptr_t begin = round_up(data + segment->p_filesz, *unit);
		const uintptr_t end = round_down(data + segment->p_memsz, *unit);
		if (segment->p_type == PT_TLS && is_zero(begin, end))
			drop(begin, end);
	}
	return 0;
}

void footprint_shrink_thread(void)
{
	uintptr_t page = page_bytes();

	(void)dl_iterate_phdr(drop_zeros, &page);
}

void footprint_wait_for_stop(void)
{
	if (stop_wait(FOOTPRINT_SETTLE_MS))
		return;
	footprint_shrink();
	if (stop_wait(FOOTPRINT_AGAIN_MS - FOOTPRINT_SETTLE_MS))
		return;
	footprint_shrink();
	(void)stop_wait(-1); /* For ever: it returns only when asked to stop. */
}
