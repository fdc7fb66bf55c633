#include "publish.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Only until a broker has told once; with the producer's ACK_WAIT_MS still within 3 s. */
#define PARTITIONS_WAIT_MS 300

static const char *or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* A command and the message of it, which points into its bytes. */
struct letter {
	char bytes[COMMAND_BYTES_MAX + 1];
	struct kafka_message message;
};

static err_code write_letter(const struct command *command, int32_t partitions,
			     const char *request_id, const char *traceparent, struct letter *ret,
			     struct err *err)
{
	struct strbuf value = {
		.data = ret->bytes,
		.capacity = sizeof(ret->bytes),
		.bytes_max = COMMAND_BYTES_MAX,
	};
	command_encode(command, &value);
	if (value.overflow)
		return err_set(err, ERR_INTERNAL, "a command of more than %d bytes",
			       COMMAND_BYTES_MAX);

	const char *key =
		command_makes_booking(command->type) ? command->event_id : command->booking_id.text;
	ret->message = (struct kafka_message){
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
	return ERR_OK;
}

/* What Kafka calls invalid was made here: the client can do nothing about it. */
static err_code judge(err_code code, struct err *err)
{
	if (code == ERR_INVALID)
		err->code = ERR_INTERNAL;
	return code == ERR_INVALID ? ERR_INTERNAL : code;
}

err_code publish_command(struct kafka_producer *producer, const struct command *command,
			 const char *request_id, const char *traceparent, bool *ret_maybe_stored,
			 struct err *err)
{
	assert(producer && command && request_id && traceparent && ret_maybe_stored);
	*ret_maybe_stored = false;

	struct letter letter;
	int32_t partitions = 0;
	err_code code = kafka_producer_partitions(producer, PARTITIONS_WAIT_MS, &partitions, err);
	if (code == ERR_OK)
		code = write_letter(command, partitions, request_id, traceparent, &letter, err);
	if (code != ERR_OK)
		return code;
	return judge(kafka_producer_send(producer, &letter.message, ret_maybe_stored, err), err);
}

err_code publish_commands(struct kafka_producer *producer, const struct command *commands,
			  size_t count, const char *request_id, const char *traceparent,
			  struct err *err)
{
	assert(producer && commands && count > 0 && request_id && traceparent);

	_cleanup_free_ struct letter *letters = calloc(count, sizeof(*letters));
	_cleanup_free_ struct kafka_message *messages = calloc(count, sizeof(*messages));
	int32_t partitions = 0;
	if (!letters || !messages)
		return err_set(err, ERR_UNAVAILABLE, "out of memory");

	err_code code = kafka_producer_partitions(producer, PARTITIONS_WAIT_MS, &partitions, err);
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		code = write_letter(&commands[i], partitions, request_id, traceparent, &letters[i],
				    err);
		messages[i] = letters[i].message;
	}
	if (code != ERR_OK)
		return code;
	return judge(kafka_producer_send_all(producer, messages, count, err), err);
}

err_code publish_partition(struct kafka_producer *producer, const struct booking_id *booking_id,
			   int32_t *ret, struct err *err)
{
	int32_t partitions = 0;

	const err_code code =
		kafka_producer_partitions(producer, PARTITIONS_WAIT_MS, &partitions, err);
	if (code == ERR_OK)
		*ret = booking_id_partition(booking_id, partitions);
	return code;
}
