#include "checker.h"

#include "ledger_model.h"
#include "log_reader.h"
#include "scheduler.h"
#include "topic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(WORLD_EVENTS == NO_EVENT && WORLD_SEATS == NO_SEAT &&
		      BLOCKED_SEAT == WORLD_SEATS - 1 && WORLD_USERS == MODEL_USERS,
	      "the reader of the log knows this world");
static_assert(TABLE_BOOKINGS_MAX <= MODEL_BOOKINGS_MAX, "the reader has room for all");

static struct {
	struct model_rules rules[MODEL_EVENTS];
	struct log_reader *reader;
	int64_t settled[WORLD_PARTITIONS_MAX];
	int64_t most_settled[WORLD_PARTITIONS_MAX]; /* however often it was set back */
	uint64_t last_xid[WORLD_PARTITIONS_MAX];
} checker;

static int64_t or_else(int64_t value, int64_t otherwise)
{
	return value == NONE ? otherwise : value;
}

void checker_begin(void)
{
	memset(&checker, 0, sizeof(checker));
	for (int i = 0; i < WORLD_EVENTS; i++) {
		const struct event_row *const event = &table_events[i];
		checker.rules[i] = (struct model_rules){
			.hold_ttl_ms = event->hold_ttl_ms,
			.extensions_max = (int32_t)event->extensions_max,
			.seats_per_user_max = (int32_t)or_else(event->seats_per_user_max, 0),
			.holds_per_user_max = (int32_t)or_else(event->holds_per_user_max, 0),
			.sales_open_ms = event->sales_open_ms,
			.sales_close_ms = or_else(event->sales_close_ms, INT64_MAX),
			.cancelled_ms = or_else(event->cancelled_ms, INT64_MAX),
		};
	}
	checker.reader = log_reader_new(checker.rules);
	documents_begin();
}

void checker_end(void)
{
	log_reader_free(checker.reader);
	checker.reader = NULL;
}

void checker_rewound(int partition, int64_t to)
{
	checker.settled[partition] = to;
}

void checker_reported(int partition, int64_t next_offset)
{
	if (next_offset > checker.most_settled[partition])
		violate("partition %d is reported settled up to %ld, and is up to %ld", partition,
			(long)next_offset, (long)checker.most_settled[partition]);
}

/* The log is in the order of these ids: so must the decisions be. */
void checker_owned(int partition, uint64_t xid)
{
	if (xid <= checker.last_xid[partition])
		violate("partition %d: transaction %lu decides after %lu", partition,
			(unsigned long)xid, (unsigned long)checker.last_xid[partition]);
	checker.last_xid[partition] = xid;
}

/* ---- Rows as the reader knows them ---- */

static enum booking_status status_of(const char *text)
{
	enum booking_status ret = BOOKING_HELD;
	const bool is_known = booking_status_parse(text, &ret);
	assert(is_known);

	return ret;
}

static enum reason reason_of(const char *text)
{
	enum reason ret = REASON_NONE;
	const bool is_known = reason_parse(text, &ret);
	assert(is_known);

	return ret;
}

static void fill_seats(const struct log_entry *entry, struct log_row *ret)
{
	struct column seat = column_of(entry->booking.seats);

	while (column_next(&seat)) {
		struct column lost = column_of(entry->booking.lost);
		while (column_next(&lost))
			if (strcmp(lost.text, seat.text) == 0)
				ret->lost |= 1u << ret->seat_count;
		ret->seats[ret->seat_count++] = number_of(seat.text);
	}
}

static void fill_changes(const struct log_entry *entry, struct log_row *ret)
{
	struct column seat = column_of(entry->changed);
	struct column status = column_of(entry->statuses);
	struct column version = column_of(entry->versions);

	while (column_next(&seat) && column_next(&status) && column_next(&version)) {
		ret->changes[ret->change_count].seat = number_of(seat.text);
		const bool is_known =
			seat_status_parse(status.text, &ret->changes[ret->change_count].status);
		assert(is_known);
		ret->changes[ret->change_count++].version = column_int(&version);
	}
}

static struct log_row row_of(const struct log_entry *entry)
{
	const struct booking_row *const booking = &entry->booking;
	struct log_row ret = {
		.booking = entry->number,
		.version = (int32_t)booking->version,
		.at_ms = entry->decided_ms,
		.event = booking->event,
		.user = booking->user,
		.total_minor = or_else(booking->total, 0),
		.status = status_of(booking->status),
		.reason = reason_of(booking->reason),
		.expires_ms = or_else(booking->expires_ms, 0),
		.extensions = (int32_t)booking->extensions,
		.refusal = reason_of(entry->refusal),
	};

