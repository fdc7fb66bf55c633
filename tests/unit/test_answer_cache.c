#include "answer_cache.h"
#include "clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS     16
#define ROOM        (1u << 20)
#define BODY_BYTES  4096
#define HOLD_MS_MAX 5000

/* What answers are made of, and what happens while one is. */
struct source {
	atomic_int version;
	atomic_int made;
	atomic_int asked; /* who asks at once: it is made when all do */
	int wait_for;
	err_code fails;
	struct answer_cache *cache;
	const char *changes_key; /* what changes while it is made */
	struct changes seen;     /* of the last making */
	bool had; /* the answer before */
	bool knew;
};

static struct metrics *metrics;
static struct source source;
static atomic_bool told;

static bool is_told(void *ctx)
{
	(void)ctx;
	return atomic_load(&told);
}

static struct answer_cache *open_cache(size_t bytes_max, int64_t pause_us_max)
{
	const struct answer_cache_config config = { .bytes_max = bytes_max,
						    .pause_us_max = pause_us_max,
						    .is_told = is_told };

	metrics = metrics_new();
	source = (struct source){ 0 };
	atomic_store(&told, true);
	source.cache = answer_cache_open(&config, metrics);
	return source.cache;
}

static void close_cache(void)
{
	answer_cache_close(source.cache);
	metrics_free(metrics);
}

static void hold_until_all_ask(void)
{
	const int64_t start_ms = clock_monotonic_ms();

	while (atomic_load(&source.asked) < source.wait_for &&
	       clock_monotonic_ms() - start_ms < HOLD_MS_MAX)
		clock_sleep_ms(1);
	if (source.wait_for > 0)
		clock_sleep_ms(20); /* from asking to waiting */
}

static err_code make(void *ctx, struct answer *before, const struct changes *changes,
		     struct answer **ret, struct err *err)
{
	struct strbuf body;
	struct changes more = { 0 };
	char etag[32];

	(void)ctx;
	atomic_fetch_add(&source.made, 1);
	source.had = before;
	source.knew = before && changes;
	source.seen = changes ? *changes : (struct changes){ 0 };
	(void)snprintf(etag, sizeof(etag), "\"%d\"", atomic_load(&source.version));
	hold_until_all_ask();
	changes_add_all(&more);
	if (source.changes_key)
		answer_cache_change(source.cache, source.changes_key, &more);
	source.changes_key = NULL;
	if (source.fails != ERR_OK)
		return err_set(err, source.fails, "it is away");

	strbuf_init(&body, BODY_BYTES);
	for (size_t i = 0; i < BODY_BYTES; i++)
		strbuf_add_char(&body, 'x');
	*ret = answer_new(&(struct answer_content){ .body = &body, .etag = etag, .link = "" });
	return ERR_OK;
}

/* The version of the answer, or the error code below zero. */
static int get_aged(const char *key, enum answer_age age)
{
	const struct answer_maker maker = { .make = make };
	struct answer *answer = NULL;
	struct err err = { 0 };
	int version = 0;

	atomic_fetch_add(&source.asked, 1);

	const err_code code = answer_cache_get(source.cache, key, age, &maker, &answer, &err);

	if (code != ERR_OK)
		return -(int)code;
	cr_expect_eq(sscanf(answer_etag(answer), "\"%d\"", &version), 1);
	answer_release(answer);
	return version;
}

static int get(const char *key)
{
	return get_aged(key, ANSWER_AS_TOLD);
}

static void change(const char *key)
{
	struct changes changes = { 0 };

	atomic_fetch_add(&source.version, 1);
	changes_add_block(&changes, 3);
	answer_cache_change(source.cache, key, &changes);
}

TestSuite(answer_cache, .fini = close_cache);

Test(answer_cache, makes_an_answer_once_until_it_changes)
{
	(void)open_cache(ROOM, 0);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(get("a"), 0);
	cr_expect_eq(atomic_load(&source.made), 1);
	cr_expect_eq(get("b"), 0);
	change("a");
	change("unknown");
	cr_expect_eq(get("a"), 2);
	cr_expect(source.knew && changes_has_block(&source.seen, 3) && !source.seen.all);
	cr_expect_eq(get("b"), 0, "nothing of b changed");
	answer_cache_change_all(source.cache);
	cr_expect_eq(get("b"), 2);
	cr_expect_not(source.had);
	cr_expect_eq(get("a"), 2);
	cr_expect_not(source.had);
	cr_expect_eq(atomic_load(&source.made), 5);
}

Test(answer_cache, checks_each_answer_while_changes_are_not_told)
{
	(void)open_cache(ROOM, 0);
	cr_expect_eq(get("a"), 0);
	atomic_store(&told, false);
	atomic_fetch_add(&source.version, 1);
	cr_expect_eq(get("a"), 1);
	cr_expect_not(source.knew);
	cr_expect_eq(get("a"), 1);
	cr_expect_eq(atomic_load(&source.made), 3);
	atomic_store(&told, true);
	cr_expect_eq(get("a"), 1);
	cr_expect_eq(atomic_load(&source.made), 3);
}

