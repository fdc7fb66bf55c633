/*
 * Documents of MongoDB, whatever is in them, as JSON. The input is a list of members, one a line:
 *
 *   NAME TYPE[VALUE]      TYPE: s text  i integer  f double  t time  n null  b true  o binary
 *   NAME {  NAME [        up to a line "}": a document, an array
 *   ---                   the next document
 *
 * so that what a mutation makes is most often a document too. In a text, \0 is a NUL. An input
 * that begins with NUL is BSON, if bson_validate takes it. The first document is an event and a
 * booking, those after it are blocks of seats.
 */
#include "fuzz.h"

#include "attr.h"
#include "booking_json.h"
#include "booking_outcome.h"
#include "events.h"
#include "http_internal.h"
#include "ident.h"
#include "layout_json.h"
#include "own_map.h"
#include "page.h"
#include "seat_map_json.h"

#include <jansson.h>
#include <string.h>

#define DOCUMENTS_MAX  8
#define DEPTH_MAX      8
#define NAME_BYTES_MAX 64
#define OUT_BYTES_MAX  (8u << 20)
#define NOW_MS         1790000000000
#define LEDGER         "1f0e"

struct documents {
	bson_t *items[DOCUMENTS_MAX];
	size_t count;
};

/* --- from the input --- */

struct reader {
	const char *at;
	size_t left;
};

struct line {
	const char *text;
	size_t len;
};

static bool next_line(struct reader *reader, struct line *ret)
{
	if (reader->left == 0)
		return false;
	const char *end = memchr(reader->at, '\n', reader->left);
	const size_t len = end ? (size_t)(end - reader->at) : reader->left;

	*ret = (struct line){ reader->at, len };
	reader->at += len + (end != NULL);
	reader->left -= len + (end != NULL);
	return true;
}

