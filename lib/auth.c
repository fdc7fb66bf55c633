#include "auth.h"

#include "clock.h"
#include "ident.h"
#include "log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEYS_FILE_BYTES_MAX 4096
#define HOST_BYTES_MAX      64

struct auth {
	bool is_open;
	int64_t ttl_s;
	struct jwt_keys keys;
};

/* --- making --- */

bool auth_is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	char bare[HOST_BYTES_MAX];

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	(void)snprintf(bare, sizeof(bare), "%s", host[0] == '[' ? host + 1 : host);
	bare[strcspn(bare, "]")] = '\0';
	return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static err_code read_keys_file(struct auth *auth, const char *path, struct err *err)
{
	char text[KEYS_FILE_BYTES_MAX];
	FILE *file = fopen(path, "re");

	if (!file)
		return err_set(err, ERR_INVALID, "JWT_KEYS_FILE: errno %d", errno);
	const size_t len = fread(text, 1, sizeof(text), file);
	const bool failed = ferror(file) != 0;
	(void)fclose(file); /* Was only read. */
	if (failed || len == sizeof(text) || memchr(text, '\0', len))
		return err_set(err, ERR_INVALID, "JWT_KEYS_FILE: not a text of some keys");
	text[len] = '\0';
	const err_code code = jwt_keys_add(&auth->keys, text, err);
	sodium_memzero(text, sizeof(text));
	return code;
}

static err_code take_keys(struct auth *auth, const struct auth_config *config, struct err *err)
{
	struct jwt_keys *keys = &auth->keys;

	if (!ident_is_valid_key(config->issuer, strlen(config->issuer)) ||
	    !ident_is_valid_key(config->audience, strlen(config->audience)))
		return err_set(err, ERR_INVALID, "JWT_ISSUER, JWT_AUDIENCE: printable ASCII only");
	(void)snprintf(keys->issuer, sizeof(keys->issuer), "%s", config->issuer);
	(void)snprintf(keys->audience, sizeof(keys->audience), "%s", config->audience);

	if (config->keys[0] != '\0' && config->keys_file[0] != '\0')
		return err_set(err, ERR_INVALID, "JWT_KEYS and JWT_KEYS_FILE exclude each other");
	if (config->keys_file[0] != '\0')
		return read_keys_file(auth, config->keys_file, err);
	return jwt_keys_add(keys, config->keys, err);
}

static err_code take_mode(struct auth *auth, const struct auth_config *config,
			  const char *http_host, struct err *err)
{
	auth->is_open = strcmp(config->mode, "open") == 0;
	if (!auth->is_open && strcmp(config->mode, "jwt") != 0)
		return err_set(err, ERR_INVALID, "AUTH_MODE must be jwt or open");
	if (!auth->is_open && auth->keys.count == 0)
		return err_set(err, ERR_INVALID, "AUTH_MODE=jwt needs JWT_KEYS or JWT_KEYS_FILE");
	if (auth->is_open && !auth_is_loopback(http_host) && !config->open_anywhere)
		return err_set(err, ERR_INVALID,
			       "AUTH_MODE=open lets everybody do everything, and HTTP_HOST=%.40s "
			       "is not this machine's own: set OPEN_MODE_ANYWHERE=true if it is "
			       "meant",
			       http_host);
	return ERR_OK;
}

err_code auth_new(const struct auth_config *config, const char *http_host, struct auth **ret,
		  struct err *err)
{
	_cleanup_(auth_freep) struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth || sodium_init() < 0)
		return err_set(err, ERR_INTERNAL, "out of memory, or of random bytes");
	auth->ttl_s = config->ttl_s;
	err_code code = take_keys(auth, config, err);
	if (code == ERR_OK)
		code = take_mode(auth, config, http_host, err);
	if (code != ERR_OK)
		return code;
	if (auth->is_open)
		log_warn("auth_open", LOG_STR("meaning", "everybody may do everything"),
			 LOG_STR("http_host", http_host));
	*ret = STEAL(auth);
	return ERR_OK;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	sodium_memzero(auth, sizeof(*auth));
	free(auth);
}

bool auth_is_open(const struct auth *auth)
{
	return auth->is_open;
}

bool auth_can_issue(const struct auth *auth)
{
	return auth->keys.count > 0;
}

/* --- who calls --- */

/* NULL: not `Bearer TOKEN`. */
static const char *bearer_token(const char *value)
{
	static const char scheme[] = "Bearer";
	const size_t len = strlen(scheme);

	if (strncasecmp(value, scheme, len) != 0 || value[len] != ' ')
		return NULL;
	return value + len + strspn(value + len, " ");
}

static err_code read_token(const struct auth *auth, const struct http_request *request,
			   const char *value, struct jwt_claims *ret, struct err *err)
{
	const char *token = bearer_token(value);

	if (!token || http_header_is_ambiguous(request, "Authorization"))
		return err_set(err, ERR_INVALID, "Authorization is not one Bearer token");
	return jwt_decode(&auth->keys, token, strlen(token), clock_wall_ms() / 1000, ret, err);
}

/*
 * In a browser on this machine, and past the gateway, which judges where a page is from: no page
 * can send the gateway's header without asking first, and nobody answers that here.
 */
static bool is_page_itself(const struct http_request *request)
{
	return http_header(request, "Origin") && !http_header(request, "Seatline-Request");
}

bool auth_authenticate(void *ctx, const struct http_request *request, struct http_caller *ret)
{
	const struct auth *auth = ctx;
	struct jwt_claims claims;
	struct err err = { 0 };

	if (auth->is_open && !is_page_itself(request))
		return http_authenticate_nobody(NULL, request, ret);

	*ret = (struct http_caller){ .role = HTTP_ROLE_NOBODY };
	const char *value = http_header(request, "Authorization");
	if (!value || auth->is_open)
		return true;
	if (read_token(auth, request, value, &claims, &err) != ERR_OK) {
		log_debug("token_refused", LOG_STR("reason", err.text),
			  LOG_STR("request_id", request->request_id));
		return false;
	}
	ret->role = claims.is_admin ? HTTP_ROLE_ADMIN : HTTP_ROLE_USER;
	ret->until_s = claims.until_s;
	(void)snprintf(ret->user_id, sizeof(ret->user_id), "%s", claims.user_id);
	return true;
}

void auth_issue(const struct auth *auth, const char *user_id, enum http_role role, int64_t now_s,
		struct auth_token *ret)
{
	assert(auth_can_issue(auth) && role != HTTP_ROLE_NOBODY);

	struct jwt_claims claims = { .is_admin = role == HTTP_ROLE_ADMIN,
				     .issued_s = now_s,
				     .until_s = now_s + auth->ttl_s };
	(void)snprintf(claims.user_id, sizeof(claims.user_id), "%s", user_id);
	jwt_encode(&auth->keys, &claims, ret->text);
	ret->until_s = claims.until_s;
}
