#include "publish.h"

#include <assert.h>
#include <string.h>

/* Only until a broker has told once; with the producer's ACK_WAIT_MS still within 3 s. */
#define PARTITIONS_WAIT_MS 300

static const char *or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

err_code publish_command(struct kafka_producer *producer, const struct command *command,
			 const char *request_id, const char *traceparent, bool *ret_maybe_stored,
			 struct err *err)
{
	assert(producer && command && request_id && traceparent && ret_maybe_stored);
	*ret_maybe_stored = false;

	int32_t partitions = 0;
	const err_code code =
		kafka_producer_partitions(producer, PARTITIONS_WAIT_MS, &partitions, err);
	if (code != ERR_OK)
		return code;

	char bytes[COMMAND_BYTES_MAX + 1];
	struct strbuf value = {
		.data = bytes,
		.capacity = sizeof(bytes),
		.bytes_max = COMMAND_BYTES_MAX,
	};
	command_encode(command, &value);
	if (value.overflow)
		return err_set(err, ERR_INTERNAL, "a command of more than %d bytes",
			       COMMAND_BYTES_MAX);

	const char *key =
		command_makes_booking(command->type) ? command->event_id : command->booking_id.text;
	const struct kafka_message message = {
		.partition = booking_id_partition(&command->booking_id, partitions),
		.key = key,
		.key_len = strlen(key),
		.value = value.data,
		.value_len = value.len,
		.headers = {
			{ .name = COMMAND_HEADER_CONTENT_TYPE, .value = COMMAND_CONTENT_TYPE },
			{ .name = COMMAND_HEADER_SCHEMA_VERSION, .value = COMMAND_SCHEMA_VERSION },
			{ .name = COMMAND_HEADER_REQUEST_ID, .value = or_none(request_id) },
			{ .name = COMMAND_HEADER_TRACEPARENT, .value = or_none(traceparent) },
		},
	};
	const err_code sent = kafka_producer_send(producer, &message, ret_maybe_stored, err);
	/* What Kafka calls invalid was made here: the client can do nothing about it. */
	if (sent == ERR_INVALID)
		err->code = ERR_INTERNAL;
	return sent == ERR_INVALID ? ERR_INTERNAL : sent;
}
