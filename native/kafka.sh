# shellcheck shell=bash
# kafka - one Apache Kafka broker in KRaft mode, the topics, and with SECURE=1 users and rights.

readonly KAFKA_HEAP=-Xmx512m

kafka_ports() { printf '%s\n' "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT"; }

# kafka_classes: where the classes that Kafka loads are kept as this JVM wants them, which spares a
# start a third of its work. The JVM's installation names the file: with another JVM than made it,
# it would go unused.
kafka_classes() {
	local installed

	installed=$(stat --dereference --format %Z -- "$(command -v java)")
	printf '%s-classes-%s.jsa' "$KAFKA_DIR" "$installed"
}

# kafka_java ARGUMENT...: prints the command line, an argument a line.
kafka_java() {
	local archive

	archive=$(kafka_classes)
	[[ ! -f $archive ]] || set -- "-XX:SharedArchiveFile=$archive" "$@"
	printf '%s\n' java "$KAFKA_HEAP" -Xlog:cds=error -cp "$KAFKA_DIR/*" "$@"
}

# What this state's broker wrote when it ended, for all: complete under its name.
kafka_keep_classes() {
	local new=$STATE/kafka/classes.jsa archive

	[[ -f $new ]] || return 0
	archive=$(kafka_classes)
	if [[ ! -f $archive ]] && kafka_classes_are_whole "$new"; then
		rm -f -- "$KAFKA_DIR"-classes-*.jsa # not .jsa.*: another state may be writing one
		if cp -- "$new" "$archive.$$" && sync -- "$archive.$$"; then
			mv -f -- "$archive.$$" "$archive" || :
		else
			rm -f -- "$archive.$$"
		fi
	fi
	rm -f -- "$new"
}

# A broker that was killed as it wrote leaves a part, and with a part the JVM crashes.
kafka_classes_are_whole() {
	java "$KAFKA_HEAP" -Xshare:on -XX:+VerifySharedSpaces "-XX:SharedArchiveFile=$1" \
		-XX:ErrorFile=/dev/null -cp "$KAFKA_DIR/*" -version >/dev/null 2>&1
}

# A client of Kafka's goes on to the address that the listener it asked tells it. So that a test can
# put proxies in between, each port of KAFKA_PROXY_PORTS gets a listener that tells that port.
kafka_proxied() {
	local port listen=$((KAFKA_CONTROLLER_PORT + 1)) ports=()
	local listeners advertised map protocol=PLAINTEXT users

	read -r -a ports <<<"${KAFKA_PROXY_PORTS:-}"
	((${#ports[@]})) || return 0
	listeners=$(property "$1" listeners)
	advertised=$(property "$1" advertised.listeners)
	map=$(property "$1" listener.security.protocol.map)
	users=$(property "$1" listener.name.clients.plain.sasl.jaas.config)
	((SECURE == 0)) || protocol=SASL_PLAINTEXT
	for port in "${ports[@]}"; do
		listeners+=,PROXIED$port://127.0.0.1:$listen
		advertised+=,PROXIED$port://127.0.0.1:$port
		map+=,PROXIED$port:$protocol
		((SECURE == 0)) || printf 'listener.name.proxied%s.%s=%s\n' "$port" \
			plain.sasl.jaas.config "$users" >>"$1"
		((listen += 1))
	done
	printf '%s\n' "listeners=$listeners" "advertised.listeners=$advertised" \
		"listener.security.protocol.map=$map" >>"$1"
}

# property FILE NAME: the value that counts, which is the last.
property() { sed -n "s/^${2//./\\.}=//p" -- "$1" | tail -n 1; }

kafka_properties() {
	local KAFKA_DATA=$STATE/kafka/data

	render "$ROOT/native/kafka/server.properties" KAFKA_DATA KAFKA_PORT KAFKA_CONTROLLER_PORT \
		KAFKA_FLUSH_MESSAGES
	((SECURE == 0)) || render "$ROOT/native/kafka/secure.properties" KAFKA_PORT \
		KAFKA_CONTROLLER_PORT KAFKA_BROKER_PASSWORD KAFKA_ADMIN_PASSWORD \
		KAFKA_WRITE_API_PASSWORD KAFKA_WORKER_PASSWORD KAFKA_PROJECTOR_PASSWORD
}

kafka_configure() {
	local KAFKA_DATA=$STATE/kafka/data config=$STATE/kafka/server.properties id format

	private_directory "$STATE/kafka"
	rm -f -- "$config" # one that others may read stays so
	(
		umask 077
		kafka_properties >"$config"
		kafka_proxied "$config"
	)
	[[ -f $KAFKA_DATA/meta.properties ]] && return 0
	rm -rf -- "$KAFKA_DATA"
	# A cluster id is 16 random bytes in URL-safe base64. One that began with "-" would be taken
	# for an option.
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
	id=${id/#-/A}
	mapfile -t format < <(kafka_java kafka.tools.StorageTool)
	"${format[@]}" format --config "$config" --cluster-id "$id" >>"$STATE/log/kafka.log" 2>&1
}

kafka_start() {
	local broker keep=()

	STEP_RESULT=running
	if ! service_is_running kafka; then
		kafka_configure
		[[ -f $(kafka_classes) ]] || # It takes 2 s at the end, once.
			keep=("-XX:ArchiveClassesAtExit=$STATE/kafka/classes.jsa")
		mapfile -t broker < <(kafka_java "${keep[@]}" \
			-Xms256m -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError \
			-Dorg.slf4j.simpleLogger.showDateTime=true \
			'-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
			kafka.Kafka)
		service_launch kafka "${broker[@]}" "$STATE/kafka/server.properties"
		STEP_RESULT=started
	fi
	wait_until kafka "$SERVER_START_S" 'listen' port_is_open "$KAFKA_PORT"
	(
		if ((SECURE)); then
			kafka_login admin "$KAFKA_ADMIN_PASSWORD"
			/usr/bin/python3 "$ROOT/native/kafka-rights.py" "127.0.0.1:$KAFKA_PORT" \
				"$SERVER_START_S"
		fi
		exec /usr/bin/python3 "$ROOT/native/create-topics.py" "127.0.0.1:$KAFKA_PORT" \
			"$SERVER_START_S" "booking_requests:$PARTITIONS" booking_requests.dlq:1 \
			"booking_events:$PARTITIONS"
	)
}

# kafka_login NAME PASSWORD: exports what a client of a broker with SECURE=1 is known by.
kafka_login() {
	export KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT KAFKA_SASL_MECHANISM=PLAIN
	export KAFKA_SASL_USER=seatline_$1 KAFKA_SASL_PASSWORD=$2
}

kafka_stop() {
	service_stop kafka TERM
	kafka_keep_classes
}
