/*
 * stop - SIGTERM and SIGINT as something to wait for; no signal handlers.
 *
 * Threads  stop_block before any thread exists, so that all inherit the mask; stop_wait from main
 *          only.
 * Source   sigtimedwait(2); works as PID 1.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Blocks SIGPIPE as well: a peer that hangs up is an error of the write, not the process's end. */
void stop_block(void);

/* Waits up to timeout_ms (negative: for ever). True when the process was asked to stop. */
bool stop_wait(int64_t timeout_ms);

/*
 * From now on the process ends with _exit(1) when it lives longer than within_ms: no drain goes on
 * for ever, whatever a library blocks on. Logs drain_overran first.
 */
void stop_arm_deadline(int64_t within_ms);
