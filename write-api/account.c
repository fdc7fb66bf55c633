#include "account.h"

#include "account_request.h"
#include "account_store.h"
#include "clock.h"
#include "log.h"
#include "refuse.h"
#include "routes.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void count(struct write_api *api, enum login login)
{
	metric_add(api->logins[login], 1);
}

/* --- answers --- */

/* err->text is for the log: a client learns that it may try again. */
static void refuse_failure(struct write_api *api, const struct http_request *request,
			   struct http_response *response, const struct err *err)
{
	if (err->code == ERR_INTERNAL) {
		log_error("account_failed", LOG_STR("error", err->text),
			  LOG_STR("request_id", request->request_id));
		http_problem(response, 500, "internal-error", "The request was not carried out.");
		return;
	}
	log_debug("account_unavailable", LOG_STR("error", err->text),
		  LOG_STR("request_id", request->request_id));
	count(api, LOGIN_UNAVAILABLE);
	http_unavailable(response, "Accounts cannot be looked at just now. Please try again.");
}

static void refuse_credentials(struct write_api *api, struct http_response *response)
{
	count(api, LOGIN_REFUSED);
	http_response_header(response, "WWW-Authenticate", "Bearer realm=\"seatline\"");
	http_problem(response, 401, "invalid-credentials",
		     "There is no account with this e-mail and this password.");
}

static void add_expiry(struct http_response *response, int64_t until_s)
{
	char text[CLOCK_TEXT_BYTES_MAX];

	strbuf_add_text(&response->body, ",\"expiresAt\":");
	if (until_s > 0)
		clock_format(until_s * 1000, text);
	strbuf_add_json(&response->body, until_s > 0 ? text : NULL);
	strbuf_add_char(&response->body, '}');
}

static void answer_token(const struct write_api *api, struct http_response *response,
			 const struct account *account, const char *email)
{
	struct strbuf *body = &response->body;
	struct auth_token token;

	auth_issue(api->auth, account->user_id, account->role, clock_wall_ms() / 1000, &token);
	strbuf_addf(body, "{\"userId\":\"%s\",\"email\":", account->user_id);
	strbuf_add_json(body, email);
	strbuf_addf(body, ",\"role\":\"%s\",\"token\":\"%s\",\"tokenType\":\"Bearer\"",
		    account_role_name(account->role), token.text);
	add_expiry(response, token.until_s);
	sodium_memzero(&token, sizeof(token));
}

/* --- what both ask first --- */

static bool read_request(struct write_api *api, const struct http_request *request,
			 struct http_response *response, struct account_request *ret)
{
	struct booking_faults faults;
	struct err err = { 0 };

	if (!auth_can_issue(api->auth)) {
		http_unavailable(response, "Accounts are not configured: there is no JWT_KEYS.");
		return false;
	}
	const err_code code =
		account_request_parse(request->body, request->body_len, ret, &faults, &err);
	return refuse_unless_read(api, response, code, &faults, &err);
}

/* --- register --- */

static err_code make_account(struct write_api *api, const struct account_request *asked,
			     struct account *ret, struct err *err)
{
	ret->role = HTTP_ROLE_USER; /* Others are made by whoever runs this: account_admin. */
	account_make_id(ret->user_id);
	const err_code code = password_hash(api->passwords, asked->password,
					    strlen(asked->password), ret->hash, err);
	return code == ERR_OK ? account_store_add(api->pg_pool, asked->email, ret, err) : code;
}

void account_register(void *ctx, const struct http_request *request,
		      struct http_response *response)
{
	struct write_api *api = ctx;
	struct account_request asked;
	struct account account = { 0 };
	struct err err = { 0 };

	if (!read_request(api, request, response, &asked))
		return;
	const err_code code = make_account(api, &asked, &account, &err);
	sodium_memzero(asked.password, sizeof(asked.password));
	if (code == ERR_CONFLICT) {
		http_problem(response, 409, "email-taken", "This e-mail has an account already.");
		return;
	}
	if (code != ERR_OK) {
		refuse_failure(api, request, response, &err);
		return;
	}
	log_info("account_made", LOG_STR("user", account.user_id),
		 LOG_STR("request_id", request->request_id));
	response->status = 201;
	answer_token(api, response, &account, asked.email);
}

/* --- log in --- */

static err_code find_account(struct write_api *api, const struct account_request *asked,
			     struct account *ret, bool *ret_is_right, struct err *err)
{
	const err_code code = account_store_find(api->pg_pool, asked->email, ret, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	return password_verify(api->passwords, code == ERR_OK ? ret->hash : NULL, asked->password,
			       strlen(asked->password), ret_is_right, err);
}

void account_login(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct write_api *api = ctx;
	struct account_request asked;
	struct account account = { 0 };
	struct err err = { 0 };
	bool is_right = false;

	if (!read_request(api, request, response, &asked))
		return;
	if (!login_limit_take(&api->login_limit, asked.email, request->address, response)) {
		count(api, LOGIN_LIMITED);
		sodium_memzero(asked.password, sizeof(asked.password));
		return;
	}
	const err_code code = find_account(api, &asked, &account, &is_right, &err);
	sodium_memzero(asked.password, sizeof(asked.password));
	if (code != ERR_OK || is_right)
		login_limit_give_back(&api->login_limit, asked.email, request->address);
	if (code != ERR_OK) {
		refuse_failure(api, request, response, &err);
	} else if (!is_right) {
		refuse_credentials(api, response);
	} else {
		count(api, LOGIN_ACCEPTED);
		answer_token(api, response, &account, asked.email);
	}
}

/* --- who am I --- */

void account_me(void *ctx, const struct http_request *request, struct http_response *response)
{
	const struct http_caller *caller = &request->caller;
	(void)ctx;

	strbuf_add_text(&response->body, "{\"userId\":");
	strbuf_add_json(&response->body, caller->is_open ? NULL : caller->user_id);
	strbuf_addf(&response->body, ",\"role\":\"%s\"", account_role_name(caller->role));
	add_expiry(response, caller->until_s);
	http_response_header(response, "Cache-Control", "no-store");
}
