/*
 * caller - what a caller may know of users: nobody nothing, a user what is about themselves, an
 * admin all; in open mode everybody all.
 *
 * Threads  any; no state.
 */
#pragma once

#include "http.h"

#include <stdbool.h>
#include <stddef.h>

bool caller_sees_all(const struct http_caller *caller);
/* What is about the user of that id, which need not end in NUL. */
bool caller_sees_user(const struct http_caller *caller, const char *user_id, size_t len);
/* The one id that the caller may see, "" for none; NULL: the caller sees all. */
const char *caller_only_user(const struct http_caller *caller);

/* Who they are was asked, and told: what they are answered is for nobody else to keep. */
bool caller_is_known(const struct http_caller *caller);
