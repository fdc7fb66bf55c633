/*
 * booking_page - PostgreSQL's bookings with their histories, page by page.
 *
 * Of each booking at most HISTORY_ROWS_MAX decisions are answered, so a page is bounded whatever
 * the tables hold; to choose them PostgreSQL reads all there are. Within a transaction of
 * write_model_begin all pages see one moment; a page alone always does.
 * Owns     what booking_page_next answers lives until the next call and as long as the page.
 */
#pragma once

#include "fold.h"
#include "pg.h"

#include <stdbool.h>

#define BOOKING_PAGE_MAX          250
#define BOOKING_ID_TEXT_BYTES_MAX 37
/* Before all booking ids. */
#define BOOKING_PAGE_BEGIN "00000000-0000-0000-0000-000000000000"

struct booking_page {
	PGresult *rows;
	int next_row;
	bool is_last;                         /* of booking_page_after: no booking follows */
	char last[BOOKING_ID_TEXT_BYTES_MAX]; /* of booking_page_after: the last id */
	struct decision history[HISTORY_ROWS_MAX];
};

/* Up to BOOKING_PAGE_MAX bookings after the id `after`, in the order of their ids. `after` may be
 * ret->last. */
err_code booking_page_after(struct pg *pg, const char *after, struct booking_page *ret,
			    struct err *err) _must_check_;
/* Those of `ids`, an array literal of at most BOOKING_PAGE_MAX, that there are. */
err_code booking_page_of(struct pg *pg, const char *ids, struct booking_page *ret,
			 struct err *err) _must_check_;
void booking_page_done(struct booking_page *page);

/* False: there are no more. */
bool booking_page_next(struct booking_page *page, struct booking_values *ret);
