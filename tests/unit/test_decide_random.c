/*
 * Whatever is asked, in whatever order, however often and at whatever time: batches of random
 * commands are decided, now and then thrown away as by a crash and delivered again, and written to
 * a ledger in memory; a reader of its log then says whether every promise was kept.
 *
 * SEATLINE_SEED=n begins with the episode of that seed, which a failure prints.
 */
#include "ledger_model.h"
#include "log_reader.h"
#include "table.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A step is a command that was decided, or a sweep. */
#define STEPS           1000000
#define STEPS_SANITIZED 150000

#define EPISODE_COMMANDS 800 /* then everything begins anew */
#define BATCH_MAX        20
#define SWEEP_MAX        5
#define RECENT           24 /* how far back most commands look */
#define START_MS         1000000
#define TTL_MS           1000 /* about what a hold lasts */

#if defined(__SANITIZE_ADDRESS__)
#define STEPS_OF_A_RUN STEPS_SANITIZED
#else
#define STEPS_OF_A_RUN STEPS
#endif

static_assert(EPISODE_COMMANDS < MODEL_BOOKINGS_MAX && EPISODE_COMMANDS < MODEL_IDS_MAX &&
		      EPISODE_COMMANDS < MODEL_KEYS,
	      "each command may need a number of each");

struct episode {
	uint64_t random;
	struct model_rules rules[MODEL_EVENTS];
	bool sweeps;
	int64_t now_ms;
	struct ledger_model *model;
	struct log_reader *reader;
	struct state *state;
	struct journal *journal;
	/* The log of commands, and how far it was consumed. */
	struct command commands[EPISODE_COMMANDS];
	int command_count;
	int next;
	int users[MODEL_BOOKINGS_MAX]; /* of bookings; ABSENT: nobody asked for it */
	int booking_count, id_count, key_count;
};

/* What happened, so that a test in which nothing does is not taken for a good one. */
static struct {
	int64_t steps, episodes, crashes, rewinds, swept, ended;
	int64_t verdicts[VERDICT_COUNT], reasons[REASON_COUNT];
} seen;

static uint64_t episode_seed;

/* An assertion of the program ends the process: the seed is told all the same. */
static void tell_seed(int number)
{
	char text[] = "SEATLINE_SEED=00000000000000000000 aborted\n";

	(void)number;
	for (size_t i = strlen("SEATLINE_SEED=") + 19; episode_seed > 0; episode_seed /= 10)
		text[i--] = (char)('0' + episode_seed % 10);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		return; /* There is nobody left to tell. */
}

/* ---- Chance ---- */

/* SplitMix64. */
static uint64_t draw(struct episode *episode)
{
	uint64_t ret = episode->random += 0x9e3779b97f4a7c15u;

	ret = (ret ^ ret >> 30) * 0xbf58476d1ce4e5b9u;
	ret = (ret ^ ret >> 27) * 0x94d049bb133111ebu;
	return ret ^ ret >> 31;
}

static int below(struct episode *episode, int64_t limit)
{
	return (int)(draw(episode) % (uint64_t)limit);
}

static bool one_in(struct episode *episode, int chance)
{
	return below(episode, chance) == 0;
}

/* Mostly one of the newest. */
static int recent(struct episode *episode, int count)
{
	const int newest = count < RECENT ? count : RECENT;

	return one_in(episode, 6) ? below(episode, count) : count - 1 - below(episode, newest);
}

/* ---- Commands ---- */

static void set_name(char *to, char kind, int number)
{
	(void)snprintf(to, IDENT_BYTES_MAX, "%c%d", kind, number);
}

static void choose_seats(struct episode *episode, struct command *command)
{
	const int wanted = one_in(episode, 30) ? MODEL_SEATS : 1 + below(episode, 4);
	unsigned chosen = 0;

	command->seat_count = 0;
	for (int tries = 0; tries < 2 * wanted; tries++) {
		const int seat = below(episode, one_in(episode, 10) ? MODEL_SEATS : BLOCKED_SEAT);
		if (chosen & 1u << seat || (int)command->seat_count == wanted)
			continue;
		chosen |= 1u << seat;
		set_name(command->seat_ids[command->seat_count++], 's', seat);
	}
}

static struct command request(struct episode *episode, int booking, int user, int event)
{
	struct command ret = { .type = one_in(episode, 4) ? COMMAND_BOOK : COMMAND_HOLD };

	model_set_id(ret.booking_id.text, booking);
	set_name(ret.user_id, 'u', user);
	set_name(ret.event_id, 'e', event);
	choose_seats(episode, &ret);
	return ret;
}

static int new_booking(struct episode *episode, int user)
{
	episode->users[episode->booking_count] = user;
	return episode->booking_count++;
}

