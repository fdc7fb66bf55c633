/*
 * dead_letter_kafka - the dead-letter topic.
 *
 * A letter is the message with its key, value and headers, and the headers reason, source-topic,
 * source-partition and source-offset. A message so large that these would not fit any more is cut,
 * and says so in `cut-from-bytes`: a letter that can never be written would stop its partition.
 * Threads  any.
 */
#pragma once

#include "dead_letter.h"
#include "kafka.h"

/* The producer must outlive it. */
struct dead_letter_box dead_letter_kafka(struct kafka_producer *producer);
