/*
 * log_reader - reads the rows of booking_log as another service would, and says what is wrong with
 * them: against each other, against the rules of the events, and against what was asked.
 *
 * It shares no code with decide and journal, and looks at no state but its own.
 * Errors   what is wrong, as text in storage of the reader; NULL is nothing.
 */
#pragma once

#include "ledger_model.h"

struct read_seat {
	enum seat_status status;
	int64_t version;
	int owner; /* booking; ABSENT: nobody's */
};

struct read_booking {
	int32_t version; /* 0: no row yet */
	enum booking_status status;
	enum reason reason;
	int event, user;
	enum command_type mode;
	unsigned seats; /* bit i: seat i */
	int64_t expires_ms;
	int32_t extensions;
	int64_t decided_ms; /* its status */
	int payment;        /* number; ABSENT: none */
};

struct log_reader {
	const struct model_rules *rules;
	int64_t cancelled_ms[MODEL_EVENTS]; /* as in the rules, or when a row said it */
	struct read_seat seats[MODEL_EVENTS][MODEL_SEATS];
	struct read_booking bookings[MODEL_BOOKINGS_MAX];
	int counts[MODEL_EVENTS][SEAT_STATUS_COUNT];
	int key_owners[MODEL_KEYS];
	bool decided[MODEL_BOOKINGS_MAX][MODEL_IDS_MAX];
	char wrong[MODEL_TEXT_MAX];
};

struct log_reader *log_reader_new(const struct model_rules *rules);
void log_reader_free(struct log_reader *reader);

/* The rows that one delivery of the command made, and what the worker said of it; NULL: a sweep. */
const char *log_reader_take(struct log_reader *reader, const struct command *command,
			    enum verdict verdict, const struct log_row *rows, size_t count,
			    int64_t now_ms);

/* Whether the tables say in the end what the log says, and the counts add up. */
const char *log_reader_compare(struct log_reader *reader, const struct ledger_model *model);
