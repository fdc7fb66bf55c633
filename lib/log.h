/*
 * log - one JSON object per line on stderr: ts, level, service, event, then typed fields.
 *
 *   log_info("seat_claimed", LOG_STR("booking_id", id), LOG_INT("offset", offset));
 *
 * `event` is a fixed snake_case name; data goes into fields. Secrets and bodies are never logged.
 * Shape    a line is at most LOG_LINE_BYTES_MAX; longer fields are cut, the line stays valid JSON.
 * Threads  any; each line is one write(2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 4096

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