/* Equal versions prove nothing then: what is stored may have been repaired under the same ones. */
Test(answer_cache, makes_all_anew_of_what_is_in_doubt_while_changes_are_not_told)
{
	(void)open_cache(ROOM, 0);
	cr_expect_eq(get("a"), 0);
	atomic_store(&told, false);
	cr_expect_eq(get("a"), 0);
	cr_expect(source.had, "compared");
	answer_cache_change_all(source.cache);
	source.fails = ERR_UNAVAILABLE;
	cr_expect_eq(get("a"), -ERR_UNAVAILABLE);
	source.fails = ERR_OK;
	cr_expect_eq(get("a"), 0);
	cr_expect_not(source.had, "made anew");
	cr_expect_eq(get("a"), 0);
	cr_expect(source.had, "compared again");
	answer_cache_change_all(source.cache);
	cr_expect_eq(get_aged("a", ANSWER_CURRENT), 0);
	cr_expect_not(source.had, "made anew for who asks past");
}

Test(answer_cache, checks_for_who_asks_past_what_was_told)
{
	(void)open_cache(ROOM, 60 * 1000000);
	cr_expect_eq(get("a"), 0);
	atomic_fetch_add(&source.version, 1);
	cr_expect_eq(get("a"), 0, "nobody told");
	cr_expect_eq(get_aged("a", ANSWER_CURRENT), 1);
	cr_expect_not(source.knew);
	cr_expect_eq(get("a"), 1);
}

Test(answer_cache, takes_what_changes_while_it_is_made_for_not_seen)
{
	(void)open_cache(ROOM, 0);
	source.changes_key = "a";
	cr_expect_eq(get("a"), 0);
	atomic_fetch_add(&source.version, 1);
	cr_expect_eq(get("a"), 1);
	cr_expect_eq(get("a"), 1);
	cr_expect_eq(atomic_load(&source.made), 2);
}

Test(answer_cache, forgets_no_change_when_making_fails)
{
	(void)open_cache(ROOM, 0);
	cr_expect_eq(get("a"), 0);
	change("a");
	source.fails = ERR_UNAVAILABLE;
	cr_expect_eq(get("a"), -ERR_UNAVAILABLE);
	source.fails = ERR_OK;
	cr_expect_eq(get("a"), 1);
	cr_expect(source.knew && changes_has_block(&source.seen, 3));
	cr_expect_eq(get("a"), 1);
	cr_expect_eq(atomic_load(&source.made), 3);
}

/* Long against any pause of this machine: what it takes to make is nothing. */
Test(answer_cache, pauses_for_as_long_as_making_is_worth)
{
	(void)open_cache(ROOM, 60 * 1000000);
	source.wait_for = 1; /* 20 ms: ten times that is the pause */
	cr_expect_eq(get("a"), 0);

	const int64_t begun_ms = clock_monotonic_ms();

	while (clock_monotonic_ms() - begun_ms < HOLD_MS_MAX) {
		change("a");
		if (get("a") > 0)
			break;
	}
	cr_expect_geq(clock_monotonic_ms() - begun_ms, 100);
	cr_expect_eq(atomic_load(&source.made), 2);
}

static void *ask(void *ret)
{
	*(int *)ret = get("a");
	return NULL;
}

static void ask_at_once(int expected)
{
	pthread_t threads[THREADS];
	int answers[THREADS];

	source.asked = 0;
	source.wait_for = THREADS;
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, ask, &answers[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		cr_expect_eq(answers[i], expected, "%d", answers[i]);
	}
}

Test(answer_cache, makes_one_answer_for_all_who_ask_at_once)
{
	(void)open_cache(ROOM, 0);
	ask_at_once(0);
	cr_expect_eq(atomic_load(&source.made), 1);
	change("a");
	ask_at_once(1);
	cr_expect_eq(atomic_load(&source.made), 2);
}

Test(answer_cache, fails_once_for_all_who_wait)
{
	(void)open_cache(ROOM, 0);
	source.fails = ERR_UNAVAILABLE;
	ask_at_once(-ERR_UNAVAILABLE);
	cr_expect_eq(atomic_load(&source.made), 1);
}

Test(answer_cache, keeps_nothing_of_what_is_not_there)
{
	struct strbuf out;

	(void)open_cache(ROOM, 0);
	source.fails = ERR_NOT_FOUND;
	for (int i = 0; i < 100; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);
		cr_expect_eq(get(key), -ERR_NOT_FOUND);
	}
	source.fails = ERR_OK;
	cr_expect_eq(get("a"), 0);
	source.fails = ERR_NOT_FOUND;
	change("a");
	cr_expect_eq(get("a"), -ERR_NOT_FOUND);
	strbuf_init(&out, 1 << 20);
	metrics_render(metrics, &out);
	cr_expect(strstr(out.data, "\nseatline_answers{kind=\"maps\"} 0\n"), "%s", out.data);
	cr_expect(strstr(out.data, "\nseatline_answer_bytes{kind=\"maps\"} 0\n"), "%s", out.data);
	strbuf_done(&out);
}

Test(answer_cache, drops_what_was_asked_for_longest_ago)
{
	(void)open_cache(3 * (BODY_BYTES + 1024), 0);
	cr_expect_eq(get("a"), 0);
	cr_expect_eq(get("b"), 0);
	for (int i = 0; i < 20; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);
		cr_expect_eq(get(key), 0);
		cr_expect_eq(get("a"), 0);
	}
	cr_expect_eq(atomic_load(&source.made), 22, "a was always in use");
	cr_expect_eq(get("b"), 0);
	cr_expect_eq(atomic_load(&source.made), 23, "b was not");
}

Test(answer_cache, gives_what_it_has_no_room_for)
{
	(void)open_cache(0, 0);
	cr_expect_eq(get("a"), 0);
	cr_expect_eq(get("a"), 0);
	cr_expect_eq(atomic_load(&source.made), 2);
	ask_at_once(0);
}
