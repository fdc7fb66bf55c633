/*
 * memory_ledger - a ledger in memory that does what ledger.h promises, for tests and simulations.
 *
 * A transaction holds nobody up: it fails at its commit when another one has moved the same
 * partition meanwhile.
 * Owns     its tables; they are sized once, for a number of commands in all.
 * Threads  one.
 */
#pragma once

#include "ledger.h"

struct memory_row {
	char booking_id[BOOKING_ID_BYTES_MAX];
	int32_t version;
	bool has_command; /* else the hold ran out */
	enum command_type command;
	enum booking_status status;
	enum reason reason;
	enum result result;
	enum reason refusal;
	int64_t at_ms;
	unsigned change_count;
	struct {
		char seat_id[IDENT_BYTES_MAX];
		enum seat_status status;
		int64_t version;
	} changes[COMMAND_SEATS_MAX];
};

struct memory_ledger {
	struct state *store;   /* what is committed */
	int32_t *partition_of; /* by booking of the store */
	struct memory_row *rows;
	size_t row_count;
	size_t rows_max;
	int64_t progress[SOURCE_PARTITIONS_MAX]; /* -1: never entered */
	int64_t (*now_ms)(void *clock);
	void *clock;
	/* The open transaction. */
	bool open;
	int64_t from, to, at_ms;
};

void memory_ledger_init(struct memory_ledger *ledger, size_t commands_max,
			int64_t (*now_ms)(void *clock), void *clock);
void memory_ledger_done(struct memory_ledger *ledger);
struct ledger memory_ledger_ops(struct memory_ledger *ledger);

/* An event that is always on sale; what it answers may be changed. */
struct known_event *memory_ledger_add_event(struct memory_ledger *ledger, const char *event_id);
/* The event's next seat, which is free. */
void memory_ledger_add_seat(struct memory_ledger *ledger, const char *event_id,
			    const char *seat_id);
