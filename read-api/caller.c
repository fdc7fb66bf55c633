#include "caller.h"

#include <string.h>

bool caller_sees_all(const struct http_caller *caller)
{
	return caller->is_open || caller->role == HTTP_ROLE_ADMIN;
}

bool caller_sees_user(const struct http_caller *caller, const char *user_id, size_t len)
{
	return caller_sees_all(caller) ||
	       (caller->role == HTTP_ROLE_USER && len > 0 && strlen(caller->user_id) == len &&
		memcmp(caller->user_id, user_id, len) == 0);
}

const char *caller_only_user(const struct http_caller *caller)
{
	return caller_sees_all(caller) ? NULL : caller->user_id;
}

bool caller_is_known(const struct http_caller *caller)
{
	return !caller->is_open && caller->role != HTTP_ROLE_NOBODY;
}
