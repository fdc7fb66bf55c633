#include "worker_fixture.h"

#include "clock.h"
#include "kafka.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADMIN_MS 15000

struct fixture_name fixture_name(const char *stem)
{
	static atomic_int count;
	struct fixture_name ret;

	const int len = snprintf(ret.text, sizeof(ret.text), "%s-%d-%" PRId64 "-%d", stem,
				 (int)getpid(), clock_wall_ms(), atomic_fetch_add(&count, 1));
	cr_assert(len > 0 && (size_t)len < sizeof(ret.text));

	return ret;
}

/* ---- PostgreSQL ---- */

struct pg *fixture_pg(const char *dsn, int64_t statement_timeout_ms)
{
	const struct pg_config config = {
		.dsn = dsn ? dsn : getenv("TEST_PG_DSN"),
		.application_name = "test_worker",
		.connect_timeout_ms = 2000,
		.statement_timeout_ms = statement_timeout_ms,
		.idle_in_transaction_timeout_ms = 10000,
	};
	struct pg *const pg = pg_new(&config);
	struct err err = { 0 };

	cr_assert_eq(pg_ensure(pg, &err), ERR_OK, "%s", err.text);

	return pg;
}

const char *fixture_sql(struct pg *pg, const char *sql, const char *a, const char *b, const char *c)
{
	static char text[FIXTURE_TEXT_BYTES_MAX];
	const char *const params[] = { a, b, c };
	const int count = c ? 3 : b ? 2 : a ? 1 : 0;
	_cleanup_(PQclearp) PGresult *res = NULL;
	struct err err = { 0 };

	cr_assert_eq(pg_query(pg, NULL, sql, params, count, &res, &err), ERR_OK, "%s: %s", sql,
		     err.text);
	(void)snprintf(text, sizeof(text), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");

	return text;
}

int64_t fixture_number(struct pg *pg, const char *sql, const char *a)
{
	return strtoll(fixture_sql(pg, sql, a, NULL, NULL), NULL, 10);
}

void fixture_event(struct pg *pg, const char *event_id, int seats)
{
	char count[16];
	(void)snprintf(count, sizeof(count), "%d", seats);

	(void)fixture_sql(pg,
			  "INSERT INTO events (event_id, name, starts_at) VALUES ($1, 'x', now())",
			  event_id, NULL, NULL);
	(void)fixture_sql(pg,
			  "INSERT INTO seats (event_id, seat_id, position)"
			  " SELECT $1, 'A' || n, n - 1 FROM generate_series(1, $2::integer) AS n",
			  event_id, count, NULL);
}

/* ---- Redis ---- */

struct redis_config fixture_redis(int64_t port)
{
	const char *const user = getenv("TEST_REDIS_USER");
	const char *const password = getenv("TEST_REDIS_PASSWORD");
	const char *const text = getenv("TEST_REDIS_PORT");

	return (struct redis_config){
		.host = port ? "127.0.0.1" : getenv("TEST_REDIS_HOST"),
		.port = port ? port : strtoll(text ? text : "6379", NULL, 10),
		.user = user ? user : "",
		.password = password ? password : "",
		.timeout_ms = 300,
		.retry_ms = 1000,
	};
}

/* ---- Kafka ---- */

const char *fixture_brokers(void)
{
	return getenv("TEST_KAFKA_BROKERS");
}

static rd_kafka_t *admin_open(rd_kafka_queue_t **ret_queue)
{
	rd_kafka_conf_t *conf = NULL;
	char text[256];
	struct err err = { 0 };

	cr_assert_eq(kafka_conf_new(fixture_brokers(), "test_worker", &conf, &err), ERR_OK, "%s",
		     err.text);
	rd_kafka_t *const rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cr_assert(rk, "%s", text);
	*ret_queue = rd_kafka_queue_new(rk);

	return rk;
}

static void admin_finish(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *const event = rd_kafka_queue_poll(queue, ADMIN_MS);

	cr_assert(event, "no answer from Kafka");
	cr_assert_eq(rd_kafka_event_error(event), 0, "%s", rd_kafka_event_error_string(event));
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

/* CreateTopics answers before all brokers know: wait until the metadata says so. */
static void wait_for_topic(const char *topic, int partitions)
{
	const struct kafka_producer_config config = {
		.brokers = fixture_brokers(),
		.client_id = "test_worker",
		.topic = topic,
		.message_timeout_ms = 1000,
		.ack_wait_ms = 3000,
		.queue_messages_max = 10,
	};
	struct kafka_producer *producer = NULL;
	int32_t count = 0;
	struct err err = { 0 };

	cr_assert_eq(kafka_producer_open(&config, &producer, &err), ERR_OK, "%s", err.text);
	for (int i = 0; i < 100 && count != partitions; i++)
		if (kafka_producer_partitions(producer, 1000, &count, &err) != ERR_OK)
			clock_sleep_ms(100);
	kafka_producer_close(producer, 0);
	cr_assert_eq(count, partitions, "%s", err.text);
}

void fixture_topic(const char *topic, int partitions)
{
	rd_kafka_queue_t *queue = NULL;
	rd_kafka_t *const rk = admin_open(&queue);
	char text[256];
	rd_kafka_NewTopic_t *wanted =
		rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof(text));

	cr_assert(wanted, "%s", text);
	rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
	rd_kafka_NewTopic_destroy(wanted);
	admin_finish(rk, queue);
	wait_for_topic(topic, partitions);
}

void fixture_drop_before(const char *topic, int partition, int64_t offset)
{
	rd_kafka_queue_t *queue = NULL;
	rd_kafka_t *const rk = admin_open(&queue);
	rd_kafka_topic_partition_list_t *const list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);

	rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
	rd_kafka_DeleteRecords_destroy(records);
	rd_kafka_topic_partition_list_destroy(list);
	admin_finish(rk, queue);
}

