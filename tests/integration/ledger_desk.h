/*
 * ledger_desk - a ledger on the real PostgreSQL with all that decides in it, as a lane has it:
 * tests ask for commands, and settle them.
 *
 * Every function but those that answer an err_code fails the test when it cannot do its work.
 */
#pragma once

#include "decide.h"
#include "journal.h"
#include "ledger_pg.h"
#include "worker_fixture.h"

#define DESK_COMMANDS_MAX 64

struct ledger_desk {
	struct pg *pg;
	struct ledger_pg *ledger_pg;
	struct ledger ledger;
	struct partition_name name;
	struct state *state;
	struct journal *journal;
	struct command commands[DESK_COMMANDS_MAX]; /* of the batch */
	struct outcome outcomes[DESK_COMMANDS_MAX];
	size_t count;
	const char *event_id; /* that is meant when none is named */
	int64_t now_ms;
	struct err err;
};

/* Both texts must outlive the desk. */
void desk_open(struct ledger_desk *desk, const char *cluster_id, const char *event_id,
	       int32_t partition);
void desk_close(struct ledger_desk *desk);

/* Unique in the table: made from the desk's event, whose name is. */
struct booking_id desk_booking_id(const struct ledger_desk *desk, int number);

/* A new batch. */
void desk_reset(struct ledger_desk *desk);
/* Adds a command to the batch; it may be changed until desk_begin. Seats: "A1 A2". */
struct command *desk_book(struct ledger_desk *desk, int number, const char *user,
			  const char *seats);
struct command *desk_hold(struct ledger_desk *desk, int number, const char *user,
			  const char *seats);
/* An administrator's; seats "" are none. */
struct command *desk_administer(struct ledger_desk *desk, enum command_type type, int number,
				const char *seats);
/* `user` may be "", `command` numbers it. */
struct command *desk_act(struct ledger_desk *desk, enum command_type type, int number,
			 const char *user, int command);

err_code desk_begin(struct ledger_desk *desk, int64_t from, int64_t to);
void desk_decide(struct ledger_desk *desk);
err_code desk_commit(struct ledger_desk *desk);
/* All three. */
void desk_settle(struct ledger_desk *desk, int64_t from, int64_t to);
/* desk_settle from where the partition stands, over as many messages as there are commands; then a
 * new batch. */
void desk_go_on(struct ledger_desk *desk);

int64_t desk_progress(struct ledger_desk *desk);
/* Ends up to max bookings; answers how many. */
size_t desk_sweep(struct ledger_desk *desk, size_t max);
/* Whether its partition has bookings that a sweep would end. Nobody uses the last two
 * partitions. */
bool desk_has_to_end(struct ledger_desk *desk);

/* Has the booking's time run out since the last millisecond. */
void desk_lapse(struct ledger_desk *desk, int number);
/* The first value of the statement, whose $1 is the booking's id. */
const char *desk_of_booking(struct ledger_desk *desk, const char *sql, int number);
/* The same as a number; $1 is the event. */
int64_t desk_number(struct ledger_desk *desk, const char *sql);
