#include "consumer_leave.h"

#include "clock.h"
#include "log.h"

#include <assert.h>

#define LEAVE_MS_MAX  5000 /* the last offsets, socket.timeout.ms; half of DRAIN_MS */
#define LEAVE_LOOK_MS 50

DEFINE_CLEANUP(rd_kafka_queue_t *, rd_kafka_queue_destroy)

bool consumer_leave(rd_kafka_t *rk)
{
	assert(rk);

	_cleanup_(rd_kafka_queue_destroyp) rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_error_t *const failure = rd_kafka_consumer_close_queue(rk, queue);
	if (failure) {
		log_warn("kafka_leave_failed", LOG_STR("text", rd_kafka_error_string(failure)));
		rd_kafka_error_destroy(failure);
		return true;
	}

	const int64_t until_ms = clock_monotonic_ms() + LEAVE_MS_MAX;
	while (!rd_kafka_consumer_closed(rk)) {
		if (clock_monotonic_ms() >= until_ms) {
			log_warn("kafka_leave_given_up", LOG_INT("after_ms", LEAVE_MS_MAX));
			return false;
		}
		(void)rd_kafka_queue_poll_callback(queue, LEAVE_LOOK_MS); /* How many: no matter. */
	}
	return true;
}
