#include "batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *batch, size_t max)
{
	assert(max > 0);

	*batch = (struct batch){ .max = max };
	batch->items = calloc(max, sizeof(batch->items[0]));
	assert(batch->items);
}

void batch_done(struct batch *batch)
{
	free(batch->items);
	batch->items = NULL;
}

size_t batch_count(const struct batch *batch)
{
	return batch->source.count - batch->first;
}

struct batch_item *batch_items(const struct batch *batch)
{
	return batch->items + batch->first;
}

int64_t batch_next_offset(const struct batch *batch, size_t count)
{
	assert(count > 0 && count <= batch_count(batch));

	return batch_items(batch)[count - 1].message->offset + 1;
}

void batch_drop_first(struct batch *batch, size_t count)
{
	assert(count <= batch_count(batch));

	batch->first += count;
}

static const struct source_header *find_header(const struct source_message *message,
					       const char *name)
{
	for (size_t i = 0; i < message->header_count; i++)
		if (strcmp(message->headers[i].name, name) == 0)
			return &message->headers[i];

	return NULL;
}

static bool is_known_version(const struct source_message *message)
{
	const struct source_header *const header =
		find_header(message, COMMAND_HEADER_SCHEMA_VERSION);

	return !header || (header->len == strlen(COMMAND_SCHEMA_VERSION) &&
			   memcmp(header->value, COMMAND_SCHEMA_VERSION, header->len) == 0);
}

static void copy_request_id(const struct source_message *message, char *ret, size_t size)
{
	const struct source_header *const header = find_header(message, COMMAND_HEADER_REQUEST_ID);

	ret[0] = '\0';
	if (!header || header->len >= size ||
	    !ident_is_valid_request_id(header->value, header->len))
		return;
	memcpy(ret, header->value, header->len);
	ret[header->len] = '\0';
}

void batch_decode_item(const struct source_message *message, struct batch_item *ret)
{
	struct err why = { 0 };

	ret->message = message;
	ret->is_command = false;
	ret->lettered = false;
	ret->reason[0] = '\0';
	ret->outcome = (struct outcome){ .verdict = VERDICT_COUNT };
	copy_request_id(message, ret->request_id, sizeof(ret->request_id));

	if (!message->value)
		(void)err_set(&why, ERR_INVALID, "the message has no value");
	else if (!is_known_version(message))
		(void)err_set(&why, ERR_INVALID, "schema-version is not " COMMAND_SCHEMA_VERSION);
	else if (command_decode(message->value, message->value_len, &ret->command, &why) == ERR_OK)
		ret->is_command = true;
	if (!ret->is_command)
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s", why.text);
}

void batch_decode(struct batch *batch)
{
	assert(batch->source.count <= batch->max);

	batch->first = 0;
	for (size_t i = 0; i < batch->source.count; i++)
		batch_decode_item(&batch->source.messages[i], &batch->items[i]);
}
