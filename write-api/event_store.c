#include "event_store.h"

#include "pg_vector.h"
#include "strbuf.h"
#include "write_api_sql.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array)      ((int)(sizeof(array) / sizeof((array)[0])))
#define NUMBER_BYTES_MAX  24
#define SEATS_AT_ONCE     20000 /* of a statement, each of which has a time-out */
#define PRICES_AT_ONCE    1000  /* of a transaction, for which bookings wait    */
#define VECTOR_BYTES_MAX  (16u << 20) /* of EVENT_SEATS_MAX rows of one seat, each */
#define SECTIONS_BYTES_MAX (EVENT_SECTIONS_MAX * (EVENT_WORDS_BYTES_MAX * 2 + 4))

static const char *text_of(const struct event_value *value)
{
	return value->is_null || value->text[0] == '\0' ? NULL : value->text;
}

/* An empty venue is one. */
static const char *rule_of(const struct event_request *request, enum event_rule rule)
{
	return rule == EVENT_VENUE ? request->rules[rule].text : text_of(&request->rules[rule]);
}

static err_code roll_back(struct pg *pg, struct event_outcome *ret, enum event_answer answer)
{
	pg_rollback(pg);
	ret->answer = answer;
	return ERR_OK;
}

/* --- a new event --- */

static err_code find_created(struct pg *pg, const struct audit_entry *audit,
			     struct event_outcome *ret, struct err *err)
{
	const char *const params[] = { audit->key };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	const err_code code =
		pg_query(pg, "find_created", SQL_FIND_CREATED, params, COUNT(params), &rows, err);
	if (code != ERR_OK)
		return code;
	if (PQntuples(rows) != 1)
		return err_set(err, ERR_UNAVAILABLE, "what the key made is gone");
	if (strcmp(PQgetvalue(rows, 0, 1), audit->request_hash) != 0) {
		ret->answer = EVENT_KEY_REUSED;
		return ERR_OK;
	}
	ret->answer = EVENT_DONE;
	(void)snprintf(ret->event_id, sizeof(ret->event_id), "%s", PQgetvalue(rows, 0, 0));
	ret->version = 1;
	ret->seat_count = pg_int_or(rows, 0, 2, 0);
	return ERR_OK;
}

static err_code add_event(struct pg *pg, const struct event_request *request, bool *ret_exists,
			  struct err *err)
{
	const char *params[EVENT_RULE_COUNT + 2] = { request->event_id };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	for (size_t i = 0; i < EVENT_RULE_COUNT; i++)
		params[1 + i] = rule_of(request, (enum event_rule)i);
	params[1 + EVENT_RULE_COUNT] = request->currency;

	const err_code code =
		pg_query(pg, "add_event", SQL_ADD_EVENT, params, COUNT(params), &rows, err);
	if (code == ERR_OK)
		*ret_exists = PQntuples(rows) == 0;
	return code;
}

struct seat_vectors {
	struct pg_vector sections, names, stems, firsts; /* a row each     */
	struct pg_vector seats, prices;                  /* a section each */
	struct strbuf section_names;
};

static void vectors_done(struct seat_vectors *vectors)
{
	pg_vector_done(&vectors->sections);
	pg_vector_done(&vectors->names);
	pg_vector_done(&vectors->stems);
	pg_vector_done(&vectors->firsts);
	pg_vector_done(&vectors->seats);
	pg_vector_done(&vectors->prices);
	strbuf_done(&vectors->section_names);
}

static void open_vector(struct pg_vector *vector, enum pg_vector_type type)
{
	pg_vector_init(vector, VECTOR_BYTES_MAX);
	pg_vector_open(vector, type);
}

