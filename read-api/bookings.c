#include "bookings.h"

#include "booking_json.h"
#include "find.h"
#include "page.h"

err_code booking_find(const struct mongo_client *client, const struct booking_id *id, bson_t **ret,
		      struct err *err)
{
	return find_one(client, "bookings", id->text, NULL, ret, err);
}

static mongoc_cursor_t *find_bookings(mongoc_collection_t *bookings,
				      const struct booking_query *query)
{
	_cleanup_(bson_destroyp) bson_t *filter = booking_query_filter(query);
	_cleanup_(bson_destroyp) bson_t *options =
		BCON_NEW("sort", "{", "requested_at", BCON_INT32(-1), "_id", BCON_INT32(-1), "}",
			 "projection", "{", "history", BCON_INT32(0), "}", "limit",
			 BCON_INT64(query->limit + 1), "maxTimeMS", BCON_INT64(FIND_MS_MAX));

	return mongoc_collection_find_with_opts(bookings, filter, options, NULL);
}

err_code bookings_render(const struct mongo_client *client, const struct booking_query *query,
			 struct strbuf *out, bool *ret_more, struct cursor *ret_last,
			 struct err *err)
{
	const struct page page = { .limit = query->limit,
				   .time_field = "requested_at",
				   .write = booking_write_entry };
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *bookings =
		mongo_collection(client, "bookings");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor = find_bookings(bookings, query);

	return page_render(&page, cursor, out, ret_more, ret_last, err);
}
