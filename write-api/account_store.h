/*
 * account_store - accounts in PostgreSQL: who they are, what they may, how they prove it.
 *
 * Errors   ERR_UNAVAILABLE: PostgreSQL is away or slow, or its connections are all in use.
 * Source   db/migrations/20260301000001_accounts.sql.
 */
#pragma once

#include "account_request.h"
#include "attr.h"
#include "err.h"
#include "http.h"
#include "ident.h"
#include "password.h"
#include "pg_pool.h"

struct account {
	char user_id[IDENT_BYTES_MAX];
	enum http_role role;
	char hash[PASSWORD_HASH_BYTES_MAX];
};

/* A user id that nobody has: "u-" and 100 random bits. */
void account_make_id(char ret[static IDENT_BYTES_MAX]);

/* False: neither "user" nor "admin". */
bool account_role_parse(const char *text, enum http_role *ret);
const char *account_role_name(enum http_role role);

/* ERR_NOT_FOUND: the e-mail has no account. */
err_code account_store_find(struct pg_pool *pool, const char *email, struct account *ret,
			    struct err *err) _must_check_;
/* ERR_CONFLICT: the e-mail has an account. */
err_code account_store_add(struct pg_pool *pool, const char *email, const struct account *account,
			   struct err *err) _must_check_;
/* Adds it, or changes role and hash of the one that is there, which keeps its user id. */
err_code account_store_put(struct pg_pool *pool, const char *email, struct account *account,
			   struct err *err) _must_check_;
