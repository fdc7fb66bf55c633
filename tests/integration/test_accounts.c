/* Accounts of write-api on a real PostgreSQL that goes and comes back. */
#include "account_admin.h"
#include "clock.h"
#include "log.h"
#include "raw_http.h"
#include "routes.h"
#include "services.h"
#include "tcp_proxy.h"
#include "worker_fixture.h"

#include <dlfcn.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NEEDS_SERVICE("TEST_PG_DSN")

#define KEY_1      "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define PASSWORD   "correct horse"
#define TIMEOUT_MS 1000
#define BOUND_MS   15000 /* and a machine that is busy */
#define THREADS    4

static struct tcp_proxy *proxy;
static struct pg *direct;
static struct metrics *metrics;
static struct write_api api;
static struct http_server *server;
static struct raw_connection client;
static char email[FIXTURE_TEXT_BYTES_MAX];

static void open_auth(const char *keys)
{
	struct auth_config config = {
		.mode = "open", .issuer = "seatline", .audience = "seatline", .ttl_s = 60
	};
	struct err err = { 0 };

	(void)snprintf(config.keys, sizeof(config.keys), "%s", keys);
	if (keys[0] != '\0')
		(void)snprintf(config.mode, sizeof(config.mode), "jwt");
	cr_assert_eq(auth_new(&config, "127.0.0.1", &api.auth, &err), ERR_OK, "%s", err.text);
}

static void open_pool(void)
{
	char dsn[FIXTURE_TEXT_BYTES_MAX];
	const struct pg_config config = {
		.dsn = dsn,
		.application_name = "test_accounts",
		.connect_timeout_ms = 2000,
		.statement_timeout_ms = TIMEOUT_MS,
		.idle_in_transaction_timeout_ms = 10000,
	};

	(void)snprintf(dsn, sizeof(dsn), "%s host=127.0.0.1 port=%u", getenv("TEST_PG_DSN"),
		       tcp_proxy_port(proxy));
	api.pg_pool = pg_pool_new(&config, 2, 200);
}

static void open_server(const char *keys)
{
	const struct redis_config redis = { .host = "127.0.0.1", .port = 1, .user = "",
					    .password = "", .timeout_ms = 50, .retry_ms = 60000 };
	struct err err = { 0 };

	metrics = metrics_new();
	write_api_add_metrics(&api, metrics);
	open_auth(keys);
	open_pool();
	api.limits = rate_limit_new(&redis, metrics); /* without Redis, so on its own */
	api.login_limit = login_limit_of(api.limits, 0);
	cr_assert_eq(passwords_new(2, 60000, &api.passwords, &err), ERR_OK);
	const struct http_config http = {
		.host = "127.0.0.1",
		.threads = THREADS,
		.body_bytes_max = 4096,
		.request_timeout_ms = 5000,
		.keep_alive_timeout_ms = 30000,
		.asides_max = THREADS,
		.public_asides_max = THREADS,
		.service = "api",
		.authenticate = auth_authenticate,
		.authenticate_ctx = api.auth,
	};
	cr_assert_eq(http_server_open(&http, WRITE_API_ROUTES, WRITE_API_ROUTES_COUNT, &api,
				      metrics, &server, &err),
		     ERR_OK, "%s", err.text);
	raw_open(&client, http_server_port(server));
}

static void set_up(void)
{
	log_open("test_accounts", LOG_LEVEL_ERROR);
	direct = fixture_pg(NULL, TIMEOUT_MS);
	proxy = tcp_proxy_open((uint16_t)strtoul(PQport(pg_conn(direct)), NULL, 10));
	(void)snprintf(email, sizeof(email), "%s@example.com", fixture_name("ann").text);
	open_server(KEY_1);
}

static void close_server(void)
{
	raw_close(&client);
	http_server_close(server, 0);
	passwords_free(api.passwords);
	rate_limit_free(api.limits);
	pg_pool_free(api.pg_pool);
	auth_free(api.auth);
	metrics_free(metrics);
}

static void tear_down(void)
{
	close_server();
	tcp_proxy_close(proxy);
	pg_free(direct);
}

TestSuite(accounts, .init = set_up, .fini = tear_down);

