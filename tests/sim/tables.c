#include "tables.h"

#include "pg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID_DIGITS_AT 24 /* its last part */
#define TTL_MS         400

struct event_row table_events[WORLD_EVENTS];
struct tables tables;
struct progress_row table_progress[WORLD_PARTITIONS_MAX];
struct log_entry table_log[TABLE_LOG_MAX];

static int64_t some_ttl_ms(void)
{
	return world.is_crowded || one_in(2) ? TTL_MS / 10 + below(TTL_MS / 4)
					     : TTL_MS / 2 + below(3 * TTL_MS);
}

static struct event_row some_event(void)
{
	struct event_row ret = {
		.hold_ttl_ms = some_ttl_ms(),
		.extensions_max = below(3),
		/* Only one partition at a time can count. */
		.seats_per_user_max = world.is_mixed || one_in(3) ? NONE : 1 + below(6),
		.holds_per_user_max = world.is_mixed || one_in(2) ? NONE : 1 + below(5),
		.version = 1,
		.sales_open_ms = NONE,
		.sales_close_ms = NONE,
		.cancelled_ms = NONE,
	};

	if (one_in(8))
		ret.sales_open_ms = WORLD_START_MS + below(3 * TTL_MS);
	if (one_in(8))
		ret.sales_close_ms = WORLD_START_MS + 4 * TTL_MS + below(10 * TTL_MS);
	if (one_in(8))
		ret.cancelled_ms = WORLD_START_MS + below(15 * TTL_MS);
	return ret;
}

void tables_begin(void)
{
	for (int i = 0; i < tables.booking_end; i++)
		tables.bookings[i] = (struct booking_row){ 0 };
	tables.booking_end = 0;
	tables.log_count = 0;
	memset(table_progress, 0, sizeof(table_progress));
	for (int event = 0; event < WORLD_EVENTS; event++) {
		table_events[event] = some_event();
		for (int i = 0; i < WORLD_SEATS; i++) {
			struct seat_row *const seat = &tables.seats[event][i];
			*seat = (struct seat_row){ .booking = NOBODY,
						   .user = NOBODY,
						   .expires_ms = NONE };
			(void)snprintf(seat->status, sizeof(seat->status), "%s",
				       i == WORLD_SEATS - 1 ? "blocked" : "available");
		}
	}
}

int number_of(const char *text)
{
	if (!text || text[0] == '\0')
		return NOBODY;
	const size_t len = strlen(text);
	return (int)strtol(len > UUID_DIGITS_AT ? text + UUID_DIGITS_AT : text + 1, NULL, 10);
}

void uuid_of(int number, char ret[static UUID_BYTES_MAX])
{
	(void)snprintf(ret, UUID_BYTES_MAX, "00000000-0000-8000-8000-%012d", number);
}

int64_t price_of(int seat)
{
	return 1000 + seat;
}

bool is_lapsed(const struct booking_row *booking, int64_t now_ms)
{
	return booking->exists && strcmp(booking->status, "held") == 0 &&
	       booking->expires_ms <= now_ms;
}

bool is_live_row(const struct booking_row *booking)
{
	return booking->exists && (strcmp(booking->status, "held") == 0 ||
				   strcmp(booking->status, "confirmed") == 0);
}

bool is_event_cancelled(int event, int64_t now_ms)
{
	return event >= 0 && event < WORLD_EVENTS && table_events[event].cancelled_ms != NONE &&
	       table_events[event].cancelled_ms <= now_ms;
}

struct column column_of(const char *literal)
{
	assert(literal);

	return (struct column){ .at = literal };
}

bool column_next(struct column *column)
{
	return pg_array_next(&column->at, column->text, sizeof(column->text), &column->is_null);
}

int64_t column_int(const struct column *column)
{
	return column->is_null ? NONE : strtoll(column->text, NULL, 10);
}

void column_copy(const struct column *column, char *to, size_t size)
{
	(void)snprintf(to, size, "%s", column->is_null ? "" : column->text);
	assert(strlen(to) < size);
}
