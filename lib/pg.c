#include "pg.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MAX           64
#define STATEMENT_NAME_BYTES_MAX 48
/* The server ends a statement by itself after statement_timeout; a server that is frozen does not,
 * so an answer later than this is no answer. */
#define ANSWER_GRACE_MS 2000

struct pg {
	char *dsn;
	char *application_name;
	int64_t connect_timeout_ms;
	int64_t statement_timeout_ms;
	int64_t idle_in_transaction_timeout_ms;
	bool by_keys;
	PGconn *conn;
	size_t prepared_count;
	char prepared[STATEMENTS_MAX][STATEMENT_NAME_BYTES_MAX];
};

struct pg *pg_new(const struct pg_config *config)
{
	assert(config && config->dsn && config->application_name);
	assert(config->statement_timeout_ms > 0);

	struct pg *const pg = calloc(1, sizeof(*pg));
	assert(pg);
	pg->dsn = strdup(config->dsn);
	pg->application_name = strdup(config->application_name);
	assert(pg->dsn && pg->application_name);
	pg->connect_timeout_ms = config->connect_timeout_ms;
	pg->statement_timeout_ms = config->statement_timeout_ms;
	pg->idle_in_transaction_timeout_ms = config->idle_in_transaction_timeout_ms;
	pg->by_keys = config->by_keys;

	return pg;
}

void pg_free(struct pg *pg)
{
	if (!pg)
		return;

	pg_drop(pg);
	free(pg->dsn);
	free(pg->application_name);
	free(pg);
}

void pg_drop(struct pg *pg)
{
	PQfinish(pg->conn); /* Ignores NULL. */
	pg->conn = NULL;
	pg->prepared_count = 0;
}

bool pg_is_open(const struct pg *pg)
{
	return pg->conn != NULL;
}

PGconn *pg_conn(struct pg *pg)
{
	return pg->conn;
}

/* ---- What a failure means ---- */

/* The connection, not the statement, is what is wrong: a promoted standby, or plans that a
 * migration made stale. */
static bool is_stale_session(const char *state)
{
	return strcmp(state, "25006") == 0 || strcmp(state, "0A000") == 0 ||
	       strcmp(state, "26000") == 0;
}

err_code pg_err_code(const PGconn *conn, const PGresult *res)
{
	/* Connection, transaction rollback (deadlock, serialization), resources, lock not
	 * available, operator intervention, input/output error; and a unique violation, since a
	 * new attempt reads the row that was first. */
	static const char *const passing[] = { "08", "40", "53", "55", "57", "58", "23505" };

	const char *const state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	if (!state || PQstatus(conn) != CONNECTION_OK || is_stale_session(state))
		return ERR_UNAVAILABLE;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strncmp(state, passing[i], strlen(passing[i])) == 0)
			return ERR_UNAVAILABLE;

	return ERR_INTERNAL;
}

/* libpq ends its texts with a newline. */
static int text_len(const char *text)
{
	return (int)strcspn(text, "\n");
}

static err_code broken(struct pg *pg, const char *doing, struct err *err)
{
	const char *const text = PQerrorMessage(pg->conn);
	(void)err_set(err, ERR_UNAVAILABLE, "%s: %.*s", doing, text_len(text), text);
	pg_drop(pg);

	return ERR_UNAVAILABLE;
}

static err_code refused(struct pg *pg, const char *doing, const PGresult *res, struct err *err)
{
	const err_code code = pg_err_code(pg->conn, res);
	const char *const state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *const text = PQresultErrorMessage(res);

	(void)err_set(err, code, "%s: %s %.*s", doing, state ? state : "-----", text_len(text),
		      text);
	if (!state || PQstatus(pg->conn) != CONNECTION_OK || is_stale_session(state))
		pg_drop(pg);

	return code;
}

/* ---- Statements ---- */

static bool is_prepared(const struct pg *pg, const char *name)
{
	for (size_t i = 0; i < pg->prepared_count; i++)
		if (strcmp(pg->prepared[i], name) == 0)
			return true;

	return false;
}

static void note_prepared(struct pg *pg, const char *name)
{
	assert(pg->prepared_count < STATEMENTS_MAX && strlen(name) < STATEMENT_NAME_BYTES_MAX);
	(void)snprintf(pg->prepared[pg->prepared_count++], STATEMENT_NAME_BYTES_MAX, "%s", name);
}

