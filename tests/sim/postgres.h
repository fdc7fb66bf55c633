/*
 * postgres - PostgreSQL in memory: sessions, transactions, locks, and the programs' end of their
 * connections (lib/pg.h, whose functions that need a server are replaced at link time).
 *
 * Each session has a task of its own, as a server has a process: it goes on with what was sent
 * whatever becomes of the client. READ COMMITTED: a statement sees what was committed when it
 * began and what its own transaction wrote; what others have locked is waited for. A transaction
 * gets its id with its first lock or write; its rows become visible at its commit.
 * Source   PostgreSQL manual, chapter 13; db/migrations; the statements in worker/sql and
 *          projector/sql, by their names.
 */
#pragma once

#include "tables.h"

#include <libpq-fe.h>

#define PENDING_BOOKINGS_MAX 128
#define PENDING_LOG_MAX      128
#define PARAMS_MAX           40

/* What is locked until the end of a transaction, or (LOCK_LEADER) of a session. */
enum lock {
	LOCK_OWN,                                              /* advisory, by partition */
	LOCK_PROGRESS = LOCK_OWN + WORLD_PARTITIONS_MAX,       /* rows, by partition */
	LOCK_SEAT = LOCK_PROGRESS + WORLD_PARTITIONS_MAX,      /* rows, by event and seat */
	LOCK_BOOKING = LOCK_SEAT + WORLD_EVENTS * WORLD_SEATS, /* rows, and the primary key */
	LOCK_KEY = LOCK_BOOKING + TABLE_BOOKINGS_MAX,          /* bookings_by_key */
	LOCK_LEADER = LOCK_KEY + TABLE_BOOKINGS_MAX,
	LOCK_COUNT,
};

struct pending_booking {
	int number;
	bool is_new;
	struct booking_row row;
};

/* What a transaction wrote. */
struct pending {
	bool has_progress[WORLD_PARTITIONS_MAX];
	int64_t from_offset; /* of the fence that it moved */
	struct progress_row progress[WORLD_PARTITIONS_MAX];
	bool has_seat[WORLD_EVENTS][WORLD_SEATS];
	struct seat_row seats[WORLD_EVENTS][WORLD_SEATS];
	struct pending_booking bookings[PENDING_BOOKINGS_MAX];
	int booking_count;
	struct log_entry log[PENDING_LOG_MAX];
	int log_count;
	int64_t cancelled_ms[WORLD_EVENTS]; /* or NONE */
	int fence; /* partition whose fence it moved; NOBODY: none */
};

struct session;

struct statement {
	const char *name; /* or its text, when it has none */
	int param_count;
	const char *params[PARAMS_MAX];
};

/* NULL: done, and *ret is what it answers (NULL: no rows). Otherwise an SQLSTATE and a text. */
typedef const char *statement_run(struct session *session, const struct statement *statement,
				  PGresult **ret);
/* Of a statement that the simulation has no use for. */
statement_run statement_nothing;

struct statement_entry {
	const char *name;
	statement_run *run;
};

extern const struct statement_entry worker_statements[];    /* the last has no name */
extern const struct statement_entry projector_statements[]; /* the same */

void postgres_begin(void);
/* Ends all sessions; nobody gets another until postgres_start. */
void postgres_stop(void);
void postgres_start(void);
/* Ends one, if there is any, as an operator does. */
void postgres_kill_some(void);
/* Ends those of a task, as keep-alives do when its machine vanished. */
void postgres_kill_of(const char *client);
/* Sets a partition's progress back, as an operator does; false: it is locked just now. */
bool postgres_rewind(int partition, int64_t to);

/* ---- For statements ---- */

/* Waits for it. NULL: it is this session's; otherwise why not. */
const char *session_lock(struct session *session, int lock);
bool session_has_lock(const struct session *session, int lock);
/* Without waiting. */
bool session_try_lock(struct session *session, int lock);
/* Lets others go on; for long so often in 10,000. */
void session_pause(struct session *session, int stalls);
void session_need_xid(struct session *session);
uint64_t session_xid(const struct session *session);
struct pending *session_pending(struct session *session);
void session_begin(struct session *session, bool is_snapshot);
/* What is committed, or the moment that a snapshot keeps. */
const struct tables *session_tables(const struct session *session);
int64_t session_next_seq(void);
/* The oldest transaction that has an id and is not over; when there is none, the next id. */
uint64_t postgres_xmin(void);

const struct seat_row *see_seat(struct session *session, int event, int seat);
const struct booking_row *see_booking(struct session *session, int number);
const struct progress_row *see_progress(struct session *session, int partition);
/* A row of its own to be changed, as it is now. */
struct seat_row *change_seat(struct session *session, int event, int seat);
struct booking_row *change_booking(struct session *session, int number);

/* ---- Answers ---- */

PGresult *rows_new(int columns);
void rows_text(PGresult *rows, int row, int column, const char *text);      /* NULL and "": NULL */
void rows_int(PGresult *rows, int row, int column, int64_t number);         /* NONE: NULL */
void rows_name(PGresult *rows, int row, int column, char kind, int number); /* "s3" */
void rows_uuid(PGresult *rows, int row, int column, int number);
