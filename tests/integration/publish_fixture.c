#include "publish_fixture.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_WAIT_MS  15000
#define TOPIC_WAIT_MS 10000
#define THREADS       4
#define REQUEST_BYTES 2048
#define METRICS_BYTES (1u << 16)
#define JUST_NOW_MS   60000

static const char KEY_HEX[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

void publish_fixture_word(const char *prefix, char buf[static FIXTURE_TEXT_BYTES_MAX])
{
	static atomic_int count;

	(void)snprintf(buf, FIXTURE_TEXT_BYTES_MAX, "%s-%d-%" PRId64 "-%d", prefix, (int)getpid(),
		       clock_wall_ms(), atomic_fetch_add(&count, 1));
}

static void open_producer(struct publish_fixture *fixture, const char *brokers)
{
	const struct kafka_producer_config config = {
		.brokers = brokers ? brokers : getenv("TEST_KAFKA_BROKERS"),
		.client_id = "write-api",
		.topic = fixture->topic,
		.linger_ms = 1,
		.in_flight_max = 2,
		.message_timeout_ms = 1500,
		.ack_wait_ms = 2500,
		.queue_messages_max = 1000,
	};
	struct err err = { 0 };

	cr_assert_eq(kafka_producer_open(&config, &fixture->api.producer, &err), ERR_OK, "%s",
		     err.text);
}

/* A topic exists a moment before all brokers say so. */
static void wait_topic(struct publish_fixture *fixture)
{
	const int64_t until_ms = clock_monotonic_ms() + TOPIC_WAIT_MS;
	struct err err = { 0 };
	int32_t count = 0;

	while (kafka_producer_partitions(fixture->api.producer, 1000, &count, &err) != ERR_OK)
		cr_assert_lt(clock_monotonic_ms(), until_ms, "%s", err.text);
	cr_assert_eq(count, FIXTURE_PARTITIONS);
}

static void open_idempotency(struct publish_fixture *fixture, int port)
{
	const char *user = getenv("TEST_REDIS_USER");
	const char *password = getenv("TEST_REDIS_PASSWORD");
	const struct redis_config redis = {
		.host = getenv("TEST_REDIS_HOST"),
		.port = port ? port : strtol(getenv("TEST_REDIS_PORT"), NULL, 10),
		.user = user ? user : "",
		.password = password ? password : "",
		.timeout_ms = FIXTURE_REDIS_TIMEOUT_MS,
		.retry_ms = FIXTURE_REDIS_RETRY_MS,
	};

	fixture->api.idempotency = idempotency_new(&redis, FIXTURE_TTL_S, fixture->metrics);
}

static void open_server(struct publish_fixture *fixture)
{
	const struct http_config config = {
		.host = "127.0.0.1",
		.port = 0,
		.threads = THREADS,
		.body_bytes_max = 16384,
		.request_timeout_ms = 5000,
		.keep_alive_timeout_ms = 10000,
		.service = "api",
		.authenticate = http_authenticate_nobody,
	};
	struct err err = { 0 };

	cr_assert_eq(http_server_open(&config, WRITE_API_ROUTES, WRITE_API_ROUTES_COUNT,
				      &fixture->api, fixture->metrics, &fixture->server, &err),
		     ERR_OK, "%s", err.text);
}

void publish_fixture_open(struct publish_fixture *fixture, struct publish_options options)
{
	struct err err = { 0 };

	log_open("test_publish", LOG_LEVEL_ERROR);
	*fixture = (struct publish_fixture){ .metrics = metrics_new() };
	kafka_topic_name("publish", fixture->topic);
	fixture->has_topic = !options.brokers && !options.no_topic;
	if (fixture->has_topic)
		kafka_topic_create(fixture->topic, FIXTURE_PARTITIONS);

	cr_assert_eq(booking_id_init(&err), ERR_OK);
	cr_assert_eq(booking_id_key_parse(KEY_HEX, &fixture->api.key, &err), ERR_OK);
	write_api_add_metrics(&fixture->api, fixture->metrics);
	open_producer(fixture, options.brokers);
	open_idempotency(fixture, options.redis_port);
	open_server(fixture);
	if (fixture->has_topic)
		wait_topic(fixture);
	raw_open(&fixture->client, http_server_port(fixture->server));
}

void publish_fixture_close(struct publish_fixture *fixture)
{
	raw_close(&fixture->client);
	http_server_close(fixture->server, 0);
	kafka_producer_close(fixture->api.producer, 1000);
	idempotency_free(fixture->api.idempotency);
	metrics_free(fixture->metrics);
	if (fixture->has_topic)
		kafka_topic_delete(fixture->topic);
}

struct raw_answer publish_fixture_send(struct publish_fixture *fixture, const char *method,
				       const char *path, const char *headers, const char *body)
{
	char text[REQUEST_BYTES], content[FIXTURE_TEXT_BYTES_MAX] = "";

	if (body)
		(void)snprintf(content, sizeof(content),
			       "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			       strlen(body));
	const int len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n%s",
				 method, path, headers, content, body ? body : "");

	cr_assert_lt((size_t)len, sizeof(text));
	raw_send_text(&fixture->client, text);
	return raw_read(&fixture->client, false);
}

struct raw_answer publish_fixture_book(struct publish_fixture *fixture, const char *headers,
				       const char *body)
{
	return publish_fixture_send(fixture, "POST", "/api/book", headers, body);
}

int64_t publish_fixture_metric(const struct publish_fixture *fixture, const char *name)
{
	_cleanup_(strbuf_done) struct strbuf text;
	char line[FIXTURE_TEXT_BYTES_MAX];

	strbuf_init(&text, METRICS_BYTES);
	metrics_render(fixture->metrics, &text);
	(void)snprintf(line, sizeof(line), "\n%s", name);
	const char *found = strstr(text.data, line);
	cr_assert(found, "no metric %s", name);
	return strtoll(found + strlen(line), NULL, 10);
}

/* --- reading back --- */

static void copy_header(const rd_kafka_headers_t *headers, const char *name,
			char buf[static FIXTURE_TEXT_BYTES_MAX])
{
	const void *value = NULL;
	size_t len = 0;

	buf[0] = '\0';
	if (headers &&
	    rd_kafka_header_get_last(headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR)
		(void)snprintf(buf, FIXTURE_TEXT_BYTES_MAX, "%.*s", (int)len, (const char *)value);
}

static void copy_message(const rd_kafka_message_t *message, struct published *ret)
{
	rd_kafka_headers_t *headers = NULL;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		headers = NULL;
	cr_assert_lt(message->len, sizeof(ret->value));
	ret->partition = message->partition;
	ret->value_len = message->len;
	(void)snprintf(ret->key, sizeof(ret->key), "%.*s", (int)message->key_len,
		       (const char *)message->key);
	(void)snprintf(ret->value, sizeof(ret->value), "%.*s", (int)message->len,
		       (const char *)message->payload);
	copy_header(headers, COMMAND_HEADER_CONTENT_TYPE, ret->content_type);
	copy_header(headers, COMMAND_HEADER_SCHEMA_VERSION, ret->schema_version);
	copy_header(headers, COMMAND_HEADER_REQUEST_ID, ret->request_id);
	copy_header(headers, COMMAND_HEADER_TRACEPARENT, ret->traceparent);
}

struct reading {
	struct published *messages;
	size_t max, count;
};

static void read_message(void *ctx, const rd_kafka_message_t *message)
{
	struct reading *reading = ctx;

	if (reading->count < reading->max)
		copy_message(message, &reading->messages[reading->count++]);
}

size_t publish_fixture_read(const struct publish_fixture *fixture, struct published *messages,
			    size_t max)
{
	struct reading reading = { .messages = messages, .max = max };

	kafka_topic_read(kafka_topic_client(RD_KAFKA_CONSUMER), fixture->topic, FIXTURE_PARTITIONS,
			 READ_WAIT_MS, read_message, &reading);
	return reading.count;
}

/* --- what is expected --- */

json_t *publish_json(const struct raw_answer *answer)
{
	json_t *json = json_loadb(answer->body, answer->body_len, 0, NULL);
	cr_assert(json, "not JSON: %.*s", (int)answer->body_len, answer->body);
	return json;
}

void publish_expect_member(const json_t *json, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(json, name));
	cr_assert(value, "%s is missing", name);
	cr_expect_str_eq(value, text);
}

struct booking_id publish_accepted_id(const struct raw_answer *answer)
{
	struct booking_id id = { 0 };
	struct err err;

	cr_assert_eq(answer->status, 202, "%d: %.*s", answer->status, (int)answer->body_len,
		     answer->body);
	json_t *json = publish_json(answer);
	const char *text = json_string_value(json_object_get(json, "bookingId"));
	cr_assert(text);
	cr_assert_eq(booking_id_parse(text, strlen(text), &id, &err), ERR_OK, "%s", err.text);
	json_decref(json);
	return id;
}

void publish_expect_refusal(const struct raw_answer *answer, int status, const char *type,
			    const char *field)
{
	char header[FIXTURE_TEXT_BYTES_MAX];

	cr_assert_eq(answer->status, status, "%d: %.*s", answer->status, (int)answer->body_len,
		     answer->body);
	raw_expect_header(answer, "Content-Type", "application/problem+json");
	raw_header(answer, "X-Accel-Redirect", header, sizeof(header));
	cr_expect_str_eq(header, "", "a refusal is not waited for");
	json_t *json = publish_json(answer);
	publish_expect_member(json, "type", type);
	if (field)
		publish_expect_member(json_array_get(json_object_get(json, "errors"), 0), "field",
				      field);
	json_decref(json);
}

void publish_expect_message(const struct published *message, const struct booking_id *id,
			    const char *key, const char *members)
{
	char expected[COMMAND_BYTES_MAX], time[CLOCK_TEXT_BYTES_MAX];
	struct command command;
	struct err err;

	cr_assert_eq(command_decode(message->value, message->value_len, &command, &err), ERR_OK,
		     "%s", err.text);
	clock_format(command.requested_at_ms, time);
	(void)snprintf(expected, sizeof(expected),
		       "{%s,\"address\":\"127.0.0.1\",\"requestedAt\":\"%s\"}", members, time);
	cr_expect_str_eq(message->value, expected, "%s", message->value);
	cr_expect_leq(command.requested_at_ms, clock_wall_ms());
	cr_expect_geq(command.requested_at_ms, clock_wall_ms() - JUST_NOW_MS);
	cr_expect_eq(message->partition, booking_id_partition(id, FIXTURE_PARTITIONS));
	cr_expect_str_eq(message->key, key);
	cr_expect_str_eq(message->content_type, "application/json");
	cr_expect_str_eq(message->schema_version, "1");
}