/* Sends what is queued and reads, until a result is there or the deadline has passed. Reading while
 * sending matters: both sides would wait for each other when their socket buffers are full. */
static err_code await(struct pg *pg, int64_t deadline_ms, struct err *err)
{
	for (;;) {
		const int unsent = PQflush(pg->conn);
		if (unsent < 0)
			return broken(pg, "send", err);
		if (unsent == 0 && !PQisBusy(pg->conn))
			return ERR_OK;

		const int64_t left_ms = deadline_ms - clock_monotonic_ms();
		if (left_ms <= 0) {
			pg_drop(pg);
			return err_set(err, ERR_UNAVAILABLE, "PostgreSQL did not answer in time");
		}
		struct pollfd socket = { .fd = PQsocket(pg->conn),
					 .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN) };
		const int ready = poll(&socket, 1, (int)left_ms);
		if (ready < 0 && errno != EINTR) {
			pg_drop(pg);
			return err_set(err, ERR_UNAVAILABLE, "poll: errno %d", errno);
		}
		if (ready > 0 && (socket.revents & ~POLLOUT) && !PQconsumeInput(pg->conn))
			return broken(pg, "receive", err);
	}
}

static err_code next_result(struct pg *pg, PGresult **ret, struct err *err)
{
	const int64_t deadline_ms =
		clock_monotonic_ms() + pg->statement_timeout_ms + ANSWER_GRACE_MS;
	const err_code code = await(pg, deadline_ms, err);
	if (code != ERR_OK)
		return code;
	*ret = PQgetResult(pg->conn);

	return ERR_OK;
}

static bool send_step(struct pg *pg, const struct pg_step *step)
{
	int formats[PG_PARAMS_MAX] = { 0 };
	assert(step->param_count <= PG_PARAMS_MAX);

	for (int i = 0; i < step->param_count && step->lengths; i++)
		formats[i] = step->lengths[i] > 0;
	if (!step->name)
		return PQsendQueryParams(pg->conn, step->sql, step->param_count, NULL, step->params,
					 step->lengths, formats, 0);
	if (!is_prepared(pg, step->name) &&
	    !PQsendPrepare(pg->conn, step->name, step->sql, step->param_count, NULL))
		return false;

	return PQsendQueryPrepared(pg->conn, step->name, step->param_count, step->params,
				   step->lengths, formats, 0);
}

static bool send_steps(struct pg *pg, const struct pg_step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!send_step(pg, &steps[i]))
			return false;

	return PQpipelineSync(pg->conn);
}

/* The results of one statement are a result and a NULL. */
static err_code take_result(struct pg *pg, PGresult **ret, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	_cleanup_(PQclearp) PGresult *end = NULL;

	err_code code = next_result(pg, &res, err);
	if (code != ERR_OK)
		return code;
	code = next_result(pg, &end, err);
	if (code != ERR_OK)
		return code;
	if (!res || end)
		return broken(pg, "out of step with the server", err);
	*ret = STEAL(res);

	return ERR_OK;
}

static bool is_good(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_COMMAND_OK || PQresultStatus(res) == PGRES_TUPLES_OK;
}

static const char *step_name(const struct pg_step *step)
{
	return step->name ? step->name : "statement";
}

/* Notes the first failure in *ret_code; the server answers the rest of the pipeline as aborted. */
static err_code take_step(struct pg *pg, const struct pg_step *step, PGresult **ret,
			  err_code *ret_code, struct err *err)
{
	const bool preparing = step->name && !is_prepared(pg, step->name);

	for (int i = preparing ? 0 : 1; i < 2; i++) {
		_cleanup_(PQclearp) PGresult *res = NULL;
		const err_code code = take_result(pg, &res, err);
		if (code != ERR_OK)
			return code;
		if (!is_good(res)) {
			if (*ret_code == ERR_OK && PQresultStatus(res) != PGRES_PIPELINE_ABORTED)
				*ret_code = refused(pg, step_name(step), res, err);
			if (!pg->conn)
				return *ret_code;
			continue;
		}
		if (i == 0)
			note_prepared(pg, step->name);
		else
			*ret = STEAL(res);
	}
	return ERR_OK;
}