/* Rows from *row on, of SEATS_AT_ONCE seats together and the rest of the last; moves *row. */
static void fill_rows(const struct event_plan *plan, size_t *row, struct seat_vectors *ret)
{
	const int64_t from = plan->rows[*row].first;

	open_vector(&ret->sections, PG_VECTOR_INT4);
	open_vector(&ret->names, PG_VECTOR_TEXT);
	open_vector(&ret->stems, PG_VECTOR_TEXT);
	open_vector(&ret->firsts, PG_VECTOR_INT4);
	for (; *row < plan->row_count; (*row)++) {
		const struct event_row *next = &plan->rows[*row];
		if (next->first >= from + SEATS_AT_ONCE)
			break;
		pg_vector_add_int(&ret->sections, (int64_t)next->section + 1);
		pg_vector_add(&ret->names, next->name);
		pg_vector_add(&ret->stems, next->stem);
		pg_vector_add_int(&ret->firsts, next->first);
	}
	pg_vector_close(&ret->sections);
	pg_vector_close(&ret->names);
	pg_vector_close(&ret->stems);
	pg_vector_close(&ret->firsts);
}

static void fill_sections(const struct event_plan *plan, struct seat_vectors *ret)
{
	open_vector(&ret->seats, PG_VECTOR_INT4);
	open_vector(&ret->prices, PG_VECTOR_INT8);
	strbuf_init(&ret->section_names, SECTIONS_BYTES_MAX);
	pg_array_open(&ret->section_names);
	for (size_t i = 0; i < plan->section_count; i++) {
		pg_array_add(&ret->section_names, plan->sections[i].name);
		pg_vector_add_int(&ret->seats, plan->sections[i].seats_per_row);
		pg_vector_add_int(&ret->prices, plan->sections[i].price_minor);
	}
	pg_array_close(&ret->section_names);
	pg_vector_close(&ret->seats);
	pg_vector_close(&ret->prices);
}

/* In one statement, whose parameters are rows: PostgreSQL numbers their seats. */
static err_code add_some_seats(struct pg *pg, const struct event_request *request, size_t *row,
			       struct err *err)
{
	_cleanup_(vectors_done) struct seat_vectors v;
	fill_rows(&request->plan, row, &v);
	fill_sections(&request->plan, &v);

	const struct pg_vector *const binary[] = { &v.sections, &v.names, &v.stems,
						   &v.firsts,   &v.seats, &v.prices };
	for (int i = 0; i < COUNT(binary); i++)
		if (binary[i]->bytes.overflow)
			return err_set(err, ERR_INTERNAL, "rows of seats take too many bytes");
	if (v.section_names.overflow)
		return err_set(err, ERR_INTERNAL, "sections take too many bytes");

	const char *const params[] = {
		request->event_id,   v.sections.bytes.data, v.names.bytes.data,
		v.stems.bytes.data,  v.firsts.bytes.data,   v.section_names.data,
		v.seats.bytes.data,  v.prices.bytes.data,
	};
	const int lengths[] = {
		0, (int)v.sections.bytes.len, (int)v.names.bytes.len, (int)v.stems.bytes.len,
		(int)v.firsts.bytes.len, 0, (int)v.seats.bytes.len, (int)v.prices.bytes.len,
	};
	const struct pg_step step = { .name = "add_seats",
				      .sql = SQL_ADD_SEATS,
				      .params = params,
				      .param_count = COUNT(params),
				      .lengths = lengths };
	_cleanup_(PQclearp) PGresult *rows = NULL;
	return pg_pipeline(pg, &step, 1, &rows, err);
}

static err_code add_seats(struct pg *pg, const struct event_request *request, struct err *err)
{
	err_code code = ERR_OK;

	for (size_t row = 0; row < request->plan.row_count && code == ERR_OK;)
		code = add_some_seats(pg, request, &row, err);
	return code;
}

err_code event_store_add(struct pg *pg, const struct event_request *request,
			 const struct audit_entry *audit, struct event_outcome *ret,
			 bool *ret_unknown, struct err *err)
{
	bool is_known = false, exists = false;

	*ret_unknown = false;
	*ret = (struct event_outcome){ .version = 1, .seat_count = request->plan.seat_count };
	memcpy(ret->event_id, request->event_id, sizeof(ret->event_id));

	err_code code = pg_begin(pg, err);
	if (code == ERR_OK)
		code = audit_entry_write(pg, audit, &is_known, err);
	if (code == ERR_OK && is_known) {
		pg_rollback(pg);
		return find_created(pg, audit, ret, err);
	}
	if (code == ERR_OK)
		code = add_event(pg, request, &exists, err);
	if (code == ERR_OK && exists)
		return roll_back(pg, ret, EVENT_EXISTS);
	if (code == ERR_OK)
		code = add_seats(pg, request, err);
	if (code == ERR_OK)
		return pg_commit(pg, ret_unknown, err);
	pg_rollback(pg);
	return code;
}