	if (booking->mode[0] != '\0')
		(void)command_type_parse(booking->mode, &ret.mode);
	while (ret.result < RESULT_COUNT && strcmp(result_name(ret.result), entry->result) != 0)
		ret.result++;
	fill_seats(entry, &ret);
	fill_changes(entry, &ret);
	return ret;
}

/* ---- A transaction ---- */

static bool was_decided(const struct command *command)
{
	const int number = number_of(command->booking_id.text);

	return command_makes_booking(command->type)
		       ? checker.reader->bookings[number].version > 0
		       : checker.reader->decided[number][number_of(command->id.text)];
}

static bool is_about(const struct log_entry *entry, const struct command *command)
{
	return entry->number == number_of(command->booking_id.text) &&
	       strcmp(entry->command, command_type_name(command->type)) == 0 &&
	       entry->command_id == number_of(command->id.text);
}

static void take(const struct command *command, const struct log_entry *entries, int count,
		 int64_t now_ms)
{
	static struct log_row rows[PENDING_LOG_MAX];

	for (int i = 0; i < count; i++) {
		rows[i] = row_of(&entries[i]);
		if (entries[i].command[0] != '\0')
			rows[i].command = command;
		else if (rows[i].status == BOOKING_CANCELLED)
			world_count(ended_with_event);
		else if (command)
			world_count(lapsed);
		else
			world_count(swept);
		if (rows[i].status == BOOKING_DONE && rows[i].result == RESULT_DONE)
			world_count(administered);
	}
	const char *const wrong = log_reader_take(checker.reader, command, VERDICT_COUNT, rows,
						  (size_t)count, now_ms);
	if (wrong)
		violate("%s", wrong);
}

/* Answers how many of the rows are the message's. */
static int check_message(int partition, int64_t offset, const struct log_entry *entries, int count,
			 int64_t now_ms)
{
	const struct topic_message *const message = topic_message(partition, offset);
	int own = 0;

	if (!message->is_command) {
		if (message->letters == 0)
			violate("the message at %ld of partition %d was passed by without a letter",
				(long)offset, partition);
		return 0;
	}
	if (was_decided(&message->command)) {
		world_count(redelivered);
		return 0;
	}
	while (own < count && entries[own].command[0] == '\0')
		own++;
	if (own == count || !is_about(&entries[own], &message->command)) {
		violate("the message at %ld of partition %d has no outcome, or not in its turn",
			(long)offset, partition);
		return 0;
	}
	take(&message->command, entries, own + 1, now_ms);
	return own + 1;
}

void checker_committed(const struct pending *pending, uint64_t xid)
{
	const int partition = pending->fence;
	int next = 0;

	if (partition == NOBODY) {
		violate("transaction %lu writes without a fence", (unsigned long)xid);
		return;
	}
	const int64_t from = pending->from_offset;
	const int64_t to = pending->progress[partition].next_offset;
	const int64_t now_ms = pending->progress[partition].changed_ms;
	if (from != checker.settled[partition])
		violate("partition %d goes on at %ld, and was settled up to %ld", partition,
			(long)from, (long)checker.settled[partition]);
	for (int i = 0; i < pending->log_count; i++)
		if (pending->log[i].decided_ms != now_ms)
			violate("booking %d was decided at %ld, by a transaction of %ld",
				pending->log[i].number, (long)pending->log[i].decided_ms,
				(long)now_ms);
	for (int64_t offset = from; offset < to && world.violation[0] == '\0'; offset++)
		next += check_message(partition, offset, &pending->log[next],
				      pending->log_count - next, now_ms);
	if (world.violation[0] != '\0')
		return;
	if (next < pending->log_count && from < to)
		violate("booking %d has a row that no message asks for", pending->log[next].number);
	else if (next < pending->log_count)
		take(NULL, &pending->log[next], pending->log_count - next, now_ms);
	checker.settled[partition] = to;
	if (checker.most_settled[partition] < to)
		checker.most_settled[partition] = to;
}

/* ---- At rest ---- */

