/* The programs' end of their connections: lib/pg.h without a server behind it. */
#include "actors.h"
#include "postgres_internal.h"

#include "pg.h"
#include "pg_vector.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_US_MAX  20000
#define GIVE_UP_US_MAX  200000 /* after which an answer that never comes is missed */
#define STALL_US_MAX    3000000
#define ANSWER_GRACE_MS 2000
#define TEXTS_BYTES_MAX (1u << 20)

struct pg {
	int64_t statement_timeout_ms, idle_in_transaction_timeout_ms;
	struct session *session; /* NULL: closed */
};

/* The linker has the programs call these. */
struct pg *__wrap_pg_new(const struct pg_config *config);
void __wrap_pg_free(struct pg *pg);
void __wrap_pg_drop(struct pg *pg);
bool __wrap_pg_is_open(const struct pg *pg);
err_code __wrap_pg_ensure(struct pg *pg, struct err *err);
err_code __wrap_pg_query(struct pg *pg, const char *name, const char *sql,
			 const char *const *params, int param_count, PGresult **ret,
			 struct err *err);
err_code __wrap_pg_pipeline(struct pg *pg, const struct pg_step *steps, size_t count,
			    PGresult **ret, struct err *err);
void __wrap_pg_rollback(struct pg *pg);
char *__wrap_PQcmdTuples(PGresult *res);

struct pg *__wrap_pg_new(const struct pg_config *config)
{
	struct pg *const pg = calloc(1, sizeof(*pg));
	assert(pg);
	pg->statement_timeout_ms = config->statement_timeout_ms;
	pg->idle_in_transaction_timeout_ms = config->idle_in_transaction_timeout_ms;

	return pg;
}

void __wrap_pg_drop(struct pg *pg)
{
	if (pg->session)
		session_abandon(pg->session);
	pg->session = NULL;
}

void __wrap_pg_free(struct pg *pg)
{
	if (!pg)
		return;
	__wrap_pg_drop(pg);
	free(pg);
}

bool __wrap_pg_is_open(const struct pg *pg)
{
	return pg->session != NULL;
}

static err_code broken(struct pg *pg, const char *why, struct err *err)
{
	__wrap_pg_drop(pg);
	return err_set(err, ERR_UNAVAILABLE, "%s", why);
}

err_code __wrap_pg_ensure(struct pg *pg, struct err *err)
{
	if (scheduler_is_dying())
		return err_set(err, ERR_UNAVAILABLE, "dying");
	if (pg->session)
		return ERR_OK;
	scheduler_sleep_us(below(CONNECT_US_MAX));
	if (scheduler_is_dying() || fails(world.pg_faults))
		return err_set(err, ERR_UNAVAILABLE, "no connection");
	pg->session = session_open(scheduler_name(), pg->statement_timeout_ms,
				   pg->idle_in_transaction_timeout_ms);
	return pg->session ? ERR_OK : err_set(err, ERR_UNAVAILABLE, "no server");
}

/* ---- A request ---- */

/* Statements without a name are known by what is in them. */
static const char *name_of(const struct pg_step *step)
{
	if (step->name)
		return step->name;
	if (strstr(step->sql, "REPEATABLE READ"))
		return "begin_snapshot";
	if (strstr(step->sql, "LISTEN"))
		return "listen";
	if (strstr(step->sql, "tcp_keepalives"))
		return "watch_client";
	return step->sql;
}

static uint32_t read_number(const char **at)
{
	uint32_t ret;
	memcpy(&ret, *at, sizeof(ret));
	*at += sizeof(ret);

	return be32toh(ret);
}

/* One element of a binary array, as its text. */
static void add_element(struct strbuf *literal, uint32_t type, const char *bytes, uint32_t len)
{
	char text[256];

	if (type == PG_VECTOR_INT4 || type == PG_VECTOR_INT8) {
		int64_t number = (signed char)bytes[0];
		for (uint32_t i = 1; i < len; i++)
			number = number * 256 + (unsigned char)bytes[i];
		pg_array_add_int(literal, number);
		return;
	}
	if (type == PG_VECTOR_TEXT) {
		assert(len < sizeof(text));
		memcpy(text, bytes, len);
		text[len] = '\0';
		pg_array_add(literal, text);
		return;
	}
	assert(type == PG_VECTOR_UUID && len == 16);
	size_t end = 0;
	for (uint32_t i = 0; i < len; i++)
		end += (size_t)snprintf(text + end, sizeof(text) - end, "%s%02x",
					i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					(unsigned char)bytes[i]);
	pg_array_add(literal, text);
}