/* --- a change --- */

static bool window_is_valid(const struct event_request *request, const PGresult *rows)
{
	const struct event_value *open = &request->rules[EVENT_SALES_OPEN_AT];
	const struct event_value *close = &request->rules[EVENT_SALES_CLOSE_AT];

	return event_window_is_valid(open->is_given ? text_of(open) : pg_text_at(rows, 0, 1),
				     close->is_given ? text_of(close) : pg_text_at(rows, 0, 2));
}

/* First without a lock, so that what is refused changes no price; then with it. */
static err_code judge(struct pg *pg, const char *event_id, const struct event_request *request,
		      bool locks, enum event_answer *ret, struct err *err)
{
	const char *const params[] = { event_id };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	const err_code code =
		pg_query(pg, locks ? "lock_event" : "see_event",
			 locks ? SQL_LOCK_EVENT : SQL_SEE_EVENT, params, COUNT(params), &rows, err);
	if (code != ERR_OK)
		return code;
	if (PQntuples(rows) == 0)
		*ret = EVENT_NOT_FOUND;
	else if (strcmp(PQgetvalue(rows, 0, 0), "t") == 0)
		*ret = EVENT_CANCELLED;
	else if (!window_is_valid(request, rows))
		*ret = EVENT_BAD_WINDOW;
	else
		*ret = EVENT_DONE;
	return ERR_OK;
}

static err_code change_event(struct pg *pg, const char *event_id,
			     const struct event_request *request, struct event_outcome *ret,
			     struct err *err)
{
	const char *params[1 + 2 * EVENT_RULE_COUNT] = { event_id };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	for (size_t i = 0; i < EVENT_RULE_COUNT; i++) {
		params[1 + 2 * i] = request->rules[i].is_given ? "t" : "f";
		params[2 + 2 * i] = rule_of(request, (enum event_rule)i);
	}
	const err_code code =
		pg_query(pg, "change_event", SQL_CHANGE_EVENT, params, COUNT(params), &rows, err);
	if (code != ERR_OK)
		return code;
	ret->version = pg_int_at(rows, 0, 0);
	ret->seat_count = pg_int_at(rows, 0, 1);
	return ERR_OK;
}

/* Of the seats after *last, which is moved; "" when there are no more. */
static err_code change_some_prices(struct pg *pg, const char *event_id, const char *sections,
				   const char *prices, char last[static IDENT_BYTES_MAX],
				   struct err *err)
{
	char most[NUMBER_BYTES_MAX];
	const char *params[] = { event_id, sections, prices, last, most };
	_cleanup_(PQclearp) PGresult *locked = NULL;

	(void)snprintf(most, sizeof(most), "%d", PRICES_AT_ONCE);
	err_code code =
		pg_query(pg, "lock_prices", SQL_LOCK_PRICES, params, COUNT(params), &locked, err);
	if (code != ERR_OK)
		return code;
	const bool is_all = pg_int_at(locked, 0, 1) < PRICES_AT_ONCE;
	params[4] = pg_text_at(locked, 0, 0);
	if (params[4])
		code = pg_query(pg, "change_prices", SQL_CHANGE_PRICES, params, COUNT(params), NULL,
				err);
	(void)snprintf(last, IDENT_BYTES_MAX, "%s", is_all ? "" : params[4]);
	return code;
}

/* In transactions of their own, a part of the seats each: a booking waits for one part at most. */
static err_code change_all_prices(struct pg *pg, const char *event_id, const char *sections,
				  const char *prices, struct err *err)
{
	char last[IDENT_BYTES_MAX] = "";
	bool unknown = false; /* It is the event's own transaction that answers. */
	err_code code = ERR_OK;

	do {
		code = pg_begin(pg, err);
		if (code == ERR_OK)
			code = change_some_prices(pg, event_id, sections, prices, last, err);
		if (code != ERR_OK)
			pg_rollback(pg);
		else
			code = pg_commit(pg, &unknown, err);
	} while (code == ERR_OK && last[0] != '\0');
	return code;
}

