#include "outbox_fixture.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS           5
#define METRICS_BYTES_MAX (256u << 10)

void outbox_fixture_open(struct outbox_fixture *fixture)
{
	struct projector_config *const config = &fixture->projector.config;

	projector_fixture_open(&fixture->projector);
	fixture->pg = fixture->projector.pg;
	fixture->config = config;
	kafka_topic_name("booking_events", fixture->topic);
	fixture->metrics = metrics_new();
	(void)snprintf(config->kafka_brokers, sizeof(config->kafka_brokers), "%s",
		       getenv("TEST_KAFKA_BROKERS"));
	(void)snprintf(config->events_topic, sizeof(config->events_topic), "%s", fixture->topic);
	(void)snprintf(config->kafka_security.protocol, sizeof(config->kafka_security.protocol),
		       "PLAINTEXT");
	config->events_batch_max = 500;
	config->kafka_message_timeout_ms = 1000;
}

void outbox_fixture_close(struct outbox_fixture *fixture)
{
	metrics_free(fixture->metrics);
	projector_fixture_close(&fixture->projector);
}

void outbox_fixture_write(struct pg *pg, int first, int last, int from, int to)
{
	char sql[1024];
	struct err err;

	(void)snprintf(
		sql, sizeof(sql),
		"INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, status,"
		" booking_seats, requested_at, decided_at, seat_ids, seat_positions, seat_statuses,"
		" seat_versions, mode, command, result)"
		" SELECT ('00000000-0000-8000-8000-' || lpad(b::text, 12, '0'))::uuid, v, 'e', 'u',"
		" 'held', '{S1}', now(), now(), '{S1}', '{1}', '{held}', ARRAY[v], 'hold', 'hold',"
		" 'done' FROM generate_series(%d, %d) AS v, generate_series(%d, %d) AS b"
		" ORDER BY v, b",
		from, to, first, last);
	cr_assert_eq(pg_query(pg, NULL, sql, NULL, 0, NULL, &err), ERR_OK, "%s", err.text);
}

struct outbox *outbox_fixture_start(const struct outbox_fixture *fixture)
{
	struct outbox *outbox = NULL;
	struct err err;

	cr_assert_eq(outbox_open(fixture->config, fixture->metrics, &outbox, &err), ERR_OK, "%s",
		     err.text);
	return outbox;
}

void *outbox_fixture_run(void *outbox)
{
	struct err err;

	return outbox_run(outbox, &err) == ERR_OK ? NULL : outbox;
}

int64_t outbox_fixture_rows_not_told(const struct outbox_fixture *fixture)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM booking_log AS l WHERE NOT EXISTS (SELECT"
		       " FROM outbox_progress AS p WHERE (p.xid, p.seq) >= (l.xid, l.seq)"
		       " AND p.sink LIKE '%%/%s' AND p.sink NOT LIKE 'another/%%')",
		       fixture->topic);
	return strtoll(projector_fixture_sql(fixture->pg, sql), NULL, 10);
}

void outbox_fixture_wait_told(const struct outbox_fixture *fixture)
{
	const int64_t deadline_ms = clock_monotonic_ms() + OUTBOX_SETTLE_MS;

	while (outbox_fixture_rows_not_told(fixture) > 0) {
		cr_assert_lt(clock_monotonic_ms(), deadline_ms, "the log is not told");
		clock_sleep_ms(POLL_MS);
	}
}

int64_t outbox_fixture_metric(const struct outbox_fixture *fixture, const char *line_begin)
{
	_cleanup_(strbuf_done) struct strbuf text;
	strbuf_init(&text, METRICS_BYTES_MAX);
	metrics_render(fixture->metrics, &text);
	const char *const line = strstr(text.data, line_begin);

	cr_assert(line, "no metric %s", line_begin);
	return strtoll(line + strlen(line_begin), NULL, 10);
}
