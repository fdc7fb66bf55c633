#include "seat_map_json.h"

#include "document.h"
#include "event_rules.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static const char *const STATUS_NAMES[SEAT_STATUS_COUNT] = {
	[SEAT_AVAILABLE] = "available",
	[SEAT_HELD] = "held",
	[SEAT_BOOKED] = "booked",
	[SEAT_BLOCKED] = "blocked",
};

/* A seat as its document says it; texts lie in the document. */
struct seat {
	const char *seat_id;
	const char *status;
	const char *user_id;
	uint32_t seat_id_len;
	uint32_t status_len;
	uint32_t user_id_len;
};

static void begin_sum(struct seat_map_sum *sum, int64_t event_version, int64_t blocks_want,
		      const struct seat_map_kind *kind)
{
	*sum = (struct seat_map_sum){ .hides_users = kind->hides_users,
				      .event_version = event_version,
				      .blocks_want = blocks_want };
	etag_mark_init(&sum->mark, kind->ledger_id);
}

static void add_to_sum(struct seat_map_sum *sum, int64_t block, int64_t version)
{
	etag_mark_add(&sum->mark, block, version);
	/* Wraps where no versions of seats add up to; the tag is made of each of them. */
	sum->version = (int64_t)((uint64_t)sum->version + (uint64_t)version);
	sum->blocks++;
}

void seat_map_sum_begin(struct seat_map_sum *sum, const bson_t *event,
			const struct seat_map_kind *kind)
{
	begin_sum(sum, document_int(event, "event_version"), document_int(event, "blocks"),
		  kind);
}

void seat_map_sum_add(struct seat_map_sum *sum, const bson_t *block)
{
	add_to_sum(sum, document_int(block, "block"), document_int(block, "version"));
}

err_code seat_map_sum_end(const struct seat_map_sum *sum, struct seat_map_version *ret,
			  struct err *err)
{
	if (sum->blocks < sum->blocks_want)
		return err_set(err, ERR_UNAVAILABLE, "%" PRId64 " of %" PRId64 " blocks are there",
			       sum->blocks, sum->blocks_want);

	*ret = (struct seat_map_version){
		.event_version = sum->event_version,
		.version = sum->version,
		.etag = etag_of_versions(sum->event_version, sum->version, &sum->mark),
	};
	if (sum->hides_users)
		ret->etag = etag_variant(ret->etag.text, "public");
	return ERR_OK;
}

/* Fills *ret from the fields of one seat, up to the last one needed. */
static void read_seat(bson_iter_t *fields, struct seat *ret)
{
	bool user_seen = false;

	while (!(ret->seat_id && ret->status && user_seen) && bson_iter_next(fields)) {
		const char *key = bson_iter_key(fields);
		const bool is_text = BSON_ITER_HOLDS_UTF8(fields);

		if (strcmp(key, "user_id") == 0) {
			user_seen = true;
			if (is_text)
				ret->user_id = bson_iter_utf8(fields, &ret->user_id_len);
		} else if (is_text && strcmp(key, "seat_id") == 0) {
			ret->seat_id = bson_iter_utf8(fields, &ret->seat_id_len);
		} else if (is_text && strcmp(key, "status") == 0) {
			ret->status = bson_iter_utf8(fields, &ret->status_len);
		}
	}
}

/* SEAT_STATUS_COUNT when the text names no status. */
static enum seat_status status_of(const struct seat *seat)
{
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		if (strlen(STATUS_NAMES[i]) == seat->status_len &&
		    memcmp(STATUS_NAMES[i], seat->status, seat->status_len) == 0)
			return i;

	return SEAT_STATUS_COUNT;
}

/* By their grammar ids need no escaping, and most of a map is ids: one look, one copy. */
static void add_id(struct strbuf *out, const char *id, uint32_t len)
{
	bool plain = true;

	for (uint32_t i = 0; i < len; i++)
		plain &= id[i] > ' ' && id[i] < 0x7f && id[i] != '"' && id[i] != '\\';

	if (plain) {
		strbuf_add_char(out, '"');
		strbuf_add(out, id, len);
		strbuf_add_char(out, '"');
	} else {
		strbuf_add_json_len(out, id, len);
	}
}

static void write_seat(struct strbuf *out, const struct seat *seat, bool first, bool hides_users)
{
	static const char NEXT[] = ",{\"seat_id\":", STATUS[] = ",\"status\":\"",
			  USER[] = "\",\"user_id\":", NO_USER[] = "\",\"user_id\":null}";

	strbuf_add(out, NEXT + first, sizeof(NEXT) - 1 - first);
	add_id(out, seat->seat_id, seat->seat_id_len);
	strbuf_add(out, STATUS, sizeof(STATUS) - 1);
	strbuf_add(out, seat->status, seat->status_len);
	if (seat->user_id && !hides_users) {
		strbuf_add(out, USER, sizeof(USER) - 1);
		add_id(out, seat->user_id, seat->user_id_len);
		strbuf_add_char(out, '}');
	} else {
		strbuf_add(out, NO_USER, sizeof(NO_USER) - 1);
	}
}

