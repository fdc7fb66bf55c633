#!/bin/bash
# The topics, if they are not there yet.
set -euo pipefail

# create NAME PARTITIONS
create() {
	/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists \
		--topic "$1" --partitions "$2" --replication-factor 1
}

create booking_requests "$PARTITIONS"
create booking_requests.dlq 1
create booking_events "$PARTITIONS"
