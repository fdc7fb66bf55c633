/*
 * A message of Kafka as a whole, as the worker meets it. The input is lines: the key, then headers
 * "name:value" up to an empty line; the rest is the value. A line "-" is a key, or a header's
 * value, that is not there; an input without an empty line is a message without a value.
 */
#include "fuzz.h"

#include "attr.h"
#include "batch.h"

#include <string.h>

/* What the message points to, each piece in memory of exactly its size: librdkafka promises no
 * NUL behind it, and a sanitizer sees any read beyond. */
#define PIECES_MAX (2 * SOURCE_HEADERS_MAX + 2)

struct pieces {
	void *items[PIECES_MAX];
	size_t count;
};

static void *keep(struct pieces *pieces, const char *bytes, size_t len, size_t with_nul)
{
	REQUIRE(pieces->count < PIECES_MAX);
	char *copy = malloc(len + with_nul > 0 ? len + with_nul : 1);
	REQUIRE(copy);
	memcpy(copy, bytes, len);
	if (with_nul)
		copy[len] = '\0';
	pieces->items[pieces->count++] = copy;
	return copy;
}

static void pieces_done(struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		free(pieces->items[i]);
}

static bool is_absent(const char *text, size_t len)
{
	return len == 1 && text[0] == '-';
}

/* The next line without its end; false when none ends any more. */
static bool next_line(const char **at, size_t *left, const char **ret, size_t *ret_len)
{
	const char *end = memchr(*at, '\n', *left);

	if (!end)
		return false;
	*ret = *at;
	*ret_len = (size_t)(end - *at);
	*left -= *ret_len + 1;
	*at = end + 1;
	return true;
}

static void add_header(struct source_message *message, struct pieces *pieces, const char *line,
		       size_t len)
{
	const char *colon = memchr(line, ':', len);
	const size_t name_len = colon ? (size_t)(colon - line) : len;

	/* The source shows no further ones. */
	if (message->header_count == SOURCE_HEADERS_MAX)
		return;
	struct source_header *header = &message->headers[message->header_count++];
	header->name = keep(pieces, line, name_len, 1);
	if (!colon || is_absent(colon + 1, len - name_len - 1))
		return;
	header->len = len - name_len - 1;
	header->value = keep(pieces, colon + 1, header->len, 0);
}

static void read_message(const char *at, size_t left, struct source_message *message,
			 struct pieces *pieces)
{
	const char *line;
	size_t len;

	if (!next_line(&at, &left, &line, &len))
		return;
	if (!is_absent(line, len)) {
		message->key = keep(pieces, line, len, 0);
		message->key_len = len;
	}
	while (next_line(&at, &left, &line, &len)) {
		if (len > 0) {
			add_header(message, pieces, line, len);
			continue;
		}
		message->value = keep(pieces, at, left, 0);
		message->value_len = left;
		return;
	}
}

/* The first header of that name; as our own, the slow way. */
static const struct source_header *first_header(const struct source_message *message,
						const char *name)
{
	for (size_t i = message->header_count; i-- > 0;)
		if (strcmp(message->headers[i].name, name) == 0) {
			size_t k = 0;
			while (strcmp(message->headers[k].name, name) != 0)
				k++;
			return &message->headers[k];
		}
	return NULL;
}

static void check_refused(const struct batch_item *item)
{
	/* It becomes a header of the dead letter, and a line of the log. */
	REQUIRE(item->reason[0] != '\0' && strlen(item->reason) < BATCH_REASON_BYTES_MAX);
	for (const char *c = item->reason; *c; c++)
		REQUIRE(*c >= ' ' && *c <= '~');
}

static void check_command(const struct source_message *message, const struct batch_item *item)
{
	_cleanup_(strbuf_done) struct strbuf written;
	const struct source_header *version = first_header(message, COMMAND_HEADER_SCHEMA_VERSION);
	struct command read;

	REQUIRE(message->value && message->value_len <= COMMAND_BYTES_MAX);
	REQUIRE(!version || (version->len == 1 && memcmp(version->value, "1", 1) == 0));
	REQUIRE(item->reason[0] == '\0');
	strbuf_init(&written, COMMAND_BYTES_MAX);
	command_encode(&item->command, &written);
	REQUIRE(!written.overflow);
	REQUIRE(command_decode(written.data, written.len, &read, NULL) == ERR_OK);
	REQUIRE(strcmp(read.booking_id.text, item->command.booking_id.text) == 0);
	REQUIRE(strcmp(read.user_id, item->command.user_id) == 0);
}

static void check_request_id(const struct source_message *message, const struct batch_item *item)
{
	const struct source_header *header = first_header(message, COMMAND_HEADER_REQUEST_ID);
	const size_t len = strlen(item->request_id);

	if (len == 0)
		return;
	REQUIRE(ident_is_valid_request_id(item->request_id, len));
	REQUIRE(header && header->len == len);
	REQUIRE(memcmp(header->value, item->request_id, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pieces_done) struct pieces pieces = { .count = 0 };
	struct source_message message = { .offset = 7 };
	struct batch_item item;

	memset(&item, 0xa5, sizeof(item)); /* As left by the message before. */
	read_message((const char *)data, size, &message, &pieces);
	batch_decode_item(&message, &item);

	REQUIRE(item.message == &message && !item.lettered);
	REQUIRE(item.outcome.verdict == VERDICT_COUNT);
	if (item.is_command)
		check_command(&message, &item);
	else
		check_refused(&item);
	check_request_id(&message, &item);
	return 0;
}
