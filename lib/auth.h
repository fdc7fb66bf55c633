/*
 * auth - who calls: the tokens of this installation, or nobody at all in open mode.
 *
 * AUTH_MODE=open asks nobody who they are: everybody may do everything, as befits a machine of
 * one's own. It does not start on an address that others can reach unless told so, and warns.
 * AUTH_MODE=jwt takes `Authorization: Bearer TOKEN` (jwt.h); without it a caller is nobody.
 * Threads  any, once made.
 * Errors   ERR_INVALID: settings that do not go together, or keys that cannot be read.
 */
#pragma once

#include "attr.h"
#include "config.h"
#include "err.h"
#include "http.h"
#include "jwt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embed it and list CONFIG_KEYS_AUTH(struct read_api_config, auth). */
struct auth_config {
	char mode[CONFIG_TEXT_BYTES_MAX];
	bool open_anywhere;
	char keys[CONFIG_TEXT_BYTES_MAX];
	char keys_file[CONFIG_TEXT_BYTES_MAX];
	char issuer[CONFIG_TEXT_BYTES_MAX];
	char audience[CONFIG_TEXT_BYTES_MAX];
	int64_t ttl_s;
};

struct auth;

struct auth_token {
	char text[JWT_BYTES_MAX];
	int64_t until_s; /* in Unix seconds */
};

/* http_host is where the program will listen. Warns, once, in open mode. */
err_code auth_new(const struct auth_config *config, const char *http_host, struct auth **ret,
                  struct err *err) _must_check_;
void auth_free(struct auth *auth);
DEFINE_CLEANUP(struct auth *, auth_free)

bool auth_is_open(const struct auth *auth);
/* There are keys. */
bool auth_can_issue(const struct auth *auth);

/* The http_authenticate hook; its ctx is the struct auth. */
bool auth_authenticate(void *auth, const struct http_request *request, struct http_caller *ret);

/* A token for role HTTP_ROLE_USER or HTTP_ROLE_ADMIN; only where auth_can_issue. */
void auth_issue(const struct auth *auth, const char *user_id, enum http_role role, int64_t now_s,
                struct auth_token *ret);

/* True for an address that only this machine reaches. */
bool auth_is_loopback(const char *host);

/* clang-format off */
#define CONFIG_KEYS_AUTH(type, field) \
	{ "AUTH_MODE", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.mode), "open", 3, 4, \
	  "jwt: callers show tokens; open: nobody is asked who they are" }, \
	{ "OPEN_MODE_ANYWHERE", CONFIG_BOOL, CONFIG_PLAIN, offsetof(type, field.open_anywhere), \
	  "false", 0, 0, "true: AUTH_MODE=open may serve on an address that others reach" }, \
	{ "JWT_KEYS", CONFIG_TEXT, CONFIG_SECRET, offsetof(type, field.keys), "", 0, \
	  CONFIG_TEXT_BYTES_MAX - 1, \
	  "kid:64 hexadecimal digits, comma-separated; the first signs tokens, all verify them" }, \
	{ "JWT_KEYS_FILE", CONFIG_TEXT, CONFIG_SECRET_FILE, offsetof(type, field.keys_file), "", \
	  0, CONFIG_TEXT_BYTES_MAX - 1, \
	  "a file with the same, one key a line, instead of JWT_KEYS" }, \
	{ "JWT_ISSUER", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.issuer), "seatline", 1, \
	  JWT_NAME_BYTES_MAX - 1, "the iss of tokens" }, \
	{ "JWT_AUDIENCE", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.audience), "seatline", \
	  1, JWT_NAME_BYTES_MAX - 1, "the aud of tokens" }, \
	{ "JWT_TTL_S", CONFIG_INT, CONFIG_PLAIN, offsetof(type, field.ttl_s), "86400", 1, \
	  31536000, "time, in s, for which a token holds" }
/* clang-format on */
