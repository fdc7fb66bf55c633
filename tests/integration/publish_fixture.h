/*
 * publish_fixture - write-api inside the test, on a Kafka topic of its own and a real Redis.
 *
 * Owns     the topic, which is deleted at the end; keys in Redis expire within FIXTURE_TTL_S.
 * Threads  one at a time.
 */
#pragma once

#include "command.h"
#include "http.h"
#include "kafka_topic.h"
#include "raw_http.h"
#include "routes.h"
#include "services.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FIXTURE_PARTITIONS       6
#define FIXTURE_TTL_S            60
#define FIXTURE_TEXT_BYTES_MAX   128
#define FIXTURE_REDIS_TIMEOUT_MS 50
#define FIXTURE_REDIS_RETRY_MS   300

struct publish_options {
	const char *brokers; /* NULL: the real ones        */
	bool no_topic;       /* the topic does not exist   */
	int redis_port;      /* 0: the real one            */
};

struct publish_fixture {
	char topic[KAFKA_TOPIC_BYTES_MAX];
	bool has_topic;
	struct metrics *metrics;
	struct write_api api;
	struct http_server *server;
	struct raw_connection client;
};

/* A message as it stands in the topic; "" for a header that is absent. */
struct published {
	int32_t partition;
	char key[IDENT_BYTES_MAX];
	char value[COMMAND_BYTES_MAX];
	size_t value_len;
	char content_type[FIXTURE_TEXT_BYTES_MAX];
	char schema_version[FIXTURE_TEXT_BYTES_MAX];
	char request_id[FIXTURE_TEXT_BYTES_MAX];
	char traceparent[FIXTURE_TEXT_BYTES_MAX];
};

void publish_fixture_open(struct publish_fixture *fixture, struct publish_options options);
void publish_fixture_close(struct publish_fixture *fixture);

/* One request; headers are "Name: value\r\n" lines. body NULL: none, and no content type. */
struct raw_answer publish_fixture_send(struct publish_fixture *fixture, const char *method,
				       const char *path, const char *headers, const char *body);
/* POST /api/book. */
struct raw_answer publish_fixture_book(struct publish_fixture *fixture, const char *headers,
				       const char *body);
/* The value on the metric line with this beginning, such as
   "seatline_refused_total{reason="invalid"} ". */
int64_t publish_fixture_metric(const struct publish_fixture *fixture, const char *name);
/* A word that no other run uses. */
void publish_fixture_word(const char *prefix, char buf[static FIXTURE_TEXT_BYTES_MAX]);

/* Reads the topic from its beginning to its end; answers how many messages it has, at most max. */
size_t publish_fixture_read(const struct publish_fixture *fixture, struct published *messages,
			    size_t max);

/* --- what is expected; each fails the test otherwise --- */

/* The answer's body. The caller lets go of it. */
json_t *publish_json(const struct raw_answer *answer);
void publish_expect_member(const json_t *json, const char *name, const char *text);
/* The booking id of a 202. */
struct booking_id publish_accepted_id(const struct raw_answer *answer);
/* field NULL: whatever its errors are. */
void publish_expect_refusal(const struct raw_answer *answer, int status, const char *type,
			    const char *field);
/* That the message is in the booking's partition, under this key, and is exactly these members, the
 * address of this machine and the time of just now. */
void publish_expect_message(const struct published *message, const struct booking_id *id,
			    const char *key, const char *members);
