/*
 * consumer_leave - a consumer leaves its group, and does not wait for it for ever.
 *
 * librdkafka's own close waits for each offset that was to be stored, and tries to store it for as
 * long as no broker answers.
 *
 * Threads  none else uses the consumer any more.
 */
#pragma once

#include "attr.h"
#include "kafka.h"

#include <stdbool.h>

/*
 * Calls the rebalance callback, then leaves. False when that was not done within the bound: then
 * the consumer is still at it, and neither it nor what its callbacks use may be freed.
 */
bool consumer_leave(rd_kafka_t *rk) _must_check_;
