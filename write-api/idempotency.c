#include "idempotency.h"

#include "log.h"
#include "redis_pool.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES      16
#define HASH_TEXT_BYTES (2 * HASH_BYTES + 1)
#define KEY_PREFIX      "seatline:idempotency:"

struct idempotency {
	struct redis_pool *pool;
	int64_t ttl_ms;
	atomic_bool up;
	struct metric *answers[IDEMPOTENCY_ANSWER_COUNT];
};

static void add_metrics(struct idempotency *idempotency, struct metrics *metrics)
{
	static const char *const labels[IDEMPOTENCY_ANSWER_COUNT] = {
		[IDEMPOTENCY_NEW] = "answer=\"new\"",
		[IDEMPOTENCY_REPEATED] = "answer=\"repeated\"",
		[IDEMPOTENCY_CONFLICT] = "answer=\"conflict\"",
		[IDEMPOTENCY_UNKNOWN] = "answer=\"unavailable\"",
	};

	for (size_t i = 0; i < IDEMPOTENCY_ANSWER_COUNT; i++)
		idempotency->answers[i] = metrics_add_counter(
			metrics, "seatline_idempotency_total", labels[i],
			"Requests with an idempotency key, by what Redis knew of it.");
}

struct idempotency *idempotency_new(const struct redis_config *redis, int64_t ttl_s,
				    struct metrics *metrics)
{
	struct idempotency *idempotency = calloc(1, sizeof(*idempotency));
	assert(idempotency);

	idempotency->pool = redis_pool_new(redis);
	idempotency->ttl_ms = ttl_s * 1000;
	atomic_init(&idempotency->up, true);
	add_metrics(idempotency, metrics);
	return idempotency;
}

void idempotency_free(struct idempotency *idempotency)
{
	if (!idempotency)
		return;
	redis_pool_free(idempotency->pool);
	free(idempotency);
}

bool idempotency_is_up(const struct idempotency *idempotency)
{
	return atomic_load(&idempotency->up);
}

/* --- hashes --- */

/* Ids and keys hold no NUL, so that their ends, hashed with them, keep two lists apart. */
static void add_text(crypto_generichash_state *hash, const char *text)
{
	(void)crypto_generichash_update(hash, (const unsigned char *)text,
					strlen(text) + 1); /* Never fails. */
}

static void begin_hash(crypto_generichash_state *hash)
{
	(void)crypto_generichash_init(hash, NULL, 0, HASH_BYTES); /* Fails only for bad sizes. */
}

static void end_hash(crypto_generichash_state *hash, char ret[static HASH_TEXT_BYTES])
{
	unsigned char bytes[HASH_BYTES];

	(void)crypto_generichash_final(hash, bytes,
				       sizeof(bytes)); /* Fails only when used twice. */
	(void)sodium_bin2hex(ret, HASH_TEXT_BYTES, bytes, sizeof(bytes));
}

/* A key is its user's: nobody can use up another's by guessing it. For a command on a booking it is
 * that user's with this booking. */
static void hash_whose_key(const char *user_id, const char *booking_id, const char *key,
			   char ret[static HASH_TEXT_BYTES])
{
	crypto_generichash_state hash;

	begin_hash(&hash);
	add_text(&hash, user_id);
	add_text(&hash, booking_id);
	add_text(&hash, key);
	end_hash(&hash, ret);
}

