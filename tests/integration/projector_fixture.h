/*
 * projector_fixture - a write model and a read model of a test's own, on real servers.
 *
 * The write model is a database made from db/migrations; bookings get into it by the same
 * statements as the worker's: seats, bookings and log in one transaction. What happens to them
 * later is told by the functions of projector_story.sql.
 */
#pragma once

#include "metrics.h"
#include "mongo.h"
#include "pg.h"
#include "projector.h"
#include "services.h"
#include "write_model.h"

#define FIXTURE_TEXT_BYTES_MAX 4096

struct projector_fixture {
	char database[64]; /* of both servers */
	struct projector_config config;
	struct pg *pg; /* the write model, as its owner */
	struct mongo *mongo;
};

void projector_fixture_open(struct projector_fixture *fixture);
void projector_fixture_close(struct projector_fixture *fixture);

/* A connection of its own to the write model. */
struct pg *projector_fixture_pg(const struct projector_fixture *fixture);

/* Takes the newest migration back, and makes it again. */
void projector_fixture_migrate_anew(struct pg *pg);

/* Runs a statement; answers its first value ("" when there is none) until the next call. */
const char *projector_fixture_sql(struct pg *pg, const char *sql);

/* An event with that many available seats, S0 .. at positions 0 .. */
void projector_fixture_event(struct projector_fixture *fixture, const char *event_id, int seats);
/* Books the seats at these positions, a booking each, in one transaction. */
void projector_fixture_book(struct projector_fixture *fixture, const char *event_id, int first,
                            int last);

struct projector *projector_fixture_start(struct projector_fixture *fixture);
/* Turns until there is nothing to do at this moment. */
void projector_fixture_turn(struct projector *projector);
/*
 * Turns until the log is folded in to its end, which waits for any transaction that runs on
 * the server.
 */
void projector_fixture_follow(struct projector_fixture *fixture, struct projector *projector);

/* What --verify prints, until the next call; *ret_differences is its count. */
const char *projector_fixture_verify(struct projector_fixture *fixture,
                                     int64_t *ret_differences);
void projector_fixture_expect_equal(struct projector_fixture *fixture);

/* MongoDB, by extended JSON. */
void projector_fixture_update(struct projector_fixture *fixture, const char *collection,
                              const char *filter, const char *update);
void projector_fixture_insert(struct projector_fixture *fixture, const char *collection,
                              const char *doc);
void projector_fixture_delete(struct projector_fixture *fixture, const char *collection,
                              const char *filter);
int64_t projector_fixture_count(struct projector_fixture *fixture, const char *collection,
                                const char *filter);
