#include "leader.h"

#include "clock.h"
#include "projector_sql.h"

#include <string.h>

/* Any two numbers that nothing else in this database locks; they spell "seat" and "proj". */
#define LOCK_FIRST         "1936023924"
#define LOCK_SECOND        "1886547818"
#define TAKE_OVER_RETRY_MS 50

static const char *const LOCK[] = { LOCK_FIRST, LOCK_SECOND };

err_code leader_prepare(struct pg *pg, struct err *err)
{
	return pg_query(pg, NULL, SQL_WATCH_CLIENT, NULL, 0, NULL, err);
}

err_code leader_try(struct pg *pg, bool *ret_leads, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "take_lock", SQL_TAKE_LOCK, LOCK, 2, &res, err);
	if (code == ERR_OK)
		*ret_leads = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
	return code;
}

err_code leader_take_over(struct pg *pg, int64_t timeout_ms, struct err *err)
{
	const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

	for (;;) {
		bool leads = false;
		err_code code = leader_try(pg, &leads, err);
		if (code != ERR_OK || leads)
			return code;
		if (clock_monotonic_ms() >= deadline_ms)
			return err_set(err, ERR_UNAVAILABLE, "another projector keeps the lead");
		code = pg_query(pg, "end_leader", SQL_END_LEADER, LOCK, 2, NULL, err);
		if (code != ERR_OK)
			return code;
		clock_sleep_ms(TAKE_OVER_RETRY_MS);
	}
}