/* As PostgreSQL receives an array: the statements here read literals. */
static void add_literal(struct strbuf *literal, const char *bytes)
{
	const char *at = bytes;
	const uint32_t dimensions = read_number(&at);
	(void)read_number(&at); /* Whether there are NULLs. */
	const uint32_t type = read_number(&at);
	const uint32_t count = dimensions > 0 ? read_number(&at) : 0;
	at += dimensions > 0 ? sizeof(uint32_t) : 0;

	pg_array_open(literal);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t len = read_number(&at);
		if (len == UINT32_MAX) {
			pg_array_add(literal, NULL);
			continue;
		}
		add_element(literal, type, at, len);
		at += len;
	}
	pg_array_close(literal);
}

/* Where in the texts the parameter's begins. */
static size_t add_param(struct strbuf *texts, const struct pg_step *step, int i)
{
	const size_t ret = texts->len;

	if (step->lengths && step->lengths[i] > 0)
		add_literal(texts, step->params[i]);
	else
		strbuf_add_text(texts, step->params[i]);
	strbuf_add_char(texts, '\0');

	return ret;
}

/* Sent is sent: what the client does to its own copy changes nothing. */
static void send_steps(struct session *session, const struct pg_step *steps, size_t count)
{
	size_t at[REQUEST_STEPS_MAX][PARAMS_MAX];
	struct strbuf texts;
	strbuf_init(&texts, TEXTS_BYTES_MAX);
	strbuf_add_char(&texts, '\0'); /* So that there is memory to own. */

	assert(!session->has_request && count <= REQUEST_STEPS_MAX);
	for (size_t i = 0; i < count; i++)
		for (int k = 0; k < steps[i].param_count && k < PARAMS_MAX; k++)
			at[i][k] = steps[i].params[k] ? add_param(&texts, &steps[i], k) : 0;
	assert(!texts.overflow);
	for (size_t i = 0; i < count; i++) {
		struct statement *const to = &session->steps[i];
		assert(steps[i].param_count <= PARAMS_MAX);
		to->name = name_of(&steps[i]);
		to->param_count = steps[i].param_count;
		for (int k = 0; k < steps[i].param_count; k++)
			to->params[k] = steps[i].params[k] ? texts.data + at[i][k] : NULL;
	}
	session->texts = texts.data;
	session->step_count = (int)count;
	session->has_request = true;
}

static bool is_answered(void *ctx)
{
	const struct session *const session = ctx;

	return !session->has_request || session->is_over;
}

static bool has_commit(const struct pg_step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name_of(&steps[i]), "commit") == 0)
			return true;
	return false;
}

/* The connection breaks after the request; what becomes of it, nobody hears. */
static err_code lose_answer(struct pg *pg, const struct pg_step *steps, size_t count,
			    struct err *err)
{
	struct session *const session = pg->session;

	world_count(answers_lost);
	session->is_answer_lost = has_commit(steps, count);
	if (session->is_answer_lost)
		world_count(commits_unknown);
	send_steps(session, steps, count);
	/* It may take effect at once, or long after. */
	if (one_in(2))
		(void)scheduler_wait(is_answered, session,
				     scheduler_now_us() + below(GIVE_UP_US_MAX));
	else
		session_stall(session, below(STALL_US_MAX));
	trace("loses the answer to %s", name_of(&steps[0]));
	return broken(pg, "the connection broke", err);
}

/* As pg_err_code maps them. */
static err_code code_of(const char *error)
{
	static const char *const passing[] = { "08", "40", "53", "55", "57", "58", "23505" };

	if (strncmp(error, "23505", strlen("23505")) == 0)
		world_count(unique_violations);
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strncmp(error, passing[i], strlen(passing[i])) == 0)
			return ERR_UNAVAILABLE;
	return ERR_INTERNAL;
}

