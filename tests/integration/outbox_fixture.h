/*
 * outbox_fixture - a booking log of a test's own, and outboxes that tell it to a topic of its own.
 *
 * Errors   what fails, or takes longer than OUTBOX_SETTLE_MS, fails the test.
 */
#pragma once

#include "kafka_topic.h"
#include "outbox.h"
#include "projector_fixture.h"

#define OUTBOX_PARTITIONS 3
#define OUTBOX_SETTLE_MS  20000

struct outbox_fixture {
	struct projector_fixture projector;
	struct pg *pg;                     /* its write model, as its owner */
	struct projector_config *config;   /* its */
	char topic[KAFKA_TOPIC_BYTES_MAX]; /* a name: the test makes the topic */
	struct metrics *metrics;
};

void outbox_fixture_open(struct outbox_fixture *fixture);
void outbox_fixture_close(struct outbox_fixture *fixture);

/* Rows of bookings first..last with versions from..to: all of one version, then the next. */
void outbox_fixture_write(struct pg *pg, int first, int last, int from, int to);

/* The test closes it. */
struct outbox *outbox_fixture_start(const struct outbox_fixture *fixture);
/* A thread's: runs the outbox that it is given until that is stopped, and answers NULL if all was
 * well. */
void *outbox_fixture_run(void *outbox);

/* To this topic, in whatever cluster the test's is. */
int64_t outbox_fixture_rows_not_told(const struct outbox_fixture *fixture);
/* While other threads run outboxes. */
void outbox_fixture_wait_told(const struct outbox_fixture *fixture);

/* line_begin: "\nname{labels} ", whose value follows. */
int64_t outbox_fixture_metric(const struct outbox_fixture *fixture, const char *line_begin);