const char *checker_awaits(void)
{
	static char text[96];

	for (int i = 0; i < world.partitions; i++) {
		if (table_progress[i].next_offset == topic_high(i))
			continue;
		(void)snprintf(text, sizeof(text), "partition %d is at %ld of %ld", i,
			       (long)table_progress[i].next_offset, (long)topic_high(i));
		return text;
	}
	const int64_t long_ago_ms = scheduler_now_ms() - 2 * world.sweep_ms;
	for (int i = 0; i < tables.booking_end && world.sweep_ms > 0; i++) {
		const struct booking_row *const booking = &tables.bookings[i];
		if (!is_lapsed(booking, long_ago_ms) &&
		    !(is_live_row(booking) && is_event_cancelled(booking->event, long_ago_ms)))
			continue;
		(void)snprintf(text, sizeof(text), "booking %d lives after its time", i);
		return text;
	}
	return documents_await();
}

static void check_messages(void)
{
	for (int i = 0; i < world.partitions; i++) {
		for (int64_t offset = 0; offset < topic_high(i); offset++) {
			const struct topic_message *const message = topic_message(i, offset);
			if (message->is_command ? !was_decided(&message->command)
						: message->letters == 0)
				violate("the message at %ld of partition %d was lost", (long)offset,
					i);
		}
	}
}

static int compare_entries(const void *left, const void *right)
{
	const struct log_entry *const a = &table_log[*(const int *)left];
	const struct log_entry *const b = &table_log[*(const int *)right];

	if (a->xid != b->xid)
		return a->xid < b->xid ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

/* By (xid, seq), as readers of the log see it. One seat's rows are in order where one partition
 * decides about it. */
static void check_log_order(void)
{
	static int order[TABLE_LOG_MAX];
	int64_t bookings[TABLE_BOOKINGS_MAX] = { 0 };
	int64_t seats[WORLD_EVENTS][WORLD_SEATS] = { { 0 } };

	for (int i = 0; i < tables.log_count; i++)
		order[i] = i;
	qsort(order, (size_t)tables.log_count, sizeof(order[0]), compare_entries);
	for (int i = 0; i < tables.log_count; i++) {
		const struct log_entry *const entry = &table_log[order[i]];
		struct column seat = column_of(entry->changed);
		struct column version = column_of(entry->versions);
		if (entry->booking.version != ++bookings[entry->number])
			violate("in the log's order booking %d has version %ld after %ld",
				entry->number, (long)entry->booking.version,
				(long)bookings[entry->number] - 1);
		while (column_next(&seat) && column_next(&version)) {
			int64_t *const last = &seats[entry->booking.event][number_of(seat.text)];
			if (column_int(&version) != ++*last)
				violate("in the log's order seat %s has version %s after %ld",
					seat.text, version.text, (long)*last - 1);
		}
	}
}

static void fill_seat(const struct seat_row *from, struct seat *ret)
{
	*ret = (struct seat){ .exists = true, .version = from->version };
	(void)seat_status_parse(from->status, &ret->status);
	ret->hold_expires_ms = or_else(from->expires_ms, 0);
	if (from->booking != NOBODY)
		uuid_of(from->booking, ret->booking_id);
	if (from->user != NOBODY)
		(void)snprintf(ret->user_id, sizeof(ret->user_id), "u%d", from->user);
}

static void fill_booking(const struct booking_row *from, struct known_booking *ret)
{
	ret->exists = from->exists;
	if (!from->exists)
		return;
	ret->version = (int32_t)from->version;
	ret->status = status_of(from->status);
	ret->reason = reason_of(from->reason);
	ret->expires_ms = or_else(from->expires_ms, 0);
	ret->extensions = (int32_t)from->extensions;
	ret->decided_at_ms = from->decided_ms;
	(void)snprintf(ret->payment_reference, sizeof(ret->payment_reference), "%s", from->payment);
}

static void check_tables(void)
{
	static struct ledger_model model;

	for (int event = 0; event < WORLD_EVENTS; event++)
		for (int i = 0; i < WORLD_SEATS; i++)
			fill_seat(&tables.seats[event][i], &model.seats[event][i]);
	for (int i = 0; i < TABLE_BOOKINGS_MAX; i++)
		fill_booking(&tables.bookings[i], &model.bookings[i]);
	const char *const wrong = log_reader_compare(checker.reader, &model);
	if (wrong)
		violate("%s", wrong);
}

void checker_at_rest(void)
{
	check_messages();
	check_tables();
	if (!world.is_mixed)
		check_log_order();
	documents_at_rest();
	documents_last();
}
