/*
 * footprint - gives back the memory that only starting needed.
 *
 * Loading and connecting touch far more of thirty libraries than running does: relocations, tables,
 * configuration, authentication. The kernel counts those pages as ours until somebody needs them.
 */
#pragma once

#define FOOTPRINT_SETTLE_MS 2000  /* then all connections are made, where servers are there */
#define FOOTPRINT_AGAIN_MS  15000 /* then the first work is done too: all events were checked */

/* Code and constants are dropped, and come back from the page cache where they are used, a fault
 * for every 16 pages; so is what the heap has free. When the first work is done, what runs stays
 * small. */
void footprint_shrink(void);

/*
 * At the start of a thread: drops the whole pages of each library's thread-local variables that
 * begin as zero, where all of them still are. The loader has zeroed, and so touched, them in each
 * thread; librdkafka has 15 KiB, which none of hundreds of HTTP threads uses.
 */
void footprint_shrink_thread(void);

/*
 * For main, instead of stop_wait: waits until the process is asked to stop, and gives back
 * meanwhile what starting needed, and then what the first work needed.
 */
void footprint_wait_for_stop(void);