static err_code take_sync(struct pg *pg, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = next_result(pg, &res, err);
	if (code != ERR_OK)
		return code;
	if (PQresultStatus(res) != PGRES_PIPELINE_SYNC || !PQexitPipelineMode(pg->conn) ||
	    PQsetnonblocking(pg->conn, 0) != 0)
		return broken(pg, "out of step with the server", err);

	return ERR_OK;
}

static err_code run_steps(struct pg *pg, const struct pg_step *steps, size_t count,
			  PGresult **results, struct err *err)
{
	if (PQsetnonblocking(pg->conn, 1) != 0 || !PQenterPipelineMode(pg->conn) ||
	    !send_steps(pg, steps, count))
		return broken(pg, "send", err);

	err_code failed = ERR_OK;
	for (size_t i = 0; i < count; i++) {
		const err_code code = take_step(pg, &steps[i], &results[i], &failed, err);
		if (code != ERR_OK)
			return code;
	}
	const err_code code = take_sync(pg, failed == ERR_OK ? err : NULL);

	return failed != ERR_OK ? failed : code;
}

err_code pg_pipeline(struct pg *pg, const struct pg_step *steps, size_t count, PGresult **ret,
		     struct err *err)
{
	assert(pg && steps && ret && count > 0 && count <= PG_STEPS_MAX);

	if (!pg->conn)
		return err_set(err, ERR_UNAVAILABLE, "not connected");

	PGresult *results[PG_STEPS_MAX] = { NULL };
	const err_code code = run_steps(pg, steps, count, results, err);
	for (size_t i = 0; i < count; i++) {
		if (code == ERR_OK)
			ret[i] = results[i];
		else
			PQclear(results[i]);
	}
	return code;
}

err_code pg_query(struct pg *pg, const char *name, const char *sql, const char *const *params,
		  int param_count, PGresult **ret, struct err *err)
{
	const struct pg_step step = {
		.name = name, .sql = sql, .params = params, .param_count = param_count
	};
	_cleanup_(PQclearp) PGresult *res = NULL;

	const err_code code = pg_pipeline(pg, &step, 1, &res, err);
	if (code == ERR_OK && ret)
		*ret = STEAL(res);

	return code;
}

/* ---- Connecting ---- */

static void notice(void *ctx, const char *message)
{
	(void)ctx;
	log_debug("postgresql_notice", LOG_STR("text", message));
}

static err_code settle_in(struct pg *pg, struct err *err)
{
	char statement_ms[24];
	char idle_ms[24];
	(void)snprintf(statement_ms, sizeof(statement_ms), "%lld",
		       (long long)pg->statement_timeout_ms);
	(void)snprintf(idle_ms, sizeof(idle_ms), "%lld",
		       (long long)pg->idle_in_transaction_timeout_ms);
	const char *const params[] = { statement_ms, idle_ms,
				       pg->by_keys ? "force_generic_plan" : "auto",
				       pg->by_keys ? "off" : "on" };

	return pg_query(pg, NULL,
			"SELECT set_config('statement_timeout', $1, false),"
			" set_config('lock_timeout', $1, false),"
			" set_config('idle_in_transaction_session_timeout', $2, false),"
			" set_config('timezone', 'UTC', false),"
			" set_config('datestyle', 'ISO, YMD', false),"
			" set_config('plan_cache_mode', $3, false),"
			" set_config('enable_seqscan', $4, false),"
			" set_config('enable_bitmapscan', $4, false)",
			params, 4, NULL, err);
}

err_code pg_ensure(struct pg *pg, struct err *err)
{
	if (pg->conn && PQstatus(pg->conn) == CONNECTION_OK)
		return ERR_OK;
	pg_drop(pg);

	char connect_timeout_s[24];
	char dead_peer_ms[24];
	(void)snprintf(connect_timeout_s, sizeof(connect_timeout_s), "%lld",
		       (long long)(pg->connect_timeout_ms + 999) / 1000);
	(void)snprintf(dead_peer_ms, sizeof(dead_peer_ms), "%lld",
		       (long long)(pg->statement_timeout_ms + ANSWER_GRACE_MS));
	/* What stands later wins, so these hold whatever the connection string says. */
	const char *const names[] = { "dbname",           "application_name", "connect_timeout",
				      "tcp_user_timeout", "keepalives_idle",  "keepalives_interval",
				      "keepalives_count", "client_encoding",  NULL };
	const char *const values[] = { pg->dsn,
				       pg->application_name,
				       connect_timeout_s,
				       dead_peer_ms,
				       "10",
				       "5",
				       "3",
				       "UTF8",
				       NULL };

	pg->conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return broken(pg, "connect", err);
	(void)PQsetNoticeProcessor(pg->conn, notice, NULL);

	const err_code code = settle_in(pg, err);
	if (code != ERR_OK)
		pg_drop(pg);

	return code;
}