void seat_map_write_begin(struct seat_map_writer *writer, const bson_t *event,
			  const struct seat_map_kind *kind, struct strbuf *out)
{
	static const char *const TEXTS[] = { "name", "kind", "venue", "currency" };

	*writer = (struct seat_map_writer){ .out = out };
	seat_map_sum_begin(&writer->sum, event, kind);

	strbuf_add_char(out, '{');
	document_write_text(out, "_id", event, "_id");
	strbuf_add_char(out, ',');
	document_write_text(out, "event_id", event, "_id");
	strbuf_add_char(out, ',');
	document_write_time(out, "date", event, "date");
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		strbuf_add_char(out, ',');
		document_write_text(out, TEXTS[i], event, TEXTS[i]);
	}
	strbuf_add_char(out, ',');
	event_rules_write(event, out);
	strbuf_add_text(out, ",\"seats\":[");
	writer->head = (struct seat_map_head){ .event_version = writer->sum.event_version,
					       .blocks_want = writer->sum.blocks_want,
					       .len = out->len };
}

void seat_map_copy_begin(struct seat_map_writer *writer, const struct seat_map_head *head,
			 const char *bytes, const struct seat_map_kind *kind, struct strbuf *out)
{
	*writer = (struct seat_map_writer){ .out = out, .head = *head };
	begin_sum(&writer->sum, head->event_version, head->blocks_want, kind);
	strbuf_add(out, bytes, head->len);
}

/* Seats of another block follow: whoever writes them says where the part ends. */
static void begin_part(struct seat_map_writer *writer, int64_t block, int64_t version)
{
	add_to_sum(&writer->sum, block, version);
	writer->part = (struct seat_map_part){ .block = block,
					       .version = version,
					       .from = writer->out->len };
}

static void separate_part(struct seat_map_writer *writer)
{
	if (writer->has_seats)
		strbuf_add_char(writer->out, ',');
	writer->part.from = writer->out->len;
	writer->has_seats = true;
}

static void end_part(struct seat_map_writer *writer)
{
	writer->part.len = writer->out->len - writer->part.from;
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		writer->counts[i] += writer->part.counts[i];
}

void seat_map_copy_block(struct seat_map_writer *writer, const struct seat_map_part *part,
			 const char *bytes)
{
	begin_part(writer, part->block, part->version);
	memcpy(writer->part.counts, part->counts, sizeof(part->counts));
	if (part->len > 0) {
		separate_part(writer);
		strbuf_add(writer->out, bytes + part->from, part->len);
	}
	end_part(writer);
}

err_code seat_map_write_block(struct seat_map_writer *writer, const bson_t *block, struct err *err)
{
	bson_iter_t array, seats, fields;
	const int64_t number = document_int(block, "block");
	bool first = true;

	begin_part(writer, number, document_int(block, "version"));
	if (!bson_iter_init_find(&array, block, "seats") || !BSON_ITER_HOLDS_ARRAY(&array) ||
	    !bson_iter_recurse(&array, &seats))
		return err_set(err, ERR_INTERNAL, "block %" PRId64 " has no seats", number);

	while (bson_iter_next(&seats)) {
		struct seat seat = { 0 };

		if (BSON_ITER_HOLDS_NULL(&seats)) /* a position without a seat */
			continue;
		if (BSON_ITER_HOLDS_DOCUMENT(&seats) && bson_iter_recurse(&seats, &fields))
			read_seat(&fields, &seat);

		const enum seat_status status =
			seat.seat_id && seat.status ? status_of(&seat) : SEAT_STATUS_COUNT;

		if (status == SEAT_STATUS_COUNT)
			return err_set(err, ERR_INTERNAL,
				       "block %" PRId64 " has no id or no known status at index %s",
				       number, bson_iter_key(&seats));
		if (first)
			separate_part(writer);
		write_seat(writer->out, &seat, first, writer->sum.hides_users);
		writer->part.counts[status]++;
		first = false;
	}

	end_part(writer);
	return ERR_OK;
}

err_code seat_map_write_end(struct seat_map_writer *writer, struct seat_map_version *ret,
			    struct err *err)
{
	struct strbuf *out = writer->out;
	const err_code code = seat_map_sum_end(&writer->sum, ret, err);

	if (code != ERR_OK)
		return code;

	strbuf_add_text(out, "],\"version\":");
	strbuf_add_int(out, ret->version);
	strbuf_add_text(out, ",\"counts\":{");
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++)
		strbuf_addf(out, "%s\"%s\":%" PRId64, i ? "," : "", STATUS_NAMES[i],
			    writer->counts[i]);
	strbuf_add_text(out, "}}");
	if (out->overflow)
		return err_set(err, ERR_INTERNAL,
			       "a map of %" PRId64 " blocks is too long to answer",
			       writer->sum.blocks);

	return ERR_OK;
}
