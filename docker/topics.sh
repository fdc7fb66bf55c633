#!/bin/bash
# The topics, if they are not there yet. With SECURE=1 also what each program's user may do with
# them, as native/kafka-rights.py says; whoever may read or write may describe, too.
set -euo pipefail
umask 077

readonly AT=${KAFKA_BOOTSTRAP:-kafka:9092}
readonly MODULE=org.apache.kafka.common.security.plain.PlainLoginModule
readonly ADMIN='username="seatline_admin"'
login=()
if [ "${SECURE:-0}" = 1 ]; then
	printf '%s\n' security.protocol=SASL_PLAINTEXT sasl.mechanism=PLAIN \
		"sasl.jaas.config=$MODULE required $ADMIN password=\"$KAFKA_ADMIN_PASSWORD\";" \
		>/tmp/login.properties
	login=(--command-config /tmp/login.properties)
fi

# create NAME PARTITIONS
create() {
	/opt/kafka/bin/kafka-topics.sh --bootstrap-server "$AT" "${login[@]}" --create \
		--if-not-exists --topic "$1" --partitions "$2" --replication-factor 1
}

# allow USER OPERATION RESOURCE...
allow() {
	/opt/kafka/bin/kafka-acls.sh --bootstrap-server "$AT" "${login[@]}" --add --force \
		--allow-principal "User:$1" --operation "$2" "${@:3}"
}

create booking_requests "$PARTITIONS"
create booking_requests.dlq 1
create booking_events "$PARTITIONS"
[ "${SECURE:-0}" = 1 ] || exit 0
allow seatline_write_api Write --topic booking_requests
allow seatline_write_api Read --topic booking_requests.dlq
allow seatline_worker Read --topic booking_requests --group booking-workers
allow seatline_worker Write --topic booking_requests.dlq
allow seatline_projector Write --topic booking_events
