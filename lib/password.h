/*
 * password - hashes of passwords by argon2id, a few at a time.
 *
 * A hash takes PASSWORD_MEMORY_BYTES and some 50 ms of a core, on purpose. So at most `at_once` are
 * worked on, and whoever comes meanwhile waits at most wait_ms for a turn, with at most
 * PASSWORD_WAITERS_MAX others: many logins leave places in a program for what is not one.
 * Threads  any.
 * Errors   ERR_UNAVAILABLE: no turn came in time, too many wait, or there is no memory.
 * Source   RFC 9106; libsodium crypto_pwhash, INTERACTIVE limits.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_HASH_BYTES_MAX 128
#define PASSWORD_MEMORY_BYTES   (64u << 20)
#define PASSWORD_WAITERS_MAX    16

struct passwords;

err_code passwords_new(size_t at_once, int64_t wait_ms, struct passwords **ret,
                       struct err *err) _must_check_;
/* Ignores NULL. */
void passwords_free(struct passwords *passwords);
DEFINE_CLEANUP(struct passwords *, passwords_free)

/* A text with salt and limits. */
err_code password_hash(struct passwords *passwords, const char *password, size_t len,
                       char ret[static PASSWORD_HASH_BYTES_MAX], struct err *err) _must_check_;

/*
 * Whether it is the password of that hash. hash NULL: nobody's. That takes as long, so that the
 * time of an answer does not tell whether there is an account, and is never true.
 */
err_code password_verify(struct passwords *passwords, const char *hash, const char *password,
                         size_t len, bool *ret, struct err *err) _must_check_;
