#include "booking_json.h"

#include "clock.h"
#include "document.h"

#include <string.h>

#define VERSION_DIGITS_MAX 9

/* One decision; its bytes lie in the booking's. */
struct decision {
	int64_t version;
	const uint8_t *bytes;
	uint32_t len;
};

bool booking_says(const bson_t *doc, const char *field, const char *text)
{
	size_t len = 0;
	const char *found = document_text(doc, field, &len);

	return found && len == strlen(text) && memcmp(found, text, len) == 0;
}

static bool history_of(const bson_t *booking, bson_iter_t *ret)
{
	bson_iter_t history;

	return bson_iter_init_find(&history, booking, "history") &&
	       BSON_ITER_HOLDS_DOCUMENT(&history) && bson_iter_recurse(&history, ret);
}

bool booking_find_command(const bson_t *booking, const char *command_id, bson_t *ret)
{
	bson_iter_t iter;
	bool found = false;

	if (!history_of(booking, &iter))
		return false;
	while (bson_iter_next(&iter)) {
		bson_t decision;

		if (!document_iter_sub(&iter, &decision) ||
		    !booking_says(&decision, "command_id", command_id))
			continue;
		found = document_iter_sub(&iter, ret);
		if (!booking_says(&decision, "reason", "not_owner"))
			return found;
	}

	return found;
}

/* 0 when the key is no version. */
static int64_t parse_version(const char *key)
{
	const size_t len = strlen(key);
	int64_t version = 0;

	if (len == 0 || len > VERSION_DIGITS_MAX || strspn(key, "0123456789") != len)
		return 0;
	for (; *key; key++)
		version = 10 * version + (*key - '0');

	return version;
}

/* Puts a decision in its place among those before; the oldest leaves when there is no room. */
static size_t insert(struct decision decisions[static BOOKING_HISTORY_MAX], size_t count,
		     const struct decision *decision)
{
	if (count == BOOKING_HISTORY_MAX) {
		if (decision->version < decisions[0].version)
			return count;
		memmove(&decisions[0], &decisions[1], --count * sizeof(*decisions));
	}

	size_t at = count;

	for (; at > 0 && decisions[at - 1].version > decision->version; at--)
		decisions[at] = decisions[at - 1];
	decisions[at] = *decision;

	return count + 1;
}

/* Fills decisions by version; a document's members stand in the order in which they were added. */
static size_t sort_history(const bson_t *booking,
			   struct decision decisions[static BOOKING_HISTORY_MAX])
{
	bson_iter_t iter;
	size_t count = 0;

	if (!history_of(booking, &iter))
		return 0;
	while (bson_iter_next(&iter)) {
		struct decision decision = { .version = parse_version(bson_iter_key(&iter)) };

		if (decision.version == 0 || !BSON_ITER_HOLDS_DOCUMENT(&iter))
			continue;
		bson_iter_document(&iter, &decision.len, &decision.bytes);
		count = insert(decisions, count, &decision);
	}

	return count;
}

/* Texts under their own names, each with a comma before it. */
static void write_texts(struct strbuf *out, const bson_t *doc, const char *const *names,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		strbuf_add_char(out, ',');
		document_write_text(out, names[i], doc, names[i]);
	}
}

/* Who else acted on a booking, such as an administrator, is not its owner's business. */
static void write_actor(struct strbuf *out, const bson_t *decision, const char *only_user)
{
	if (only_user && !booking_says(decision, "actor", only_user))
		strbuf_add_text(out, "\"actor\":null");
	else
		document_write_text(out, "actor", decision, "actor");
}

static void write_decision(struct strbuf *out, const struct decision *decision,
			   const char *only_user)
{
	static const char *const WHAT[] = { "status", "command", "command_id" };
	static const char *const HOW[] = { "result", "reason" };
	bson_t doc = BSON_INITIALIZER;

	(void)bson_init_static(&doc, decision->bytes, decision->len); /* Else it stays empty. */
	strbuf_add_text(out, "{\"version\":");
	strbuf_add_int(out, decision->version);
	strbuf_add_char(out, ',');
	document_write_time(out, "at", &doc, "at");
	write_texts(out, &doc, WHAT, sizeof(WHAT) / sizeof(WHAT[0]));
	strbuf_add_char(out, ',');
	write_actor(out, &doc, only_user);
	write_texts(out, &doc, HOW, sizeof(HOW) / sizeof(HOW[0]));
	strbuf_add_char(out, ',');
	document_write_time(out, "expires_at", &doc, "expires_at");
	strbuf_add_char(out, '}');
}