static int some_event(struct episode *episode)
{
	return below(episode, one_in(episode, 12) ? MODEL_EVENTS : NO_EVENT);
}

/* The same user and key make the same booking of one event, and others of others. */
static struct command reuse_key(struct episode *episode, const struct command *earlier)
{
	const int event = some_event(episode);
	const int user = model_number(earlier->user_id);
	int booking = ABSENT;

	for (int i = 0; i < episode->command_count && booking == ABSENT; i++) {
		const struct command *const command = &episode->commands[i];
		if (strcmp(command->idempotency_key.text, earlier->idempotency_key.text) == 0 &&
		    model_number(command->event_id) == event)
			booking = model_number(command->booking_id.text);
	}
	if (booking == ABSENT)
		booking = new_booking(episode, user);
	struct command ret = request(episode, booking, user, event);
	ret.idempotency_key = earlier->idempotency_key;
	return ret;
}

static struct command make_command(struct episode *episode)
{
	const int user = below(episode, MODEL_USERS);

	if (episode->command_count > 0 && one_in(episode, 3)) {
		const struct command *const earlier =
			&episode->commands[recent(episode, episode->command_count)];
		if (earlier->idempotency_key.text[0] != '\0')
			return reuse_key(episode, earlier);
	}
	struct command ret =
		request(episode, new_booking(episode, user), user, some_event(episode));
	if (one_in(episode, 3))
		model_set_id(ret.idempotency_key.text, episode->key_count++);
	return ret;
}

/* Rarely the end of an event, for there are few. */
static struct command administer_command(struct episode *episode)
{
	const int user = below(episode, MODEL_USERS);
	struct command ret = request(episode, new_booking(episode, user), user,
				     some_event(episode));

	ret.type = one_in(episode, 2) ? COMMAND_BLOCK : COMMAND_UNBLOCK;
	if (one_in(episode, 20)) {
		ret.type = COMMAND_CANCEL_EVENT;
		ret.seat_count = 0;
	}
	return ret;
}

/* One key of a client may come with another command. */
static int id_for(struct episode *episode, const char *booking_id)
{
	if (one_in(episode, 8))
		for (int i = episode->command_count - 1; i >= 0; i--)
			if (episode->commands[i].id.text[0] != '\0' &&
			    strcmp(episode->commands[i].booking_id.text, booking_id) == 0)
				return model_number(episode->commands[i].id.text);
	return episode->id_count++;
}

/* Mostly one that has seats, now and then one that was never asked for. */
static int some_booking(struct episode *episode)
{
	if (episode->booking_count == 0 || one_in(episode, 60))
		return new_booking(episode, ABSENT);
	for (int tries = 0; tries < RECENT && !one_in(episode, RECENT); tries++) {
		const int ret = recent(episode, episode->booking_count);
		const struct known_booking *const booking = &episode->model->bookings[ret];
		if (booking->exists &&
		    (booking->status == BOOKING_HELD || booking->status == BOOKING_CONFIRMED))
			return ret;
	}
	return recent(episode, episode->booking_count);
}

static struct command act_command(struct episode *episode)
{
	static const enum command_type types[] = { COMMAND_CONFIRM, COMMAND_EXTEND, COMMAND_CANCEL,
						   COMMAND_CANCEL };
	const int booking = some_booking(episode);
	struct command ret = { .type = types[below(episode, COUNT(types))] };
	int user = episode->users[booking];

	model_set_id(ret.booking_id.text, booking);
	if (user == ABSENT || one_in(episode, 8))
		user = below(episode, MODEL_USERS);
	if (!one_in(episode, 4))
		set_name(ret.user_id, 'u', user);
	model_set_id(ret.id.text, id_for(episode, ret.booking_id.text));
	if (ret.type == COMMAND_CONFIRM && one_in(episode, 2))
		(void)snprintf(ret.payment_reference, sizeof(ret.payment_reference), "p%d",
			       below(episode, 1000));
	return ret;
}

/* Delivered again: as it was, or with the same id and another content. */
static struct command repeat_command(struct episode *episode)
{
	struct command ret = episode->commands[recent(episode, episode->command_count)];

	if (!one_in(episode, 4))
		return ret;
	if (!command_makes_booking(ret.type))
		return request(episode, model_number(ret.booking_id.text),
			       below(episode, MODEL_USERS), some_event(episode));
	if (one_in(episode, 2) && ret.type != COMMAND_CANCEL_EVENT)
		choose_seats(episode, &ret);
	else if (!command_takes_seats(ret.type))
		set_name(ret.user_id, 'u', below(episode, MODEL_USERS));
	else
		ret.type = ret.type == COMMAND_BOOK ? COMMAND_HOLD : COMMAND_BOOK;
	return ret;
}

