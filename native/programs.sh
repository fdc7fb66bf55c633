# shellcheck shell=bash
# programs - Seatline's own four, each any number of times: worker-0, worker-1...
#
# What the caller has in the environment reaches a program too (LOG_LEVEL, FAULT_POINT...), except
# where this file sets it.

# Offsets from SEATLINE_PORT_BASE of a program's first port; write-api and read-api also serve HTTP,
# read-api on one more port those who wait for an outcome.
declare -rA OPS_OFFSET=([write-api]=200 [worker]=220 [projector]=240 [read-api]=260)
declare -rA HTTP_OFFSET=([write-api]=100 [read-api]=120)
readonly WAIT_OFFSET=140
declare -rA INSTANCES=([write-api]=WRITE_API_INSTANCES [worker]=WORKER_INSTANCES
	[projector]=PROJECTOR_INSTANCES [read-api]=READ_API_INSTANCES)

# program_split NAME: sets PROGRAM and INDEX from "read-api-1"; fails when that names no program.
program_split() {
	[[ $1 =~ ^(write-api|worker|projector|read-api)-([0-9]|1[0-9])$ ]] || return 1
	PROGRAM=${BASH_REMATCH[1]}
	INDEX=${BASH_REMATCH[2]}
}

program_ops_port() { printf '%s' "$((SEATLINE_PORT_BASE + OPS_OFFSET[$1] + $2))"; }
program_http_port() { printf '%s' "$((SEATLINE_PORT_BASE + HTTP_OFFSET[$1] + $2))"; }

# program_names PROGRAM: its instances as configured.
program_names() {
	local instances=${INSTANCES[$1]} i

	for ((i = 0; i < ${!instances}; i++)); do
		printf '%s-%d\n' "$1" "$i"
	done
}

program_ports() {
	program_split "$1"
	program_ops_port "$PROGRAM" "$INDEX"
	printf '\n'
	if [[ -n ${HTTP_OFFSET[$PROGRAM]:-} ]]; then
		program_http_port "$PROGRAM" "$INDEX"
		printf '\n'
	fi
	if [[ $PROGRAM == read-api ]]; then
		printf '%s\n' "$((SEATLINE_PORT_BASE + WAIT_OFFSET + INDEX))"
	fi
}

# callers_environment: exports who may call, and how often. Keys of the caller's own win, so that
# they can be rotated.
callers_environment() {
	local name

	[[ -n ${JWT_KEYS:-}${JWT_KEYS_FILE:-} ]] || JWT_KEYS=k1:$JWT_KEY
	export AUTH_MODE JWT_KEYS JWT_KEYS_FILE
	for name in "${!RATES_JWT[@]}"; do
		printf -v "$name" '%s' "$(rate "$name")"
		export "${name?}"
	done
}