static struct raw_answer send_text(const char *line, const char *header, const char *body)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "%s HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\n"
		       "Content-Length: %zu\r\n\r\n%s",
		       line, header, strlen(body), body);
	raw_send_text(&client, text);
	return raw_read(&client, false);
}

static struct raw_answer post_from(const char *address, const char *what, const char *who,
				   const char *password)
{
	char line[64], header[80], body[1024];

	(void)snprintf(line, sizeof(line), "POST /api/auth/%s", what);
	(void)snprintf(header, sizeof(header), "X-Forwarded-For: %s\r\n", address);
	(void)snprintf(body, sizeof(body),
		       "{\"email\":\"%s\",\"password\":\"%s\",\"role\":\"admin\"}", who,
		       password);
	return send_text(line, header, body);
}

static struct raw_answer post(const char *what, const char *who, const char *password)
{
	return post_from("192.0.2.1", what, who, password);
}

static json_t *json_of(const struct raw_answer *answer)
{
	json_t *json = json_loadb(answer->body, answer->body_len, 0, NULL);

	cr_assert(json, "not JSON: %.*s", (int)answer->body_len, answer->body);
	return json;
}

/* A member's text; it lives until the next call. */
static const char *member(const struct raw_answer *answer, const char *name)
{
	static char text[JWT_BYTES_MAX];
	json_t *json = json_of(answer);
	const char *value = json_string_value(json_object_get(json, name));

	(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	json_decref(json);
	return text;
}

static void expect(const struct raw_answer *answer, int status, const char *type)
{
	cr_assert_eq(answer->status, status, "%d: %.*s", answer->status, (int)answer->body_len,
		     answer->body);
	raw_expect_header(answer, "Cache-Control", "no-store");
	if (type)
		cr_expect_str_eq(member(answer, "type"), type);
}

static struct raw_answer ask_me(const char *token)
{
	char header[JWT_BYTES_MAX + 64];

	(void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
	return send_text("GET /api/auth/me", header, "");
}

Test(accounts, lets_people_register_and_log_in)
{
	char user[IDENT_BYTES_MAX];

	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	(void)snprintf(user, sizeof(user), "%s", member(&answer, "userId"));
	cr_expect_eq(strncmp(user, "u-", 2), 0);
	cr_expect_str_eq(member(&answer, "email"), email);
	cr_expect_str_eq(member(&answer, "role"), "user", "nobody makes themselves an admin");
	cr_expect_str_eq(member(&answer, "tokenType"), "Bearer");

	answer = post("login", email, PASSWORD);
	expect(&answer, 200, NULL);
	cr_expect_str_eq(member(&answer, "userId"), user);
	answer = ask_me(member(&answer, "token"));
	expect(&answer, 200, NULL);
	cr_expect_str_eq(member(&answer, "userId"), user);
	cr_expect_str_eq(member(&answer, "role"), "user");
	cr_expect_str_neq(member(&answer, "expiresAt"), "");
}

Test(accounts, keeps_nothing_that_a_password_could_be_read_from)
{
	const struct raw_answer answer = post("register", email, PASSWORD);

	expect(&answer, 201, NULL);
	const char *hash = fixture_sql(direct, "SELECT password_hash FROM users WHERE email = $1",
				       email, NULL, NULL);
	cr_expect_eq(strncmp(hash, "$argon2id$", 10), 0);
	cr_expect_not(memmem(answer.body, answer.body_len, PASSWORD, strlen(PASSWORD)));
}

Test(accounts, has_one_account_for_an_email_however_it_is_spelt)
{
	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	char loud[sizeof(email)];
	for (size_t i = 0; i <= strlen(email); i++)
		loud[i] = (char)(email[i] >= 'a' && email[i] <= 'z' ? email[i] - 32 : email[i]);

	answer = post("register", loud, "another horse");
	expect(&answer, 409, "/problems/email-taken");
	answer = post("login", loud, PASSWORD);
	expect(&answer, 200, NULL);
	answer = post("login", loud, "another horse");
	expect(&answer, 401, "/problems/invalid-credentials");
}

/* All of a problem but its instance, which is the request's. */
static void copy_problem(const struct raw_answer *answer, char buf[static 512])
{
	const char *end = memmem(answer->body, answer->body_len, "\"instance\"", 10);

	cr_assert(end);
	(void)snprintf(buf, 512, "%.*s", (int)(end - answer->body), answer->body);
}

Test(accounts, answers_an_unknown_email_like_a_wrong_password)
{
	char wrong[512], unknown[512];

	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	answer = post("login", email, "another horse");
	expect(&answer, 401, "/problems/invalid-credentials");
	raw_expect_header(&answer, "WWW-Authenticate", "Bearer realm=\"seatline\"");
	copy_problem(&answer, wrong);
	answer = post("login", "nobody@example.com", "another horse");
	expect(&answer, 401, "/problems/invalid-credentials");
	raw_expect_header(&answer, "WWW-Authenticate", "Bearer realm=\"seatline\"");
	copy_problem(&answer, unknown);
	cr_expect_str_eq(unknown, wrong);
}

Test(accounts, says_what_is_wrong_with_a_request)
{
	struct raw_answer answer = post("register", "no email", "short");
	expect(&answer, 422, "/problems/invalid-request");
	answer = send_text("POST /api/auth/register", "", "[]");
	expect(&answer, 400, "/problems/malformed-json");
	answer = send_text("POST /api/auth/login", "", "{}");
	expect(&answer, 422, "/problems/invalid-request");
	answer = send_text("GET /api/auth/me", "", "");
	expect(&answer, 401, "/problems/unauthorized");
	answer = ask_me("a.b.c");
	expect(&answer, 401, "/problems/unauthorized");
}

/* However slow the hashes are here, nothing comes back meanwhile. */
static void limit_guesses(int64_t quota)
{
	api.login_limit = login_limit_of(api.limits, quota);
	api.login_limit.here.window_s = 3600;
	api.login_limit.everywhere.window_s = 3600;
}

static void expect_login(const char *address, const char *password, int status)
{
	const struct raw_answer answer = post_from(address, "login", email, password);

	expect(&answer, status, status == 429 ? "/problems/too-many-requests" : NULL);
}

Test(accounts, limits_guesses_with_one_email)
{
	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	limit_guesses(2);
	for (int i = 0; i < 2; i++) {
		answer = post("login", email, "another horse");
		expect(&answer, 401, NULL);
	}
	answer = post("login", email, PASSWORD);
	expect(&answer, 429, "/problems/too-many-requests");
	char text[16];
	raw_header(&answer, "Retry-After", text, sizeof(text));
	cr_expect_str_neq(text, "");
	/* An e-mail without an account has the same limit; and each has its own. */
	for (int i = 0; i < 3; i++) {
		answer = post("login", "nobody@example.com", "another horse");
		expect(&answer, i < 2 ? 401 : 429, NULL);
	}
}

/* Who guesses keeps out nobody who is elsewhere, and who knows the password may log in often. */
Test(accounts, lets_people_in_while_a_stranger_guesses)
{
	const struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	limit_guesses(2);
	for (int i = 0; i < 10; i++)
		expect_login("203.0.113.7", "another horse", i < 2 ? 401 : 429);
	for (int i = 0; i < 10; i++)
		expect_login("192.0.2.1", PASSWORD, 200);
	expect_login("203.0.113.7", PASSWORD, 429);
}

Test(accounts, counts_a_network_of_ipv6_as_one_address)
{
	const struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	limit_guesses(2);
	for (int i = 0; i < 2; i++)
		expect_login("2001:db8:1:2::1", "another horse", 401);
	expect_login("2001:db8:1:2:ffff::9", PASSWORD, 429);
	expect_login("2001:db8:1:3::1", PASSWORD, 200);
}

/* However many addresses somebody has, guesses are bounded; what is refused takes nothing. */
Test(accounts, limits_guesses_from_many_addresses)
{
	const struct raw_answer answer = post("register", email, PASSWORD);
	char address[32];

	expect(&answer, 201, NULL);
	limit_guesses(1);
	for (int i = 0; i < LOGIN_ADDRESSES_MAX + 5; i++) {
		(void)snprintf(address, sizeof(address), "203.0.113.%d", i);
		expect_login(address, "another horse", i < LOGIN_ADDRESSES_MAX ? 401 : 429);
	}
	expect_login("192.0.2.1", PASSWORD, 429);
	api.login_limit.everywhere.quota = 0;
	expect_login("192.0.2.1", PASSWORD, 200);
}

/* Nothing was guessed. */
Test(accounts, takes_no_attempt_while_accounts_cannot_be_looked_at)
{
	limit_guesses(1);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	for (int i = 0; i < 5; i++)
		expect_login("192.0.2.1", PASSWORD, 503);
}

/* --- a turn at hashing that lasts --- */

static sem_t turn_taken, turn_ended;
static _Atomic bool is_turn_long;

/* libsodium's, for all that is linked here; the first one of a long turn waits in it. */
int crypto_pwhash_str_verify(const char hash[crypto_pwhash_STRBYTES], const char *const password,
			     unsigned long long len)
{
	int (*real)(const char *, const char *, unsigned long long);

	*(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
	if (atomic_exchange(&is_turn_long, false)) {
		(void)sem_post(&turn_taken);
		(void)sem_wait(&turn_ended);
	}
	return real(hash, password, len);
}

static void *take_turn(void *passwords)
{
	bool is_right = true;

	const err_code code = password_verify(passwords, NULL, PASSWORD, strlen(PASSWORD),
					      &is_right, NULL);
	return code == ERR_OK && !is_right ? passwords : NULL;
}

/* Where nobody hashes for an e-mail without an account, nobody waits for a turn. */
Test(accounts, hashes_for_an_unknown_email_too)
{
	struct passwords *passwords = api.passwords;
	pthread_t thread;

	cr_assert_eq(passwords_new(1, 0, &api.passwords, NULL), ERR_OK);
	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 201, NULL);
	(void)sem_init(&turn_taken, 0, 0);
	(void)sem_init(&turn_ended, 0, 0);
	is_turn_long = true;
	cr_assert_eq(pthread_create(&thread, NULL, take_turn, api.passwords), 0);
	(void)sem_wait(&turn_taken);
	answer = post("login", email, PASSWORD);
	expect(&answer, 503, "/problems/unavailable");
	answer = post("login", "nobody@example.com", PASSWORD);
	expect(&answer, 503, "/problems/unavailable");
	(void)sem_post(&turn_ended);
	void *had_turn = NULL;
	cr_assert_eq(pthread_join(thread, &had_turn), 0);
	cr_expect_eq(had_turn, api.passwords);
	passwords_free(api.passwords);
	api.passwords = passwords;
}

static void expect_away(const char *what)
{
	const int64_t start_ms = clock_monotonic_ms();
	const struct raw_answer answer = post(what, email, PASSWORD);

	expect(&answer, 503, "/problems/unavailable");
	raw_expect_header(&answer, "Retry-After", "1");
	cr_expect_lt(clock_monotonic_ms() - start_ms, BOUND_MS);
}

static void expect_back(void)
{
	const int64_t until_ms = clock_monotonic_ms() + BOUND_MS;

	tcp_proxy_set(proxy, TCP_PROXY_RELAY);
	for (;;) {
		const struct raw_answer answer = post("login", email, PASSWORD);
		if (answer.status == 200)
			return;
		expect(&answer, 503, "/problems/unavailable");
		cr_assert_lt(clock_monotonic_ms(), until_ms);
		clock_sleep_ms(50);
	}
}

Test(accounts, says_to_try_again_while_postgresql_is_away_or_frozen)
{
	static const enum tcp_proxy_mode modes[] = { TCP_PROXY_REFUSE, TCP_PROXY_STALL };
	struct raw_answer answer = post("register", email, PASSWORD);

	expect(&answer, 201, NULL);
	answer = ask_me(member(&answer, "token"));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		tcp_proxy_set(proxy, modes[i]);
		expect_away("login");
		expect_away("register");
		expect_back();
	}
}

Test(accounts, knows_a_token_without_postgresql)
{
	char token[JWT_BYTES_MAX];
	struct raw_answer answer = post("register", email, PASSWORD);

	expect(&answer, 201, NULL);
	(void)snprintf(token, sizeof(token), "%s", member(&answer, "token"));
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	answer = ask_me(token);
	expect(&answer, 200, NULL);
}

Test(accounts, are_not_there_without_a_key)
{
	close_server();
	open_server("");
	struct raw_answer answer = post("register", email, PASSWORD);
	expect(&answer, 503, "/problems/unavailable");
	answer = post("login", email, PASSWORD);
	expect(&answer, 503, "/problems/unavailable");
	cr_expect_eq(fixture_number(direct, "SELECT count(*) FROM users WHERE email = $1", email),
		     0);
	/* In open mode nobody is asked. */
	answer = ask_me("a.b.c");
	expect(&answer, 200, NULL);
	cr_expect_str_eq(member(&answer, "role"), "admin");
	cr_expect_str_eq(member(&answer, "userId"), "");
}

/* --- write-api --add-account --- */

static err_code add(const char *who, const char *role, const char *in, char out[static 512])
{
	char text[64];
	(void)snprintf(text, sizeof(text), "%s", in);
	FILE *const from =
		in[0] ? fmemopen(text, strlen(text), "r") : fopen("/dev/null", "re");
	FILE *const to = fmemopen(out, 512, "w");
	struct err err = { 0 };

	cr_assert(from && to);
	const err_code code =
		account_admin_put(api.pg_pool, api.passwords, who, role, from, to, &err);
	(void)fclose(from);
	(void)fclose(to);
	return code;
}

static const char *told(const char *text, const char *name)
{
	static char value[128];
	json_t *json = json_loads(text, 0, NULL);

	cr_assert(json, "%s", text);
	const char *member = json_string_value(json_object_get(json, name));
	(void)snprintf(value, sizeof(value), "%s", member ? member : "");
	json_decref(json);
	return value;
}

Test(accounts, can_be_made_by_whoever_runs_this)
{
	char out[512] = "", user[IDENT_BYTES_MAX];

	cr_assert_eq(add(email, "admin", PASSWORD "\nmore\n", out), ERR_OK);
	(void)snprintf(user, sizeof(user), "%s", told(out, "userId"));
	cr_expect_str_eq(told(out, "role"), "admin");
	cr_expect_str_eq(told(out, "password"), "", "it was given, so it is not told");
	struct raw_answer answer = post("login", email, PASSWORD);
	expect(&answer, 200, NULL);
	cr_expect_str_eq(member(&answer, "role"), "admin");
	cr_expect_str_eq(member(&answer, "userId"), user);

	/* Again: it keeps its id, and has another role and password. */
	cr_assert_eq(add(email, "user", "", out), ERR_OK);
	cr_expect_str_eq(told(out, "userId"), user);
	char password[64];
	(void)snprintf(password, sizeof(password), "%s", told(out, "password"));
	cr_expect_geq(strlen(password), 20u);
	answer = post("login", email, PASSWORD);
	expect(&answer, 401, NULL);
	answer = post("login", email, password);
	expect(&answer, 200, NULL);
	cr_expect_str_eq(member(&answer, "role"), "user");
}

Test(accounts, are_not_made_of_what_nobody_could_log_in_with)
{
	char out[512] = "";

	cr_expect_eq(add("no email", "admin", PASSWORD, out), ERR_INVALID);
	cr_expect_eq(add(email, "root", PASSWORD, out), ERR_INVALID);
	cr_expect_eq(add(email, "admin", "short", out), ERR_INVALID);
	tcp_proxy_set(proxy, TCP_PROXY_REFUSE);
	cr_expect_eq(add(email, "admin", PASSWORD, out), ERR_UNAVAILABLE);
	cr_expect_str_eq(out, "");
}

/* Nobody is asked who they are, and yet a page in a browser, which gets here itself, is nobody. */
Test(accounts, a_page_in_a_local_browser_is_nobody)
{
	close_server();
	open_server("");
	struct raw_answer answer =
		send_text("POST /api/events", "Origin: http://evil.example\r\n", "{}");
	expect(&answer, 401, "/problems/unauthorized");
	answer = send_text("POST /api/events",
			   "Origin: http://a.example\r\nSeatline-Request: 1-a\r\n", "{}");
	expect(&answer, 422, "/problems/invalid-request");
	answer = send_text("POST /api/events", "", "{}");
	expect(&answer, 422, "/problems/invalid-request");
}
