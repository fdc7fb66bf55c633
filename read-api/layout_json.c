#include "layout_json.h"

#include "document.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* The last block whose positions can be counted. */
#define BLOCK_LAST_MAX (INT64_MAX / LAYOUT_BLOCK_SEATS - 1)

struct text {
	const char *data; /* NULL when there is none; in the document */
	uint32_t len;
};

/* What of a seat buyers never change. */
struct seat {
	struct text seat_id;
	struct text section;
	struct text row;
	int64_t number;
	int64_t price_minor;
	bool has_number;
	bool has_price;
};

/* Whole numbers only: half a cent, or NaN, would be shown as a price that nobody set. */
static bool read_int(const bson_iter_t *iter, int64_t *ret)
{
	if (!BSON_ITER_HOLDS_NUMBER(iter))
		return false;

	const int64_t number = document_iter_int(iter);

	if (BSON_ITER_HOLDS_DOUBLE(iter) && (double)number != bson_iter_double(iter))
		return false;

	*ret = number;
	return true;
}

/* False when a seat lacks something. */
static bool read_seat(bson_iter_t *fields, struct seat *ret)
{
	while (bson_iter_next(fields)) {
		const char *key = bson_iter_key(fields);
		struct text *text = NULL;

		if (strcmp(key, "seat_id") == 0)
			text = &ret->seat_id;
		else if (strcmp(key, "section") == 0)
			text = &ret->section;
		else if (strcmp(key, "row") == 0)
			text = &ret->row;
		else if (strcmp(key, "number") == 0)
			ret->has_number = read_int(fields, &ret->number);
		else if (strcmp(key, "price_minor") == 0)
			ret->has_price = read_int(fields, &ret->price_minor);

		if (text && BSON_ITER_HOLDS_UTF8(fields))
			text->data = bson_iter_utf8(fields, &text->len);
	}

	return ret->seat_id.data && ret->section.data && ret->row.data && ret->has_number &&
	       ret->has_price;
}

static bool is_open(const struct strbuf *name, const struct text *text)
{
	return name->len == text->len && memcmp(name->data, text->data, text->len) == 0;
}

static void open_group(struct strbuf *out, const char *start, const char *list,
		       const struct text *text, struct strbuf *name)
{
	strbuf_reset(name);
	strbuf_add(name, text->data, text->len);
	strbuf_add_text(out, start);
	strbuf_add_json_len(out, text->data, text->len);
	strbuf_add_text(out, list);
}

/* The section and the row that the seat stands in; false when it is the first seat there. */
static bool enter_groups(struct layout_writer *writer, const struct seat *seat)
{
	const bool is_first = writer->seats == 0;
	const bool same_section = !is_first && is_open(&writer->section, &seat->section);

	if (same_section && is_open(&writer->row, &seat->row))
		return true;

	if (!same_section)
		open_group(writer->out,
			   is_first ? "{\"section\":" : "]}]},{\"section\":", ",\"rows\":[",
			   &seat->section, &writer->section);
	open_group(writer->out, same_section ? "]},{\"row\":" : "{\"row\":", ",\"seats\":[",
		   &seat->row, &writer->row);
	return false;
}

static void write_seat(struct layout_writer *writer, const struct seat *seat, int64_t position)
{
	struct strbuf *out = writer->out;

	strbuf_add_text(out, enter_groups(writer, seat) ? ",{\"seat_id\":" : "{\"seat_id\":");
	strbuf_add_json_len(out, seat->seat_id.data, seat->seat_id.len);
	strbuf_add_text(out, ",\"number\":");
	strbuf_add_int(out, seat->number);
	strbuf_add_text(out, ",\"position\":");
	strbuf_add_int(out, position);
	strbuf_add_text(out, ",\"price_minor\":");
	strbuf_add_int(out, seat->price_minor);
	strbuf_add_char(out, '}');
	writer->seats++;
}

void layout_write_begin(struct layout_writer *writer, const bson_t *event, struct strbuf *out)
{
	*writer = (struct layout_writer){
		.out = out,
		.blocks_want = document_int(event, "blocks"),
		.seats_want = document_int(event, "seats_total"),
		.block_last = -1,
	};
	/* A name that fits the answer fits here. */
	strbuf_init(&writer->section, out->bytes_max);
	strbuf_init(&writer->row, out->bytes_max);

	strbuf_add_char(out, '{');
	document_write_text(out, "event_id", event, "_id");
	strbuf_add_char(out, ',');
	document_write_text(out, "name", event, "name");
	strbuf_add_char(out, ',');
	document_write_text(out, "kind", event, "kind");
	strbuf_add_char(out, ',');
	document_write_time(out, "date", event, "date");
	strbuf_add_char(out, ',');
	document_write_text(out, "venue", event, "venue");
	strbuf_add_char(out, ',');
	document_write_text(out, "currency", event, "currency");
	strbuf_add_char(out, ',');
	document_write_int(out, "seats_total", event, "seats_total");
	strbuf_add_text(out, ",\"sections\":[");
}

static bool begin_block(struct layout_writer *writer, const bson_t *block, bson_iter_t *ret_seats)
{
	bson_iter_t iter;
	int64_t number = 0;

	if (!bson_iter_init_find(&iter, block, "block") || !read_int(&iter, &number) ||
	    number <= writer->block_last || number > BLOCK_LAST_MAX)
		return false;
	if (!bson_iter_init_find(&iter, block, "seats") || !BSON_ITER_HOLDS_ARRAY(&iter))
		return false;

	writer->block_last = number;
	writer->blocks++;
	return bson_iter_recurse(&iter, ret_seats);
}

err_code layout_write_block(struct layout_writer *writer, const bson_t *block, struct err *err)
{
	bson_iter_t seats, fields;

	if (!begin_block(writer, block, &seats))
		return err_set(err, ERR_INTERNAL, "no block with seats follows block %" PRId64,
			       writer->block_last);

	for (int64_t index = 0; bson_iter_next(&seats); index++) {
		struct seat seat = { 0 };

		if (index >= LAYOUT_BLOCK_SEATS)
			return err_set(err, ERR_INTERNAL, "block %" PRId64 " is too long",
				       writer->block_last);
		if (BSON_ITER_HOLDS_NULL(&seats)) /* a position without a seat */
			continue;
		if (!BSON_ITER_HOLDS_DOCUMENT(&seats) || !bson_iter_recurse(&seats, &fields) ||
		    !read_seat(&fields, &seat))
			return err_set(err, ERR_INTERNAL,
				       "block %" PRId64 " has no whole seat at index %" PRId64,
				       writer->block_last, index);
		write_seat(writer, &seat, writer->block_last * LAYOUT_BLOCK_SEATS + index);
	}

	return ERR_OK;
}

err_code layout_write_end(struct layout_writer *writer, struct err *err)
{
	if (writer->blocks < writer->blocks_want || writer->seats != writer->seats_want)
		return err_set(err, ERR_UNAVAILABLE,
			       "%" PRId64 " of %" PRId64 " blocks and %" PRId64 " of %" PRId64
			       " seats are there",
			       writer->blocks, writer->blocks_want, writer->seats,
			       writer->seats_want);

	strbuf_add_text(writer->out, writer->seats > 0 ? "]}]}]}" : "]}");
	if (writer->out->overflow)
		return err_set(err, ERR_INTERNAL,
			       "a layout of %" PRId64 " seats is too long to answer",
			       writer->seats);

	return ERR_OK;
}

void layout_writer_done(struct layout_writer *writer)
{
	strbuf_done(&writer->section);
	strbuf_done(&writer->row);
}