# program_environment: exports what PROGRAM number INDEX is configured by.
program_environment() {
	local mongo="127.0.0.1:$MONGO_PORT/?replicaSet=rs0&authSource=seatline"
	local program=${PROGRAM//-/_} password

	export OPS_HOST=127.0.0.1 OPS_PORT KAFKA_BROKERS=127.0.0.1:$KAFKA_PORT
	export PRODUCTION
	OPS_PORT=$(program_ops_port "$PROGRAM" "$INDEX")
	case $PROGRAM in
	write-api | worker | read-api)
		password=REDIS_${program^^}_PASSWORD
		export REDIS_HOST=127.0.0.1 REDIS_PORT REDIS_USER=seatline_$program
		export REDIS_PASSWORD=${!password}
		;;&
	write-api | worker | projector)
		password=KAFKA_${program^^}_PASSWORD
		((SECURE == 0)) || kafka_login "$program" "${!password}"
		;;&
	write-api)
		export HTTP_THREADS=$((WRITES_MAX + GATEWAY_IDLE_MAX))
		;;&
	read-api)
		export HTTP_THREADS=$((READS_MAX + GATEWAY_IDLE_MAX))
		;;&
	write-api | read-api)
		export HTTP_HOST=127.0.0.1 HTTP_PORT BOOKING_ID_KEY=$BOOKING_ID_SECRET
		HTTP_PORT=$(program_http_port "$PROGRAM" "$INDEX")
		callers_environment
		;;&
	write-api)
		export PG_DSN="host=127.0.0.1 port=$PG_PORT dbname=seatline user=seatline_write_api"
		PG_DSN+=" password=$PG_WRITE_API_PASSWORD"
		;;
	worker)
		export PG_DSN="host=127.0.0.1 port=$PG_PORT dbname=seatline user=seatline_worker"
		PG_DSN+=" password=$PG_WORKER_PASSWORD"
		;;
	projector | read-api)
		# libmongoc's counters: a file in /dev/shm, there for ever after a kill -9, and a
		# later process of that pid then writes a line that is no JSON.
		export MONGOC_DISABLE_SHM=1
		;;&
	projector)
		export PG_DSN="host=127.0.0.1 port=$PG_PORT dbname=seatline user=seatline_projector"
		PG_DSN+=" password=$PG_PROJECTOR_PASSWORD"
		export MONGO_URI="mongodb://seatline_projector:$MONGO_PROJECTOR_PASSWORD@$mongo"
		export MONGO_DATABASE=seatline LIVE_URL="http://127.0.0.1:$LIVE_PORT/internal/live"
		;;
	read-api)
		export MONGO_URI="mongodb://seatline_read_api:$MONGO_READ_API_PASSWORD@$mongo"
		export MONGO_DATABASE=seatline
		export WAIT_PORT=$((SEATLINE_PORT_BASE + WAIT_OFFSET + INDEX))
		;;
	esac
}

# program_sum NAME: prints a checksum of all that program_environment exports for it. Not of what
# the caller has besides: LANES=4 is for the worker that it starts, and not about those that run.
program_sum() (
	program_split "$1"
	for name in $(compgen -e); do
		export -n "${name?}"
	done
	program_environment
	export -p | sha256sum
)

# Whether it was started with the settings of now. One of which nothing is known was not.
program_is_as_asked() {
	[[ $(program_sum "$1") == "$(cat -- "$STATE/pid/$1.settings" 2>/dev/null)" ]]
}

# program_launch NAME FILE
program_launch() (
	program_split "$1"
	(
		umask 077
		program_sum "$1" >"$STATE/pid/$1.settings"
	)
	program_environment
	service_launch "$1" "$2"
)

program_file() { printf '%s' "$BUILD/$1/$1"; }

# Whether the file that runs has since been replaced by a newer build.
program_is_outdated() {
	local pid

	pid=$(service_pid "$1") && [[ $(readlink -- "/proc/$pid/exe") == *' (deleted)' ]]
}

# program_start NAME: what runs with other settings than are asked for gives way to one that has
# them; it drains first, so what it accepted is stored. In the full start it must become ready; when
# asked for by name its servers may be down on purpose, and alive is enough.
program_start() {
	local name=$1 file ops

	program_split "$name"
	file=$(program_file "$PROGRAM")
	ops=http://127.0.0.1:$(program_ops_port "$PROGRAM" "$INDEX")
	if ! service_is_running "$name"; then
		[[ -x $file ]] || die "$file is not there: was it compiled?"
		program_launch "$name" "$file"
		STEP_RESULT=started
	elif ! program_is_as_asked "$name"; then
		[[ -x $file ]] || die "$file is not there: was it compiled?"
		service_stop "$name" TERM
		program_launch "$name" "$file"
		STEP_RESULT=restarted
	elif program_is_outdated "$name"; then
		STEP_RESULT='running (older build)'
	else
		STEP_RESULT=running
	fi
	wait_until "$name" "$PROGRAM_START_S" 'answer /livez' http_ok "$ops/livez"
	if ((START_ALL)); then
		wait_until "$name" "$PROGRAM_START_S" "be ready ($ops/readyz says why)" \
			http_ok "$ops/readyz"
	elif ! wait_until "$name" "$NAMED_READY_S" 'be ready' http_ok "$ops/readyz"; then
		service_is_running "$name"
		STEP_RESULT+=', not ready'
	fi
}
