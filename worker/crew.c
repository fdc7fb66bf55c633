#include "crew.h"

#include "clock.h"
#include "dead_letter_kafka.h"
#include "lane.h"
#include "ledger_pg.h"
#include "log.h"
#include "seat_lock_redis.h"
#include "source_kafka.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENT_ID_BYTES_MAX 96
/* A lane that has not begun a turn for this long is stuck: readiness says so. */
#define TURN_OVERDUE_MS 30000
/* A session of ours that sits in a transaction for longer belongs to a process that is frozen. It
 * must hold up neither other owners of its rows nor the readers of booking_log. */
#define IDLE_IN_TRANSACTION_MS 5000
#define LETTER_LINGER_MS       5
#define LETTER_TIMEOUT_MS      2000
#define LETTER_WAIT_MS         3500
#define FLUSH_MS               500

struct hand {
	struct crew *crew;
	struct source_kafka *source;
	struct redis *redis;
	struct seat_lock_redis *locks;
	struct pg *pg;
	struct ledger_pg *ledger;
	struct lane *lane;
	pthread_t thread;
	bool running;
};

struct crew {
	struct kafka_producer *letters;
	struct hand *hands;
	size_t count;
	atomic_bool stopping;
};

static void hand_done(struct hand *hand)
{
	lane_free(hand->lane);
	source_kafka_close(hand->source);
	ledger_pg_free(hand->ledger);
	pg_free(hand->pg);
	seat_lock_redis_free(hand->locks);
	redis_free(hand->redis);
	*hand = (struct hand){ .crew = hand->crew };
}

/* Leaving the group takes time: the lanes do it side by side. */
static void *work(void *ctx)
{
	struct hand *const hand = ctx;

	while (!atomic_load(&hand->crew->stopping))
		lane_turn(hand->lane);
	if (lane_is_busy(hand->lane))
		log_info("batch_left_to_next_owner", LOG_BOOL("stopping", true));
	source_kafka_leave(hand->source);

	return NULL;
}

static void open_connections(struct hand *hand, const struct worker_config *config)
{
	const struct pg_config pg = {
		.dsn = config->pg_dsn,
		.application_name = "seatline-worker",
		.connect_timeout_ms = config->pg_connect_timeout_ms,
		.statement_timeout_ms = config->pg_statement_timeout_ms,
		.idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_MS,
		.by_keys = true,
	};
	const struct redis_config redis = {
		.host = config->redis_host,
		.port = config->redis_port,
		.user = config->redis_user,
		.password = config->redis_password,
		.timeout_ms = config->redis_timeout_ms,
		.retry_ms = config->redis_retry_ms,
	};

	hand->redis = redis_new(&redis);
	hand->locks = seat_lock_redis_new(hand->redis, config->lock_ttl_ms);
	hand->pg = pg_new(&pg);
	hand->ledger = ledger_pg_new(hand->pg);
}

static err_code hand_init(struct hand *hand, const struct worker_config *config, unsigned number,
			  const struct metrics_worker *metrics, struct err *err)
{
	char client_id[CLIENT_ID_BYTES_MAX];
	(void)snprintf(client_id, sizeof(client_id), "seatline-worker-%ld-%u", (long)getpid(),
		       number);
	const struct source_kafka_config source = {
		.brokers = config->kafka_brokers,
		.client_id = client_id,
		.topic = config->kafka_topic,
		.group = config->kafka_group,
		.security = &config->kafka_security,
		.session_timeout_ms = config->kafka_session_timeout_ms,
		.batch_max = (size_t)config->batch_max,
	};
	const struct lane_config lane = {
		.number = number,
		.batch_max = (size_t)config->batch_max,
		.lock_wait_ms = config->lock_wait_ms,
		.sweep_ms = config->sweep_ms,
	};

	const err_code code = source_kafka_open(&source, &hand->source, err);
	if (code != ERR_OK)
		return code;
	open_connections(hand, config);
	const struct lane_ports ports = {
		.source = source_kafka_ops(hand->source),
		.locks = seat_lock_redis_ops(hand->locks),
		.ledger = ledger_pg_ops(hand->ledger),
		.letters = dead_letter_kafka(hand->crew->letters),
		.clock = lane_clock_system(),
	};
	hand->lane = lane_new(&lane, &ports, metrics);

	return ERR_OK;
}

