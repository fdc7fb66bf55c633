/* source_kafka_conf - the settings of a lane's consumer, apart from its callbacks. */
#pragma once

#include "kafka.h"
#include "source_kafka.h"

err_code source_kafka_conf(const struct source_kafka_config *config, rd_kafka_conf_t **ret,
			   struct err *err) _must_check_;
