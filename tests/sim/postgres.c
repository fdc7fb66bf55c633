#include "postgres_internal.h"

#include "checker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 64
#define STALL_US_MAX 600000

static struct {
	struct session sessions[SESSIONS_MAX];
	struct session *owners[LOCK_COUNT];
	uint64_t next_xid;
	int64_t next_seq;
} server;

void postgres_begin(void)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		assert(!server.sessions[i].is_used);
	for (int i = 0; i < LOCK_COUNT; i++)
		assert(!server.owners[i]);
	server.next_xid = 100;
	server.next_seq = 1;
	tables_begin();
}

static void end_session(struct session *session)
{
	session->is_killed = true;
	task_freeze(session->backend, 0);
}

void postgres_stop(void)
{
	trace("PostgreSQL stops");
	world.pg_down = true;
	world_count(pg_stops);
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (server.sessions[i].is_used && !server.sessions[i].is_over)
			end_session(&server.sessions[i]);
}

void postgres_start(void)
{
	trace("PostgreSQL starts");
	world.pg_down = false;
}

static void kill_session(struct session *session)
{
	trace("PostgreSQL ends the session %s", session->name);
	world_count(sessions_killed);
	end_session(session);
}

static bool is_served(const struct session *session)
{
	return session->is_used && !session->is_over && !session->is_killed;
}

void postgres_kill_some(void)
{
	const int from = (int)below(SESSIONS_MAX);

	for (int i = 0; i < SESSIONS_MAX; i++) {
		struct session *const session = &server.sessions[(from + i) % SESSIONS_MAX];
		if (!is_served(session))
			continue;
		kill_session(session);
		return;
	}
}

void postgres_kill_of(const char *client)
{
	for (int i = 0; i < SESSIONS_MAX; i++) {
		struct session *const session = &server.sessions[i];
		if (is_served(session) && strcmp(session->name + strlen("pg-"), client) == 0)
			kill_session(session);
	}
}

bool postgres_rewind(int partition, int64_t to)
{
	struct progress_row *const row = &table_progress[partition];

	if (server.owners[LOCK_OWN + partition] || server.owners[LOCK_PROGRESS + partition] ||
	    !row->exists || row->next_offset <= to)
		return false;
	trace("partition %d is set back from %ld to %ld", partition, (long)row->next_offset,
	      (long)to);
	row->next_offset = to;
	checker_rewound(partition, to);
	world_count(rewinds);
	return true;
}

uint64_t postgres_xmin(void)
{
	uint64_t ret = server.next_xid;

	for (int i = 0; i < SESSIONS_MAX; i++) {
		const struct session *const session = &server.sessions[i];
		if (session->is_used && session->xid != 0 && session->xid < ret)
			ret = session->xid;
	}
	return ret;
}

int64_t session_next_seq(void)
{
	return server.next_seq++;
}

/* ---- Locks ---- */

bool session_has_lock(const struct session *session, int lock)
{
	return server.owners[lock] == session;
}

static void take_lock(struct session *session, int lock)
{
	assert(session->lock_count < SESSION_LOCKS_MAX);
	session->locks[session->lock_count++] = lock;
	server.owners[lock] = session;
}

bool session_try_lock(struct session *session, int lock)
{
	if (server.owners[lock])
		return server.owners[lock] == session;
	take_lock(session, lock);
	return true;
}

static bool is_free_or_killed(void *ctx)
{
	const struct session *const session = ctx;

	return session->is_killed || !server.owners[session->waits_for];
}

/* Whether who holds the lock waits, through others or not, for this one. */
static bool is_deadlock(const struct session *session, int lock)
{
	const struct session *owner = server.owners[lock];

	while (owner && owner != session && owner->waits_for != NOBODY)
		owner = server.owners[owner->waits_for];
	return owner == session;
}

const char *session_lock(struct session *session, int lock)
{
	while (server.owners[lock] && server.owners[lock] != session) {
		trace("waits for lock %d of %s", lock, server.owners[lock]->name);
		world_count(lock_waits);
		if (is_deadlock(session, lock)) {
			violate("deadlock: %s and %s wait for each other's rows", session->name,
				server.owners[lock]->name);
			return "40P01 deadlock detected";
		}
		session->waits_for = lock;
		const bool is_free =
			scheduler_wait(is_free_or_killed, session, session->statement_ends_us);
		session->waits_for = NOBODY;
		if (session->is_killed || scheduler_is_dying())
			return "57P01 terminating connection";
		if (!is_free)
			return "57014 canceling statement due to statement timeout";
	}
	if (server.owners[lock] != session)
		take_lock(session, lock);
	return NULL;
}

