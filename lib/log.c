#include "log.h"

#include "clock.h"
#include "strbuf.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
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

/* --- writing --- */

/* Lines that wait for each other. */
static struct {
	atomic_bool on;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	pthread_t writer;
	bool is_ending;
	bool is_asleep; /* the writer, until there is a line */
	size_t len;
	char bytes[LOG_COLLECTED_BYTES_MAX];
} collected = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Until a descriptor that does not block, which it may share with another program, takes more. */
static bool wait_for_room(int64_t until_ms)
{
	struct pollfd descriptor = { .fd = STDERR_FILENO, .events = POLLOUT };
	const int64_t left_ms = until_ms - clock_monotonic_ms();

	if (left_ms <= 0)
		return false;
	(void)poll(&descriptor, 1, (int)left_ms); /* The next write will tell. */
	return true;
}

/*
 * One write, so that lines of several threads never mix; more only where the descriptor did not
 * take all at once. A log that cannot be written to has nobody to tell.
 */
static void write_out(const char *bytes, size_t len)
{
	int64_t until_ms = 0;

	while (len > 0) {
		const ssize_t written = write(STDERR_FILENO, bytes, len);
		if (written >= 0) {
			bytes += written;
			len -= (size_t)written;
			until_ms = 0;
		} else if (errno == EAGAIN) {
			if (until_ms == 0)
				until_ms = clock_monotonic_ms() + LOG_ROOM_MS;
			if (!wait_for_room(until_ms))
				return;
		} else if (errno != EINTR) {
			return;
		}
	}
}

/* The lock is held. */
static void write_collected(void)
{
	if (collected.len > 0)
		write_out(collected.bytes, collected.len);
	collected.len = 0;
}

/* False: no longer. */
static bool collect(const char *bytes, size_t len, enum log_level level)
{
	(void)pthread_mutex_lock(&collected.lock); /* Cannot fail: a static, error-free mutex. */
	const bool is_on = atomic_load(&collected.on);
	if (is_on) {
		if (len > sizeof(collected.bytes) - collected.len)
			write_collected();
		memcpy(collected.bytes + collected.len, bytes, len);
		collected.len += len;
		if (level >= LOG_LEVEL_WARN)
			write_collected();
		else if (collected.is_asleep)
			(void)pthread_cond_signal(&collected.changed); /* Cannot fail. */
	}
	(void)pthread_mutex_unlock(&collected.lock);
	return is_on;
}

/* With the lock, for LOG_COLLECT_MS or until the end. */
static void wait_for_more(void)
{
	const int64_t until_us = clock_monotonic_us() + LOG_COLLECT_MS * 1000;
	const struct timespec until = {
		.tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000,
	};
	int timed_out = 0;

	while (!collected.is_ending && !timed_out)
		timed_out = pthread_cond_clockwait(&collected.changed, &collected.lock,
						   CLOCK_MONOTONIC, &until);
}

/* Writes what has waited for LOG_COLLECT_MS, and sleeps while there is nothing. */
static void *write_now_and_then(void *ctx)
{
	(void)ctx;
	(void)pthread_mutex_lock(&collected.lock);
	while (!collected.is_ending) {
		if (collected.len == 0) {
			collected.is_asleep = true;
			(void)pthread_cond_wait(&collected.changed, &collected.lock);
			collected.is_asleep = false;
			continue;
		}
		wait_for_more();
		write_collected();
	}
	(void)pthread_mutex_unlock(&collected.lock);
	return NULL;
}

void log_collect_begin(void)
{
	assert(!atomic_load(&collected.on));

	collected.is_ending = false;
	if (pthread_create(&collected.writer, NULL, write_now_and_then, NULL) == 0)
		atomic_store(&collected.on, true);
	else
		log_warn("log_not_collected");
}

void log_collect_end(void)
{
	if (!atomic_load(&collected.on))
		return;
	(void)pthread_mutex_lock(&collected.lock);
	atomic_store(&collected.on, false);
	collected.is_ending = true;
	write_collected();
	(void)pthread_cond_signal(&collected.changed); /* Cannot fail. */
	(void)pthread_mutex_unlock(&collected.lock);
	(void)pthread_join(collected.writer, NULL); /* Ours, joinable: cannot fail. */
}

/* --- a line --- */

static size_t room(const struct strbuf *line)
{
	return line->bytes_max - TAIL_BYTES - line->len;
}

static void add_name(struct strbuf *line, const char *name)
{
	strbuf_add_text(line, ",\"");
	strbuf_add_text(line, name);
	strbuf_add_text(line, "\":");
}

/* Adds ,"name":"text", cut to the room there is; false when it was cut or left out. */
static bool add_text(struct strbuf *line, const char *name, const char *text)
{
	const size_t name_bytes = strlen(name) + sizeof(",\"\":") - 1;

	if (room(line) < name_bytes + sizeof("null") - 1)
		return false;
	add_name(line, name);
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
	add_name(line, name);
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
		add_name(line, field->name);
		strbuf_add_text(line, field->number ? "true" : "false");
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

	strbuf_add_text(&line, "{\"ts\":\"");
	strbuf_add_text(&line, now);
	strbuf_add_text(&line, "\",\"level\":\"");
	strbuf_add_text(&line, level_names[level]);
	strbuf_add_char(&line, '"');
	bool whole = add_text(&line, "service", service_name);
	whole = add_text(&line, "event", event) && whole;
	for (size_t i = 0; i < count; i++)
		whole = add_field(&line, &fields[i]) && whole;
	if (!whole)
		strbuf_add_text(&line, CUT);
	strbuf_add_text(&line, END);
	assert(!line.overflow);

	if (!atomic_load(&collected.on) || !collect(line.data, line.len, level))
		write_out(line.data, line.len);
}
