#!/bin/bash
# The broker, with a cluster id of its own. What was consumed is remembered by cluster id, so a
# broker whose data was deleted must not pass for the one before it.
set -euo pipefail

id=$(sed -n 's/^cluster\.id=//p' "$KAFKA_LOG_DIRS/meta.properties" 2>/dev/null || true)
export CLUSTER_ID=${id:-$(/opt/kafka/bin/kafka-storage.sh random-uuid)}
exec /etc/kafka/docker/run
