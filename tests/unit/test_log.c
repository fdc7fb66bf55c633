#include "clock.h"
#include "log.h"
#include "strbuf.h"
#include "table.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define LINES_TO_FILL   800 /* more than LOG_COLLECTED_BYTES_MAX, less than the pipe */
#define WRITTEN_WAIT_MS 10000

static int from_stderr = -1;

/* Standard error goes into a pipe, which holds more than any of these tests writes at once. */
static void capture(void)
{
	int ends[2];
	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 18), 1 << 18);
	cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
	(void)close(ends[1]);
	from_stderr = ends[0];
	log_open("tester", LOG_LEVEL_DEBUG);
}

TestSuite(log, .init = capture);

/* What was written since the last call; the caller frees it. */
static char *captured(void)
{
	const size_t bytes_max = 1 << 18;
	char *text = malloc(bytes_max);
	cr_assert(text);
	size_t len = 0;
	ssize_t got;
	while ((got = read(from_stderr, text + len, bytes_max - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	return text;
}

/* The one line that was written, as JSON; the caller releases it. */
static json_t *captured_line(void)
{
	_cleanup_free_ char *text = captured();
	const size_t len = strlen(text);
	cr_assert_gt(len, 0);
	cr_assert_leq(len, LOG_LINE_BYTES_MAX);
	cr_assert_eq(strchr(text, '\n'), text + len - 1, "not one line: %s", text);

	json_error_t why;
	json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	cr_assert(line, "%s: %s", why.text, text);
	return line;
}

static const char *member(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

Test(log, writes_one_json_object_per_line)
{
	const int64_t before_ms = clock_wall_ms();
	log_info("seat_claimed", LOG_STR("booking_id", "b1"), LOG_INT("offset", -7),
		 LOG_BOOL("late", true), LOG_BOOL("early", false), LOG_STR("reason", NULL));
	_cleanup_(json_decrefp) json_t *line = captured_line();

	cr_expect_eq(json_object_size(line), 9);
	cr_expect_str_eq(member(line, "level"), "info");
	cr_expect_str_eq(member(line, "service"), "tester");
	cr_expect_str_eq(member(line, "event"), "seat_claimed");
	cr_expect_str_eq(member(line, "booking_id"), "b1");
	cr_expect_eq(json_integer_value(json_object_get(line, "offset")), -7);
	cr_expect(json_is_true(json_object_get(line, "late")));
	cr_expect(json_is_false(json_object_get(line, "early")));
	cr_expect(json_is_null(json_object_get(line, "reason")));

	int64_t at_ms = 0;
	cr_expect_eq(strlen(member(line, "ts")), CLOCK_TEXT_BYTES_MAX - 1);
	cr_assert_eq(clock_parse(member(line, "ts"), &at_ms, NULL), ERR_OK);
	cr_expect_geq(at_ms, before_ms);
	cr_expect_leq(at_ms, clock_wall_ms());
}

Test(log, writes_a_line_without_fields)
{
	log_error("gone");
	_cleanup_(json_decrefp) json_t *line = captured_line();
	cr_expect_eq(json_object_size(line), 4);
	cr_expect_str_eq(member(line, "level"), "error");
}

Test(log, holds_back_what_is_below_its_level)
{
	static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN,
						 LOG_LEVEL_ERROR };

	for (size_t i = 0; i < COUNT(levels); i++) {
		log_open("tester", levels[i]);
		log_debug("d");
		log_info("i");
		log_warn("w");
		log_error("e");
		_cleanup_free_ char *text = captured();
		size_t lines = 0;
		for (const char *c = text; *c; c++)
			lines += *c == '\n';
		cr_expect_eq(lines, COUNT(levels) - i);
	}
}

Test(log, reads_level_names)
{
	cr_expect_eq(log_level_parse("debug"), LOG_LEVEL_DEBUG);
	cr_expect_eq(log_level_parse("info"), LOG_LEVEL_INFO);
	cr_expect_eq(log_level_parse("warn"), LOG_LEVEL_WARN);
	cr_expect_eq(log_level_parse("error"), LOG_LEVEL_ERROR);
	cr_expect_eq(log_level_parse("ERROR"), LOG_LEVEL_INFO);
	cr_expect_eq(log_level_parse(""), LOG_LEVEL_INFO);
	cr_expect_eq(log_level_parse(NULL), LOG_LEVEL_INFO);
}

Test(log, stays_valid_json_for_any_byte)
{
	for (int i = 1; i < 256; i++) {
		const char text[] = { 'a', (char)i, 'b', '\0' };
		log_info("odd", LOG_STR("text", text));
		_cleanup_(json_decrefp) json_t *line = captured_line();
		if (i < 0x80)
			cr_expect_str_eq(member(line, "text"), text);
		else
			cr_expect_str_eq(member(line, "text"), "a\xef\xbf\xbd"
							       "b");
	}
}

/* Lines are cut in the middle of texts whose characters take 1 to 6 bytes, at every alignment. */
Test(log, stays_valid_json_when_cut)
{
	static const char *const units[] = {
		"x", "\"", "\n", "\x01", "\xff", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xab"
	};

	for (size_t i = 0; i < COUNT(units); i++) {
		_cleanup_(strbuf_done) struct strbuf text;
		strbuf_init(&text, 2 * LOG_LINE_BYTES_MAX);
		while (text.len < LOG_LINE_BYTES_MAX)
			strbuf_add_text(&text, units[i]);
		for (size_t shift = 0; shift < 8; shift++) {
			log_info("long", LOG_STR("shift", &"xxxxxxxx"[8 - shift]),
				 LOG_STR("text", text.data), LOG_INT("offset", 7));
			_cleanup_(json_decrefp) json_t *line = captured_line();
			cr_expect(json_is_true(json_object_get(line, "cut")));
			cr_expect_str_eq(member(line, "event"), "long");
			cr_expect_gt(json_string_length(json_object_get(line, "text")), 600);
		}
	}
}

/* Around the limit, byte by byte: whole up to a point, then cut, and always valid. */
Test(log, says_when_it_cut)
{
	static char text[LOG_LINE_BYTES_MAX + 1];
	bool was_cut = false;

	for (size_t len = LOG_LINE_BYTES_MAX - 300; len < LOG_LINE_BYTES_MAX; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		log_info("long", LOG_STR("text", text), LOG_BOOL("last", true),
			 LOG_INT("number", 1), LOG_STR("null", NULL));
		_cleanup_(json_decrefp) json_t *line = captured_line();
		const bool cut = json_is_true(json_object_get(line, "cut"));
		cr_expect(cut || !was_cut, "whole again at %zu", len);
		const bool whole = json_string_length(json_object_get(line, "text")) == len &&
				   json_object_get(line, "last") &&
				   json_object_get(line, "number") && json_object_get(line, "null");
		cr_expect_eq(cut, !whole, "at %zu", len);
		was_cut = cut;
	}
	cr_expect(was_cut);
}

Test(log, bounds_a_line_of_many_fields)
{
	static char text[1000];
	memset(text, 'y', sizeof(text) - 1);
	const struct log_field fields[] = {
		LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text), LOG_STR("d", text),
		LOG_STR("e", text), LOG_INT("f", 1),    LOG_BOOL("g", 1),   LOG_STR("h", text),
	};
	log_write(LOG_LEVEL_WARN, "many", fields, COUNT(fields));
	_cleanup_(json_decrefp) json_t *line = captured_line();
	cr_expect_eq(json_string_length(json_object_get(line, "c")), sizeof(text) - 1);
	cr_expect(json_is_true(json_object_get(line, "cut")));
}

static void *write_lines(void *name)
{
	for (int i = 0; i < 100; i++)
		log_info("busy", LOG_STR("thread", name), LOG_INT("i", i));
	return NULL;
}

Test(log, keeps_lines_of_several_threads_apart)
{
	static char names[4][20] = { "thread-1", "thread-2", "thread-3", "thread-4" };
	pthread_t threads[COUNT(names)];
	for (size_t i = 0; i < COUNT(names); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);

	_cleanup_free_ char *text = captured();
	size_t lines = 0;
	char *rest = NULL;
	for (char *at = strtok_r(text, "\n", &rest); at; at = strtok_r(NULL, "\n", &rest)) {
		_cleanup_(json_decrefp) json_t *line = json_loads(at, 0, NULL);
		cr_expect(line, "%s", at);
		lines++;
	}
	cr_expect_eq(lines, 400);
}

Test(log, collects_lines_of_several_threads_and_writes_the_rest_at_the_end)
{
	log_collect_begin();
	for (int i = 0; i < LINES_TO_FILL; i++)
		log_info("filler", LOG_STR("text", "so long that the lines do not fit together"));
	log_collect_end();
	_cleanup_free_ char *text = captured();
	size_t lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect_eq(lines, LINES_TO_FILL);

	log_info("after");
	_cleanup_(json_decrefp) json_t *line = captured_line();
	cr_expect_str_eq(member(line, "event"), "after");
}

Test(log, writes_a_collected_line_though_nothing_follows_it)
{
	struct pollfd written = { .fd = from_stderr, .events = POLLIN };

	log_collect_begin();
	for (int i = 0; i < 3; i++) {
		log_info("alone");
		cr_assert_eq(poll(&written, 1, WRITTEN_WAIT_MS), 1);
		_cleanup_(json_decrefp) json_t *line = captured_line();
		cr_expect_str_eq(member(line, "event"), "alone");
	}
	log_collect_end();
}

Test(log, writes_a_warning_at_once_after_the_lines_that_waited)
{
	log_collect_begin();
	log_info("first");
	log_warn("second");
	_cleanup_free_ char *text = captured();
	log_collect_end();

	const char *first = strstr(text, "\"event\":\"first\"");
	const char *second = strstr(text, "\"event\":\"second\"");
	cr_assert(first && second, "%s", text);
	cr_expect_lt(first, second);
}

static void share_a_short_pipe(void)
{
	cr_assert_eq(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096), 4096);
	cr_assert_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
}

/* Until all lines came, or none for a while. */
static void *count_lines(void *ctx)
{
	size_t *lines = ctx;
	struct pollfd written = { .fd = from_stderr, .events = POLLIN };

	while (*lines < LINES_TO_FILL && poll(&written, 1, WRITTEN_WAIT_MS) == 1) {
		_cleanup_free_ char *text = captured();
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			(*lines)++;
	}
	return NULL;
}

Test(log, writes_all_where_the_descriptor_takes_a_part)
{
	size_t lines = 0;
	pthread_t reader;

	share_a_short_pipe();
	cr_assert_eq(pthread_create(&reader, NULL, count_lines, &lines), 0);
	log_collect_begin();
	for (int i = 0; i < LINES_TO_FILL; i++)
		log_info("filler", LOG_STR("text", "so long that the lines do not fit together"));
	log_collect_end();
	cr_assert_eq(pthread_join(reader, NULL), 0);
	cr_expect_eq(lines, LINES_TO_FILL);
}

Test(log, gives_up_on_a_full_descriptor)
{
	const char filler[4096] = "";

	share_a_short_pipe();
	cr_assert_eq(write(STDERR_FILENO, filler, sizeof(filler)), sizeof(filler));
	log_info("lost");
	_cleanup_free_ char *text = captured();
	cr_expect_str_empty(text);
	log_info("after");
	_cleanup_(json_decrefp) json_t *line = captured_line();
	cr_expect_str_eq(member(line, "event"), "after");
}

Test(log, goes_on_when_nobody_reads)
{
	(void)close(STDERR_FILENO);
	log_error("unheard", LOG_STR("text", "x"));
}
