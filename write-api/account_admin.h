/*
 * account_admin - write-api --add-account EMAIL ROLE: how the first administrator comes to be.
 *
 * Makes the account, or changes its role and its password. The password is the first line of `in`;
 * when there is none, one is made and told. Prints {"userId","email","role"[,"password"]}.
 * Errors   ERR_INVALID: no e-mail, no role, or no password that may be one.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "password.h"
#include "pg_pool.h"

#include <stdio.h>

err_code account_admin_put(struct pg_pool *pool, struct passwords *passwords, const char *email,
			   const char *role, FILE *in, FILE *out, struct err *err) _must_check_;
