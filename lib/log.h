/*
 * log - one JSON object per line on stderr: ts, level, service, event, then typed fields.
 *
 *   log_info("seat_claimed", LOG_STR("booking_id", id), LOG_INT("offset", offset));
 *
 * `event` is a fixed snake_case name; data goes into fields. Secrets and bodies are never logged.
 * Shape    a line is at most LOG_LINE_BYTES_MAX; longer fields are cut, the line stays valid JSON.
 * Threads  any; each line is one write(2), or whole lines together are: log_collect_begin.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 4096
#define LOG_COLLECTED_BYTES_MAX (64u << 10)
#define LOG_COLLECT_MS 50
#define LOG_ROOM_MS 1000 /* a full descriptor that does not block gets; then the rest is lost */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_kind { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_BOOL };

struct log_field {
	const char *name;
	enum log_kind kind;
	const char *text; /* LOG_KIND_STR; NULL writes null */
	int64_t number;   /* LOG_KIND_INT, LOG_KIND_BOOL    */
};

#define LOG_STR(n, v) ((struct log_field){ .name = (n), .kind = LOG_KIND_STR, .text = (v) })
#define LOG_INT(n, v) ((struct log_field){ .name = (n), .kind = LOG_KIND_INT, .number = (v) })
#define LOG_BOOL(n, v) ((struct log_field){ .name = (n), .kind = LOG_KIND_BOOL, .number = (v) })

/* Once, before any other thread; `service` must outlive the process's last line. */
void log_open(const char *service, enum log_level least);

/*
 * For programs that log each request, where a write for each costs more than the line. From here on
 * debug and info lines wait for each other, up to LOG_COLLECT_MS or LOG_COLLECTED_BYTES_MAX; a
 * warning or an error is written at once, after them. A process that is killed, or crashes, loses
 * those that wait. Without memory for its thread, nothing waits.
 */
void log_collect_begin(void);
/* Writes what waits; from here on each line is written at once. */
void log_collect_end(void);

/* "debug", "info", "warn", "error"; anything else is LOG_LEVEL_INFO. */
enum log_level log_level_parse(const char *text);

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#define LOG_AT(level, event, ...)                                                  \
	log_write(level, event, (const struct log_field[]){ { 0 }, ##__VA_ARGS__ } + 1, \
	          sizeof((const struct log_field[]){ { 0 }, ##__VA_ARGS__ }) /        \
	                  sizeof(struct log_field) - 1)

#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_LEVEL_WARN, event, ##__VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)
