#include "password.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define PASSWORD    "correct horse"
#define THREADS_MAX (PASSWORD_WAITERS_MAX + 8)

static struct passwords *open_passwords(size_t at_once, int64_t wait_ms)
{
	struct passwords *passwords = NULL;

	cr_assert_eq(passwords_new(at_once, wait_ms, &passwords, NULL), ERR_OK);
	return passwords;
}

static bool verify(struct passwords *passwords, const char *hash, const char *password)
{
	bool is_right = true;

	cr_assert_eq(password_verify(passwords, hash, password, strlen(password), &is_right, NULL),
		     ERR_OK);
	return is_right;
}

Test(password, knows_its_own_and_no_other)
{
	_cleanup_(passwords_freep) struct passwords *passwords = open_passwords(1, 0);
	char hash[PASSWORD_HASH_BYTES_MAX], again[PASSWORD_HASH_BYTES_MAX];

	cr_assert_eq(password_hash(passwords, PASSWORD, strlen(PASSWORD), hash, NULL), ERR_OK);
	cr_assert_eq(password_hash(passwords, PASSWORD, strlen(PASSWORD), again, NULL), ERR_OK);
	cr_expect_str_neq(hash, again, "without a salt");
	cr_expect_eq(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0, "%s", hash);
	cr_expect(verify(passwords, hash, PASSWORD));
	cr_expect_not(verify(passwords, hash, PASSWORD "!"));
	cr_expect_not(verify(passwords, hash, ""));
}

Test(password, is_never_nobodys_and_takes_a_turn_to_find_out)
{
	_cleanup_(passwords_freep) struct passwords *passwords = open_passwords(1, 0);

	cr_expect_not(verify(passwords, NULL, PASSWORD));
	cr_expect_not(verify(passwords, NULL, ""));
}

/* What is worked out for nobody is as much as for somebody: the same limits. */
Test(password, does_not_call_a_broken_hash_a_wrong_password)
{
	_cleanup_(passwords_freep) struct passwords *passwords = open_passwords(1, 0);
	bool is_right = true;

	cr_expect_eq(password_verify(passwords, "$argon2id$nonsense", PASSWORD, strlen(PASSWORD),
				     &is_right, NULL),
		     ERR_UNAVAILABLE);
	cr_expect(is_right, "the result was touched");
}

struct worker {
	struct passwords *passwords;
	atomic_int refused, done;
};

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	bool is_right;

	if (password_verify(worker->passwords, NULL, PASSWORD, strlen(PASSWORD), &is_right, NULL) ==
	    ERR_OK)
		atomic_fetch_add(&worker->done, 1);
	else
		atomic_fetch_add(&worker->refused, 1);
	return NULL;
}

static void run(struct worker *worker, size_t threads)
{
	pthread_t ids[THREADS_MAX];

	cr_assert_leq(threads, sizeof(ids) / sizeof(ids[0]));
	for (size_t i = 0; i < threads; i++)
		cr_assert_eq(pthread_create(&ids[i], NULL, work, worker), 0);
	for (size_t i = 0; i < threads; i++)
		(void)pthread_join(ids[i], NULL);
}

Test(password, turns_away_who_has_no_turn_in_time)
{
	struct worker worker = { .passwords = open_passwords(1, 0) };

	/* They start within the milliseconds that one takes many of; most find it taken. */
	run(&worker, 8);
	cr_expect_geq(atomic_load(&worker.done), 1);
	cr_expect_geq(atomic_load(&worker.refused), 1);
	cr_expect_eq(atomic_load(&worker.done) + atomic_load(&worker.refused), 8);
	passwords_free(worker.passwords);
}

Test(password, lets_all_have_their_turn_who_wait)
{
	struct worker worker = { .passwords = open_passwords(1, 60000) };

	run(&worker, 4);
	cr_expect_eq(atomic_load(&worker.done), 4);
	passwords_free(worker.passwords);
}

Test(password, lets_so_many_wait_and_no_more)
{
	struct worker worker = { .passwords = open_passwords(1, 60000) };

	run(&worker, THREADS_MAX);
	cr_expect_geq(atomic_load(&worker.done), PASSWORD_WAITERS_MAX + 1);
	cr_expect_geq(atomic_load(&worker.refused), 1);
	cr_expect_eq(atomic_load(&worker.done) + atomic_load(&worker.refused), THREADS_MAX);
	passwords_free(worker.passwords);
}
