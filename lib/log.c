#include "log.h"

#include "clock.h"
#include "strbuf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Kept free for the end of every line, so that it closes whatever was cut. */
static const char CUT[] = ",\"cut\":true";
static const char END[] = "}\n";
#define TAIL_BYTES (sizeof(CUT) - 1 + sizeof(END) - 1)

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

/* Written by log_open before other threads run; read ever after. */
static const char *service_name = "seatline";
static enum log_level level_least = LOG_LEVEL_INFO;

void log_open(const char *service, enum log_level least)
{
	assert(service);

	service_name = service;
	level_least = least;
}

enum log_level log_level_parse(const char *text)
{
	for (size_t i = 0; text && i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strcmp(text, level_names[i]) == 0)
			return (enum log_level)i;
	return LOG_LEVEL_INFO;
}

static size_t room(const struct strbuf *line)
{
	return line->bytes_max - TAIL_BYTES - line->len;
}

/* Adds ,"name":"text", cut to the room there is; false when it was cut or left out. */
static bool add_text(struct strbuf *line, const char *name, const char *text)
{
	const size_t name_bytes = strlen(name) + sizeof(",\"\":") - 1;

	if (room(line) < name_bytes + sizeof("null") - 1)
		return false;
	strbuf_addf(line, ",\"%s\":", name);
	if (text)
		return strbuf_add_json_cut(line, text, strlen(text), room(line));
	strbuf_add_text(line, "null");
	return true;
}

static bool add_number(struct strbuf *line, const char *name, int64_t number)
{
	const size_t number_bytes_max = sizeof("-9223372036854775808") - 1;

	if (room(line) < strlen(name) + sizeof(",\"\":") - 1 + number_bytes_max)
		return false;
	strbuf_addf(line, ",\"%s\":", name);
	strbuf_add_int(line, number);
	return true;
}

static bool add_field(struct strbuf *line, const struct log_field *field)
{
	switch (field->kind) {
	case LOG_KIND_STR:
		return add_text(line, field->name, field->text);
	case LOG_KIND_INT:
		return add_number(line, field->name, field->number);
	case LOG_KIND_BOOL:
		if (room(line) < strlen(field->name) + sizeof(",\"\":false") - 1)
			return false;
		strbuf_addf(line, ",\"%s\":%s", field->name, field->number ? "true" : "false");
		return true;
	}
	assert(false);
	return false;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
	       size_t count)
{
	if (level < level_least)
		return;

	/* On the stack and never grown, so that logging needs no memory when there is none. */
	char bytes[LOG_LINE_BYTES_MAX + 1];
	struct strbuf line = {
		.data = bytes,
		.capacity = sizeof(bytes),
		.bytes_max = LOG_LINE_BYTES_MAX,
	};
	char now[CLOCK_TEXT_BYTES_MAX];
	clock_format(clock_wall_ms(), now);

	strbuf_addf(&line, "{\"ts\":\"%s\",\"level\":\"%s\"", now, level_names[level]);
	bool whole = add_text(&line, "service", service_name);
	whole = add_text(&line, "event", event) && whole;
	for (size_t i = 0; i < count; i++)
		whole = add_field(&line, &fields[i]) && whole;
	if (!whole)
		strbuf_add_text(&line, CUT);
	strbuf_add_text(&line, END);
	assert(!line.overflow);

	/* One write, so that lines of several threads never mix. A log that cannot be written to
	   has nobody to tell. */
	ssize_t written;
	do {
		written = write(STDERR_FILENO, line.data, line.len);
	} while (written < 0 && errno == EINTR);
}