static err_code open_letters(struct crew *crew, const struct worker_config *config, struct err *err)
{
	const struct kafka_producer_config letters = {
		.brokers = config->kafka_brokers,
		.client_id = "seatline-worker-dlq",
		.topic = config->kafka_dlq_topic,
		.security = &config->kafka_security,
		.linger_ms = LETTER_LINGER_MS,
		.message_timeout_ms = LETTER_TIMEOUT_MS,
		.ack_wait_ms = LETTER_WAIT_MS,
		.queue_messages_max = LANE_BATCH_MAX * WORKER_LANES_MAX,
	};

	return kafka_producer_open(&letters, &crew->letters, err);
}

err_code crew_open(const struct worker_config *config, const struct metrics_worker *metrics,
		   struct crew **ret, struct err *err)
{
	assert(config && metrics && ret);

	struct crew *const crew = calloc(1, sizeof(*crew));
	assert(crew);
	crew->count = (size_t)config->lanes;
	crew->hands = calloc(crew->count, sizeof(crew->hands[0]));
	assert(crew->hands);

	err_code code = open_letters(crew, config, err);
	for (size_t i = 0; i < crew->count && code == ERR_OK; i++) {
		crew->hands[i].crew = crew;
		code = hand_init(&crew->hands[i], config, (unsigned)i, metrics, err);
	}
	for (size_t i = 0; i < crew->count && code == ERR_OK; i++) {
		struct hand *const hand = &crew->hands[i];
		if (pthread_create(&hand->thread, NULL, work, hand) != 0)
			code = err_set(err, ERR_INTERNAL, "no thread for lane %zu", i);
		hand->running = code == ERR_OK;
	}
	if (code != ERR_OK) {
		crew_close(crew);
		return code;
	}
	*ret = crew;

	return ERR_OK;
}

void crew_stop(struct crew *crew)
{
	atomic_store(&crew->stopping, true);
	for (size_t i = 0; i < crew->count; i++)
		if (crew->hands[i].source)
			source_kafka_wake(crew->hands[i].source);
}

void crew_close(struct crew *crew)
{
	if (!crew)
		return;

	crew_stop(crew);
	for (size_t i = 0; i < crew->count; i++)
		if (crew->hands[i].running)
			(void)pthread_join(crew->hands[i].thread, NULL); /* Ours, joinable. */
	for (size_t i = 0; i < crew->count; i++)
		hand_done(&crew->hands[i]);
	kafka_producer_close(crew->letters, FLUSH_MS);
	free(crew->hands);
	free(crew);
}

bool crew_is_kafka_up(void *ctx)
{
	const struct crew *const crew = ctx;
	const int64_t overdue_ms = clock_monotonic_ms() - TURN_OVERDUE_MS;

	for (size_t i = 0; i < crew->count; i++)
		if (!source_kafka_is_up(crew->hands[i].source) ||
		    lane_turned_at_ms(crew->hands[i].lane) < overdue_ms)
			return false;

	return true;
}

bool crew_is_ledger_up(void *ctx)
{
	const struct crew *const crew = ctx;

	for (size_t i = 0; i < crew->count; i++)
		if (!lane_is_ledger_up(crew->hands[i].lane))
			return false;

	return true;
}

int64_t crew_lag(const struct crew *crew)
{
	int64_t ret = 0;

	for (size_t i = 0; i < crew->count; i++)
		ret += source_kafka_lag(crew->hands[i].source);

	return ret;
}
