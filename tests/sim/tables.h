/*
 * tables - the write model's rows, as db/migrations has them, in memory.
 *
 * Shape    ids that end in a number are that number (seat "s3", booking "…-000000000017"); NONE
 *          stands for SQL NULL. Texts are as the programs wrote them; an array is its literal.
 *          A booking's number is its place.
 * Units    times in ms of PostgreSQL's clock.
 */
#pragma once

#include "world.h"

#include <stddef.h>

#define NONE               INT64_MIN
#define NOBODY             (-1)
#define TABLE_BOOKINGS_MAX 256
#define TABLE_LOG_MAX      1024
#define TABLE_WORD_MAX     24
#define TABLE_LIST_MAX     96
#define UUID_BYTES_MAX     37

struct event_row {
	int64_t hold_ttl_ms, extensions_max;
	int64_t seats_per_user_max; /* or NONE, like the next four */
	int64_t holds_per_user_max;
	int64_t sales_open_ms, sales_close_ms;
	int64_t cancelled_ms; /* from then on */
	int64_t version;
};

struct seat_row {
	char status[TABLE_WORD_MAX];
	int booking, user; /* or NOBODY */
	int64_t version;
	int64_t expires_ms; /* or NONE */
};

struct booking_row {
	bool exists;
	int64_t version;
	int event, user;           /* or NOBODY */
	char mode[TABLE_WORD_MAX]; /* "": NULL */
	char seats[TABLE_LIST_MAX], lost[TABLE_LIST_MAX], prices[TABLE_LIST_MAX];
	char status[TABLE_WORD_MAX], reason[TABLE_WORD_MAX];             /* "": NULL */
	char currency[4], payment[TABLE_WORD_MAX];                       /* "": NULL */
	int64_t total, extensions, requested_ms, decided_ms, expires_ms; /* or NONE */
	int key;                                                         /* or NOBODY */
	int partition;
};

struct log_entry {
	uint64_t xid;
	int64_t seq;
	int number;                 /* the booking's */
	struct booking_row booking; /* as it was told */
	int64_t decided_ms;         /* when this row was */
	char command[TABLE_WORD_MAX], result[TABLE_WORD_MAX], refusal[TABLE_WORD_MAX];
	int command_id, actor; /* or NOBODY */
	char changed[TABLE_LIST_MAX], positions[TABLE_LIST_MAX], statuses[TABLE_LIST_MAX],
		versions[TABLE_LIST_MAX];
};

struct progress_row {
	bool exists;
	int64_t next_offset, changed_ms;
};

/* What is committed; or what it was at one moment. */
struct tables {
	struct seat_row seats[WORLD_EVENTS][WORLD_SEATS];
	struct booking_row bookings[TABLE_BOOKINGS_MAX];
	int booking_end; /* none has this number or a greater one */
	int log_count;   /* the first so many of table_log */
	uint64_t xmin;   /* all transactions below are over */
};

extern struct event_row table_events[WORLD_EVENTS];
extern struct tables tables;
extern struct progress_row table_progress[WORLD_PARTITIONS_MAX];
extern struct log_entry table_log[TABLE_LOG_MAX]; /* in the order of the commits */

void tables_begin(void);

/* The number that an id or a name ends in; NOBODY for NULL and "". */
int number_of(const char *text);
/* "00000000-0000-8000-8000-000000000017" */
void uuid_of(int number, char ret[static UUID_BYTES_MAX]);
int64_t price_of(int seat);
bool is_lapsed(const struct booking_row *booking, int64_t now_ms);
bool is_live_row(const struct booking_row *booking); /* held or confirmed */
bool is_event_cancelled(int event, int64_t now_ms);

/* An array parameter, element by element. */
struct column {
	const char *at;
	char text[256];
	bool is_null;
};

struct column column_of(const char *literal);
/* False at the end. */
bool column_next(struct column *column);
/* The element, NONE when it is NULL. */
int64_t column_int(const struct column *column);
/* The element, "" when it is NULL, cut at size. */
void column_copy(const struct column *column, char *to, size_t size);
