/* The outbox leaves the processors to maps that are behind, and yet tells the log. */
#include "outbox_fixture.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>

NEEDS_SERVICE("TEST_PG_DSN")
NEEDS_SERVICE("TEST_MONGO_URI")
NEEDS_SERVICE("TEST_KAFKA_BROKERS")

/* Maps that are behind whenever that is asked, up to `times`. */
struct maps_behind {
	int times;
	int asked;
	int64_t told; /* rows, when they were behind last */
};

static struct outbox_fixture fixture;

static void setup(void)
{
	outbox_fixture_open(&fixture);
	kafka_topic_create(fixture.topic, OUTBOX_PARTITIONS);
}

static void teardown(void)
{
	kafka_topic_delete(fixture.topic);
	outbox_fixture_close(&fixture);
}

TestSuite(outbox_backlog, .init = setup, .fini = teardown);

static bool is_behind(void *ctx)
{
	struct maps_behind *const maps = ctx;

	maps->asked++;
	if (maps->asked > maps->times)
		return false;
	maps->told = outbox_fixture_metric(&fixture, "\nseatline_outbox_published_total ");
	return true;
}

static void run_until_told(struct maps_behind *maps)
{
	struct outbox *const outbox = outbox_fixture_start(&fixture);
	pthread_t thread;
	void *failed = NULL;

	outbox_fixture_write(fixture.pg, 1, 1, 1, 1);
	outbox_give_way_to(outbox, is_behind, maps);
	cr_assert_eq(pthread_create(&thread, NULL, outbox_fixture_run, outbox), 0);
	outbox_fixture_wait_told(&fixture);
	outbox_stop(outbox);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_expect_null(failed, "it could not go on");
	outbox_close(outbox);
}

Test(outbox_backlog, gives_way_while_maps_are_behind)
{
	struct maps_behind maps = { .times = 5 };

	run_until_told(&maps);
	cr_expect_gt(maps.asked, maps.times);
	cr_expect_eq(maps.told, 0, "%" PRId64 " told while maps were behind", maps.told);
}

Test(outbox_backlog, tells_the_log_however_long_maps_are_behind)
{
	struct maps_behind maps = { .times = INT_MAX };

	run_until_told(&maps);
}
