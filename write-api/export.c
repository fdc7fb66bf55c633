#include "export.h"

#include "admin.h"
#include "audit_entry.h"
#include "clock.h"
#include "event_store.h"
#include "export_csv.h"
#include "write_api_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CELLS            12
#define ROWS_AT_ONCE     1000
#define PAGE_BYTES_MAX   (EXPORT_BYTES_MAX + (16u << 10)) /* and its last row */
#define NUMBER_BYTES_MAX 24
#define PATH_BYTES_MAX   (sizeof("/api/events//bookings.csv") + IDENT_BYTES_MAX)
#define NAME_BYTES_MAX   (sizeof("attachment; filename=\"bookings-.csv\"") + IDENT_BYTES_MAX)

static const char *const NAMES[CELLS] = {
	"booking_id",  "user_id",  "mode",		"status",	"reason",     "seats",
	"total_minor", "currency", "payment_reference", "requested_at", "decided_at", "expires_at",
};

struct exporting {
	char event_id[IDENT_BYTES_MAX];
	int64_t limit;
	int64_t after; /* where to go on */
	int64_t count;
	int64_t until_ms;
	bool has_more;
};

static err_code read_rows(struct pg *pg, const struct exporting *exporting, int64_t count,
			  PGresult **ret, struct err *err)
{
	char after[NUMBER_BYTES_MAX], most[NUMBER_BYTES_MAX];
	const char *const params[] = { exporting->event_id, after, most };

	(void)snprintf(after, sizeof(after), "%" PRId64, exporting->after);
	(void)snprintf(most, sizeof(most), "%" PRId64, count);
	return pg_query(pg, "read_bookings", SQL_READ_BOOKINGS, params, 3, ret, err);
}

static void add_row(const PGresult *rows, int row, struct strbuf *out)
{
	const char *cells[CELLS];

	for (int i = 0; i < CELLS; i++)
		cells[i] = pg_text_at(rows, row, 1 + i);
	export_csv_line(out, cells, CELLS);
}

static bool is_full(const struct exporting *exporting, const struct strbuf *out)
{
	return exporting->count == exporting->limit || out->len >= EXPORT_BYTES_MAX ||
	       clock_monotonic_ms() >= exporting->until_ms;
}

/* One row more than is wanted tells whether there is a next page. */
static err_code write_rows(struct pg *pg, struct exporting *exporting, struct strbuf *out,
			   struct err *err)
{
	bool is_full_now = false;

	while (!is_full_now) {
		_cleanup_(PQclearp) PGresult *rows = NULL;
		const err_code code = read_rows(pg, exporting, ROWS_AT_ONCE + 1, &rows, err);
		if (code != ERR_OK)
			return code;

		const int count = PQntuples(rows);
		for (int i = 0; i < count && i < ROWS_AT_ONCE && !is_full_now; i++) {
			add_row(rows, i, out);
			exporting->after = pg_int_at(rows, i, 0);
			exporting->count++;
			is_full_now = is_full(exporting, out);
			exporting->has_more = i + 1 < count;
		}
		if (!exporting->has_more)
			return ERR_OK;
	}
	return ERR_OK;
}

/* Before anything is told: no export without its entry. */
static err_code note(struct pg *pg, const struct http_request *request,
		     const struct exporting *exporting, struct err *err)
{
	char detail[64];
	const struct audit_entry audit = { .request = request,
					   .event_id = exporting->event_id,
					   .action = "export_bookings",
					   .detail = detail };

	(void)snprintf(detail, sizeof(detail), "{\"after\":%" PRId64 ",\"limit\":%" PRId64 "}",
		       exporting->after, exporting->limit);
	return audit_entry_write(pg, &audit, NULL, err);
}

static err_code export(struct pg *pg, const struct http_request *request,
		       struct exporting *exporting, struct strbuf *out, struct err *err)
{
	err_code code = event_store_find(pg, exporting->event_id, err);

	if (code == ERR_OK)
		code = note(pg, request, exporting, err);
	if (code != ERR_OK)
		return code;
	export_csv_line(out, NAMES, CELLS);
	code = write_rows(pg, exporting, out, err);
	if (code == ERR_OK && out->overflow)
		return err_set(err, ERR_INTERNAL, "an export too long to answer");
	return code;
}

/* The page goes with its memory, of which a thread would keep the most it ever had. */
static void share(struct http_response *response, struct strbuf *page)
{
	const struct http_shared shared = {
		.bytes = page->data, .len = page->len, .release = free, .owner = page->data
	};

	http_response_share(response, &shared);
	strbuf_init(page, 0);
}

static void answer(struct http_response *response, const struct exporting *exporting)
{
	char text[PATH_BYTES_MAX + NAME_BYTES_MAX];

	response->content_type = "text/csv; charset=utf-8; header=present";
	http_response_header(response, "Cache-Control", "no-store");
	(void)snprintf(text, sizeof(text), "attachment; filename=\"bookings-%s.csv\"",
		       exporting->event_id);
	http_response_header(response, "Content-Disposition", text);
	(void)snprintf(text, sizeof(text), "/api/events/%s/bookings.csv", exporting->event_id);
	if (exporting->has_more)
		admin_link_next(response, text, "", exporting->limit, exporting->after, 0);
}

void export_bookings(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct write_api *api = ctx;
	struct exporting exporting = { .limit = EXPORT_ROWS_MAX,
				       .until_ms = clock_monotonic_ms() + EXPORT_MS_MAX };
	struct admin_params params = { .request = request, .response = response };
	_cleanup_(strbuf_done) struct strbuf page;
	struct err err = { 0 };
	int64_t none;

	strbuf_init(&page, PAGE_BYTES_MAX);
	if (!admin_event_id(api, request, response, exporting.event_id))
		return;
	admin_params_limit(&params, EXPORT_ROWS_MAX, &exporting.limit);
	(void)admin_params_cursor(&params, &exporting.after, &none); /* Else from the first. */
	if (params.is_bad)
		return;
	struct pg *pg = admin_take_pg(api, request, response);
	if (!pg)
		return;
	const err_code code = export(pg, request, &exporting, &page, &err);
	pg_pool_give(api->pg_pool, pg);
	if (code == ERR_OK) {
		answer(response, &exporting);
		share(response, &page);
	} else if (code == ERR_NOT_FOUND) {
		admin_refuse_no_event(api, response);
	} else {
		admin_refuse_failed(api, request, response, false, &err);
	}
}
