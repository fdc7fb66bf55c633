/*
 * account - POST /api/auth/register and /login, GET /api/auth/me.
 *
 * Whoever has an account gets a token, and shows it from then on; nothing else is remembered of a
 * login. An e-mail without an account is answered like a wrong password, in the same words and
 * after the same work. PostgreSQL away, or too many passwords at once: 503 with Retry-After.
 * Source   API.md, "Accounts".
 */
#pragma once

#include "http.h"

http_handler account_register;
http_handler account_login;
http_handler account_me;