void fixture_produce(const char *topic, int partition, int from, int count)
{
	const struct kafka_producer_config config = {
		.brokers = fixture_brokers(),
		.client_id = "test_worker",
		.topic = topic,
		.linger_ms = 1,
		.message_timeout_ms = 5000,
		.ack_wait_ms = 8000,
		.queue_messages_max = 100000,
	};
	struct kafka_producer *producer = NULL;
	struct kafka_message *const messages = calloc((size_t)count, sizeof(*messages));
	char(*const values)[16] = calloc((size_t)count, sizeof(*values));
	struct err err = { 0 };

	cr_assert(messages && values);
	for (int i = 0; i < count; i++) {
		(void)snprintf(values[i], sizeof(values[i]), "%d", from + i);
		messages[i] = (struct kafka_message){ .partition = partition,
						      .key = "k",
						      .key_len = 1,
						      .value = values[i],
						      .value_len = strlen(values[i]) };
	}
	cr_assert_eq(kafka_producer_open(&config, &producer, &err), ERR_OK, "%s", err.text);
	cr_assert_eq(kafka_producer_send_all(producer, messages, (size_t)count, &err), ERR_OK, "%s",
		     err.text);
	kafka_producer_close(producer, 1000);
	free(messages);
	free(values);
}

static void transact(rd_kafka_error_t *error)
{
	cr_assert_null(error, "%s", rd_kafka_error_string(error));
}

/* A commit is answered before its record stands in the partition. */
static void await_end(rd_kafka_t *rk, const char *topic, int partition, int64_t end)
{
	const int64_t until_ms = clock_monotonic_ms() + ADMIN_MS;
	int64_t low = 0;
	int64_t high = -1;

	while (high < end && clock_monotonic_ms() < until_ms) {
		clock_sleep_ms(10);
		cr_assert_eq(rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high,
		                                              ADMIN_MS),
		             0);
	}
	cr_assert_eq(high, end);
}

void fixture_produce_transaction(const char *topic, int partition, int from, int count)
{
	rd_kafka_conf_t *conf = NULL;
	char text[256];
	struct err err = { 0 };

	cr_assert_eq(kafka_conf_new(fixture_brokers(), "test_worker", &conf, &err), ERR_OK);
	cr_assert_eq(kafka_conf_set(conf, "transactional.id", topic, &err), ERR_OK, "%s", err.text);
	rd_kafka_t *const rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cr_assert(rk, "%s", text);
	transact(rd_kafka_init_transactions(rk, ADMIN_MS));
	transact(rd_kafka_begin_transaction(rk));
	for (int i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "%d", from + i);
		cr_assert_eq(rd_kafka_producev(
				     rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
				     RD_KAFKA_V_VALUE(text, strlen(text)),
				     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
			     0);
	}
	transact(rd_kafka_commit_transaction(rk, ADMIN_MS));
	await_end(rk, topic, partition, from + count + 1);
	rd_kafka_destroy(rk);
}
