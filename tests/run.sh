#!/usr/bin/env bash
#
# run.sh - everything it takes to pass the tests: installs what is missing, builds, starts
# throwaway servers of its own, tests, and leaves nothing running.
#
# usage: tests/run.sh [all]                     every suite but images
#        tests/run.sh SUITE [ARGUMENT...]       style, build, unit, sim, checker, model, fuzz,
#                                               sanitized, integration, mutants, e2e, access,
#                                               secure, memory, threads, faults, browser, bench
#                                               or images
# ARGUMENTs go to `meson test` or pytest: tests/run.sh e2e -k two_people
#
# faults by its name runs the campaigns at full length, for half an hour: their figures are in
# .run/tests/faults. `all`, and faults --short, run each for some seconds. mutants by its name tries
# all of them, `all` those that are quick.
#
# bench by its name measures for a quarter of an hour and writes tests/bench/RESULTS.md; see
# tests/bench/bench.py for --rounds, --seconds and --only. `all`, and bench --quick, only see that
# it measures: no figure is judged, and none is written down.
#
# FUZZ_SECONDS=n   also lets libFuzzer look for new inputs, n seconds for each parser
# TEST_PORT_BASE, TEST_GATEWAY_PORT   where the throwaway servers listen (28000, 28080); `all` also
#                                     takes the ports 1,000 below
#
# The last line is "N passed, N failed"; the status is 0 only when something passed and nothing
# failed. A skipped test is a failed one. Logs and builds stay below .run/.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$top/.run/tests${TESTS_LANE:-}
logs=$work/logs
results=$work/results
venv=$top/.run/opt/venv
readonly top work logs results venv
readonly FAILURE_LINES_MAX=40
# Of all suites, those that run side by side, and then those that count on an undisturbed machine.
readonly SUITES_BESIDE=(sanitized memory threads)
readonly SUITES_FIRST=(integration mutants unit sim model fuzz checker e2e access secure)
readonly SUITES_ALONE=(faults browser bench)

# shellcheck source=tests/lib/process.sh
source "$top/tests/lib/process.sh"
# shellcheck source=tests/lib/report.sh
source "$top/tests/lib/report.sh"
# shellcheck source=tests/lib/install.sh
source "$top/tests/lib/install.sh"
# shellcheck source=tests/lib/servers.sh
source "$top/tests/lib/servers.sh"
# shellcheck source=tests/lib/lane.sh
source "$top/tests/lib/lane.sh"
# shellcheck source=tests/lib/style.sh
source "$top/tests/lib/style.sh"
# shellcheck source=tests/lib/suites.sh
source "$top/tests/lib/suites.sh"
# shellcheck source=tests/lib/proofs.sh
source "$top/tests/lib/proofs.sh"
# shellcheck source=tests/lib/sanitizers.sh
source "$top/tests/lib/sanitizers.sh"
# shellcheck source=tests/lib/bench.sh
source "$top/tests/lib/bench.sh"
# shellcheck source=tests/images.sh
source "$top/tests/images.sh"

usage() {
	sed -n '3,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

cleanup() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	child_stop
	lane_stop
	state_clear "$SERVERS_STATE" || status=1
	state_clear "$PYTEST_STATE" || status=1
	images_remove
	exit "$status"
}

# One run at a time: the ports and .run/ are shared. The lock ends with the process that holds it.
lock() {
	mkdir -p "$work"
	exec 9>"$work/lock"
	flock -n 9 || {
		say "another tests/run.sh is running here (pid $(cat "$work/pid" 2>/dev/null))"
		exit 1
	}
	printf '%s\n' "$$" >"$work/pid"
	rm -rf "$logs" "$results" "$work/sections" "$work/corpus"
	mkdir -p "$logs"
	: >"$results"
	: >"$work/sections"
}

# suites SUITE...: a failed suite does not stop the later ones.
suites() {
	local suite
	for suite in "$@"; do
		"suite_$suite"
	done
}

# What two lanes would install at once is there before they part.
run_all() {
	suite_style
	suite_build || return 0
	need_all || :
	servers_up || :
	lane_begin "${SUITES_BESIDE[@]}"
	suites "${SUITES_FIRST[@]}"
	lane_end
	suites "${SUITES_ALONE[@]}"
}

run_one() {
	local suite=$1
	shift
	case $suite in
	style | build | threads | images) "suite_$suite" "$@" || : ;;
	faults) suite_build && suite_faults_full "$@" ;;
	bench) suite_build && suite_bench_full "$@" ;;
	mutants) suite_mutants_full "$@" || : ;;
	*) suite_build && "suite_$suite" "$@" ;;
	esac
}

# What lane_begin runs; its caller tells the results.
run_lane() {
	suites "$@"
	servers_down
}

main() {
	local suite=${1:-all}
	case $suite in
	lane) [ -n "${TESTS_LANE:-}" ] || exit 64 ;;
	all | style | build | unit | sim | checker | model | fuzz | sanitized) ;;
	integration | mutants | e2e | access | secure) ;;
	memory | threads | faults | browser | bench | images) ;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 64 ;;
	esac
	lock
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	leftovers_clear
	if [ "$suite" = lane ]; then
		run_lane "${@:2}"
		exit 0
	fi
	if [ "$suite" = all ]; then
		run_all
	else
		run_one "$@" || :
	fi
	servers_down
	report_end
}

main "$@"
