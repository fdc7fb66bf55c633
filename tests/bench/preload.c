/*
 * preload - a backlog of real commands in Kafka, and how fast a bare producer stores it.
 *
 * usage: preload BROKERS TOPIC PARTITIONS KEY FIRST SEATS TIMES ORDER <EVENTS
 *
 * stdin: an event id a line. SEATS seats of each event, from S<FIRST> on, are asked for TIMES times
 * each, each time by somebody else, right after each other. ORDER is `mixed`, one for each event in
 * turn, or `by-event`, all of one event and then the next one.
 * KEY is BOOKING_ID_KEY: the ids are as write-api makes them, and so are messages and partitions.
 * stdout: {"messages":..., "bytes":..., "seconds":...}; seconds from the first message that is
 * given to librdkafka to the last acknowledgement, encoding not included.
 */
#include "booking_id.h"
#include "clock.h"
#include "command.h"
#include "kafka.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX      10000
#define EVENT_FORMAT    "%64s" /* IDENT_BYTES_MAX without its NUL */
#define COMMANDS_MAX    1000000
#define ARENA_BYTES_MAX ((size_t)1 << 29)
#define FLUSH_MS        60000
#define FULL_WAIT_MS    100
#define CLIENT_ID       "preload"

struct order {
	struct booking_id_key key;
	int32_t partitions;
	unsigned first;
	unsigned seats;
	unsigned times;
	bool by_event;
	unsigned event_count;
	char (*events)[IDENT_BYTES_MAX];
};

struct message {
	size_t at; /* in the arena */
	size_t len;
	unsigned event;
	int32_t partition;
};

struct backlog {
	struct message *messages;
	size_t count;
	struct strbuf arena;
};