static bool is_line(const struct line *line, const char *text)
{
	return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

/* As C text, cut where it is too long. */
static void copy_text(const char *text, size_t len, char buf[static NAME_BYTES_MAX])
{
	const size_t used = len < NAME_BYTES_MAX ? len : NAME_BYTES_MAX - 1;

	memcpy(buf, text, used);
	buf[used] = '\0';
}

static void append_text(bson_t *doc, const char *name, const char *text, size_t len)
{
	_cleanup_free_ char *plain = malloc(len + 1);
	size_t used = 0;

	REQUIRE(plain);
	for (size_t i = 0; i < len; i++) {
		const bool is_nul = text[i] == '\\' && i + 1 < len && text[i + 1] == '0';
		plain[used++] = text[i];
		if (is_nul)
			plain[used - 1] = '\0';
		i += is_nul;
	}
	/* Not bson_append_utf8's own check: the server stores any bytes. */
	REQUIRE(bson_append_utf8(doc, name, -1, plain, (int)used));
}

static void append_value(bson_t *doc, const char *name, char type, const char *text, size_t len)
{
	char number[NAME_BYTES_MAX];

	copy_text(text, len, number);
	switch (type) {
	case 's':
		append_text(doc, name, text, len);
		return;
	case 'i':
		if (len > 9)
			REQUIRE(bson_append_int64(doc, name, -1, strtoll(number, NULL, 10)));
		else
			REQUIRE(bson_append_int32(doc, name, -1,
						  (int32_t)strtol(number, NULL, 10)));
		return;
	case 'f':
		REQUIRE(bson_append_double(doc, name, -1, strtod(number, NULL)));
		return;
	case 't':
		REQUIRE(bson_append_date_time(doc, name, -1, strtoll(number, NULL, 10)));
		return;
	case 'b':
		REQUIRE(bson_append_bool(doc, name, -1, true));
		return;
	case 'o':
		REQUIRE(bson_append_binary(doc, name, -1, BSON_SUBTYPE_BINARY,
					   (const uint8_t *)text, (uint32_t)len));
		return;
	default:
		REQUIRE(bson_append_null(doc, name, -1));
	}
}

static void append_members(bson_t *doc, struct reader *reader, unsigned depth);

static void append_nested(bson_t *doc, const char *name, bool is_array, struct reader *reader,
			  unsigned depth)
{
	bson_t nested;

	if (is_array) {
		REQUIRE(bson_append_array_begin(doc, name, -1, &nested));
		append_members(&nested, reader, depth + 1);
		REQUIRE(bson_append_array_end(doc, &nested));
	} else {
		REQUIRE(bson_append_document_begin(doc, name, -1, &nested));
		append_members(&nested, reader, depth + 1);
		REQUIRE(bson_append_document_end(doc, &nested));
	}
}

/* Up to the end of the document that they are in. */
static void append_members(bson_t *doc, struct reader *reader, unsigned depth)
{
	struct line line;

	while (next_line(reader, &line) && !is_line(&line, "---") &&
	       !(depth > 0 && is_line(&line, "}"))) {
		char name[NAME_BYTES_MAX];
		const char *blank = memchr(line.text, ' ', line.len);
		const size_t name_len = blank ? (size_t)(blank - line.text) : line.len;
		const char *value = line.text + name_len + 1;
		const size_t len = line.len > name_len + 1 ? line.len - name_len - 2 : 0;

		copy_text(line.text, name_len, name);
		if (line.len <= name_len + 1)
			append_value(doc, name, 'n', "", 0);
		else if ((*value == '{' || *value == '[') && depth < DEPTH_MAX)
			append_nested(doc, name, *value == '[', reader, depth);
		else
			append_value(doc, name, *value, value + 1, len);
	}
}

static void read_lines(struct reader reader, struct documents *ret)
{
	while (ret->count < DOCUMENTS_MAX && (reader.left > 0 || ret->count == 0)) {
		bson_t *doc = bson_new();
		append_members(doc, &reader, 0);
		ret->items[ret->count++] = doc;
		/* Not so with a name that is no UTF-8. */
		if (!bson_validate(doc, BSON_VALIDATE_NONE, NULL))
			bson_reinit(doc);
	}
}

/* Documents after one another, as in a reply of the server. */
static void read_bson(const uint8_t *data, size_t size, struct documents *ret)
{
	bson_reader_t *reader = bson_reader_new_from_data(data, size);
	const bson_t *doc;

	while (ret->count < DOCUMENTS_MAX && (doc = bson_reader_read(reader, NULL)) &&
	       bson_validate(doc, BSON_VALIDATE_NONE, NULL))
		ret->items[ret->count++] = bson_copy(doc);
	bson_reader_destroy(reader);
}

static void documents_done(struct documents *documents)
{
	for (size_t i = 0; i < documents->count; i++)
		bson_destroy(documents->items[i]);
}

/* --- what must hold --- */

/* Every answer is JSON, without a member twice; texts of documents may hold NULs. */
static json_t *parse(const struct strbuf *out)
{
	json_t *json =
		json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	REQUIRE(!out->overflow && json);
	return json;
}

static size_t count_of(const json_t *object, const char *list)
{
	const json_t *array = json_object_get(object, list);

	REQUIRE(json_is_array(array));
	return json_array_size(array);
}

static void check_etag(const char *text)
{
	const size_t len = strlen(text);

	REQUIRE(len > 2 && len < ETAG_BYTES_MAX - 1 && text[0] == '"' && text[len - 1] == '"');
	REQUIRE(strspn(text + 1, "0123456789abcdef-") == len - 2);
	REQUIRE(http_etag_matches(text, text));
}

/* However little room there is: it is noticed, and never more is written. */
static err_code write_map(const struct documents *documents, struct strbuf *out,
			  struct seat_map_version *ret, struct err *err)
{
	static const struct seat_map_kind kind = { .ledger_id = LEDGER };
	struct seat_map_writer writer;
	err_code code = ERR_OK;

	seat_map_write_begin(&writer, documents->items[0], &kind, out);
	for (size_t i = 1; i < documents->count && code == ERR_OK; i++)
		code = seat_map_write_block(&writer, documents->items[i], err);
	return code == ERR_OK ? seat_map_write_end(&writer, ret, err) : code;
}

/* Of each user in a map: they are shown their own seats and nobody else's. */
static void check_own_maps(const struct strbuf *map, const json_t *whole)
{
	_cleanup_(strbuf_done) struct strbuf out;
	const json_t *const seats = json_object_get(whole, "seats");
	size_t i, k;
	json_t *seat, *own_seat;

	strbuf_init(&out, OUT_BYTES_MAX);
	json_array_foreach(seats, i, seat)
	{
		const char *const user = json_string_value(json_object_get(seat, "user_id"));

		if (!user || !ident_is_valid(user, strlen(user)))
			continue;
		REQUIRE(own_map_may_have(map->data, map->len, user));
		strbuf_reset(&out);
		own_map_write(map->data, map->len, user, &out);
		_cleanup_(json_decrefp) json_t *own = parse(&out);
		REQUIRE(count_of(own, "seats") == json_array_size(seats));
		json_array_foreach(json_object_get(own, "seats"), k, own_seat)
		{
			json_t *const was = json_object_get(json_array_get(seats, k), "user_id");
			const char *const id = json_string_value(was);
			const json_t *const is = json_object_get(own_seat, "user_id");

			REQUIRE(id && strcmp(id, user) == 0 ? json_equal(was, is)
							    : json_is_null(is));
		}
		return; /* One of them will do: a map may have many. */
	}
}

static void check_map(const struct documents *documents)
{
	static const char *const statuses[] = { "available", "held", "booked", "blocked" };
	_cleanup_(strbuf_done) struct strbuf out, cut = { 0 };
	struct seat_map_version version;
	struct err err = { .text = "" };

	strbuf_init(&out, OUT_BYTES_MAX);
	if (write_map(documents, &out, &version, &err) != ERR_OK) {
		REQUIRE(err.text[0] != '\0');
		return;
	}
	_cleanup_(json_decrefp) json_t *map = parse(&out);
	const json_t *counts = json_object_get(map, "counts");
	json_int_t total = 0;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		total += json_integer_value(json_object_get(counts, statuses[i]));
	REQUIRE((size_t)total == count_of(map, "seats"));
	REQUIRE(json_integer_value(json_object_get(map, "version")) == version.version);
	check_etag(version.etag.text);
	check_own_maps(&out, map);

	strbuf_init(&cut, out.len - 1);
	REQUIRE(write_map(documents, &cut, &version, &err) == ERR_INTERNAL);
	REQUIRE(cut.overflow && cut.len <= out.len - 1);
}

static err_code write_layout(const struct documents *documents, struct strbuf *out, struct err *err)
{
	_cleanup_(layout_writer_done) struct layout_writer writer;
	err_code code = ERR_OK;

	layout_write_begin(&writer, documents->items[0], out);
	for (size_t i = 1; i < documents->count && code == ERR_OK; i++)
		code = layout_write_block(&writer, documents->items[i], err);
	return code == ERR_OK ? layout_write_end(&writer, err) : code;
}

static void check_layout(const struct documents *documents)
{
	_cleanup_(strbuf_done) struct strbuf out, cut = { 0 };
	struct err err = { .text = "" };
	size_t seats = 0;

	strbuf_init(&out, OUT_BYTES_MAX);
	if (write_layout(documents, &out, &err) != ERR_OK) {
		REQUIRE(err.text[0] != '\0');
		return;
	}
	_cleanup_(json_decrefp) json_t *layout = parse(&out);
	const json_t *sections = json_object_get(layout, "sections");
	for (size_t i = 0; i < json_array_size(sections); i++) {
		const json_t *rows = json_object_get(json_array_get(sections, i), "rows");
		REQUIRE(json_array_size(rows) > 0);
		for (size_t k = 0; k < json_array_size(rows); k++)
			seats += count_of(json_array_get(rows, k), "seats");
	}
	REQUIRE((json_int_t)seats == json_integer_value(json_object_get(layout, "seats_total")));

	strbuf_init(&cut, out.len - 1);
	REQUIRE(write_layout(documents, &cut, &err) == ERR_INTERNAL);
}

static void check_booking(const bson_t *doc)
{
	_cleanup_(strbuf_done) struct strbuf out, entry;

	strbuf_init(&out, OUT_BYTES_MAX);
	strbuf_init(&entry, OUT_BYTES_MAX);
	const struct etag etag = booking_write(doc, NULL, NOW_MS, &out);
	check_etag(etag.text);
	_cleanup_(json_decrefp) json_t *whole = parse(&out);
	REQUIRE(count_of(whole, "history") <= BOOKING_HISTORY_MAX);
	REQUIRE(count_of(whole, "prices") <= count_of(whole, "seats"));
	/* The clock is told while it matters, and is not in the tag. */
	REQUIRE(json_is_string(json_object_get(whole, "server_time")) ==
		booking_says(doc, "status", "held"));
	strbuf_reset(&out);
	const struct etag later = booking_write(doc, NULL, NOW_MS + 1, &out);
	REQUIRE(strcmp(etag.text, later.text) == 0);

	/* An entry of a list is the same without two of its members. */
	booking_write_entry(doc, &entry);
	_cleanup_(json_decrefp) json_t *part = parse(&entry);
	REQUIRE(json_object_size(part) + 2 == json_object_size(whole));
	const char *name;
	json_t *member;
	json_object_foreach(part, name, member)
		REQUIRE(json_equal(member, json_object_get(whole, name)));
}

static void check_answer(const struct http_response *response)
{
	const char *headers = response->headers.data;

	REQUIRE(response->status >= 200 && response->status < 500);
	_cleanup_(json_decrefp) json_t *json = parse(&response->body);
	if (response->status >= 400) {
		REQUIRE(json_string_value(json_object_get(json, "reason")));
		REQUIRE(json_integer_value(json_object_get(json, "status")) == response->status);
	}
	REQUIRE(!response->headers.overflow);
	/* Lines of a name and a value, no more of them than were meant. */
	for (size_t lines = 0; *headers; lines++) {
		const char *end = strstr(headers, "\r\n");
		REQUIRE(lines < 3 && end && memchr(headers, ':', (size_t)(end - headers)));
		headers = end + 2;
	}
}

static void check_outcome(const bson_t *doc)
{
	static const char *const commands[] = { NULL, "5a0b8edb-e484-84f4-a687-74f5048b5e97", "c" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct http_response response = { .status = 200 };
		if (!booking_outcome_is_known(doc, commands[i]))
			continue;
		strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
		strbuf_init(&response.body, OUT_BYTES_MAX);
		booking_outcome_answer(doc, commands[i], NULL, NOW_MS, &response);
		check_answer(&response);
		strbuf_done(&response.headers);
		strbuf_done(&response.body);
	}
}

/* A cursor over the documents as if the server had sent them; nothing is connected to. */
static mongoc_cursor_t *cursor_over(const struct documents *documents)
{
	static mongoc_client_t *client;
	bson_t *reply = bson_new(), cursor, batch;

	if (!client) {
		mongoc_init();
		client = mongoc_client_new("mongodb://127.0.0.1:1");
	}
	REQUIRE(client);
	REQUIRE(BSON_APPEND_INT32(reply, "ok", 1));
	REQUIRE(BSON_APPEND_DOCUMENT_BEGIN(reply, "cursor", &cursor));
	REQUIRE(BSON_APPEND_INT64(&cursor, "id", 0));
	REQUIRE(BSON_APPEND_UTF8(&cursor, "ns", "seatline.events"));
	REQUIRE(BSON_APPEND_ARRAY_BEGIN(&cursor, "firstBatch", &batch));
	for (size_t i = 0; i < documents->count; i++) {
		char index[24];
		(void)snprintf(index, sizeof(index), "%zu", i);
		REQUIRE(BSON_APPEND_DOCUMENT(&batch, index, documents->items[i]));
	}
	REQUIRE(bson_append_array_end(&cursor, &batch));
	REQUIRE(bson_append_document_end(reply, &cursor));
	/* It takes the reply. */
	return mongoc_cursor_new_from_command_reply_with_opts(client, reply, NULL);
}

static void check_list(const struct documents *documents, int64_t limit)
{
	static const struct booking_id_key KEY = { .bytes = { 1, 2, 3 } };
	const struct page page = { .limit = limit, .time_field = "date", .write = event_write };
	_cleanup_(mongoc_cursor_destroyp) mongoc_cursor_t *cursor = cursor_over(documents);
	_cleanup_(strbuf_done) struct strbuf out;
	struct cursor last, again;
	bool more = false;

	strbuf_init(&out, OUT_BYTES_MAX);
	REQUIRE(page_render(&page, cursor, &out, &more, &last, NULL) == ERR_OK);
	_cleanup_(json_decrefp) json_t *list = parse(&out);
	const size_t want = documents->count < (size_t)limit ? documents->count : (size_t)limit;
	REQUIRE(json_is_array(list) && json_array_size(list) == want);
	REQUIRE(!more || documents->count > want);
	if (!more)
		return;
	/* Who has the page can go on from it. */
	char text[CURSOR_BYTES_MAX];
	cursor_format(&KEY, "events", &last, text);
	REQUIRE(cursor_parse(&KEY, "events", text, &again, NULL) == ERR_OK);
	REQUIRE(strcmp(last.id, again.id) == 0 && last.time_ms == again.time_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(documents_done) struct documents documents = { .count = 0 };
	struct err err;

	REQUIRE(booking_id_init(&err) == ERR_OK);
	if (size > 0 && data[0] == '\0')
		read_bson(data + 1, size - 1, &documents);
	else
		read_lines((struct reader){ (const char *)data, size }, &documents);
	if (documents.count == 0)
		return 0;
	check_map(&documents);
	check_layout(&documents);
	check_booking(documents.items[0]);
	check_outcome(documents.items[0]);
	check_list(&documents, 2);
	return 0;
}