static struct command some_command(struct episode *episode)
{
	if (episode->command_count > 0 && one_in(episode, 8))
		return repeat_command(episode);
	if (one_in(episode, 12))
		return administer_command(episode);
	return one_in(episode, 2) ? make_command(episode) : act_command(episode);
}

/* ---- Events and time ---- */

static struct model_rules some_rules(struct episode *episode)
{
	struct model_rules ret = {
		.hold_ttl_ms = TTL_MS / 4 + below(episode, TTL_MS),
		.extensions_max = below(episode, 3),
		.seats_per_user_max = one_in(episode, 3) ? 0 : 1 + below(episode, 6),
		.holds_per_user_max = one_in(episode, 2) ? 0 : 1 + below(episode, 5),
		.sales_open_ms = INT64_MIN,
		.sales_close_ms = INT64_MAX,
		.cancelled_ms = INT64_MAX,
	};

	if (one_in(episode, 8))
		ret.sales_open_ms = START_MS + below(episode, 3 * TTL_MS);
	if (one_in(episode, 8))
		ret.sales_close_ms = START_MS + 5 * TTL_MS + below(episode, 10 * TTL_MS);
	if (one_in(episode, 8))
		ret.cancelled_ms = START_MS + below(episode, 15 * TTL_MS);
	return ret;
}

/* A moment at which something changes. */
static int64_t some_edge(struct episode *episode)
{
	const struct model_rules *const rules = &episode->rules[below(episode, NO_EVENT)];

	if (one_in(episode, 10))
		return one_in(episode, 2) ? rules->sales_open_ms : rules->sales_close_ms;
	for (int tries = 0; tries < RECENT && episode->model->bookings_end > 0; tries++) {
		const struct known_booking *const booking =
			&episode->model->bookings[recent(episode, episode->model->bookings_end)];
		if (booking->status == BOOKING_HELD && booking->expires_ms > 0)
			return booking->expires_ms;
	}
	return INT64_MIN;
}

static void pass_time(struct episode *episode)
{
	const int64_t edge_ms = some_edge(episode);
	const int64_t later_ms = episode->now_ms + 2 * TTL_MS;

	if (one_in(episode, 4) && edge_ms > episode->now_ms && edge_ms < later_ms)
		episode->now_ms = edge_ms - 1 + below(episode, 3);
	else if (one_in(episode, 10))
		episode->now_ms += below(episode, TTL_MS);
	else if (one_in(episode, 2))
		episode->now_ms += below(episode, TTL_MS / 8);
}

/* ---- The worker ---- */

static void count_outcome(const struct outcome *outcome)
{
	seen.verdicts[outcome->verdict]++;
	seen.reasons[outcome->reason]++;
	seen.ended += outcome->lapsed_count;
}

/* The next commands of the log, which are asked for when they are needed: how many. */
static int take_commands(struct episode *episode, int most)
{
	const int end =
		episode->next + most < EPISODE_COMMANDS ? episode->next + most : EPISODE_COMMANDS;

	for (; episode->command_count < end; episode->command_count++)
		episode->commands[episode->command_count] = some_command(episode);
	return end - episode->next;
}

/* What came of the commands of one batch: outcomes, and where each one's rows end. */
struct batch {
	struct outcome outcomes[BATCH_MAX];
	size_t rows_end[BATCH_MAX];
};

static const char *settle(struct episode *episode, const struct command *commands,
			  const struct batch *batch, int count)
{
	const struct log_row *const rows = &episode->model->rows[episode->model->row_count];
	const char *wrong = ledger_model_commit(episode->model, episode->state, episode->journal,
						episode->now_ms);

	for (int i = 0; i < count && !wrong; i++) {
		const size_t begin = i > 0 ? batch->rows_end[i - 1] : 0;
		count_outcome(&batch->outcomes[i]);
		wrong = log_reader_take(episode->reader, &commands[i], batch->outcomes[i].verdict,
					rows + begin, batch->rows_end[i] - begin, episode->now_ms);
	}
	episode->next += count;
	return wrong;
}

/* A crash may come after any of the commands, and even after all, but before the commit. */
static const char *serve_batch(struct episode *episode)
{
	const int count = take_commands(episode, 1 + below(episode, BATCH_MAX));
	const struct command *const commands = &episode->commands[episode->next];
	const bool crashes = one_in(episode, 8);
	const int end = crashes ? below(episode, count + 1) : count;
	struct batch batch;

	state_reset(episode->state);
	journal_reset(episode->journal);
	for (int i = 0; i < count; i++)
		state_want(episode->state, &commands[i]);
	ledger_model_begin(episode->model, episode->state, episode->now_ms);
	for (int i = 0; i < end; i++) {
		batch.outcomes[i] = decide(episode->state, &commands[i], episode->now_ms);
		journal_apply(episode->journal, episode->state, &commands[i], &batch.outcomes[i],
			      episode->now_ms);
		batch.rows_end[i] = episode->journal->count;
	}
	seen.steps += end;
	if (!crashes)
		return settle(episode, commands, &batch, count);

	seen.crashes++;
	return NULL;
}

