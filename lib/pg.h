/*
 * pg - one PostgreSQL connection with bounds on every wait, and what its failures mean to us.
 *
 * Owns     struct pg owns its connection. Statements are prepared on first use, by name.
 * Threads  one connection, one thread.
 * Errors   ERR_UNAVAILABLE: a new attempt at the whole transaction may pass; the connection is
 *          closed if it broke and the next pg_ensure opens it. ERR_INTERNAL: our statement is
 *          wrong.
 *
 * Source   PostgreSQL manual, appendix A "Error Codes" (SQLSTATE classes), chapter 34 "libpq".
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "strbuf.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

DEFINE_CLEANUP(PGresult *, PQclear)

struct pg_config {
	const char *dsn; /* libpq connection string or URI; secret */
	const char *application_name;
	int64_t connect_timeout_ms;   /* rounded up to seconds, libpq's unit                   */
	int64_t statement_timeout_ms; /* also bounds lock waits (lock_timeout) and, through    */
				      /* tcp_user_timeout and keep-alives, a dead peer         */
	int64_t idle_in_transaction_timeout_ms;
	/* Every statement finds its rows by keys: it is planned for any parameters, and never to
	 * read a whole table or index, however small that was when it was planned. A plan is kept
	 * until the caller discards it: tables grow, and in an empty one any index looks good. */
	bool by_keys;
};

struct pg;

/* Does not connect. */
struct pg *pg_new(const struct pg_config *config);
void pg_free(struct pg *pg);

/* Connects if needed. */
err_code pg_ensure(struct pg *pg, struct err *err) _must_check_;
/* Drops the connection and whatever transaction is open on it. */
void pg_drop(struct pg *pg);
bool pg_is_open(const struct pg *pg);
PGconn *pg_conn(struct pg *pg); /* NULL while closed; for notifications, COPY and pipelines */

/*
 * Runs a statement with text parameters (NULL = SQL NULL) and text results; *ret is the caller's to
 * clear, and may be NULL when the rows do not matter. `name` prepares the statement once per
 * connection; NULL runs it unprepared. sql is a literal from sql/.
 */
err_code pg_query(struct pg *pg, const char *name, const char *sql, const char *const *params,
		  int param_count, PGresult **ret, struct err *err) _must_check_;

/* One statement of a pipeline; the fields are pg_query's, which has text only. */
struct pg_step {
	const char *name;
	const char *sql;
	const char *const *params;
	int param_count;
	/* NULL, or the length of each parameter in binary form (pg_vector.h); 0: it is text. */
	const int *lengths;
};

#define PG_STEPS_MAX  16
#define PG_PARAMS_MAX 40

/*
 * Runs the steps in order in one round trip; ret[i] is step i's result, the caller's to clear.
 * After the first failing step none is executed, err is that step's, and ret is untouched. A name
 * that this connection has not prepared yet may stand only once.
 */
err_code pg_pipeline(struct pg *pg, const struct pg_step *steps, size_t count, PGresult **ret,
		     struct err *err) _must_check_;

err_code pg_begin(struct pg *pg, struct err *err) _must_check_;
/* ERR_UNAVAILABLE with *ret_unknown = true: the answer was lost, the outcome must be read. */
err_code pg_commit(struct pg *pg, bool *ret_unknown, struct err *err) _must_check_;
/* Never fails: if ROLLBACK does, the connection is dropped. */
void pg_rollback(struct pg *pg);

/* ERR_UNAVAILABLE when a new attempt at the whole transaction may pass, else ERR_INTERNAL. */
err_code pg_err_code(const PGconn *conn, const PGresult *res);

/* A column of a row. SQL NULL is NULL, 0, or what the caller says. */
const char *pg_text_at(const PGresult *res, int row, int column);
int64_t pg_int_at(const PGresult *res, int row, int column);
int64_t pg_int_or(const PGresult *res, int row, int column, int64_t otherwise);

/* Text of one array literal, {"a","b",NULL}: pg_array_open, any number of adds, pg_array_close. */
void pg_array_open(struct strbuf *array);
void pg_array_add(struct strbuf *array, const char *text); /* NULL adds SQL NULL */
void pg_array_add_int(struct strbuf *array, int64_t number);
void pg_array_close(struct strbuf *array);

/* Reads {a,"b",NULL} element by element: *cursor starts at the literal; false at its end. The
 * element is written to buf (cut at size) and *ret_null tells SQL NULL. */
bool pg_array_next(const char **cursor, char *buf, size_t size, bool *ret_null);
