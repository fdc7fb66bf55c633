#include "audit_entry.h"

#include "write_api_sql.h"

#include <assert.h>

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

err_code audit_entry_write(struct pg *pg, const struct audit_entry *entry, bool *ret_is_known,
			   struct err *err)
{
	const struct http_request *request = entry->request;
	const char *const params[] = {
		or_null(request->caller.user_id),
		request->caller.is_open ? "open" : "admin",
		or_null(request->address),
		or_null(request->request_id),
		entry->event_id,
		entry->action,
		entry->detail,
		entry->key,
		entry->request_hash,
	};
	_cleanup_(PQclearp) PGresult *rows = NULL;

	assert(ret_is_known || !entry->key);
	const err_code code = pg_query(pg, "add_audit", SQL_ADD_AUDIT, params,
				       sizeof(params) / sizeof(params[0]), &rows, err);
	if (code == ERR_OK && ret_is_known)
		*ret_is_known = PQntuples(rows) == 0;
	return code;
}