static const char *sweep(struct episode *episode)
{
	state_reset(episode->state);
	journal_reset(episode->journal);
	const size_t found =
		ledger_model_sweep(episode->model, episode->state,
				   (size_t)below(episode, SWEEP_MAX) + 1, episode->now_ms);
	const size_t swept = journal_sweep(episode->journal, episode->state, episode->now_ms);
	const struct log_row *const rows = &episode->model->rows[episode->model->row_count];
	const char *const wrong = ledger_model_commit(episode->model, episode->state,
						      episode->journal, episode->now_ms);

	seen.steps++;
	seen.swept += (int64_t)swept;
	if (wrong)
		return wrong;
	if (swept != found)
		return "a sweep ended others than those whose time was over";
	return log_reader_take(episode->reader, NULL, VERDICT_COUNT, rows, swept, episode->now_ms);
}

/* ---- Episodes ---- */

static void episode_init(struct episode *episode, uint64_t seed)
{
	memset(episode, 0, sizeof(*episode));
	episode->random = seed;
	episode->now_ms = START_MS;
	episode->sweeps = !one_in(episode, 3);
	for (int i = 0; i < MODEL_EVENTS; i++)
		episode->rules[i] = some_rules(episode);
	episode->model = ledger_model_new(episode->rules);
	episode->reader = log_reader_new(episode->rules);
	episode->state = state_new(BATCH_MAX);
	episode->journal = journal_new(BATCH_MAX);
}

static void episode_done(struct episode *episode)
{
	ledger_model_free(episode->model);
	log_reader_free(episode->reader);
	state_free(episode->state);
	journal_free(episode->journal);
}

static const char *live_through(struct episode *episode)
{
	const char *wrong = NULL;

	while (!wrong && episode->next < EPISODE_COMMANDS) {
		pass_time(episode);
		wrong = serve_batch(episode);
		if (!wrong && episode->sweeps && one_in(episode, 3))
			wrong = sweep(episode);
		if (episode->next > BATCH_MAX && one_in(episode, 50)) {
			episode->next -= 1 + below(episode, BATCH_MAX);
			seen.rewinds++;
		}
	}
	return wrong ? wrong : log_reader_compare(episode->reader, episode->model);
}

/* Episodes from this seed on. */
static void run(uint64_t seed, int64_t steps)
{
	static struct episode episode;
	const int64_t until = seen.steps + steps;

	(void)fprintf(stderr, "SEATLINE_SEED=%" PRIu64 " for %" PRId64 " steps\n", seed, steps);
	for (episode_seed = seed; seen.steps < until; episode_seed++) {
		char wrong[MODEL_TEXT_MAX];

		episode_init(&episode, episode_seed);
		const char *const found = live_through(&episode);
		(void)snprintf(wrong, sizeof(wrong), "%s", found ? found : "");
		episode_done(&episode);
		cr_assert_null(found, "SEATLINE_SEED=%" PRIu64 ": %s", episode_seed, wrong);
		seen.episodes++;
	}
}

static void expect_all_was_seen(void)
{
	for (int i = 0; i < VERDICT_COUNT; i++)
		cr_expect_gt(seen.verdicts[i], 0, "never %s", verdict_name((enum verdict)i));
	for (int i = 0; i < REASON_COUNT; i++)
		cr_expect_gt(seen.reasons[i], 0, "never %s", i ? reason_name((enum reason)i) : "");
	cr_expect_gt(seen.crashes, 0);
	cr_expect_gt(seen.rewinds, 0);
	cr_expect_gt(seen.swept, 0);
	cr_expect_gt(seen.ended, 0);
}

Test(decide_random, keeps_every_promise_whatever_is_asked)
{
	const uint64_t seeds[] = { 1, 1000000, 2000000, 3000000, (uint64_t)time(NULL) };
	const char *const replay = getenv("SEATLINE_SEED");

	(void)signal(SIGABRT, tell_seed);
	if (replay) {
		char *end = NULL;
		const uint64_t seed = strtoull(replay, &end, 10);
		cr_assert(end != replay && *end == '\0', "SEATLINE_SEED is no number");
		run(seed, STEPS_OF_A_RUN);
		return;
	}
	for (size_t i = 0; i < COUNT(seeds); i++)
		run(seeds[i], STEPS_OF_A_RUN / (int64_t)COUNT(seeds));
	expect_all_was_seen();
}
