# shellcheck shell=bash
#
# servers - throwaway Kafka, PostgreSQL, Redis and MongoDB for the integration tests.
#
# Owns     $SERVERS_STATE and $PYTEST_STATE: whatever runs from them is ours to stop, also what a
#          killed earlier run left behind.

readonly PORT_BASE=${TEST_PORT_BASE:-28000}
readonly GATEWAY_PORT=${TEST_GATEWAY_PORT:-28080}
readonly SERVERS_STATE=$top/.run/tests-servers${TESTS_LANE:-}
readonly PYTEST_STATE=$top/.run/tests-stack${TESTS_LANE:-}

readonly TEST_DATABASE=seatline_tests
readonly STRAY_STOP_S=15

servers_are_up=false

# services STATE COMMAND...: start-services.sh on the tests' own ports and state.
services() {
	local state=$1
	shift
	SEATLINE_MODE=native SEATLINE_STATE_DIR=$state SEATLINE_PORT_BASE=$PORT_BASE \
		SEATLINE_GATEWAY_PORT=$GATEWAY_PORT SEATLINE_BUILD_DIR=$BUILD \
		"$top/start-services.sh" "$@"
}

servers_up() {
	"$servers_are_up" && return 0
	say "starting throwaway servers"
	if ! ports_check; then
		record fail "ports are free"
		return 1
	fi
	if ! foreground services "$SERVERS_STATE" up kafka postgresql redis mongodb; then
		record fail "servers start"
		return 1
	fi
	if ! servers_environment; then
		record fail "servers have a database for the tests"
		return 1
	fi
	servers_are_up=true
}

# Exports what the integration tests read. Their database has the schema and no data.
servers_environment() {
	local settings at
	settings=$(services "$SERVERS_STATE" env) || return 1
	eval "$settings"
	TEST_PG_DSN=${TEST_PG_DSN/dbname=seatline/dbname=$TEST_DATABASE}
	export TEST_KAFKA_BROKERS TEST_PG_DSN TEST_REDIS_HOST TEST_REDIS_PORT TEST_REDIS_USER
	export TEST_REDIS_PASSWORD
	export TEST_MONGO_URI REQUIRE_SERVICES=1
	at=postgres:${TEST_PG_DSN##*password=}@127.0.0.1:$((PORT_BASE + 432))
	DATABASE_URL="postgres://$at/$TEST_DATABASE?sslmode=disable" \
		native database >"$logs/database.log" 2>&1
}

servers_down() {
	servers_are_up=false
	state_clear "$SERVERS_STATE"
}

# state_clear STATE: stops by pid what runs from it, and removes it.
state_clear() {
	local state=$1
	[ -d "$state" ] || return 0
	services "$state" stop >>"$logs/stop.log" 2>&1 9>&- || :
	strays_stop "$state" || return 1
	services "$state" reset >>"$logs/stop.log" 2>&1 9>&- || :
	rm -rf "$state"
}

# Pids of what runs from STATE: it has the state's files on its command line, or was started for it.
strays() {
	local state=$1 process pid
	for process in /proc/[0-9]*; do
		pid=${process#/proc/}
		[ "$pid" -ne "$$" ] || continue
		if grep -qzF -- "$state/" "$process/cmdline" ||
			grep -qzxF -- "SEATLINE_STATE_DIR=$state" "$process/environ" ||
			grep -qzF -- "SEATLINE_STATE_DIR=$state/" "$process/environ"; then
			printf '%s\n' "$pid"
		fi
	done 2>/dev/null
}

# What start-services.sh no longer knows of: a program that a test restarted, a killed pytest.
strays_stop() {
	local state=$1 signal pid deadline
	for signal in TERM KILL; do
		for pid in $(strays "$state"); do
			say "stopping pid $pid: $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
			kill -s "$signal" "$pid" 2>/dev/null || :
		done
		deadline=$((SECONDS + STRAY_STOP_S))
		while [ -n "$(strays "$state")" ]; do
			[ "$SECONDS" -lt "$deadline" ] || continue 2
			sleep 0.5
		done
		return 0
	done
	say "still running from ${state#"$top"/}: pids $(strays "$state" | tr '\n' ' ')"
	return 1
}

# Names and stops what an earlier run left behind, when it was killed before it could clean up.
leftovers_clear() {
	local state file
	for state in "$SERVERS_STATE" "$PYTEST_STATE"; do
		for file in "$state"/pid/*.pid; do
			[ ! -f "$file" ] || say "an earlier run left $(basename "$file" .pid)" \
				"(pid $(awk '{ print $1; exit }' "$file")): stopping it"
		done
		state_clear "$state" || exit 1
	done
}

# A taken port is told with its owner before anything starts.
ports_check() {
	local offset wanted=" $GATEWAY_PORT " taken
	for offset in 17 89 92 93 94 95 96 100 120 140 200 220 240 260 300 379 432; do
		wanted+="$((PORT_BASE + offset)) "
	done
	taken=$(ss -Hltnp | awk -v wanted="$wanted" '
		{ port = $4; sub(/.*:/, "", port) }
		index(wanted, " " port " ") { print "  " $4, $6 }')
	[ -n "$taken" ] || return 0
	say "these ports are taken (TEST_PORT_BASE and TEST_GATEWAY_PORT choose others):"
	say "$taken"
	return 1
}