static void write_history(struct strbuf *out, const bson_t *booking, const char *only_user)
{
	struct decision decisions[BOOKING_HISTORY_MAX];
	const size_t count = sort_history(booking, decisions);

	strbuf_add_text(out, "\"history\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		write_decision(out, &decisions[i], only_user);
	}
	strbuf_add_char(out, ']');
}

static bool list_of(const bson_t *booking, const char *field, bson_iter_t *ret)
{
	bson_iter_t array;

	return bson_iter_init_find(&array, booking, field) && BSON_ITER_HOLDS_ARRAY(&array) &&
	       bson_iter_recurse(&array, ret);
}

/* prices[i] is that of seats[i]; a rejected booking has seats and no prices. */
static void write_prices(struct strbuf *out, const bson_t *booking)
{
	bson_iter_t seats, prices;
	const char *separator = "";

	strbuf_add_text(out, "\"prices\":[");
	if (list_of(booking, "seats", &seats) && list_of(booking, "prices", &prices)) {
		while (bson_iter_next(&seats) && bson_iter_next(&prices)) {
			uint32_t len = 0;

			if (!BSON_ITER_HOLDS_UTF8(&seats))
				continue;

			const char *seat_id = bson_iter_utf8(&seats, &len);

			strbuf_addf(out, "%s{\"seat_id\":", separator);
			strbuf_add_json_len(out, seat_id, len);
			strbuf_add_text(out, ",\"price_minor\":");
			strbuf_add_int(out, document_iter_int(&prices));
			strbuf_add_char(out, '}');
			separator = ",";
		}
	}
	strbuf_add_char(out, ']');
}

/* All up to server_time. */
static void write_head(struct strbuf *out, const bson_t *booking)
{
	static const char *const WHO[] = { "status", "event_id", "user_id", "mode" };
	static const char *const WHY[] = { "currency", "payment_reference", "reason" };
	static const char *const TIMES[] = { "requested_at", "decided_at", "expires_at" };

	strbuf_add_char(out, '{');
	document_write_text(out, "booking_id", booking, "_id");
	write_texts(out, booking, WHO, sizeof(WHO) / sizeof(WHO[0]));
	strbuf_add_char(out, ',');
	document_write_texts(out, "seats", booking, "seats");
	strbuf_add_char(out, ',');
	write_prices(out, booking);
	strbuf_add_char(out, ',');
	document_write_int_or_null(out, "total_minor", booking, "total_minor");
	write_texts(out, booking, WHY, sizeof(WHY) / sizeof(WHY[0]));
	strbuf_add_char(out, ',');
	document_write_texts(out, "seats_lost", booking, "seats_lost");
	strbuf_add_char(out, ',');
	document_write_int(out, "extensions", booking, "extensions");
	for (size_t i = 0; i < sizeof(TIMES) / sizeof(TIMES[0]); i++) {
		strbuf_add_char(out, ',');
		document_write_time(out, TIMES[i], booking, TIMES[i]);
	}
}

/* server_time: NULL for none. */
static void write_whole(struct strbuf *out, const bson_t *booking, const char *only_user,
			const char *server_time)
{
	write_head(out, booking);
	strbuf_add_text(out, ",\"server_time\":");
	strbuf_add_json(out, server_time);
	strbuf_add_char(out, ',');
	document_write_int(out, "version", booking, "version");
	strbuf_add_char(out, ',');
	write_history(out, booking, only_user);
	strbuf_add_char(out, '}');
}

struct etag booking_write(const bson_t *booking, const char *only_user, int64_t now_ms,
			  struct strbuf *out)
{
	const size_t from = out->len;

	write_whole(out, booking, only_user, NULL);

	const struct etag etag = etag_of_bytes(out->data + from, out->len - from, "");

	if (booking_says(booking, "status", "held")) {
		char now[CLOCK_TEXT_BYTES_MAX];

		/* A second time, a few microseconds long, for the sake of a tag without the time.
		 */
		out->len = from;
		out->data[from] = '\0';
		clock_format(now_ms, now);
		write_whole(out, booking, only_user, now);
	}

	return etag;
}

void booking_write_entry(const bson_t *booking, struct strbuf *out)
{
	write_head(out, booking);
	strbuf_add_char(out, ',');
	document_write_int(out, "version", booking, "version");
	strbuf_add_char(out, '}');
}

void booking_write_pending(const struct booking_id *id, struct strbuf *out)
{
	strbuf_addf(out, "{\"booking_id\":\"%s\",\"status\":\"pending\"}", id->text);
}