static void release_locks(struct session *session, bool is_end)
{
	int kept = 0;

	for (int i = 0; i < session->lock_count; i++) {
		if (session->locks[i] == LOCK_LEADER && !is_end)
			session->locks[kept++] = LOCK_LEADER;
		else
			server.owners[session->locks[i]] = NULL;
	}
	session->lock_count = kept;
}

/* ---- Transactions ---- */

void session_need_xid(struct session *session)
{
	if (session->xid == 0)
		session->xid = server.next_xid++;
}

uint64_t session_xid(const struct session *session)
{
	return session->xid;
}

struct pending *session_pending(struct session *session)
{
	return &session->pending;
}

const struct tables *session_tables(const struct session *session)
{
	return session->snapshot ? session->snapshot : &tables;
}

void session_begin(struct session *session, bool is_snapshot)
{
	session->is_open = true;
	if (!is_snapshot)
		return;
	session->snapshot = malloc(sizeof(*session->snapshot));
	assert(session->snapshot);
	memcpy(session->snapshot, &tables, sizeof(tables));
	session->snapshot->xmin = postgres_xmin();
}

static void forget(struct session *session)
{
	struct pending *const pending = &session->pending;

	memset(pending->has_progress, 0, sizeof(pending->has_progress));
	memset(pending->has_seat, 0, sizeof(pending->has_seat));
	pending->booking_count = 0;
	pending->log_count = 0;
	for (int event = 0; event < WORLD_EVENTS; event++)
		pending->cancelled_ms[event] = NONE;
	pending->fence = NOBODY;
	free(session->snapshot);
	session->snapshot = NULL;
	session->xid = 0;
	session->is_open = false;
	release_locks(session, false);
}

static void apply(const struct session *session)
{
	const struct pending *const pending = &session->pending;

	for (int i = 0; i < WORLD_PARTITIONS_MAX; i++)
		if (pending->has_progress[i])
			table_progress[i] = pending->progress[i];
	for (int event = 0; event < WORLD_EVENTS; event++)
		for (int i = 0; i < WORLD_SEATS; i++)
			if (pending->has_seat[event][i])
				tables.seats[event][i] = pending->seats[event][i];
	for (int event = 0; event < WORLD_EVENTS; event++) {
		if (pending->cancelled_ms[event] == NONE)
			continue;
		table_events[event].cancelled_ms = pending->cancelled_ms[event];
		table_events[event].version++;
	}
	for (int i = 0; i < pending->booking_count; i++) {
		const int number = pending->bookings[i].number;
		tables.bookings[number] = pending->bookings[i].row;
		if (tables.booking_end <= number)
			tables.booking_end = number + 1;
	}
	for (int i = 0; i < pending->log_count; i++) {
		assert(tables.log_count < TABLE_LOG_MAX);
		table_log[tables.log_count++] = pending->log[i];
	}
}

static void commit(struct session *session)
{
	if (session->xid != 0) {
		trace("commits transaction %lu with %d rows", (unsigned long)session->xid,
		      session->pending.log_count);
		world_count(commits);
		if (session->is_answer_lost)
			world_count(commits_after_all);
		if (postgres_xmin() < session->xid)
			world_count(xid_disorder);
		checker_committed(&session->pending, session->xid);
		apply(session);
	}
	forget(session);
}

/* ---- What a transaction sees ---- */

const struct progress_row *see_progress(struct session *session, int partition)
{
	return session->pending.has_progress[partition] ? &session->pending.progress[partition]
							: &table_progress[partition];
}

const struct seat_row *see_seat(struct session *session, int event, int seat)
{
	return session->pending.has_seat[event][seat]
		       ? &session->pending.seats[event][seat]
		       : &session_tables(session)->seats[event][seat];
}

struct seat_row *change_seat(struct session *session, int event, int seat)
{
	struct pending *const pending = &session->pending;

	if (!pending->has_seat[event][seat])
		pending->seats[event][seat] = tables.seats[event][seat];
	pending->has_seat[event][seat] = true;
	return &pending->seats[event][seat];
}

static struct pending_booking *find_pending(struct session *session, int number)
{
	for (int i = 0; i < session->pending.booking_count; i++)
		if (session->pending.bookings[i].number == number)
			return &session->pending.bookings[i];
	return NULL;
}

const struct booking_row *see_booking(struct session *session, int number)
{
	assert(number >= 0 && number < TABLE_BOOKINGS_MAX);
	const struct pending_booking *const pending = find_pending(session, number);

	return pending ? &pending->row : &session_tables(session)->bookings[number];
}

struct booking_row *change_booking(struct session *session, int number)
{
	struct pending_booking *pending = find_pending(session, number);

