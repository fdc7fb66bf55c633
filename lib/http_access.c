#include "http_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define REALM "Bearer realm=\"seatline\""

static const char *const access_names[] = {
	[HTTP_ACCESS_NONE] = "none",
	[HTTP_ACCESS_PUBLIC] = "public",
	[HTTP_ACCESS_USER] = "user",
	[HTTP_ACCESS_ADMIN] = "admin",
};

/* --- the table --- */

void http_routes_print(const char *server, const struct http_route *routes, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out,
			      "{\"server\":\"%s\",\"method\":\"%s\",\"path\":\"%s\","
			      "\"access\":\"%s\"}\n",
			      server, routes[i].method, routes[i].pattern,
			      access_names[routes[i].access]);
}

err_code http_access_check(const struct http_config *config, const struct http_route *routes,
			   size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (routes[i].access == HTTP_ACCESS_NONE)
			return err_set(err, ERR_INTERNAL, "%s %s does not say who may call it",
				       routes[i].method, routes[i].pattern);
		if (routes[i].access != HTTP_ACCESS_PUBLIC && !config->authenticate)
			return err_set(err, ERR_INTERNAL, "nobody could call %s %s",
				       routes[i].method, routes[i].pattern);
	}
	return ERR_OK;
}

/* --- who it is --- */

bool http_authenticate_nobody(void *ctx, const struct http_request *request,
			      struct http_caller *ret)
{
	(void)ctx;
	(void)request;
	*ret = (struct http_caller){ .role = HTTP_ROLE_ADMIN, .is_open = true };
	return true;
}

static bool is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return strlen(text) < HTTP_ADDRESS_BYTES_MAX &&
	       (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

void http_access_address(const char *forwarded, const char *peer,
			 char ret[static HTTP_ADDRESS_BYTES_MAX])
{
	const char *address = peer;

	if (forwarded) {
		/* Whoever is nearest has added the last one; the others are hearsay. */
		const char *comma = strrchr(forwarded, ',');
		const char *last = comma ? comma + 1 : forwarded;
		last += strspn(last, " \t");
		if (is_address(last))
			address = last;
	}
	(void)snprintf(ret, HTTP_ADDRESS_BYTES_MAX, "%s", is_address(address) ? address : "");
}

static bool may_call(const struct http_caller *caller, enum http_access access)
{
	switch (access) {
	case HTTP_ACCESS_PUBLIC:
		return true;
	case HTTP_ACCESS_USER:
		return caller->role == HTTP_ROLE_USER || caller->role == HTTP_ROLE_ADMIN;
	case HTTP_ACCESS_ADMIN:
		return caller->role == HTTP_ROLE_ADMIN;
	case HTTP_ACCESS_NONE:
		break;
	}
	return false;
}

static void refuse_unknown(struct http_response *response, bool has_token)
{
	http_response_header(response, "WWW-Authenticate",
			     has_token ? REALM ", error=\"invalid_token\"" : REALM);
	http_problem(response, 401, "unauthorized",
		     has_token ? "The token is not valid, or not any more. Please log in again."
			       : "Send the token of a login: Authorization: Bearer TOKEN.");
}

bool http_access_judge(struct http_exchange *x, const struct http_route *route)
{
	const struct http_config *config = &x->server->config;
	struct http_caller *caller = &x->request.caller;

	if (config->authenticate &&
	    !config->authenticate(config->authenticate_ctx, &x->request, caller)) {
		*caller = (struct http_caller){ 0 };
		refuse_unknown(x->response, true);
		return false;
	}
	if (may_call(caller, route->access))
		return true;
	if (caller->role == HTTP_ROLE_NOBODY)
		refuse_unknown(x->response, false);
	else
		http_problem(x->response, 403, "forbidden", "This is not for your role.");
	return false;
}
