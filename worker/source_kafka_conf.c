#include "source_kafka_conf.h"

#include <stdio.h>

/* Members learn of a rebalance with their next heartbeat: until then the partitions of whoever
 * joins or leaves are nobody's. */
#define HEARTBEATS_PER_SESSION 12

err_code source_kafka_conf(const struct source_kafka_config *config, rd_kafka_conf_t **ret,
			   struct err *err)
{
	char session[24];
	char heartbeat[24];
	(void)snprintf(session, sizeof(session), "%lld", (long long)config->session_timeout_ms);
	(void)snprintf(heartbeat, sizeof(heartbeat), "%lld",
		       (long long)config->session_timeout_ms / HEARTBEATS_PER_SESSION);
	const char *const settings[][2] = {
		{ "group.id", config->group },
		{ "session.timeout.ms", session },
		{ "heartbeat.interval.ms", heartbeat },
		{ "partition.assignment.strategy", "range" },
		{ "enable.auto.commit", "false" },
		{ "enable.auto.offset.store", "false" },
		/* An offset outside the log is for the lane to judge, by partition_progress. */
		{ "auto.offset.reset", "error" },
		{ "isolation.level", "read_uncommitted" },
		/* Leaving waits for the last offsets to be stored: well within DRAIN_MS. */
		{ "socket.timeout.ms", "3000" },
		{ "fetch.wait.max.ms", "50" },
		{ "fetch.error.backoff.ms", "100" },
		/* Memory: what is fetched ahead of each partition, some batches. librdkafka needs
		 * twice as much again for each of so small messages. */
		{ "queued.min.messages", "2000" },
		{ "queued.max.messages.kbytes", "1024" },
		{ "fetch.message.max.bytes", "262144" },
		/* A topic created after we subscribed is found within this. */
		{ "topic.metadata.refresh.interval.ms", "10000" },
	};
	_cleanup_(rd_kafka_conf_destroyp) rd_kafka_conf_t *conf = NULL;

	err_code code = kafka_conf_new(config->brokers, config->client_id, &conf, err);
	if (code == ERR_OK)
		code = kafka_security_apply(config->security, conf, err);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && code == ERR_OK; i++)
		code = kafka_conf_set(conf, settings[i][0], settings[i][1], err);
	if (code == ERR_OK)
		*ret = STEAL(conf);

	return code;
}
