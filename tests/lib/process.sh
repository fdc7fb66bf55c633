# shellcheck shell=bash
#
# process - run long commands so that an interrupt stops them and is not waited out.
#
# Owns     at most one child at a time, in a process group of its own ($child).

readonly CHILD_STOP_S=60

child=""

# foreground COMMAND...: its exit status. Bash runs traps only between commands, and wait ends early
# for one, so the command runs in the background and is waited for.
foreground() {
	local status=0
	set -m
	"$@" </dev/null 9>&- &
	child=$!
	set +m
	wait "$child" || status=$?
	child=""
	return "$status"
}

# Ends the child: first as Ctrl-C would, which lets pytest finish its fixtures.
child_stop() {
	local signal
	[ -n "$child" ] || return 0
	for signal in INT TERM KILL; do
		kill -s "$signal" -- "-$child" 2>/dev/null || break
		wait_gone "$child" "$CHILD_STOP_S" && break
	done
	child=""
}

# wait_gone PGID SECONDS
wait_gone() {
	local deadline=$((SECONDS + $2))
	while kill -0 -- "-$1" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}
