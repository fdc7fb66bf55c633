/* postgres_internal - a session, as both of its ends know it. */
#pragma once

#include "postgres.h"
#include "scheduler.h"

#define REQUEST_STEPS_MAX  20
#define SESSION_LOCKS_MAX  256
#define SESSION_NAME_BYTES 12

struct session {
	bool is_used;
	bool is_killed;    /* by the server                          */
	bool is_over;      /* nobody serves it any more              */
	bool is_abandoned; /* the client is gone, or believes it so  */
	char name[SESSION_NAME_BYTES];
	struct task *backend;
	int64_t statement_ms_max, idle_ms_max;
	/* The transaction. */
	bool is_open; /* BEGIN was sent */
	bool has_failed;
	uint64_t xid; /* 0: none yet */
	struct tables *snapshot;
	struct pending pending;
	int locks[SESSION_LOCKS_MAX];
	int lock_count;
	int waits_for; /* NOBODY: for no lock */
	int64_t statement_ends_us;
	/* What was sent, and what is answered. */
	bool has_request;
	bool is_answer_lost; /* whatever it is */
	struct statement steps[REQUEST_STEPS_MAX];
	int step_count;
	char *texts;
	PGresult *results[REQUEST_STEPS_MAX];
	const char *error; /* NULL: none */
};

/* NULL: there is no server. */
struct session *session_open(const char *name, int64_t statement_ms_max, int64_t idle_ms_max);
/* The client's end: nobody waits for answers any more. */
void session_abandon(struct session *session);
/* It is slow to go on. */
void session_stall(struct session *session, int64_t us);
