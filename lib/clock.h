/*
 * clock - the time of day and the time passed.
 *
 * Units    milliseconds; `_us` in microseconds. Wall time counts from the Unix epoch, in UTC.
 * Grammar  RFC 3339 in UTC with milliseconds: 2026-03-01T19:30:00.000Z.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdint.h>

#define CLOCK_TEXT_BYTES_MAX 25 /* "2026-03-01T19:30:00.000Z" and its NUL */

int64_t clock_wall_ms(void);      /* jumps with the machine's clock: for stamps only   */
int64_t clock_monotonic_ms(void); /* never goes back: for time-outs and durations     */
int64_t clock_monotonic_us(void);
void clock_sleep_ms(int64_t ms);

void clock_format(int64_t wall_ms, char buf[static CLOCK_TEXT_BYTES_MAX]);

/* Accepts the format above, with or without the fraction. ERR_INVALID otherwise. */
err_code clock_parse(const char *text, int64_t *ret_wall_ms, struct err *err) _must_check_;
