/*
 * err - what went wrong, and what the caller may do about it.
 */
#pragma once

#include <stdbool.h>

typedef enum err_code {
	ERR_OK = 0,
	ERR_INVALID,	 /* the caller's input is wrong: reject, never retry   */
	ERR_CONFLICT,	 /* a rule of the domain says no: answer it, go on     */
	ERR_NOT_FOUND,	 /* the thing does not exist (yet, on the read side)   */
	ERR_UNAVAILABLE, /* a peer is down or slow: retry with backoff         */
	ERR_INTERNAL,	 /* a bug or a broken invariant: log it, stop          */
	ERR_CODE_COUNT,
} err_code;

struct err {
	err_code code;
	char text[192]; /* NUL-terminated, for the log; never shown to a client */
};

/* Fills *e (which may be NULL) and returns code, so a failure is one statement. */
err_code err_set(struct err *e, err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

const char *err_name(err_code code);
bool err_is_retriable(err_code code);