static err_code take_answer(struct pg *pg, size_t count, PGresult **ret, struct err *err)
{
	struct session *const session = pg->session;

	if (session->error) {
		const err_code code = code_of(session->error);
		if (code == ERR_INTERNAL)
			violate("PostgreSQL refuses: %s", session->error);
		return err_set(err, code, "%s", session->error);
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = STEAL(session->results[i]);
	return ERR_OK;
}

err_code __wrap_pg_pipeline(struct pg *pg, const struct pg_step *steps, size_t count,
			    PGresult **ret, struct err *err)
{
	if (scheduler_is_dying() || !pg->session)
		return err_set(err, ERR_UNAVAILABLE, "not connected");
	nemesis_strike(world.strikes);
	scheduler_yield();
	struct session *const session = pg->session;
	if (scheduler_is_dying())
		return err_set(err, ERR_UNAVAILABLE, "dying");
	if (session->is_over)
		return broken(pg, "the session is over", err);
	if (fails(world.pg_faults)) {
		world_count(requests_lost);
		return broken(pg, "the connection broke before", err);
	}
	if (fails(world.pg_faults))
		return lose_answer(pg, steps, count, err);

	send_steps(session, steps, count);
	const int64_t until_us =
		scheduler_now_us() + (pg->statement_timeout_ms + ANSWER_GRACE_MS) * 1000;
	const bool is_in_time = scheduler_wait(is_answered, session, until_us);
	if (scheduler_is_dying())
		return err_set(err, ERR_UNAVAILABLE, "dying");
	if (!is_in_time)
		return broken(pg, "no answer in time", err);
	if (session->is_over)
		return broken(pg, "the session ended", err);
	nemesis_strike(world.strikes);
	scheduler_yield();
	if (scheduler_is_dying())
		return err_set(err, ERR_UNAVAILABLE, "dying");
	return take_answer(pg, count, ret, err);
}

err_code __wrap_pg_query(struct pg *pg, const char *name, const char *sql,
			 const char *const *params, int param_count, PGresult **ret,
			 struct err *err)
{
	const struct pg_step step = {
		.name = name, .sql = sql, .params = params, .param_count = param_count
	};
	_cleanup_(PQclearp) PGresult *res = NULL;

	const err_code code = __wrap_pg_pipeline(pg, &step, 1, &res, err);
	if (code == ERR_OK && ret)
		*ret = STEAL(res);
	return code;
}

void __wrap_pg_rollback(struct pg *pg)
{
	if (!pg->session || !pg->session->is_open)
		return;
	if (__wrap_pg_query(pg, NULL, "ROLLBACK", NULL, 0, NULL, NULL) != ERR_OK)
		__wrap_pg_drop(pg);
}

/* ---- Answers ---- */

/* The statements here answer a row for each that they touched. */
char *__wrap_PQcmdTuples(PGresult *res)
{
	static char text[24];

	(void)snprintf(text, sizeof(text), "%d", PQntuples(res));
	return text;
}

PGresult *rows_new(int columns)
{
	static char name[] = "column";
	PGresAttDesc attributes[32] = { { 0 } };
	assert(columns <= 32);
	for (int i = 0; i < columns; i++)
		attributes[i].name = name;

	PGresult *const ret = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	const int is_set = PQsetResultAttrs(ret, columns, attributes);
	assert(is_set);
	return ret;
}

void rows_text(PGresult *rows, int row, int column, const char *text)
{
	char value[256];
	const bool is_null = !text || text[0] == '\0';
	const int len = is_null ? -1 : snprintf(value, sizeof(value), "%s", text);
	assert(len < (int)sizeof(value));

	const int is_set = PQsetvalue(rows, row, column, is_null ? NULL : value, len);
	assert(is_set);
}

void rows_int(PGresult *rows, int row, int column, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	rows_text(rows, row, column, number == NONE ? NULL : text);
}

void rows_name(PGresult *rows, int row, int column, char kind, int number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%c%d", kind, number);
	rows_text(rows, row, column, number == NOBODY ? NULL : text);
}

void rows_uuid(PGresult *rows, int row, int column, int number)
{
	char text[UUID_BYTES_MAX];

	if (number != NOBODY)
		uuid_of(number, text);
	rows_text(rows, row, column, number == NOBODY ? NULL : text);
}

const char *statement_nothing(struct session *session, const struct statement *statement,
			      PGresult **ret)
{
	(void)session;
	(void)statement;
	(void)ret;

	return NULL;
}
