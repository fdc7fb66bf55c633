#include "audit.h"

#include "admin.h"
#include "booking_id.h"
#include "refuse.h"
#include "write_api_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_MAX        100
#define LIMIT_FALLBACK   50
#define NUMBER_BYTES_MAX 24
#define FROM_NEWEST      999999999999999999
#define QUERY_BYTES_MAX  (sizeof("bookingId=&") + IDENT_BYTES_MAX)

/* Where entries come from, and what they are about. */
struct origin {
	const char *name; /* of the statement; NULL: nothing comes from here */
	const char *sql;
};

/* One list of entries, newest first, and how far it was read. */
struct entries {
	PGresult *rows;
	int next;
	int64_t before; /* the last one that was told */
};

struct listing {
	struct origin origins[2]; /* booking_log, audit_log */
	char about[IDENT_BYTES_MAX];
	char query[QUERY_BYTES_MAX];
	int64_t limit;
	struct entries entries[2];
};

static void entries_done(struct listing *listing)
{
	PQclear(listing->entries[0].rows);
	PQclear(listing->entries[1].rows);
}

/* --- what is asked for --- */

static void choose(struct listing *listing, const char *event_id, const char *booking_id)
{
	if (booking_id[0] != '\0') {
		listing->origins[0] = (struct origin){ "read_booking_log", SQL_READ_BOOKING_LOG };
		listing->origins[1] =
			(struct origin){ "read_booking_audit", SQL_READ_BOOKING_AUDIT };
		(void)snprintf(listing->about, sizeof(listing->about), "%s", booking_id);
		(void)snprintf(listing->query, sizeof(listing->query), "bookingId=%s&",
			       booking_id);
		return;
	}
	if (event_id[0] == '\0') {
		listing->origins[1] = (struct origin){ "read_audit", SQL_READ_AUDIT };
		return;
	}
	listing->origins[0] = (struct origin){ "read_event_log", SQL_READ_EVENT_LOG };
	listing->origins[1] = (struct origin){ "read_event_audit", SQL_READ_EVENT_AUDIT };
	(void)snprintf(listing->about, sizeof(listing->about), "%s", event_id);
	(void)snprintf(listing->query, sizeof(listing->query), "eventId=%s&", event_id);
}

static bool read_params(const struct http_request *request, struct http_response *response,
			struct listing *listing)
{
	struct admin_params params = { .request = request, .response = response };
	char event_id[IDENT_BYTES_MAX], booking_text[IDENT_BYTES_MAX];
	struct booking_id booking_id = { .text = "" };

	if (admin_params_text(&params, "eventId", event_id, sizeof(event_id)) &&
	    event_id[0] != '\0' && !ident_is_valid(event_id, strlen(event_id)))
		admin_params_complain(&params, "eventId", "is no event's id");
	if (admin_params_text(&params, "bookingId", booking_text, sizeof(booking_text)) &&
	    booking_text[0] != '\0' &&
	    booking_id_parse(booking_text, strlen(booking_text), &booking_id, NULL) != ERR_OK)
		admin_params_complain(&params, "bookingId", "is no booking's id");
	if (event_id[0] != '\0' && booking_text[0] != '\0')
		admin_params_complain(&params, "bookingId", "cannot be asked with eventId");
	admin_params_limit(&params, LIMIT_MAX, &listing->limit);
	(void)admin_params_cursor(&params, &listing->entries[0].before,
				  &listing->entries[1].before); /* Else they stay. */
	choose(listing, event_id, booking_id.text);
	return !params.is_bad;
}

/* --- reading and merging --- */

static err_code read_entries(struct pg *pg, const struct listing *listing, size_t i,
			     struct entries *entries, struct err *err)
{
	const struct origin *origin = &listing->origins[i];
	char before[NUMBER_BYTES_MAX], count[NUMBER_BYTES_MAX];

	if (!origin->name)
		return ERR_OK;
	(void)snprintf(before, sizeof(before), "%" PRId64, entries->before);
	(void)snprintf(count, sizeof(count), "%" PRId64, listing->limit + 1);
	const char *const params[] = { listing->about[0] != '\0' ? listing->about : NULL, before,
				       count };
	return pg_query(pg, origin->name, origin->sql, params, 3, &entries->rows, err);
}

static bool has_next(const struct entries *entries)
{
	return entries->rows && entries->next < PQntuples(entries->rows);
}

/* The list whose next entry is the newest; NULL: there is none. */
static struct entries *choose_next(struct listing *listing)
{
	struct entries *a = &listing->entries[0], *b = &listing->entries[1];

	if (!has_next(a) || !has_next(b))
		return has_next(a) ? a : has_next(b) ? b : NULL;
	return pg_int_at(a->rows, a->next, 1) >= pg_int_at(b->rows, b->next, 1) ? a : b;
}

static void render(struct listing *listing, struct http_response *response)
{
	struct entries *next = NULL;

	strbuf_add_char(&response->body, '[');
	for (int64_t count = 0; count < listing->limit && (next = choose_next(listing)); count++) {
		if (count > 0)
			strbuf_add_char(&response->body, ',');
		strbuf_add_text(&response->body, PQgetvalue(next->rows, next->next, 2));
		next->before = pg_int_at(next->rows, next->next, 0);
		next->next++;
	}
	strbuf_add_char(&response->body, ']');
	if (choose_next(listing))
		admin_link_next(response, "/api/admin/audit", listing->query, listing->limit,
				listing->entries[0].before, listing->entries[1].before);
}

void audit_list(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct write_api *api = ctx;
	_cleanup_(entries_done) struct listing listing = {
		.limit = LIMIT_FALLBACK,
		.entries = { { .before = FROM_NEWEST }, { .before = FROM_NEWEST } },
	};
	struct err err = { 0 };

	if (!read_params(request, response, &listing))
		return;
	struct pg *pg = admin_take_pg(api, request, response);
	if (!pg)
		return;
	err_code code = read_entries(pg, &listing, 0, &listing.entries[0], &err);
	if (code == ERR_OK)
		code = read_entries(pg, &listing, 1, &listing.entries[1], &err);
	pg_pool_give(api->pg_pool, pg);
	if (code != ERR_OK) {
		admin_refuse_failed(api, request, response, false, &err);
		return;
	}
	http_response_header(response, "Cache-Control", "no-store");
	render(&listing, response);
}