static err_code change_prices(struct pg *pg, const char *event_id, const char *sections,
			      const char *prices, struct event_outcome *ret, struct err *err)
{
	const char *const params[] = { event_id, sections };
	_cleanup_(PQclearp) PGresult *missing = NULL;

	const err_code code = pg_query(pg, "find_missing_section", SQL_FIND_MISSING_SECTION, params,
				       COUNT(params), &missing, err);
	if (code != ERR_OK)
		return code;
	if (PQntuples(missing) > 0) {
		ret->answer = EVENT_NO_SECTION;
		ret->price = (size_t)pg_int_at(missing, 0, 0);
		return ERR_OK;
	}
	return change_all_prices(pg, event_id, sections, prices, err);
}

static err_code write_prices(struct pg *pg, const char *event_id,
			     const struct event_request *request, struct event_outcome *ret,
			     struct err *err)
{
	_cleanup_(strbuf_done) struct strbuf sections, prices;
	strbuf_init(&sections, SECTIONS_BYTES_MAX);
	strbuf_init(&prices, EVENT_PRICES_MAX * NUMBER_BYTES_MAX);

	if (request->price_count == 0)
		return ERR_OK;
	pg_array_open(&sections);
	pg_array_open(&prices);
	for (size_t i = 0; i < request->price_count; i++) {
		pg_array_add(&sections, request->prices[i].section);
		pg_array_add_int(&prices, request->prices[i].price_minor);
	}
	pg_array_close(&sections);
	pg_array_close(&prices);
	if (sections.overflow || prices.overflow)
		return err_set(err, ERR_INTERNAL, "prices take too many bytes");
	return change_prices(pg, event_id, sections.data, prices.data, ret, err);
}

/* The event's row and the audit's, in this order of locks after the seats', as workers have it. */
static err_code commit_change(struct pg *pg, const char *event_id,
			      const struct event_request *request, const struct audit_entry *audit,
			      struct event_outcome *ret, bool *ret_unknown, struct err *err)
{
	err_code code = pg_begin(pg, err);
	if (code == ERR_OK)
		code = judge(pg, event_id, request, true, &ret->answer, err);
	if (code == ERR_OK && ret->answer == EVENT_DONE)
		code = change_event(pg, event_id, request, ret, err);
	if (code == ERR_OK && ret->answer == EVENT_DONE)
		code = audit_entry_write(pg, audit, NULL, err);
	if (code == ERR_OK && ret->answer == EVENT_DONE)
		return pg_commit(pg, ret_unknown, err);
	pg_rollback(pg);
	return code;
}

/* The event last: whoever sees its new version reads all new prices. */
err_code event_store_change(struct pg *pg, const char *event_id,
			    const struct event_request *request, const struct audit_entry *audit,
			    struct event_outcome *ret, bool *ret_unknown, struct err *err)
{
	*ret_unknown = false;
	*ret = (struct event_outcome){ .answer = EVENT_DONE };
	(void)snprintf(ret->event_id, sizeof(ret->event_id), "%s", event_id);

	err_code code = pg_ensure(pg, err);
	if (code == ERR_OK)
		code = judge(pg, event_id, request, false, &ret->answer, err);
	if (code == ERR_OK && ret->answer == EVENT_DONE)
		code = write_prices(pg, event_id, request, ret, err);
	if (code == ERR_OK && ret->answer == EVENT_DONE)
		code = commit_change(pg, event_id, request, audit, ret, ret_unknown, err);
	if (code != ERR_OK && request->price_count > 0)
		*ret_unknown = true; /* Of the prices, some. */
	return code;
}

err_code event_store_find(struct pg *pg, const char *event_id, struct err *err)
{
	const char *const params[] = { event_id };
	_cleanup_(PQclearp) PGresult *rows = NULL;

	const err_code code =
		pg_query(pg, "has_event", SQL_HAS_EVENT, params, COUNT(params), &rows, err);
	if (code == ERR_OK && PQntuples(rows) == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no event %s", event_id);
	return code;
}
