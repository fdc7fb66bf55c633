#include "ledger_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void desk_open(struct ledger_desk *desk, const char *cluster_id, const char *event_id,
	       int32_t partition)
{
	memset(desk, 0, sizeof(*desk));
	desk->name = (struct partition_name){ cluster_id, "t", partition };
	desk->event_id = event_id;
	desk->pg = fixture_pg(NULL, 3000);
	desk->ledger_pg = ledger_pg_new(desk->pg);
	desk->ledger = ledger_pg_ops(desk->ledger_pg);
	desk->state = state_new(DESK_COMMANDS_MAX);
	desk->journal = journal_new(DESK_COMMANDS_MAX);
}

void desk_close(struct ledger_desk *desk)
{
	ledger_pg_free(desk->ledger_pg);
	pg_free(desk->pg);
	journal_free(desk->journal);
	state_free(desk->state);
}

struct booking_id desk_booking_id(const struct ledger_desk *desk, int number)
{
	struct booking_id ret;
	const char *const dash = strchr(desk->event_id, '-');
	const unsigned pid = (unsigned)strtoul(dash + 1, NULL, 10);
	const unsigned long long ms = strtoull(strchr(dash + 1, '-') + 1, NULL, 10);

	(void)snprintf(ret.text, sizeof(ret.text), "%08llx-%04x-8000-8000-%012x", ms & 0xffffffffu,
		       pid & 0xffffu, (unsigned)number);

	return ret;
}

void desk_reset(struct ledger_desk *desk)
{
	desk->count = 0;
	state_reset(desk->state);
	journal_reset(desk->journal);
}

/* ---- Asking ---- */

static struct command *next_command(struct ledger_desk *desk, enum command_type type, int number,
				    const char *user)
{
	cr_assert_lt(desk->count, DESK_COMMANDS_MAX);

	struct command *const command = &desk->commands[desk->count++];
	memset(command, 0, sizeof(*command));
	command->type = type;
	command->booking_id = desk_booking_id(desk, number);
	command->requested_at_ms = 1772393400123;
	(void)snprintf(command->user_id, sizeof(command->user_id), "%s", user);

	return command;
}

static struct command *make(struct ledger_desk *desk, enum command_type type, int number,
			    const char *user, const char *seats)
{
	struct command *const command = next_command(desk, type, number, user);
	char list[128];
	char *rest = list;

	(void)snprintf(command->event_id, sizeof(command->event_id), "%s", desk->event_id);
	(void)snprintf(list, sizeof(list), "%s", seats);
	for (char *seat = strsep(&rest, " "); seat && seat[0] != '\0'; seat = strsep(&rest, " "))
		(void)snprintf(command->seat_ids[command->seat_count++], IDENT_BYTES_MAX, "%s",
			       seat);
	return command;
}

struct command *desk_book(struct ledger_desk *desk, int number, const char *user, const char *seats)
{
	return make(desk, COMMAND_BOOK, number, user, seats);
}

struct command *desk_hold(struct ledger_desk *desk, int number, const char *user, const char *seats)
{
	return make(desk, COMMAND_HOLD, number, user, seats);
}

struct command *desk_administer(struct ledger_desk *desk, enum command_type type, int number,
				const char *seats)
{
	return make(desk, type, number, "root", seats);
}

struct command *desk_act(struct ledger_desk *desk, enum command_type type, int number,
			 const char *user, int command)
{
	struct command *const ret = next_command(desk, type, number, user);
	(void)snprintf(ret->id.text, sizeof(ret->id.text), "00000000-0000-8000-9000-%012d",
		       command);

	return ret;
}

/* ---- Settling ---- */

err_code desk_begin(struct ledger_desk *desk, int64_t from, int64_t to)
{
	state_reset(desk->state);
	journal_reset(desk->journal);
	for (size_t i = 0; i < desk->count; i++)
		state_want(desk->state, &desk->commands[i]);

	return desk->ledger.ops->begin(desk->ledger.ctx, &desk->name, from, to, desk->state,
				       &desk->now_ms, &desk->err);
}

void desk_decide(struct ledger_desk *desk)
{
	for (size_t i = 0; i < desk->count; i++) {
		desk->outcomes[i] = decide(desk->state, &desk->commands[i], desk->now_ms);
		journal_apply(desk->journal, desk->state, &desk->commands[i], &desk->outcomes[i],
			      desk->now_ms);
	}
}

err_code desk_commit(struct ledger_desk *desk)
{
	return desk->ledger.ops->commit(desk->ledger.ctx, &desk->name, desk->state, desk->journal,
					&desk->err);
}

void desk_settle(struct ledger_desk *desk, int64_t from, int64_t to)
{
	cr_assert_eq(desk_begin(desk, from, to), ERR_OK, "%s", desk->err.text);
	desk_decide(desk);
	cr_assert_eq(desk_commit(desk), ERR_OK, "%s", desk->err.text);
}

int64_t desk_progress(struct ledger_desk *desk)
{
	int64_t ret = -1;
	bool fresh = false;

	cr_assert_eq(
		desk->ledger.ops->progress(desk->ledger.ctx, &desk->name, &ret, &fresh, &desk->err),
		ERR_OK, "%s", desk->err.text);
	return ret;
}

void desk_go_on(struct ledger_desk *desk)
{
	const int64_t from = desk_progress(desk);

	desk_settle(desk, from, from + (int64_t)desk->count);
	desk_reset(desk);
}

size_t desk_sweep(struct ledger_desk *desk, size_t max)
{
	const int64_t at = desk_progress(desk);

	desk_reset(desk);
	cr_assert_eq(desk->ledger.ops->sweep(desk->ledger.ctx, &desk->name, at, max, desk->state,
					     &desk->now_ms, &desk->err),
		     ERR_OK, "%s", desk->err.text);
	const size_t ret = journal_sweep(desk->journal, desk->state, desk->now_ms);
	cr_assert_eq(desk_commit(desk), ERR_OK, "%s", desk->err.text);
	desk_reset(desk);

	return ret;
}

bool desk_has_to_end(struct ledger_desk *desk)
{
	const int32_t partitions[] = { INT32_MAX, desk->name.partition, INT32_MAX - 1 };
	bool lapsed[3] = { true, true, true };

	cr_assert_eq(
		desk->ledger.ops->has_to_end(desk->ledger.ctx, partitions, 3, lapsed, &desk->err),
		ERR_OK, "%s", desk->err.text);
	cr_expect_not(lapsed[0]);
	cr_expect_not(lapsed[2]);

	return lapsed[1];
}

/* ---- Looking ---- */

void desk_lapse(struct ledger_desk *desk, int number)
{
	(void)desk_of_booking(desk,
			      "WITH b AS (UPDATE bookings SET expires_at = date_trunc("
			      "'milliseconds', clock_timestamp()) - interval '1 ms'"
			      " WHERE booking_id = $1::uuid AND status = 'held'"
			      " RETURNING booking_id, expires_at)"
			      " UPDATE seats SET hold_expires_at = b.expires_at FROM b"
			      " WHERE seats.booking_id = b.booking_id",
			      number);
}

const char *desk_of_booking(struct ledger_desk *desk, const char *sql, int number)
{
	return fixture_sql(desk->pg, sql, desk_booking_id(desk, number).text, NULL, NULL);
}

int64_t desk_number(struct ledger_desk *desk, const char *sql)
{
	return fixture_number(desk->pg, sql, desk->event_id);
}
