# shellcheck shell=bash
#
# report - sections with their times, and one row per test case.
#
# Shape    results: verdict TAB suite TAB case TAB seconds, in $results; verdict is pass or fail.
# Owns     $results and $logs, both below $work.

section_name=""
section_started=0

# Seconds since the epoch with milliseconds, without a process.
now() {
	local LC_ALL=C
	printf '%.3f' "$EPOCHREALTIME"
}

seconds_since() {
	awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'
}

say() {
	printf '%s\n' "$*"
}

section_begin() {
	section_name=$1
	section_started=$(now)
	printf '\n== %s\n' "$section_name"
}

section_end() {
	local passed failed took
	passed=$(count pass "$section_name")
	failed=$(count fail "$section_name")
	took=$(seconds_since "$section_started")
	printf -- '-- %s: %s passed, %s failed, %s s\n' "$section_name" "$passed" "$failed" "$took"
	printf '%s\t%s\n' "$took" "$section_name" >>"$work/sections"
}

# count VERDICT [SECTION]
count() {
	awk -F'\t' -v verdict="$1" -v section="${2:-}" '
		$1 == verdict && (section == "" || $2 == section) { n++ }
		END { print n + 0 }' "$results"
}

# record pass|fail CASE [SECONDS]
record() {
	printf '%s\t%s\t%s\t%s\n' "$1" "$section_name" "$2" "${3:-0}" >>"$results"
	[ "$1" = pass ] || printf 'FAILED %s: %s\n' "$section_name" "$2"
}

# check NAME COMMAND...: one case; its output is shown only when it fails.
check() {
	local name=$1 started log
	shift
	started=$(now)
	log="$logs/$section_name-$(printf '%s' "$name" | tr -c 'A-Za-z0-9._-' '_').log"
	if foreground "$@" >"$log" 2>&1; then
		record pass "$name" "$(seconds_since "$started")"
		return 0
	fi
	record fail "$name" "$(seconds_since "$started")"
	tail -n "$FAILURE_LINES_MAX" "$log"
	return 1
}

# The last line is the one that machines read. No head: it would end a sort that still writes, and
# with pipefail the whole run.
report_end() {
	local passed failed
	passed=$(count pass)
	failed=$(count fail)
	printf '\nSlowest sections (s):\n'
	sort -rn "$work/sections" | awk 'NR <= 5 { print "  " $0 }'
	printf 'Slowest cases (s):\n'
	awk -F'\t' '$4 >= 1 { printf "  %s\t%s: %s\n", $4, $2, $3 }' "$results" |
		sort -rn | awk 'NR <= 10'
	if [ "$failed" -gt 0 ]; then
		printf 'Failed:\n'
		awk -F'\t' '$1 == "fail" { printf "  %s: %s\n", $2, $3 }' "$results"
		printf 'Logs: %s\n' "$logs"
	fi
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
