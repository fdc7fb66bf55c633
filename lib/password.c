#include "password.h"

#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#define SALT_BYTES 16
#define HASH_BYTES 32

_Static_assert(PASSWORD_HASH_BYTES_MAX >= crypto_pwhash_STRBYTES, "a hash has its room");
_Static_assert(PASSWORD_MEMORY_BYTES == crypto_pwhash_MEMLIMIT_INTERACTIVE, "as is said");

struct passwords {
	pthread_mutex_t lock;
	pthread_cond_t left;
	size_t free;
	size_t waiting;
	int64_t wait_ms;
	char nobody[PASSWORD_HASH_BYTES_MAX];
};

/* The hash of no password that anybody knows, with the limits of all the others. */
static void make_nobody(char ret[static PASSWORD_HASH_BYTES_MAX])
{
	unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
	char salt_text[2 * SALT_BYTES], hash_text[2 * HASH_BYTES];
	const int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(hash, sizeof(hash));
	(void)sodium_bin2base64(salt_text, sizeof(salt_text), salt, sizeof(salt), variant);
	(void)sodium_bin2base64(hash_text, sizeof(hash_text), hash, sizeof(hash), variant);
	(void)snprintf(ret, PASSWORD_HASH_BYTES_MAX, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
		       (unsigned)(crypto_pwhash_MEMLIMIT_INTERACTIVE / 1024),
		       (unsigned)crypto_pwhash_OPSLIMIT_INTERACTIVE, salt_text, hash_text);
}

err_code passwords_new(size_t at_once, int64_t wait_ms, struct passwords **ret, struct err *err)
{
	assert(at_once > 0 && wait_ms >= 0);

	struct passwords *passwords = calloc(1, sizeof(*passwords));
	pthread_condattr_t clock;
	if (!passwords || sodium_init() < 0) {
		free(passwords);
		return err_set(err, ERR_INTERNAL, "out of memory, or of random bytes");
	}
	/* None of these fails on Linux: nothing is allocated. */
	(void)pthread_mutex_init(&passwords->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&passwords->left, &clock);
	(void)pthread_condattr_destroy(&clock);
	passwords->free = at_once;
	passwords->wait_ms = wait_ms;
	make_nobody(passwords->nobody);
	*ret = passwords;
	return ERR_OK;
}

void passwords_free(struct passwords *passwords)
{
	if (!passwords)
		return;
	(void)pthread_cond_destroy(&passwords->left);
	(void)pthread_mutex_destroy(&passwords->lock);
	free(passwords);
}

static bool enter(struct passwords *passwords)
{
	const int64_t until_ms = clock_monotonic_ms() + passwords->wait_ms;
	const struct timespec until = { .tv_sec = until_ms / 1000,
					.tv_nsec = until_ms % 1000 * 1000000 };
	int status = 0;

	(void)pthread_mutex_lock(&passwords->lock);
	if (passwords->free == 0 && passwords->waiting == PASSWORD_WAITERS_MAX)
		status = ETIMEDOUT;
	passwords->waiting++;
	while (passwords->free == 0 && status != ETIMEDOUT)
		status = pthread_cond_timedwait(&passwords->left, &passwords->lock, &until);
	passwords->waiting--;
	const bool entered = passwords->free > 0;
	if (entered)
		passwords->free--;
	(void)pthread_mutex_unlock(&passwords->lock);
	return entered;
}

static void leave(struct passwords *passwords)
{
	(void)pthread_mutex_lock(&passwords->lock);
	passwords->free++;
	(void)pthread_cond_signal(&passwords->left);
	(void)pthread_mutex_unlock(&passwords->lock);
}

static err_code no_turn(struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "as many passwords are looked at as may be");
}

err_code password_hash(struct passwords *passwords, const char *password, size_t len,
		       char ret[static PASSWORD_HASH_BYTES_MAX], struct err *err)
{
	if (!enter(passwords))
		return no_turn(err);
	const int status = crypto_pwhash_str_alg(
		ret, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
		crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
	leave(passwords);
	return status == 0 ? ERR_OK : err_set(err, ERR_UNAVAILABLE, "no memory for a hash");
}

err_code password_verify(struct passwords *passwords, const char *hash, const char *password,
			 size_t len, bool *ret, struct err *err)
{
	if (!enter(passwords))
		return no_turn(err);
	errno = 0;
	const int status =
		crypto_pwhash_str_verify(hash ? hash : passwords->nobody, password, len);
	const bool is_wrong = status != 0 && errno == EINVAL;
	leave(passwords);

	if (status != 0 && !is_wrong)
		return err_set(err, ERR_UNAVAILABLE, "a hash was not worked out: errno %d", errno);
	*ret = status == 0 && hash;
	return ERR_OK;
}
