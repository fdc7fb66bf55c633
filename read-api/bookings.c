#include "bookings.h"

#include "document.h"
#include "find.h"

void booking_write(const bson_t *booking, struct strbuf *out)
{
	strbuf_add_char(out, '{');
	document_write_text(out, "booking_id", booking, "_id");
	strbuf_add_char(out, ',');
	document_write_text(out, "status", booking, "status");
	strbuf_add_char(out, ',');
	document_write_text(out, "event_id", booking, "event_id");
	strbuf_add_char(out, ',');
	document_write_text(out, "user_id", booking, "user_id");
	strbuf_add_char(out, ',');
	document_write_texts(out, "seats", booking, "seats");
	strbuf_add_char(out, ',');
	document_write_text(out, "reason", booking, "reason");
	strbuf_add_char(out, ',');
	document_write_texts(out, "seats_lost", booking, "seats_lost");
	strbuf_add_char(out, ',');
	document_write_time(out, "requested_at", booking, "requested_at");
	strbuf_add_char(out, ',');
	document_write_time(out, "decided_at", booking, "decided_at");
	strbuf_add_char(out, ',');
	document_write_int(out, "version", booking, "version");
	strbuf_add_char(out, '}');
}

void booking_write_pending(const struct booking_id *id, struct strbuf *out)
{
	strbuf_addf(out, "{\"booking_id\":\"%s\",\"status\":\"pending\"}", id->text);
}

err_code booking_render(const struct mongo_client *client, const struct booking_id *id,
			struct strbuf *out, struct err *err)
{
	_cleanup_(bson_destroyp) bson_t *booking = NULL;
	const err_code code = find_one(client, "bookings", id->text, NULL, &booking, err);

	if (code != ERR_OK)
		return code;

	booking_write(booking, out);
	return ERR_OK;
}
