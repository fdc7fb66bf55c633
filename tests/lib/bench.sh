# shellcheck shell=bash
#
# bench - Seatline beside the Node.js peer and the floors: tests/bench/bench.py.
#
# Errors   as in suites.sh.

readonly PACKAGES_BENCH=(wrk postgresql-15 nginx)
readonly PACKAGES_NODE=(nodejs npm)
readonly BUILD_BENCH=$top/.run/build-bench # as start-services.sh builds: no fault points
readonly PEER=$top/.run/opt/peer-node
readonly BENCH=$work/bench
readonly BENCH_QUICK_S_MAX=300
readonly BENCH_S_MAX=2400

# Whether it measures at all: a round of a second each, on which nothing is said about speed.
suite_bench() {
	bench "$BENCH_QUICK_S_MAX" --quick "$@"
}

suite_bench_full() {
	bench "$BENCH_S_MAX" "$@"
}

# bench SECONDS [ARGUMENT...]
bench() {
	local log=$logs/bench
	section_begin bench
	servers_down
	if ! need_packages "${PACKAGES_BENCH[@]}" || ! need_venv || ! need_peer; then
		record fail packages
	elif build "$BUILD_BENCH" -Dwerror=true -Dtests=disabled; then
		foreground bench_run "$log.xml" "$@" > >(tee "$log.out" 9>&-) 2>&1 || :
		rows pytest "$log.xml" "$log.out"
		state_clear "$PYTEST_STATE" || record fail "something is left running"
	fi
	section_end
}

# bench_run JUNIT.XML SECONDS [ARGUMENT...]
bench_run() {
	local xml=$1 seconds=$2
	shift 2
	exec env SEATLINE_STATE_DIR="$PYTEST_STATE" SEATLINE_BUILD_DIR="$BUILD_BENCH" \
		SEATLINE_PORT_BASE="$PORT_BASE" SEATLINE_GATEWAY_PORT="$GATEWAY_PORT" \
		SEATLINE_MODE=native PYTHONDONTWRITEBYTECODE=1 \
		timeout --signal=INT --kill-after="$PYTEST_CLEANUP_S" "$seconds" \
		"$venv/bin/python" "$top/tests/bench/bench.py" --tools "$BUILD" --peer "$PEER" \
		--work "$BENCH" --junit "$xml" "$@"
}

# The peer with exactly the packages of its lock file.
need_peer() {
	local wanted
	command -v npm >/dev/null || need_packages "${PACKAGES_NODE[@]}" || return 1
	wanted=$(cat "$top"/tests/bench/peer-node/* | sha256sum)
	[ "$(cat "$PEER/files.sha256" 2>/dev/null)" != "$wanted" ] || return 0
	say "  peer-node    installing its packages"
	rm -rf "$PEER"
	cp -r "$top/tests/bench/peer-node" "$PEER"
	if ! foreground npm --prefix "$PEER" ci --no-audit --no-fund >"$logs/npm.log" 2>&1; then
		tail -n "$FAILURE_LINES_MAX" "$logs/npm.log"
		return 1
	fi
	printf '%s\n' "$wanted" >"$PEER/files.sha256"
}
