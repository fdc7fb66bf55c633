/* What checker says of the documents: the read model is the write model (P7). */
#include "bson_match.h"
#include "checker.h"
#include "mongo_memory.h"
#include "scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const statuses[] = { "available", "held", "booked", "blocked" };

#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

/* ---- Whether they are as far as the log ---- */

/* Of the first so many rows of the log all maps may be behind. */
static int lost_rows;

void documents_begin(void)
{
	lost_rows = 0;
}

void documents_lost(void)
{
	lost_rows = tables.log_count;
}

static const char *await_rows(int count)
{
	const bson_t *const state = mongo_memory_find("projector_state", "booking_log");
	if (!state || !bson_text(state, "xid") || bson_number(state, "rebuilding"))
		return "the read model was not built";

	const uint64_t xid = strtoull(bson_text(state, "xid"), NULL, 10);
	const int64_t seq = strtoll(bson_text(state, "seq"), NULL, 10);
	for (int i = 0; i < count; i++)
		if (table_log[i].xid > xid || (table_log[i].xid == xid && table_log[i].seq > seq))
			return "the log was not read to its end";
	return NULL;
}

const char *documents_await(void)
{
	return await_rows(tables.log_count);
}

/* ---- Whether a booking's map was first ---- */

static void expect_seats(const struct log_entry *entry)
{
	struct column seat = column_of(entry->changed);
	struct column version = column_of(entry->versions);
	char id[16];

	(void)snprintf(id, sizeof(id), "e%d/0000", entry->booking.event);
	const bson_t *const block = mongo_memory_find("seat_maps", id);
	while (column_next(&seat) && column_next(&version)) {
		char path[32];
		(void)snprintf(path, sizeof(path), "seats.%d.version", number_of(seat.text));
		if (!block || bson_number(block, path) < column_int(&version))
			violate("booking %d can be read before seat %s of its map", entry->number,
				seat.text);
	}
}

/* What is written anew from PostgreSQL sets no version, and may be ahead. */
void documents_written(const char *collection, const bson_t *filter, const bson_t *doc)
{
	if (!doc || strcmp(collection, "bookings") != 0 || await_rows(lost_rows))
		return;
	const int number = number_of(bson_text(filter ? filter : doc, "_id"));
	const int64_t version = bson_number(doc, filter ? "$set.version" : "version");
	for (int i = 0; i < tables.log_count; i++)
		if (table_log[i].number == number && table_log[i].booking.version <= version)
			expect_seats(&table_log[i]);
}

/* ---- Whether they say the same ---- */

static void expect_number(const bson_t *doc, const char *path, int64_t expected)
{
	if (bson_number(doc, path) != expected)
		violate("document %s: %s is %ld, not %ld", bson_text(doc, "_id"), path,
			(long)bson_number(doc, path), (long)expected);
}

static void expect_text(const bson_t *doc, const char *path, const char *expected)
{
	const char *const found = bson_text(doc, path);

	if (strcmp(found ? found : "", expected) != 0)
		violate("document %s: %s is '%s', not '%s'", bson_text(doc, "_id"), path,
			found ? found : "", expected);
}

static void expect_seat(const bson_t *doc, int i, const struct seat_row *seat)
{
	char path[32];
	char text[UUID_BYTES_MAX] = "";

	(void)snprintf(path, sizeof(path), "seats.%d.status", i);
	expect_text(doc, path, seat->status);
	(void)snprintf(path, sizeof(path), "seats.%d.version", i);
	expect_number(doc, path, seat->version);
	if (seat->booking != NOBODY)
		uuid_of(seat->booking, text);
	(void)snprintf(path, sizeof(path), "seats.%d.booking_id", i);
	expect_text(doc, path, text);
	(void)snprintf(text, sizeof(text), seat->user == NOBODY ? "" : "u%d", seat->user);
	(void)snprintf(path, sizeof(path), "seats.%d.user_id", i);
	expect_text(doc, path, text);
}

static void expect_sums(const bson_t *doc, int event)
{
	int64_t version = 0;

	for (int i = 0; i < WORLD_SEATS; i++)
		version += tables.seats[event][i].version;
	expect_number(doc, "version", version);
	for (size_t k = 0; k < STATUSES; k++) {
		char path[32];
		int64_t count = 0;
		for (int i = 0; i < WORLD_SEATS; i++)
			count += strcmp(tables.seats[event][i].status, statuses[k]) == 0;
		(void)snprintf(path, sizeof(path), "counts.%s", statuses[k]);
		expect_number(doc, path, count);
	}
}

static void expect_event(int event)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "e%d", event);
	const bson_t *const doc = mongo_memory_find("events", id);
	(void)snprintf(id, sizeof(id), "e%d/0000", event);
	const bson_t *const block = mongo_memory_find("seat_maps", id);
	if (!doc || !block) {
		violate("event %d has no document, or no map", event);
		return;
	}
	expect_sums(doc, event);
	expect_sums(block, event);
	for (int i = 0; i < WORLD_SEATS; i++)
		expect_seat(block, i, &tables.seats[event][i]);
}

static void expect_decision(const bson_t *doc, const struct log_entry *entry)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "history.%ld.status", (long)entry->booking.version);
	expect_text(doc, path, entry->booking.status);
	(void)snprintf(path, sizeof(path), "history.%ld.command", (long)entry->booking.version);
	expect_text(doc, path, entry->command);
	(void)snprintf(path, sizeof(path), "history.%ld.result", (long)entry->booking.version);
	expect_text(doc, path, entry->result);
	(void)snprintf(path, sizeof(path), "history.%ld.at", (long)entry->booking.version);
	expect_number(doc, path, entry->decided_ms);
}

static void expect_booking(int number, const struct booking_row *booking)
{
	char id[UUID_BYTES_MAX];
	uuid_of(number, id);
	const bson_t *const doc = mongo_memory_find("bookings", id);
	if (!doc) {
		violate("booking %d has no document", number);
		return;
	}
	expect_text(doc, "status", booking->status);
	expect_text(doc, "reason", booking->reason);
	expect_text(doc, "payment_reference", booking->payment);
	expect_number(doc, "version", booking->version);
	expect_number(doc, "extensions", booking->extensions);
	expect_number(doc, "decided_at", booking->decided_ms);
	if (booking->expires_ms != NONE)
		expect_number(doc, "expires_at", booking->expires_ms);
	for (int i = 0; i < tables.log_count; i++)
		if (table_log[i].number == number)
			expect_decision(doc, &table_log[i]);
}

void documents_at_rest(void)
{
	int bookings = 0;

	for (int i = 0; i < WORLD_EVENTS; i++)
		expect_event(i);
	for (int i = 0; i < tables.booking_end; i++) {
		if (!tables.bookings[i].exists)
			continue;
		bookings++;
		expect_booking(i, &tables.bookings[i]);
	}
	if (mongo_memory_count("bookings") != bookings)
		violate("%d documents of %d bookings", mongo_memory_count("bookings"), bookings);
	if (mongo_memory_count("events") != WORLD_EVENTS ||
	    mongo_memory_count("seat_maps") != WORLD_EVENTS)
		violate("documents of events that are not there");
}

void documents_last(void)
{
	mongo_memory_crash(true);
	const char *const lost = documents_await();
	if (lost)
		violate("after a crash of MongoDB %s", lost);
	documents_at_rest();
}
