#include "account_store.h"

#include "random.h"
#include "write_api_sql.h"

#include <stdio.h>
#include <string.h>

#define ID_CHARACTERS 20 /* of five bits */

void account_make_id(char ret[static IDENT_BYTES_MAX])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[ID_CHARACTERS];
	size_t len = 0;

	random_bytes(random, sizeof(random));
	ret[len++] = 'u';
	ret[len++] = '-';
	for (size_t i = 0; i < sizeof(random); i++)
		ret[len++] = digits[random[i] & 31];
	ret[len] = '\0';
}

bool account_role_parse(const char *text, enum http_role *ret)
{
	const bool is_admin = strcmp(text, "admin") == 0;

	if (!is_admin && strcmp(text, "user") != 0)
		return false;
	*ret = is_admin ? HTTP_ROLE_ADMIN : HTTP_ROLE_USER;
	return true;
}

const char *account_role_name(enum http_role role)
{
	return role == HTTP_ROLE_ADMIN ? "admin" : "user";
}

/* One statement on a connection of the pool. */
static err_code query(struct pg_pool *pool, const char *name, const char *sql,
		      const char *const *params, int count, PGresult **ret, struct err *err)
{
	struct pg *pg = pg_pool_take(pool, err);
	if (!pg)
		return ERR_UNAVAILABLE;

	const err_code code = pg_query(pg, name, sql, params, count, ret, err);
	pg_pool_give(pool, pg);
	return code;
}

err_code account_store_find(struct pg_pool *pool, const char *email, struct account *ret,
			    struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const char *const params[] = { email };

	const err_code code = query(pool, "find_account", SQL_FIND_ACCOUNT, params, 1, &res, err);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) == 0)
		return err_set(err, ERR_NOT_FOUND, "no such account");

	struct account account = { 0 };
	(void)snprintf(account.user_id, sizeof(account.user_id), "%s", pg_text_at(res, 0, 0));
	(void)snprintf(account.hash, sizeof(account.hash), "%s", pg_text_at(res, 0, 1));
	if (!account_role_parse(pg_text_at(res, 0, 2), &account.role))
		return err_set(err, ERR_INTERNAL, "account %s has no role", account.user_id);
	*ret = account;
	return ERR_OK;
}

err_code account_store_add(struct pg_pool *pool, const char *email, const struct account *account,
			   struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const char *const params[] = { account->user_id, email, account->hash,
				       account_role_name(account->role) };

	const err_code code = query(pool, "add_account", SQL_ADD_ACCOUNT, params, 4, &res, err);
	if (code == ERR_OK && PQntuples(res) == 0)
		return err_set(err, ERR_CONFLICT, "the e-mail has an account");
	return code;
}

err_code account_store_put(struct pg_pool *pool, const char *email, struct account *account,
			   struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const char *const params[] = { account->user_id, email, account->hash,
				       account_role_name(account->role) };

	const err_code code = query(pool, "put_account", SQL_PUT_ACCOUNT, params, 4, &res, err);
	if (code == ERR_OK)
		(void)snprintf(account->user_id, sizeof(account->user_id), "%s",
			       pg_text_at(res, 0, 0));
	return code;
}
