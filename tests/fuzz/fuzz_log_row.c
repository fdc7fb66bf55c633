/*
 * A row of the booking log as PostgreSQL sends it. The input is lines, one for each text of a row
 * ("-" is SQL NULL): what is told of the row is JSON whatever stands in it, and an array that was
 * written as a literal reads back as it was.
 */
#include "fuzz.h"

#include "attr.h"
#include "cloud_event.h"
#include "pg.h"

#include <jansson.h>
#include <string.h>

#define LINES_MAX         16
#define ARRAY_BYTES_MAX   (1u << 20)
#define ELEMENT_BYTES_MAX 4097

enum line {
	LINE_BOOKING_ID,
	LINE_STATUS,
	LINE_SEATS,
	LINE_PRICES,
	LINE_REASON,
	LINE_SEATS_LOST,
	LINE_USER,
	LINE_COMMAND,
	LINE_REFUSAL,
	LINE_ACTOR,
};

struct lines {
	char *items[LINES_MAX]; /* "" beyond the last */
	size_t count;
	char *memory;
};

static void lines_init(struct lines *lines, const uint8_t *data, size_t size)
{
	static char none[] = "";

	*lines = (struct lines){ .memory = strndup((const char *)data, size) };
	REQUIRE(lines->memory);
	for (size_t i = 0; i < LINES_MAX; i++)
		lines->items[i] = none;
	char *rest = lines->memory;
	for (char *line; lines->count < LINES_MAX && (line = strsep(&rest, "\n"));)
		lines->items[lines->count++] = line;
}

static void lines_done(struct lines *lines)
{
	free(lines->memory);
}

static const char *or_null(const char *text)
{
	return strcmp(text, "-") == 0 ? NULL : text;
}

/* --- arrays --- */

static void check_written(const struct lines *lines)
{
	_cleanup_(strbuf_done) struct strbuf array;
	char element[ELEMENT_BYTES_MAX];
	bool is_null = false;

	strbuf_init(&array, ARRAY_BYTES_MAX);
	pg_array_open(&array);
	for (size_t i = 0; i < lines->count; i++)
		pg_array_add(&array, or_null(lines->items[i]));
	pg_array_close(&array);
	REQUIRE(!array.overflow);

	const char *at = array.data;
	for (size_t i = 0; i < lines->count; i++) {
		const char *text = or_null(lines->items[i]);
		if (strlen(lines->items[i]) >= sizeof(element))
			return;
		REQUIRE(pg_array_next(&at, element, sizeof(element), &is_null));
		REQUIRE(is_null == !text);
		REQUIRE(is_null || strcmp(element, text) == 0);
	}
	REQUIRE(!pg_array_next(&at, element, sizeof(element), &is_null));
}

/* Any text ends, and each step goes on. How many elements it has. */
static size_t count_elements(const char *array, size_t size)
{
	char element[ELEMENT_BYTES_MAX];
	bool is_null = false;
	const char *at = array;
	size_t count = 0;

	for (const char *before = at; pg_array_next(&at, element, size, &is_null); before = at) {
		REQUIRE(at > before && at <= array + strlen(array));
		REQUIRE(memchr(element, '\0', size));
		count++;
	}
	return count;
}

static void check_read(const char *array)
{
	const size_t count = count_elements(array, ELEMENT_BYTES_MAX);

	/* However small the buffer is. */
	REQUIRE(count_elements(array, 1) == count);
	REQUIRE(count_elements(array, 5) == count);
}

/* --- a row --- */

static struct log_row row_of(const struct lines *lines, const struct log_seat *seat)
{
	char *const *items = lines->items;
	struct log_row row = {
		.seq = 1,
		.is_done = strcmp(items[LINE_REFUSAL], "-") == 0,
		.seats = seat,
		.seat_count = 1,
	};

	row.booking = (struct booking_values){
		.booking_id = items[LINE_BOOKING_ID],
		.version = (int64_t)lines->count,
		.status = items[LINE_STATUS],
		.seats = items[LINE_SEATS],
		.prices = items[LINE_PRICES],
		.reason = or_null(items[LINE_REASON]),
		.seats_lost = items[LINE_SEATS_LOST],
		.user_id = or_null(items[LINE_USER]),
		.total_minor = NUMBER_NONE,
		.expires_at_ms = NUMBER_NONE,
	};
	row.decision = (struct decision){
		.status = items[LINE_STATUS],
		.command = or_null(items[LINE_COMMAND]),
		.actor = or_null(items[LINE_ACTOR]),
		.result = row.is_done ? "done" : "refused",
		.reason = row.is_done ? row.booking.reason : items[LINE_REFUSAL],
	};
	return row;
}

static void check_text(const json_t *json, const char *name, const char *text)
{
	const json_t *member = json_object_get(json, name);

	REQUIRE(member);
	REQUIRE(text ? json_is_string(member) : json_is_null(member));
	/* What is no UTF-8 is told with replacement characters. */
	json_t *same = text ? json_string(text) : NULL;
	REQUIRE(!same || json_equal(member, same));
	json_decref(same);
}

static void check_event(const struct log_row *row, const struct cloud_event *event)
{
	_cleanup_(json_decrefp) json_t *json =
		json_loadb(event->value.data, event->value.len, JSON_REJECT_DUPLICATES, NULL);

	REQUIRE(json_is_object(json));
	check_text(json, "booking_id", row->booking.booking_id);
	check_text(json, "reason", row->booking.reason);
	check_text(json, "user_id", row->booking.user_id);
	check_text(json, "command", row->decision.command);
	check_text(json, "actor", row->decision.actor);
	REQUIRE(json_array_size(json_object_get(json, "seats")) ==
		count_elements(row->booking.seats, ELEMENT_BYTES_MAX));
	REQUIRE(json_array_size(json_object_get(json, "prices")) ==
		count_elements(row->booking.prices, ELEMENT_BYTES_MAX));
	REQUIRE(json_array_size(json_object_get(json, "changed")) == 1);
	REQUIRE(strncmp(event->type, "seatline.booking.", strlen("seatline.booking.")) == 0);
	REQUIRE(row->is_done || strcmp(event->type, "seatline.booking.refused") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(lines_done) struct lines lines;
	_cleanup_(cloud_event_done) struct cloud_event event;
	struct log_seat seat = { .status = 0, .version = 3 };

	lines_init(&lines, data, size);
	check_written(&lines);
	check_read(lines.items[LINE_SEATS]);
	(void)snprintf(seat.seat_id, sizeof(seat.seat_id), "%.60s", lines.items[LINE_ACTOR]);

	const struct log_row row = row_of(&lines, &seat);
	cloud_event_init(&event);
	if (cloud_event_make(&event, &row, "/seatline/1", NULL) == ERR_OK)
		check_event(&row, &event);
	else
		REQUIRE(size > CLOUD_EVENT_VALUE_BYTES_MAX / 32);
	return 0;
}