static void count_failures(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
	size_t *const failures = opaque;

	(void)kafka;
	*failures += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void encode(const struct order *order, size_t n, struct backlog *backlog)
{
	const size_t each = (size_t)order->seats * order->times;
	const unsigned event =
		(unsigned)(order->by_event ? n / each : n % order->event_count);
	const size_t nth = order->by_event ? n % each : n / order->event_count;
	const size_t seat = order->first + nth / order->times;
	struct message *const message = &backlog->messages[n];
	const int64_t now_ms = clock_wall_ms();
	struct command command = {
		.type = COMMAND_BOOK,
		.requested_at_ms = now_ms,
		.seat_count = 1,
	};

	(void)snprintf(command.event_id, sizeof(command.event_id), "%s", order->events[event]);
	(void)snprintf(command.user_id, sizeof(command.user_id), "u%zu", n);
	command.booking_id =
		booking_id_make(&order->key, order->events[event], command.user_id, now_ms);
	(void)snprintf(command.seat_ids[0], sizeof(command.seat_ids[0]), "S%zu", seat);
	message->at = backlog->arena.len;
	command_encode(&command, &backlog->arena);
	message->len = backlog->arena.len - message->at;
	message->event = event;
	message->partition = booking_id_partition(&command.booking_id, order->partitions);
}

static err_code encode_all(const struct order *order, struct backlog *ret, struct err *err)
{
	const size_t count = (size_t)order->event_count * order->seats * order->times;

	if (count < 1 || count > COMMANDS_MAX)
		return err_set(err, ERR_INVALID, "%zu commands are not 1 to %d", count,
			       COMMANDS_MAX);
	strbuf_init(&ret->arena, ARENA_BYTES_MAX);
	ret->messages = calloc(count, sizeof(*ret->messages));
	ret->count = count;
	if (!ret->messages)
		return err_set(err, ERR_UNAVAILABLE, "out of memory");
	for (size_t n = 0; n < count; n++)
		encode(order, n, ret);
	if (ret->arena.overflow)
		return err_set(err, ERR_UNAVAILABLE, "the commands do not fit");
	return ERR_OK;
}

/* A full queue is emptied by the reports that are read here. */
static err_code produce(rd_kafka_t *kafka, const char *topic, const struct order *order,
			const struct backlog *backlog, size_t n, struct err *err)
{
	const struct message *const message = &backlog->messages[n];
	const char *const key = order->events[message->event];
	char *const value = backlog->arena.data + message->at;
	rd_kafka_resp_err_t failed;

	do {
		failed = rd_kafka_producev(
			kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(message->partition),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, message->len),
			RD_KAFKA_V_HEADER(COMMAND_HEADER_CONTENT_TYPE, COMMAND_CONTENT_TYPE, -1),
			RD_KAFKA_V_HEADER(COMMAND_HEADER_SCHEMA_VERSION, COMMAND_SCHEMA_VERSION,
					  -1),
			RD_KAFKA_V_END);
		(void)rd_kafka_poll(kafka, failed ? FULL_WAIT_MS : 0);
	} while (failed == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_set(err, ERR_UNAVAILABLE, "produce: %s", rd_kafka_err2str(failed));
	return ERR_OK;
}

static err_code send_all(const char *brokers, const char *topic, const struct order *order,
			 const struct backlog *backlog, struct err *err)
{
	rd_kafka_conf_t *conf = NULL;
	size_t failures = 0;
	char text[512];
	err_code code = kafka_conf_new(brokers, CLIENT_ID, &conf, err);

	if (code == ERR_OK)
		code = kafka_conf_set(conf, "acks", "all", err);
	if (code == ERR_OK)
		code = kafka_conf_set(conf, "linger.ms", "1", err);
	if (code != ERR_OK)
		return code;
	rd_kafka_conf_set_opaque(conf, &failures);
	rd_kafka_conf_set_dr_msg_cb(conf, count_failures);

	rd_kafka_t *const kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!kafka)
		return err_set(err, ERR_UNAVAILABLE, "%s", text);
	for (size_t n = 0; n < backlog->count && code == ERR_OK; n++)
		code = produce(kafka, topic, order, backlog, n, err);
	if (rd_kafka_flush(kafka, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR && code == ERR_OK)
		code = err_set(err, ERR_UNAVAILABLE, "not all acknowledged in %d ms", FLUSH_MS);
	rd_kafka_destroy(kafka);
	if (code == ERR_OK && failures > 0)
		code = err_set(err, ERR_UNAVAILABLE, "%zu messages were refused", failures);
	return code;
}

static err_code read_events(struct order *order, struct err *err)
{
	order->events = calloc(EVENTS_MAX, sizeof(*order->events));
	if (!order->events)
		return err_set(err, ERR_UNAVAILABLE, "out of memory");
	while (order->event_count < EVENTS_MAX &&
	       scanf(EVENT_FORMAT, order->events[order->event_count]) == 1)
		order->event_count++;
	return ERR_OK;
}

static err_code run(char **arguments, struct err *err)
{
	struct order order = {
		.partitions = (int32_t)strtol(arguments[3], NULL, 10),
		.first = (unsigned)strtoul(arguments[5], NULL, 10),
		.seats = (unsigned)strtoul(arguments[6], NULL, 10),
		.times = (unsigned)strtoul(arguments[7], NULL, 10),
		.by_event = strcmp(arguments[8], "by-event") == 0,
	};
	struct backlog backlog = { 0 };
	err_code code = booking_id_init(err);

	if (code == ERR_OK)
		code = booking_id_key_parse(arguments[4], &order.key, err);
	if (code == ERR_OK)
		code = read_events(&order, err);
	if (code == ERR_OK)
		code = encode_all(&order, &backlog, err);

	const int64_t from_us = clock_monotonic_us();
	if (code == ERR_OK)
		code = send_all(arguments[1], arguments[2], &order, &backlog, err);
	if (code == ERR_OK)
		printf("{\"messages\":%zu,\"bytes\":%zu,\"seconds\":%.6f}\n", backlog.count,
		       backlog.arena.len, (double)(clock_monotonic_us() - from_us) / 1e6);
	if (backlog.messages)
		strbuf_done(&backlog.arena);
	free(backlog.messages);
	free(order.events);
	return code;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (argc != 9) {
		fputs("usage: preload BROKERS TOPIC PARTITIONS KEY FIRST SEATS TIMES ORDER"
		      " <EVENTS\n",
		      stderr);
		return 64;
	}
	if (run(argv, &err) == ERR_OK)
		return 0;
	fprintf(stderr, "preload: %s\n", err.text);
	return 1;
}
