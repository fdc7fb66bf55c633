# shellcheck shell=bash
#
# lane - suites that run beside the others: in a run.sh of their own, with directories, ports and
# servers of their own, and other builds than the others use. Most suites wait more than they
# compute.
#
# Owns     at most one lane at a time, in a process group of its own ($lane_child); $LANE_WORK.

readonly LANE=-beside           # ends the names of a lane's directories
readonly LANE_PORTS_BELOW=1000  # its ports are so far below ours
readonly LANE_WORK=$top/.run/tests$LANE
readonly LANE_STOP_S=240        # for its suites to stop what they started

lane_child=""

# lane_begin SUITE...
lane_begin() {
	set -m
	TESTS_LANE=$LANE TEST_PORT_BASE=$((PORT_BASE - LANE_PORTS_BELOW)) \
		TEST_GATEWAY_PORT=$((GATEWAY_PORT - LANE_PORTS_BELOW)) \
		"$top/tests/run.sh" lane "$@" </dev/null >"$logs/lane.out" 2>&1 9>&- &
	lane_child=$!
	set +m
}

# Waits for it, and makes its report a part of ours.
lane_end() {
	local status=0
	section_begin beside
	wait "$lane_child" || status=$?
	lane_child=""
	cat "$logs/lane.out"
	cat "$LANE_WORK/results" >>"$results"
	cat "$LANE_WORK/sections" >>"$work/sections"
	[ "$status" -eq 0 ] || record fail "the suites beside ended with status $status"
	section_end
}

lane_stop() {
	[ -n "$lane_child" ] || return 0
	kill -s INT -- "-$lane_child" 2>/dev/null || return 0
	wait_gone "$lane_child" "$LANE_STOP_S" || kill -s KILL -- "-$lane_child" 2>/dev/null || :
	lane_child=""
}
