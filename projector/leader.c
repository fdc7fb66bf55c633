#include "leader.h"

#include "clock.h"
#include "projector_sql.h"

#include <string.h>

/* Any numbers that nothing else in this database locks; they spell "seat", "proj" and "outb". */
#define LOCK_SEAT          "1936023924"
#define LOCK_PROJ          "1886547818"
#define LOCK_OUTB          "1869968482"
#define TAKE_OVER_RETRY_MS 50

static const char *const LOCKS[LEADER_DUTY_COUNT][2] = {
	[LEADER_READ_MODEL] = { LOCK_SEAT, LOCK_PROJ },
	[LEADER_OUTBOX] = { LOCK_SEAT, LOCK_OUTB },
};

err_code leader_prepare(struct pg *pg, struct err *err)
{
	return pg_query(pg, NULL, SQL_WATCH_CLIENT, NULL, 0, NULL, err);
}

err_code leader_try(struct pg *pg, enum leader_duty duty, bool *ret_leads, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "take_lock", SQL_TAKE_LOCK, LOCKS[duty], 2, &res, err);
	if (code == ERR_OK)
		*ret_leads = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
	return code;
}

err_code leader_take_over(struct pg *pg, enum leader_duty duty, int64_t timeout_ms,
			  struct err *err)
{
	const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

	for (;;) {
		bool leads = false;
		err_code code = leader_try(pg, duty, &leads, err);
		if (code != ERR_OK || leads)
			return code;
		if (clock_monotonic_ms() >= deadline_ms)
			return err_set(err, ERR_UNAVAILABLE, "another projector keeps the lead");
		code = pg_query(pg, "end_leader", SQL_END_LEADER, LOCKS[duty], 2, NULL, err);
		if (code != ERR_OK)
			return code;
		clock_sleep_ms(TAKE_OVER_RETRY_MS);
	}
}