	if (!pending) {
		assert(session->pending.booking_count < PENDING_BOOKINGS_MAX);
		pending = &session->pending.bookings[session->pending.booking_count++];
		pending->number = number;
		pending->row = tables.bookings[number];
		pending->is_new = !pending->row.exists;
	}
	return &pending->row;
}

/* ---- Serving ---- */

static const char *run_named(struct session *session, const struct statement *statement,
			     const struct statement_entry *entries, bool *ret_found, PGresult **ret)
{
	for (; entries->name; entries++) {
		if (strcmp(entries->name, statement->name) != 0)
			continue;
		*ret_found = true;
		return entries->run(session, statement, ret);
	}
	return NULL;
}

static const char *run_statement(struct session *session, const struct statement *statement,
				 PGresult **ret)
{
	bool is_found = false;

	if (strcmp(statement->name, "ROLLBACK") == 0) {
		session->has_failed = false;
		forget(session);
		return NULL;
	}
	if (session->has_failed)
		return "25P02 current transaction is aborted";
	if (strcmp(statement->name, "commit") == 0) {
		commit(session);
		return NULL;
	}
	const char *error = run_named(session, statement, worker_statements, &is_found, ret);
	if (!is_found)
		error = run_named(session, statement, projector_statements, &is_found, ret);
	if (!is_found)
		violate("PostgreSQL is asked '%s', which it does not know", statement->name);
	return error;
}

void session_stall(struct session *session, int64_t us)
{
	task_freeze(session->backend, us);
}

void session_pause(struct session *session, int stalls)
{
	if (fails(stalls)) {
		trace("is slow");
		world_count(stalls);
		session_stall(session, below(STALL_US_MAX));
	}
	scheduler_yield();
}

static const char *serve_step(struct session *session, int i)
{
	session_pause(session, world.stalls);
	if (session->is_killed || scheduler_is_dying())
		return "57P01 terminating connection";

	const struct statement *const statement = &session->steps[i];
	session->statement_ends_us = scheduler_now_us() + session->statement_ms_max * 1000;
	const char *const error = run_statement(session, statement, &session->results[i]);
	trace("%s%s%s", statement->name, error ? ": " : "", error ? error : "");
	if (!error && !session->results[i])
		session->results[i] = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
	return error;
}

static void clear_results(struct session *session)
{
	for (int i = 0; i < REQUEST_STEPS_MAX; i++) {
		PQclear(session->results[i]);
		session->results[i] = NULL;
	}
}

static void serve(struct session *session)
{
	session->error = NULL;
	for (int i = 0; i < session->step_count && !session->error; i++)
		session->error = serve_step(session, i);
	if (session->error) {
		clear_results(session);
		session->has_failed = session->is_open;
		forget(session);
		session->is_open = session->has_failed;
	} else if (!session->is_open) {
		commit(session);
	}
	free(session->texts);
	session->texts = NULL;
	session->has_request = false;
}

static void release_slot(struct session *session)
{
	clear_results(session);
	session->is_used = false;
}

static bool has_work(void *ctx)
{
	const struct session *const session = ctx;

	return session->has_request || session->is_killed || session->is_abandoned;
}

static void attend(void *ctx)
{
	struct session *const session = ctx;

	while (!scheduler_is_dying()) {
		const int64_t until_us = session->is_open
						 ? scheduler_now_us() + session->idle_ms_max * 1000
						 : INT64_MAX;
		const bool is_called = scheduler_wait(has_work, session, until_us);
		if (!is_called && session->is_open) {
			trace("was idle in a transaction for too long");
			world_count(idle_ended);
			break;
		}
		if (session->is_killed || !session->has_request)
			break;
		serve(session);
	}
	forget(session);
	release_locks(session, true);
	free(session->texts);
	session->texts = NULL;
	session->has_request = false;
	session->is_over = true;
	if (session->is_abandoned)
		release_slot(session);
}

struct session *session_open(const char *name, int64_t statement_ms_max, int64_t idle_ms_max)
{
	if (world.pg_down)
		return NULL;
	int i = 0;
	while (i < SESSIONS_MAX && server.sessions[i].is_used)
		i++;
	assert(i < SESSIONS_MAX);

	struct session *const session = &server.sessions[i];
	session->is_used = true;
	session->is_killed = session->is_over = session->is_abandoned = false;
	session->is_open = session->has_failed = false;
	session->has_request = session->is_answer_lost = false;
	session->statement_ms_max = statement_ms_max;
	session->idle_ms_max = idle_ms_max;
	session->waits_for = NOBODY;
	session->lock_count = 0;
	forget(session);
	(void)snprintf(session->name, sizeof(session->name), "pg-%s", name);
	session->backend = scheduler_start(session->name, attend, session);
	return session;
}

void session_abandon(struct session *session)
{
	session->is_abandoned = true;
	if (session->is_over)
		release_slot(session);
}