/* ---- Transactions ---- */

err_code pg_begin(struct pg *pg, struct err *err)
{
	return pg_query(pg, NULL, "BEGIN", NULL, 0, NULL, err);
}

err_code pg_commit(struct pg *pg, bool *ret_unknown, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	*ret_unknown = false;

	const err_code code = pg_query(pg, NULL, "COMMIT", NULL, 0, &res, err);
	if (code != ERR_OK) {
		/* With the session gone, the server may have committed before it could say so. */
		*ret_unknown = !pg->conn;
		return code == ERR_INTERNAL ? code : ERR_UNAVAILABLE;
	}
	/* COMMIT of a failed transaction succeeds, as a ROLLBACK. */
	if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
		return err_set(err, ERR_INTERNAL, "commit: the transaction had failed");

	return ERR_OK;
}

void pg_rollback(struct pg *pg)
{
	if (!pg->conn)
		return;
	if (PQtransactionStatus(pg->conn) == PQTRANS_IDLE)
		return;
	if (pg_query(pg, NULL, "ROLLBACK", NULL, 0, NULL, NULL) != ERR_OK)
		pg_drop(pg);
}

/* ---- Array literals ---- */

static void array_separate(struct strbuf *array)
{
	if (array->len > 0 && array->data[array->len - 1] != '{')
		strbuf_add_char(array, ',');
}

const char *pg_text_at(const PGresult *res, int row, int column)
{
	return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

int64_t pg_int_at(const PGresult *res, int row, int column)
{
	return strtoll(PQgetvalue(res, row, column), NULL, 10); /* NULL reads "". */
}

int64_t pg_int_or(const PGresult *res, int row, int column, int64_t otherwise)
{
	return PQgetisnull(res, row, column) ? otherwise : pg_int_at(res, row, column);
}

void pg_array_open(struct strbuf *array)
{
	strbuf_add_char(array, '{');
}

void pg_array_add(struct strbuf *array, const char *text)
{
	array_separate(array);
	if (!text) {
		strbuf_add_text(array, "NULL");
		return;
	}
	strbuf_add_char(array, '"');
	for (const char *c = text;; c++) {
		const size_t plain = strcspn(c, "\"\\");
		strbuf_add(array, c, plain);
		c += plain;
		if (*c == '\0')
			break;
		strbuf_add_char(array, '\\');
		strbuf_add_char(array, *c);
	}
	strbuf_add_char(array, '"');
}

void pg_array_add_int(struct strbuf *array, int64_t number)
{
	array_separate(array);
	strbuf_add_int(array, number);
}

void pg_array_close(struct strbuf *array)
{
	strbuf_add_char(array, '}');
}

static void put(char *buf, size_t size, size_t *len, char c)
{
	if (*len + 1 < size)
		buf[(*len)++] = c;
}

bool pg_array_next(const char **cursor, char *buf, size_t size, bool *ret_null)
{
	assert(cursor && *cursor && buf && size > 0 && ret_null);

	const char *c = *cursor;
	if (*c == '{' || *c == ',')
		c++;
	if (*c == '}' || *c == '\0')
		return false;

	size_t len = 0;
	const bool quoted = *c == '"';
	if (quoted)
		c++;
	while (*c && (quoted ? *c != '"' : *c != ',' && *c != '}')) {
		if (*c == '\\' && c[1])
			c++;
		put(buf, size, &len, *c++);
	}
	if (quoted && *c == '"')
		c++;
	buf[len] = '\0';
	*ret_null = !quoted && strcmp(buf, "NULL") == 0;
	*cursor = c;

	return true;
}
