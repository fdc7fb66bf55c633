#include "events.h"

#include "document.h"
#include "event_rules.h"
#include "find.h"
#include "page.h"

void event_write(const bson_t *event, struct strbuf *out)
{
	strbuf_add_char(out, '{');
	document_write_text(out, "_id", event, "_id");
	strbuf_add_char(out, ',');
	document_write_text(out, "event_id", event, "_id");
	strbuf_add_char(out, ',');
	document_write_time(out, "date", event, "date");
	strbuf_add_char(out, ',');
	document_write_text(out, "name", event, "name");
	strbuf_add_char(out, ',');
	document_write_text(out, "kind", event, "kind");
	strbuf_add_char(out, ',');
	document_write_text(out, "venue", event, "venue");
	strbuf_add_char(out, ',');
	document_write_int(out, "version", event, "version");
	strbuf_add_char(out, ',');
	document_write_counts(out, event);
	strbuf_add_char(out, ',');
	event_rules_write(event, out);
	strbuf_add_char(out, '}');
}

static mongoc_cursor_t *find_events(mongoc_collection_t *events, const struct event_query *query)
{
	_cleanup_(bson_destroyp) bson_t *filter = event_query_filter(query);
	_cleanup_(bson_destroyp) bson_t *options =
		BCON_NEW("sort", "{", "date", BCON_INT32(1), "_id", BCON_INT32(1), "}", "limit",
			 BCON_INT64(query->limit + 1), "maxTimeMS", BCON_INT64(FIND_MS_MAX));

	return mongoc_collection_find_with_opts(events, filter, options, NULL);
}

err_code events_render(const struct mongo_client *client, const struct event_query *query,
		       struct strbuf *out, bool *ret_more, struct cursor *ret_last, struct err *err)
{
	const struct page page = { .limit = query->limit,
				   .time_field = "date",
				   .write = event_write };
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *events =
		mongo_collection(client, "events");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor = find_events(events, query);

	return page_render(&page, cursor, out, ret_more, ret_last, err);
}