static void hash_key(const struct command *command, const char *key,
		     char ret[static HASH_TEXT_BYTES])
{
	const bool makes = command_makes_booking(command->type);

	hash_whose_key(command->user_id, makes ? "" : command->booking_id.text, key, ret);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What makes two requests the same: not the order of the seats, nor the ids made here, which
 * follow, nor the time. */
static void hash_command(const struct command *command, char ret[static HASH_TEXT_BYTES])
{
	char seat_ids[COMMAND_SEATS_MAX][IDENT_BYTES_MAX];
	crypto_generichash_state hash;

	memcpy(seat_ids, command->seat_ids, sizeof(seat_ids));
	qsort(seat_ids, command->seat_count, sizeof(seat_ids[0]), compare_texts);
	begin_hash(&hash);
	add_text(&hash, command_type_name(command->type));
	add_text(&hash, command->user_id);
	add_text(&hash, command->event_id);
	add_text(&hash, command->payment_reference);
	for (unsigned i = 0; i < command->seat_count; i++)
		add_text(&hash, seat_ids[i]);
	end_hash(&hash, ret);
}

/* --- the question --- */

static enum idempotency_answer read_reply(const redisReply *reply, const char *mine,
					  struct err *err)
{
	if (reply->type == REDIS_REPLY_NIL)
		return IDEMPOTENCY_NEW;
	if (reply->type == REDIS_REPLY_STRING)
		return strcmp(reply->str, mine) == 0 ? IDEMPOTENCY_REPEATED : IDEMPOTENCY_CONFLICT;
	(void)err_set(err, ERR_UNAVAILABLE, "redis: %s",
		      reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another kind");
	return IDEMPOTENCY_UNKNOWN;
}

static enum idempotency_answer ask(struct redis *redis, const char *name, const char *mine,
				   int64_t ttl_ms, struct err *err)
{
	char ttl[24];
	(void)snprintf(ttl, sizeof(ttl), "%" PRId64, ttl_ms);
	const char *argv[] = { "SET", name, mine, "NX", "GET", "PX", ttl };

	_cleanup_(redis_reply_freep) redisReply *reply = NULL;
	if (redis_ensure(redis, err) != ERR_OK ||
	    redis_append(redis, sizeof(argv) / sizeof(argv[0]), argv, NULL, err) != ERR_OK ||
	    redis_reply(redis, &reply, err) != ERR_OK)
		return IDEMPOTENCY_UNKNOWN;
	return read_reply(reply, mine, err);
}

/* One line per change, however many requests see it. */
static void note_state(struct idempotency *idempotency, bool up, const struct err *err)
{
	if (atomic_exchange(&idempotency->up, up) == up)
		return;
	if (up)
		log_info("idempotency_store_back");
	else
		log_warn("idempotency_store_lost", LOG_STR("error", err->text));
}

/* name is that of the key, in Redis; mine what was asked. */
static enum idempotency_answer remember(struct idempotency *idempotency, const char *name,
					const char *mine)
{
	enum idempotency_answer answer = IDEMPOTENCY_UNKNOWN;
	struct err err = { .text = "no connection came free in time" };

	struct redis *redis = redis_pool_take(idempotency->pool);
	if (redis) {
		answer = ask(redis, name, mine, idempotency->ttl_ms, &err);
		redis_pool_give_back(idempotency->pool, redis);
	}
	note_state(idempotency, answer != IDEMPOTENCY_UNKNOWN, &err);
	metric_add(idempotency->answers[answer], 1);
	return answer;
}

enum idempotency_answer idempotency_remember(struct idempotency *idempotency,
					     const struct command *command, const char *key)
{
	char name[sizeof(KEY_PREFIX) + HASH_TEXT_BYTES] = KEY_PREFIX;
	char mine[HASH_TEXT_BYTES];

	hash_key(command, key, name + strlen(KEY_PREFIX));
	hash_command(command, mine);
	return remember(idempotency, name, mine);
}

enum idempotency_answer idempotency_remember_texts(struct idempotency *idempotency,
						   const char *user_id, const char *key,
						   const char *const *texts, size_t count)
{
	char name[sizeof(KEY_PREFIX) + HASH_TEXT_BYTES] = KEY_PREFIX;
	char mine[HASH_TEXT_BYTES];
	crypto_generichash_state hash;

	hash_whose_key(user_id, "", key, name + strlen(KEY_PREFIX));
	begin_hash(&hash);
	for (size_t i = 0; i < count; i++)
		add_text(&hash, texts[i]);
	end_hash(&hash, mine);
	return remember(idempotency, name, mine);
}
