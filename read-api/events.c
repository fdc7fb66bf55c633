#include "events.h"

#include "document.h"
#include "find.h"

#include <stdio.h>

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
	strbuf_add_char(out, '}');
}

static mongoc_cursor_t *find_events(mongoc_collection_t *events, const struct event_query *query)
{
	_cleanup_(bson_destroyp) bson_t *filter = event_query_filter(query);
	/* One more than asked for tells whether there is another page. */
	_cleanup_(bson_destroyp) bson_t *options =
		BCON_NEW("sort", "{", "date", BCON_INT32(1), "_id", BCON_INT32(1), "}", "limit",
			 BCON_INT64(query->limit + 1), "maxTimeMS", BCON_INT64(FIND_MS_MAX));

	return mongoc_collection_find_with_opts(events, filter, options, NULL);
}

static void note_last(const bson_t *event, struct cursor *ret)
{
	size_t len = 0;
	const char *id = document_text(event, "_id", &len);

	ret->date_ms = 0;
	(void)document_time(event, "date", &ret->date_ms); /* The filter lets only dates pass. */
	(void)snprintf(ret->event_id, sizeof(ret->event_id), "%s", id ? id : "");
}

err_code events_render(const struct mongo_client *client, const struct event_query *query,
		       struct strbuf *out, bool *ret_more, struct cursor *ret_last, struct err *err)
{
	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *events =
		mongo_collection(client, "events");
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor = find_events(events, query);
	const bson_t *event = NULL;
	int64_t count = 0;

	strbuf_add_char(out, '[');
	while (mongoc_cursor_next(cursor, &event) && ++count <= query->limit) {
		if (count > 1)
			strbuf_add_char(out, ',');
		event_write(event, out);
		if (count == query->limit)
			note_last(event, ret_last);
	}
	strbuf_add_char(out, ']');

	const err_code code = find_error(cursor, "read the event list", err);

	if (code != ERR_OK)
		return code;
	if (out->overflow)
		return err_set(err, ERR_INTERNAL, "an event list too long to answer");

	/* A document whose id is no text cannot be gone on from; the projector writes none. */
	*ret_more = count > query->limit && ret_last->event_id[0] != '\0';
	return ERR_OK;
}
